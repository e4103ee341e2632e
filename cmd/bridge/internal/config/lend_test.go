package config

import "testing"

func TestLend(t *testing.T) {
	p := &loadLegacy(t).Packages
	user, password, ok := p.Lend("http://a.example.com/x", false)
	if user != "u" || string(password) != "s5" || !ok {
		t.Errorf("%q, %t", user, ok)
	}
	if user, _, ok := p.Lend("https://b.example.com/x", true); ok || user != "" {
		t.Errorf("a token is lent to %q", user)
	}
}
