package session

import "testing"

// TestNonceForTriggers: a server signs its triggers with the last nonce that
// it was told. When a session ends without a word from us, that is the one it
// has just used.
func TestNonceForTriggers(t *testing.T) {
	acc := account()
	acc.Server = serverMD5
	for _, tt := range []struct {
		name string
		work bool
		want string
	}{{"told", true, "nonce-0000000001"}, {"not told", false, "s0"}} {
		p, _ := start(t, acc, Nonces{Server: []byte("s0")})
		p.cred = serverMD5.cred(SchemeMD5, []byte("s0"))
		m := p.message(212)
		if tt.work {
			m = p.message(212, get("./FwUpdate"))
		}
		out := p.say(m)
		if got := string(out.Nonces.ForTriggers()); got != tt.want || string(out.Nonces.Server) != "nonce-0000000001" {
			t.Errorf("%s: triggers have %q, the next session %q; want %q", tt.name, got, out.Nonces.Server, tt.want)
		}
	}
	if n := (Nonces{}).ForTriggers(); n != nil {
		t.Errorf("none was agreed, and it is %q", n)
	}
}
