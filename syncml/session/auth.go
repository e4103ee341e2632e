package session

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// schemeTypes are the names of the schemes in Meta Type of Cred and Chal (DM
// Security 1.2, "Authentication").
var schemeTypes = map[Scheme]string{
	SchemeBasic: "syncml:auth-basic",
	SchemeMD5:   "syncml:auth-md5",
	SchemeMAC:   "syncml:auth-MAC",
}

// nonced says whether a scheme has nonces.
func (s Scheme) nonced() bool { return s == SchemeMD5 || s == SchemeMAC }

// schemeOf finds the scheme of a Meta Type.
func schemeOf(metaType string) (Scheme, bool) {
	for s, name := range schemeTypes {
		if strings.EqualFold(name, metaType) {
			return s, true
		}
	}
	return SchemeNone, false
}

var b64 = base64.StdEncoding

// credential computes the Data of a Cred (DM Security 1.2,
// "Computation of the MD-5 Digest"):
// base64 of user:secret, or of MD5(base64(MD5(user:secret)):nonce).
func (c Credentials) credential(s Scheme, nonce []byte) string {
	pair := []byte(c.User + ":" + string(c.Secret))
	if s == SchemeBasic {
		return b64.EncodeToString(pair)
	}
	inner := md5.Sum(pair)
	outer := md5.Sum(append([]byte(b64.EncodeToString(inner[:])+":"), nonce...))
	return b64.EncodeToString(outer[:])
}

// cred is the Cred for a scheme.
func (c Credentials) cred(s Scheme, nonce []byte) *syncml.Cred {
	return &syncml.Cred{
		Meta: syncml.Meta{Format: "b64", Type: schemeTypes[s]},
		Data: syncml.Secret(c.credential(s, nonce)),
	}
}

// evidence is what a message shows about its sender.
type evidence struct {
	cred *syncml.Cred
	hmac string // value of the [HMACHeader]
	body []byte // what the header signs
}

// shows says whether there is anything to check for a scheme.
func (e evidence) shows(s Scheme) bool {
	if s == SchemeMAC {
		return e.hmac != ""
	}
	return e.cred != nil
}

// proves compares in constant time.
func (c Credentials) proves(e evidence, nonce []byte) bool {
	if c.Scheme != SchemeMAC {
		return e.cred != nil && c.matches(e.cred, nonce)
	}
	f, err := parseHMAC(e.hmac)
	return err == nil && same(f.user, c.User) && same(f.mac, c.mac(nonce, e.body))
}

// matches is proves for the schemes with a Cred.
func (c Credentials) matches(cred *syncml.Cred, nonce []byte) bool {
	return strings.EqualFold(cred.Meta.Type, schemeTypes[c.Scheme]) &&
		same(strings.TrimSpace(string(cred.Data)), c.credential(c.Scheme, nonce))
}

func same(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// chal is the Chal for a scheme, with the nonce for the next message if the
// scheme has nonces.
func chal(s Scheme, nonce []byte) *syncml.Chal {
	meta := syncml.Meta{Format: "b64", Type: schemeTypes[s]}
	if s.nonced() {
		meta.NextNonce = syncml.Secret(b64.EncodeToString(nonce))
	}
	return &syncml.Chal{Meta: meta}
}
