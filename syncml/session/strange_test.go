package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestSchemeOfCred: the right digest under the name of another scheme is not
// what was asked for.
func TestSchemeOfCred(t *testing.T) {
	for name, want := range map[string]syncml.Code{"syncml:auth-md5": 212, "SYNCML:AUTH-MD5": 212, "syncml:auth-basic": 401, "": 401} {
		cfg := serverAccount()
		cfg.Account.Client, cfg.Nonces.Client = clientMD5, []byte("n0")
		d := newDevice(t, cfg)
		d.head = func(h *syncml.Header) {
			h.Cred = clientMD5.cred(SchemeMD5, []byte("n0"))
			h.Cred.Meta.Type = name
		}
		d.say(d.first())
		if got := d.last.Body[0].(*syncml.Status).Code; got != want {
			t.Errorf("%q: status %d, want %d", name, got, want)
		}
	}
}

// TestDefaultNonceIsNotKept: a server that gives the default nonce, which
// everybody knows, gets its digest, and the store keeps what it has.
func TestDefaultNonceIsNotKept(t *testing.T) {
	for _, known := range DefaultNonces() {
		p := fresh(t, withClientMD5)
		p.say(challenge(p.message(401), "syncml:auth-md5", string(known)))
		if d := cmp.Diff(clientMD5.cred(SchemeMD5, known), p.last.Header.Cred); d != "" {
			t.Error(d)
		}
		if out := p.say(p.message(212, get(st))); string(out.Nonces.Client) != "n0" {
			t.Errorf("kept %q", out.Nonces.Client)
		}
	}
}

// TestSilentStrangerGoesOn: a stranger's message without commands ends the
// session (TestSilentStranger), but not if there is more to come: then it is
// challenged.
func TestSilentStrangerGoesOn(t *testing.T) {
	p := fresh(t, withServerMD5)
	m := p.message(212)
	m.Final = false
	if d := cmp.Diff(lines("Status SyncHdr - 407 Chal", "Final"), p.hears(encode(t, m))); d != "" {
		t.Error(d)
	}
}
