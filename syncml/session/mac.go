package session

import (
	"crypto/md5"
	"errors"
	"strings"
)

// HMACHeader is the HTTP header that carries the scheme MAC, in both
// directions (DM Security 1.2, "HMAC-MD5").
const HMACHeader = "x-syncml-hmac"

// maxHMAC is the length in bytes of a header value that is looked at.
const maxHMAC = 1024

// mac is the value for a body: base64 of
// MD5(base64(MD5(user:secret)):nonce:base64(MD5(body))). In spite of its name
// it is not RFC 2104's (oma-dm.md 6.1).
func (c Credentials) mac(nonce, body []byte) string {
	inner := md5.Sum([]byte(c.User + ":" + string(c.Secret)))
	sum := md5.Sum(body)
	text := append([]byte(b64.EncodeToString(inner[:])+":"), nonce...)
	text = append(text, ":"+b64.EncodeToString(sum[:])...)
	outer := md5.Sum(text)
	return b64.EncodeToString(outer[:])
}

// hmacHeader is the header for a body.
func (c Credentials) hmacHeader(nonce, body []byte) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.User)
	return `algorithm=MD5, username="` + quoted + `", mac=` + c.mac(nonce, body)
}

// hmacFields is what a header says.
type hmacFields struct{ user, mac string }

// HMACUser is the user that the value of a [HMACHeader] names; false if it
// names none or is malformed.
func HMACUser(header string) (string, bool) {
	f, err := parseHMAC(header)
	return f.user, err == nil
}

// parseHMAC reads the comma list: any order, any case, any white space, the
// algorithm may be left out. The error does not repeat the text.
func parseHMAC(header string) (hmacFields, error) {
	var f hmacFields
	if len(header) > maxHMAC {
		return f, errors.New("the HMAC header is too long")
	}
	got := map[string]string{}
	for rest := header; strings.TrimSpace(rest) != ""; {
		key, value, after, ok := cutField(rest)
		if _, twice := got[key]; !ok || twice {
			return f, errors.New("the HMAC header is malformed")
		}
		got[key], rest = value, after
	}
	if a, given := got["algorithm"]; given && !strings.EqualFold(a, "MD5") {
		return f, errors.New("the HMAC header has an algorithm other than MD5")
	}
	f = hmacFields{got["username"], got["mac"]}
	if f.user == "" || f.mac == "" {
		return hmacFields{}, errors.New("the HMAC header has no user or no mac")
	}
	return f, nil
}

// cutField takes one key=value, quoted or not, off a comma list.
func cutField(text string) (key, value, rest string, ok bool) {
	key, rest, ok = strings.Cut(text, "=")
	key, rest = strings.ToLower(strings.TrimSpace(key)), strings.TrimLeft(rest, " \t")
	if !ok || key == "" {
		return "", "", "", false
	}
	if !strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest, ",")
		return key, strings.TrimSpace(value), rest, true
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && i+1 < len(rest):
			i++
			b.WriteByte(rest[i])
		case rest[i] == '"':
			rest = strings.TrimLeft(rest[i+1:], " \t")
			next, comma := strings.CutPrefix(rest, ",")
			return key, b.String(), next, comma || rest == ""
		default:
			b.WriteByte(rest[i])
		}
	}
	return "", "", "", false
}
