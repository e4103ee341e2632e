package replay

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Credentials are the name and password of one side. The zero value is
// unknown: credentials are then sent as they were recorded, and what the live
// peer sends is not checked.
type Credentials struct {
	User   string
	Secret syncml.Secret
}

// Format keeps the password out of everything that is printed.
func (c Credentials) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "credentials of %q", c.User) }

func (c Credentials) known() bool { return c.User != "" || c.Secret != "" }

// The schemes, by Meta Type (DM Security 1.2, "Authentication").
const (
	typeBasic = "syncml:auth-basic"
	typeMD5   = "syncml:auth-md5"
	typeMAC   = "syncml:auth-mac"
)

var b64 = base64.StdEncoding

// pair is B64(H(user:password)), what both digests begin with. They are
// computed here and not taken from package session: a replay is a test of it.
func (c Credentials) pair() string {
	h := md5.Sum([]byte(c.User + ":" + string(c.Secret)))
	return b64.EncodeToString(h[:])
}

// data is the Data of a Cred of this type; false for one that is not known.
func (c Credentials) data(metaType string, nonce []byte) (syncml.Secret, bool) {
	switch strings.ToLower(metaType) {
	case typeBasic:
		return syncml.Secret(b64.EncodeToString([]byte(c.User + ":" + string(c.Secret)))), true
	case typeMD5:
		h := md5.Sum(append([]byte(c.pair()+":"), nonce...))
		return syncml.Secret(b64.EncodeToString(h[:])), true
	}
	return "", false
}

// mac is the value of the header of scheme MAC for a body.
func (c Credentials) mac(nonce, body []byte) string {
	inner := md5.Sum(body)
	h := md5.Sum(append(append([]byte(c.pair()+":"), nonce...), ":"+b64.EncodeToString(inner[:])...))
	return fmt.Sprintf("algorithm=MD5, username=%q, mac=%s", c.User, b64.EncodeToString(h[:]))
}

// macOf reads the digest out of the header of scheme MAC.
func macOf(header string) string {
	for part := range strings.SplitSeq(header, ",") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok && strings.EqualFold(k, "mac") {
			return v
		}
	}
	return ""
}

// What stands for credentials in a comparison.
const (
	credAny   = "credentials"
	credWrong = "credentials that are wrong"
)

// judge replaces the Data of the Cred of a live message by a word: right or
// wrong if the password is known.
func (c Credentials) judge(m *syncml.Message, nonce []byte) {
	if m.Header.Cred == nil {
		return
	}
	cred := *m.Header.Cred
	want, ok := c.data(cred.Meta.Type, nonce)
	switch {
	case c.known() && ok && strings.TrimSpace(string(cred.Data)) != string(want):
		cred.Data = credWrong
	default:
		cred.Data = credAny
	}
	m.Header.Cred = &cred
}

// given is the nonce that a message hands out; nil if it hands out none.
func given(m *syncml.Message) []byte {
	chal := challenge(m)
	if chal == nil || chal.Meta.NextNonce == "" {
		return nil
	}
	text := strings.TrimRight(strings.TrimSpace(string(chal.Meta.NextNonce)), "=")
	nonce, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return nonce
}

func challenge(m *syncml.Message) *syncml.Chal {
	if s := headerStatus(m); s != nil {
		return s.Chal
	}
	return nil
}

// headerStatus is the Status for the SyncHdr; nil if there is none.
func headerStatus(m *syncml.Message) *syncml.Status {
	for _, cmd := range m.Body {
		if s, ok := cmd.(*syncml.Status); ok && (s.CmdRef == "0" || s.Cmd == syncml.CmdSyncHdr) {
			return s
		}
	}
	return nil
}

// refused says whether a message refuses the credentials of the one before.
func refused(m *syncml.Message) bool {
	if m == nil {
		return false
	}
	s := headerStatus(m)
	return s != nil && (s.Code == syncml.StatusUnauthorized || s.Code == syncml.StatusCredentialsMissing)
}

// macHeader is the header of scheme MAC.
const macHeader = session.HMACHeader
