package dtls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCertificateLimits: what a client's chain may be, and one more; and which
// use of its key a certificate must allow.
func TestCertificateLimits(t *testing.T) {
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject, c.DNSNames = pkix.Name{}, []string{name} }
	}
	use := func(u x509.KeyUsage) func(*x509.Certificate) { return func(c *x509.Certificate) { c.KeyUsage = u } }
	for _, x := range []struct {
		name     string
		change   func(c *x509.Certificate)
		more     int // certificates behind it
		rsa      int // bits of another behind it
		want     error
		identity string
	}{
		{"alone", func(*x509.Certificate) {}, 0, 0, nil, "a"},
		{"longest chain", func(*x509.Certificate) {}, maxChain - 1, 0, nil, "a"},
		{"one longer", func(*x509.Certificate) {}, maxChain, 0, alertBadCertificate, ""},
		{"largest RSA key", func(*x509.Certificate) {}, 0, maxRSA, nil, "a"},
		{"one larger", func(*x509.Certificate) {}, 0, maxRSA + 1, alertBadCertificate, ""},
		{"longest name", named(strings.Repeat("n", MaxIdentity)), 0, 0, nil, strings.Repeat("n", MaxIdentity)},
		{"one longer name", named(strings.Repeat("n", MaxIdentity+1)), 0, 0, alertBadCertificate, ""},
		{"name with a null", func(c *x509.Certificate) { c.Subject.CommonName = "a\x00b" }, 0, 0, nil, "a\x00b"},
		{"use not said", use(0), 0, 0, nil, "a"},
		{"for key agreement only", use(x509.KeyUsageKeyAgreement), 0, 0, alertBadCertificate, ""},
		{"for signing and more", use(x509.KeyUsageKeyAgreement | x509.KeyUsageDigitalSignature), 0, 0, nil, "a"},
	} {
		c, _ := fuzzed(t)
		cert, pool := selfSigned(t, x.change)
		c.o.ClientCAs = pool
		ders := [][]byte{cert.Certificate[0]}
		for range x.more {
			ders = append(ders, cert.Certificate[0])
		}
		if x.rsa > 0 {
			ders = append(ders, withRSA(t, x.rsa))
		}
		h := &handshake{c: c, step: wantCertificate}
		if err := h.certificate(chainBody(ders...)); err != x.want || err == nil && h.next.identity != x.identity {
			t.Errorf("%s: %v, identity %q", x.name, err, h.next.identity)
		}
		if (h.step == wantKeyExchange) != (x.want == nil) {
			t.Errorf("%s: step %d", x.name, h.step)
		}
	}
}

