package pkgserver

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// TestSignature: the key that is told has signed the package, or other bytes; the
// comment it has signed in any case. Others have none.
func TestSignature(t *testing.T) {
	cfg := Config{Seed: 7, Size: 100}
	s, at, c := start(t, cfg)
	public, err := base64.StdEncoding.DecodeString(PublicKey(cfg))
	if err != nil || len(public) != 2+8+ed25519.PublicKeySize || PublicKey(cfg) == PublicKey(Config{}) {
		t.Fatalf("%q, %v", public, err)
	}
	key := ed25519.PublicKey(public[10:])
	for behaviour, right := range map[string]bool{"signed": true, "wrong-signature": false} {
		_, body, err := get(t, c, at+Path(behaviour, "radio", "2.0")+"?size=50")
		if err != nil {
			t.Fatal(err)
		}
		_, file, err := get(t, c, at+Path(behaviour, "radio", "2.0")+".minisig?size=50")
		lines := strings.Split(string(file), "\n")
		if err != nil || len(lines) != 5 {
			t.Fatalf("%s: %q, %v", behaviour, file, err)
		}
		sig, err := base64.StdEncoding.DecodeString(lines[1])
		if err != nil || string(sig[:2]) != "ED" || string(sig[2:10]) != string(public[2:10]) {
			t.Fatalf("%s: %q, %v", behaviour, sig, err)
		}
		hash := blake2b.Sum512(body)
		if got := ed25519.Verify(key, hash[:], sig[10:]); got != right {
			t.Errorf("%s: it is right: %t", behaviour, got)
		}
		global, err := base64.StdEncoding.DecodeString(lines[3])
		comment := strings.TrimPrefix(lines[2], "trusted comment: ")
		if err != nil || !ed25519.Verify(key, append(sig[10:], comment...), global) {
			t.Errorf("%s: comment %q, %v", behaviour, comment, err)
		}
		if n := s.Count(behaviour); n != 1 {
			t.Errorf("%s: %d requests for the package", behaviour, n)
		}
	}
	if resp, _, err := get(t, c, at+Path("ok", "radio", "2.0")+".minisig"); resp.StatusCode != 404 || err != nil {
		t.Errorf("none: %d, %v", resp.StatusCode, err)
	}
}
