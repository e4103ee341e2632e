package dmserver

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"

	"github.com/fwbridge/fwbridge/syncml"
)

// nonceSize is the length of a nonce in bytes. There are clients that break on
// a nonce whose base64 ends in exactly one "=": 16 does not.
const nonceSize = 16

// maxChallenges is how often one session may prove itself; then it is refused
// without another challenge.
const maxChallenges = 3

// schemes names the Meta Type of each way (OMA DM Security 1.2, 5.3).
var schemes = [...]string{AuthBasic: "syncml:auth-basic", AuthMD5: "syncml:auth-md5", AuthMAC: "syncml:auth-MAC"}

// account is the device's account; false when it has none.
func (s *Server) account(device string) (Account, bool) {
	var any Account
	found := false
	for _, a := range s.cfg.Accounts {
		if a.User == "" {
			a.User = device
		}
		if a.Device == device {
			return a, true
		}
		if a.Device == AnyDevice && !found {
			any, found = a, true
		}
	}
	return any, found
}

// digest is the Data of a Cred.
func digest(auth Auth, user string, password syncml.Secret, nonce []byte) syncml.Secret {
	b64 := base64.StdEncoding.EncodeToString
	pair := []byte(user + ":" + string(password))
	if auth == AuthBasic {
		return syncml.Secret(b64(pair))
	}
	inner := md5.Sum(pair)
	outer := md5.Sum(append([]byte(b64(inner[:])+":"), nonce...))
	return syncml.Secret(b64(outer[:]))
}

// authenticate checks the credentials of a message: 212 for the session, 200
// for a message that is signed, 407 for none, 401 for wrong ones.
func (s *Server) authenticate(d *device, in *request) syncml.Code {
	if s.cfg.Auth == AuthNone || d.session.authenticated {
		return syncml.StatusAuthenticated
	}
	if !in.shows(s.cfg.Auth) {
		return syncml.StatusCredentialsMissing
	}
	account, ok := s.account(d.id)
	if name := in.m.Header.Source.Name; !ok || name != "" && name != account.User {
		return syncml.StatusUnauthorized
	}
	if !in.proves(s.cfg.Auth, account, d.clientNonce) {
		return syncml.StatusUnauthorized
	}
	if _, stale := s.strike(StaleNonce, d.id); stale {
		return syncml.StatusUnauthorized
	}
	if s.cfg.Auth == AuthMAC {
		return syncml.StatusOK
	}
	d.session.authenticated = true
	return syncml.StatusAuthenticated
}

// shows says whether the message has credentials at all.
func (in *request) shows(auth Auth) bool {
	if auth == AuthMAC {
		return in.mac != ""
	}
	return in.m.Header.Cred != nil
}

// proves says whether its credentials are right.
func (in *request) proves(auth Auth, a Account, nonce []byte) bool {
	if auth == AuthMAC {
		user, mac := signer(in.mac)
		return user == a.User && same(mac, macOf(a.User, a.Password, nonce, in.body))
	}
	cred := in.m.Header.Cred
	return cred.Meta.Type == schemes[auth] && same(string(cred.Data), string(digest(auth, a.User, a.Password, nonce)))
}

func same(got, want string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 }

// challenge demands credentials for the next time; nil when there is nothing
// to demand. With MD5 and MAC it sets a new nonce.
func (s *Server) challenge(d *device) *syncml.Chal {
	if s.cfg.Auth == AuthNone {
		return nil
	}
	c := &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: schemes[s.cfg.Auth]}}
	if s.cfg.Auth != AuthBasic {
		d.clientNonce = make([]byte, nonceSize)
		s.nonces.Read(d.clientNonce)
		c.Meta.NextNonce = syncml.Secret(base64.StdEncoding.EncodeToString(d.clientNonce))
	}
	return c
}

// credentials are the server's own for a message to d; nil when it sends none,
// or signs instead.
func (s *Server) credentials(d *device) *syncml.Cred {
	if s.cfg.ServerAuth == AuthNone || s.cfg.ServerAuth == AuthMAC || d.session.accepted {
		return nil
	}
	return &syncml.Cred{
		Meta: syncml.Meta{Format: "b64", Type: schemes[s.cfg.ServerAuth]},
		Data: digest(s.cfg.ServerAuth, s.cfg.ServerID, s.ownPassword(d), d.serverNonce),
	}
}

// ownPassword is the server's, or what the quirk makes of it.
func (s *Server) ownPassword(d *device) syncml.Secret {
	if _, bad := s.strike(BadServerAuth, d.id); bad {
		return s.cfg.ServerPassword + " is wrong"
	}
	return s.cfg.ServerPassword
}

// judged takes what the client says about the server's credentials: it keeps
// the nonce, and says whether the client refused them.
func (s *Server) judged(d *device, st *syncml.Status) (refused bool) {
	if st.Chal != nil && st.Chal.Meta.NextNonce != "" {
		if nonce, err := base64.StdEncoding.DecodeString(string(st.Chal.Meta.NextNonce)); err == nil {
			d.serverNonce = nonce
		}
	}
	switch st.Code {
	case syncml.StatusAuthenticated:
		d.session.accepted = true
	case syncml.StatusUnauthorized, syncml.StatusCredentialsMissing:
		d.session.wanted = true
		s.counts.Refused++
		return true
	}
	return false
}
