package dmserver

import (
	"crypto/md5"
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// macHeader is the HTTP header by which AuthMAC signs a message, in both
// directions (OMA DM Security 1.2, 5.4).
const macHeader = "X-Syncml-Hmac"

// macField is one of the fields of a macHeader, with or without quotes.
var macField = regexp.MustCompile(`(?i)(algorithm|username|mac)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))`)

// escaped is a character behind a backslash, in quotes.
var escaped = regexp.MustCompile(`\\(.)`)

// signature is the header for a body.
func signature(user string, password syncml.Secret, nonce, body []byte) string {
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(user)
	return `algorithm=MD5, username="` + name + `", mac=` + macOf(user, password, nonce, body)
}

// macOf is the mac field: in spite of its name no HMAC, but the digest of
// AuthMD5 with that of the body behind it.
func macOf(user string, password syncml.Secret, nonce, body []byte) string {
	sum := md5.Sum(body)
	b64 := base64.StdEncoding.EncodeToString(sum[:])
	return string(digest(AuthMD5, user, password, append(nonce[:len(nonce):len(nonce)], ":"+b64...)))
}

// signer reads a header; empty texts for one that is malformed.
func signer(header string) (user, mac string) {
	for _, f := range macField.FindAllStringSubmatch(header, -1) {
		value := f[3]
		if value == "" {
			value = escaped.ReplaceAllString(f[2], "$1")
		}
		switch strings.ToLower(f[1]) {
		case "algorithm":
			if !strings.EqualFold(value, "MD5") {
				return "", ""
			}
		case "username":
			user = value
		case "mac":
			mac = value
		}
	}
	return user, mac
}

// sign is the header for a message to d; empty when the server does not sign.
// MAC signs every message.
func (s *Server) sign(d *device, body []byte) string {
	if s.cfg.ServerAuth != AuthMAC {
		return ""
	}
	return signature(s.cfg.ServerID, s.ownPassword(d), d.serverNonce, body)
}