// withRSA is a certificate with what looks like an RSA key of so many bits.
func withRSA(t *testing.T, bits int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &rsa.PublicKey{N: n, E: 65537}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestOneWayUp: of intermediates with the same name the first counts.
func TestOneWayUp(t *testing.T) {
	root, pool := selfSigned(t, func(c *x509.Certificate) { c.Subject.CommonName = "root" })
	rootCert, _ := x509.ParseCertificate(root.Certificate[0])
	var ders [2][]byte
	var keys [2]*ecdsa.PrivateKey
	for i := range ders {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		c := *rootCert
		c.Subject, c.RawSubject, c.SubjectKeyId = pkix.Name{CommonName: "between"}, nil, nil
		if ders[i], err = x509.CreateCertificate(rand.Reader, &c, rootCert, keys[i].Public(), root.PrivateKey); err != nil {
			t.Fatal(err)
		}
	}
	between, err := x509.ParseCertificate(ders[1])
	if err != nil {
		t.Fatal(err)
	}
	c := *rootCert
	c.Subject, c.RawSubject, c.IsCA, c.SubjectKeyId, c.AuthorityKeyId = pkix.Name{CommonName: "a"}, nil, false, nil, nil
	leaf, err := x509.CreateCertificate(rand.Reader, &c, between, keys[0].Public(), keys[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		ders [][]byte
		ok   bool
	}{{[][]byte{leaf, ders[1], ders[0]}, true}, {[][]byte{leaf, ders[0], ders[1]}, false}, {[][]byte{leaf, root.Certificate[0], ders[1]}, true}} {
		s, _ := fuzzed(t)
		s.o.ClientCAs = pool
		h := &handshake{c: s, step: wantCertificate}
		if err := h.certificate(chainBody(x.ders...)); (err == nil) != x.ok {
			t.Errorf("chain of %d: %v", len(x.ders), err)
		}
	}
}

// TestSessionsOfOne: one identity has a few sessions, and pushes out none but
// its own.
func TestSessionsOfOne(t *testing.T) {
	s := newSessions(10, 2, time.Hour)
	now := time.Now()
	s.add(session{id: [32]byte{1}, identity: "other"}, now, time.Time{})
	for id := byte(2); id < 50; id++ {
		s.add(session{id: [32]byte{id}, identity: "a"}, now, time.Time{})
	}
	if s.len() != 3 || len(s.of["a"]) != 2 || len(s.byID) != 3 {
		t.Errorf("%d sessions, %d of one, %d to find", s.len(), len(s.of["a"]), len(s.byID))
	}
	for id, want := range map[byte]bool{1: true, 47: false, 48: true, 49: true} {
		b := [32]byte{id}
		if _, ok := s.find(b[:], now); ok != want {
			t.Errorf("session %d: %v", id, ok)
		}
	}
	s.drop([32]byte{48})
	s.forget("a")
	s.forget("nobody")
	if s.len() != 1 || len(s.of) != 1 || len(s.byID) != 1 {
		t.Errorf("%d sessions of %d, %d to find", s.len(), len(s.of), len(s.byID))
	}
}

// TestNoResumptionWithoutExtended: the session of a client without the extended
// master secret has no name and is not remembered.
func TestNoResumptionWithoutExtended(t *testing.T) {
	c, _ := fuzzed(t)
	for extended, want := range map[bool]int{true: sessionIDSize, false: 0} {
		before := c.sessions.len()
		h := &handshake{c: c, suite: suiteByID(0xc0a8), hello: hello{version: dtls12, suites: []uint16{0xc0a8}, extendedMaster: extended}}
		h.remote, h.id = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), uint16(want)), uint64(100+want)
		c.handshakes[h.remote] = h
		if err := h.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := int(h.flight[0].m.body[34]); n != want {
			t.Errorf("extended %v: the session's name has %d bytes", extended, n)
		}
		h.next.identity, h.next.suite = "b", h.suite
		if err := c.established(h, nil); err != nil {
			t.Fatal(err)
		}
		if got := c.sessions.len() - before; got != want/sessionIDSize {
			t.Errorf("extended %v: %d sessions more", extended, got)
		}
	}
}

// TestLookUpEnds: a look-up of a key gets no longer than the handshake has, also
// one to resume a session: it would keep others waiting.
func TestLookUpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := fuzzed(t)
		c.o.Keys = KeyFunc(func(ctx context.Context, _ string) (Key, bool) {
			<-ctx.Done()
			return nil, false
		})
		began := time.Now()
		h := &handshake{c: c, began: began}
		time.Sleep(time.Second)
		h.psk(context.Background(), "a")
		if took := time.Since(began); took != c.o.HandshakeTimeout {
			t.Errorf("it took %v", took)
		}
		began = time.Now()
		hello := hello{session: a.session[:], suites: []uint16{0xc0a8}, extendedMaster: true}
		if _, ok, err := c.resumable(context.Background(), &hello, began); ok || err != nil || time.Since(began) != c.o.HandshakeTimeout {
			t.Errorf("%v, %v after %v", ok, err, time.Since(began))
		}
		// The empty identity is nobody's, whatever the store says.
		c.o.Keys = KeyFunc(func(context.Context, string) (Key, bool) { return Key("key"), true })
		if _, known := c.key(context.Background(), "", time.Now()); known {
			t.Error("the empty identity is known")
		}
	})
}
