package session

import (
	"errors"

	"github.com/fwbridge/fwbridge/syncml"
)

// ours is how far the peer has accepted our credentials.
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
	if o.done || o.scheme == SchemeNone || o.scheme == SchemeMAC || o.scheme == SchemeMD5 && o.unready() {
		return nil
	}
	return acc.cred(o.scheme, o.nonce)
}

// hmac is the header that goes with a message; MAC signs every one.
func (o *ours) hmac(acc Credentials, body []byte) string {
	if o.scheme != SchemeMAC || o.unready() {
		return ""
	}
	return acc.hmacHeader(o.nonce, body)
}

// unready says that there is no nonce and that nobody asked for credentials.
func (o *ours) unready() bool { return o.nonce == nil && !o.asked }

// challenge takes a 401 or 407 and says whether to try again. Of two schemes
// the stronger wins: an account with MD5 is never talked into basic, which
// would hand its secret to whoever asks, nor one with MAC into leaving its
// messages unsigned.
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
		return errors.New("the peer wants credentials and the account has none")
	case o.tries > MaxAuthTries:
		return errors.New("the peer refuses the credentials")
	case ch == nil && o.given:
		return errors.New("the peer refuses the credentials and gives no challenge")
	case !known:
		return errors.New("the peer wants a scheme that is not supported")
	case scheme < acc.Scheme:
		return errors.New("the peer wants a weaker scheme than the account allows")
	case o.accepted && scheme != o.scheme:
		return errors.New("the peer changes the scheme in mid-session")
	}
	o.scheme, o.done, o.asked = scheme, false, true
	if nonce != nil {
		o.nonce = nonce
	}
	return nil
}

// accept takes a 2xx: 212 for the session, all others for the one message.
// MAC signs every message, and the nonce for the next one comes with the
// answer to the last, whoever is known to have sent that; what the store keeps
// is decided elsewhere.
func (o *ours) accept(code syncml.Code, ch *syncml.Chal) {
	o.accepted = true
	o.done = o.done || code == syncml.StatusAuthenticated && o.scheme != SchemeMAC
	if nonce, err := nextNonce(ch); o.scheme == SchemeMAC && err == nil && nonce != nil {
		o.nonce = nonce
	}
}

// theirs is how far the peer has authenticated itself.
type theirs struct {
	nonce []byte // for its next Cred or header
	lost  bool   // the nonces were lost: the default one is good, once
	ok    bool   // for the rest of the session; with MAC until its next message
	fresh bool   // it was given a nonce for the next session
	tries int    // refusals so far
}

// verify is the status for a message by its credentials: 212 for the session,
// 200 for a message that is signed, 401 or 407. A peer that has no nonce yet has
// to ask for one, with a 401. A signature that is missing although it was
// demanded is a wrong one (DM Security 1.2, "HMAC-MD5").
func (t *theirs) verify(acc Credentials, e evidence) syncml.Code {
	signed := acc.Scheme == SchemeMAC
	switch {
	case acc.Scheme == SchemeNone || t.ok && !signed:
		return syncml.StatusAuthenticated
	case !e.shows(acc.Scheme) && !(signed && t.tries > 0):
		return syncml.StatusCredentialsMissing
	case !t.proved(acc, e):
		return syncml.StatusUnauthorized
	}
	t.ok, t.lost = true, false
	if signed {
		return syncml.StatusOK
	}
	return syncml.StatusAuthenticated
}

// proved tries the nonce that the peer should have, and the default ones where
// those may be used.
func (t *theirs) proved(acc Credentials, e evidence) bool {
	if (t.nonce != nil || !acc.Scheme.nonced()) && acc.proves(e, t.nonce) {
		return true
	}
	if !t.lost || !acc.Scheme.nonced() {
		return false
	}
	for _, d := range DefaultNonces() {
		if acc.proves(e, d) {
			t.nonce = d
			return true
		}
	}
	return false
}

// challenge is the Chal for a peer that has not proved itself.
func (t *theirs) challenge(acc Credentials, nonce func() []byte) *syncml.Chal {
	if acc.Scheme.nonced() {
		t.nonce = nonce()
	}
	return chal(acc.Scheme, t.nonce)
}

// welcome is the Chal that goes with success. With MD5 it comes once and holds
// the nonce of the next session, since this one has been seen on the wire; with
// MAC it holds that of the next message.
func (t *theirs) welcome(acc Credentials, nonce func() []byte) *syncml.Chal {
	if !acc.Scheme.nonced() || acc.Scheme == SchemeMD5 && t.fresh {
		return nil
	}
	t.fresh = true
	t.nonce = nonce()
	return chal(acc.Scheme, t.nonce)
}
