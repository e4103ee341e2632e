package session

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// schemeTypes are the names of the schemes in Meta Type of Cred and Chal (DM
// Security 1.2, "Authentication").
var schemeTypes = map[Scheme]string{
	SchemeBasic: "syncml:auth-basic",
	SchemeMD5:   "syncml:auth-md5",
}

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

// matches compares in constant time.
func (c Credentials) matches(cred *syncml.Cred, nonce []byte) bool {
	if !strings.EqualFold(cred.Meta.Type, schemeTypes[c.Scheme]) {
		return false
	}
	got := strings.TrimSpace(string(cred.Data))
	return subtle.ConstantTimeCompare([]byte(got), []byte(c.credential(c.Scheme, nonce))) == 1
}

// chal is the Chal for a scheme; MD5 hands out the nonce for the next Cred.
func chal(s Scheme, nonce []byte) *syncml.Chal {
	meta := syncml.Meta{Format: "b64", Type: schemeTypes[s]}
	if s == SchemeMD5 {
		meta.NextNonce = syncml.Secret(b64.EncodeToString(nonce))
	}
	return &syncml.Chal{Meta: meta}
}

// nextNonce reads the nonce of a Chal; nil when it has none.
func nextNonce(ch *syncml.Chal) ([]byte, error) {
	if ch == nil || ch.Meta.NextNonce == "" {
		return nil, nil
	}
	text := strings.TrimRight(strings.TrimSpace(string(ch.Meta.NextNonce)), "=")
	nonce, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("a NextNonce that is not base64") // without the text: it is a secret
	}
	return nonce, nil
}

// ours is how far the server has accepted our credentials.
type ours struct {
	scheme   Scheme
	nonce    []byte // for the next Cred
	given    bool   // the last message had a Cred
	tries    int    // refusals so far
	asked    bool   // it was challenged, so we answer with what we have
	accepted bool   // once; the scheme may not change any more
	done     bool   // 212: no more Cred in this session
}

// cred is what the next message carries. MD5 without any nonce waits for the
// challenge: a digest without one could be replayed.
func (o *ours) cred(acc Credentials) *syncml.Cred {
	if o.done || o.scheme == SchemeNone || o.scheme == SchemeMD5 && o.nonce == nil && !o.asked {
		return nil
	}
	return acc.cred(o.scheme, o.nonce)
}

// challenge takes a 401 or 407 and says whether to try again. Of two schemes
// the stronger wins: an account with MD5 is never talked into basic, which
// would hand its secret to whoever asks.
func (o *ours) challenge(acc Credentials, ch *syncml.Chal) error {
	nonce, err := nextNonce(ch)
	if err != nil {
		return err
	}
	scheme, known := o.scheme, true
	if ch != nil && ch.Meta.Type != "" {
		scheme, known = schemeOf(ch.Meta.Type)
	}
	o.tries++
	switch {
	case acc.Scheme == SchemeNone:
		return errors.New("the server wants credentials and the account has none")
	case o.tries > MaxAuthTries:
		return errors.New("the server refuses the credentials")
	case ch == nil && o.given:
		return errors.New("the server refuses the credentials and gives no challenge")
	case !known:
		return errors.New("the server wants a scheme that is not supported")
	case acc.Scheme == SchemeMD5 && scheme == SchemeBasic:
		return errors.New("the server wants basic, the account allows MD5 only")
	case o.accepted && scheme != o.scheme:
		return errors.New("the server changes the scheme in mid-session")
	}
	o.scheme, o.done, o.asked = scheme, false, true
	if nonce != nil {
		o.nonce = nonce
	}
	return nil
}

// accept takes a 2xx: 212 for the session, all others for the one message.
func (o *ours) accept(code syncml.Code) {
	o.accepted = true
	o.done = o.done || code == syncml.StatusAuthenticated
}

// theirs is how far the server has authenticated itself.
type theirs struct {
	nonce []byte // for its next Cred
	ok    bool   // for the rest of the session
	fresh bool   // it was given a nonce for the next session
	tries int    // refusals so far
}

// verify is the status for a message by its credentials: 212, 401 or 407. A
// server that has no nonce yet has to ask for one, with a 401.
func (t *theirs) verify(acc Credentials, cred *syncml.Cred) syncml.Code {
	switch {
	case acc.Scheme == SchemeNone || t.ok:
		return syncml.StatusAuthenticated
	case cred == nil:
		return syncml.StatusCredentialsMissing
	case acc.Scheme == SchemeMD5 && t.nonce == nil, !acc.matches(cred, t.nonce):
		return syncml.StatusUnauthorized
	}
	t.ok = true
	return syncml.StatusAuthenticated
}

// welcome is the Chal that goes with the first 212: the nonce of the next
// session, since this one has been seen on the wire.
func (t *theirs) welcome(acc Credentials, nonce func() []byte) *syncml.Chal {
	if acc.Scheme != SchemeMD5 || t.fresh {
		return nil
	}
	t.fresh = true
	t.nonce = nonce()
	return chal(acc.Scheme, t.nonce)
}
