package dtls

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// selfSigned is a certificate that is its own CA, as what change made of it.
func selfSigned(t testing.TB, change func(c *x509.Certificate)) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// chainBody is the body of a Certificate message.
func chainBody(ders ...[]byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range ders {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
		}
	})
	return b.BytesOrPanic()
}

// exchangeECDH is the ClientKeyExchange that answers the server's key.
func (r *raw) exchangeECDH() []byte {
	r.t.Helper()
	i := slices.IndexFunc(r.answers, func(m message) bool { return m.typ == msgServerKeyExchange })
	params := r.answers[i].body
	theirs, err := ecdh.P256().NewPublicKey(params[4 : 4+params[3]])
	if err != nil {
		r.t.Fatal(err)
	}
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	pre, err := ours.ECDH(theirs)
	if err != nil {
		r.t.Fatal(err)
	}
	point := ours.PublicKey().Bytes()
	d := r.clear(msgClientKeyExchange, append([]byte{byte(len(point))}, point...))
	r.derive(pre)
	return d
}

// verify is the CertificateVerify.
func (r *raw) verify(c *tls.Certificate) []byte {
	r.t.Helper()
	s, err := newSigner(c)
	if err != nil {
		r.t.Fatal(err)
	}
	signature, err := s.sign(r.transcript)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.clear(msgCertificateVerify, append([]byte{4, 3, byte(len(signature) >> 8), byte(len(signature))}, signature...))
}

// states are the steps of all kinds of handshakes. reach goes there, finish
// goes on from there to the end.
var states = []struct {
	name          string
	reach, finish func(r *raw, c *tls.Certificate)
}{
	{"nothing", func(*raw, *tls.Certificate) {}, func(r *raw, _ *tls.Certificate) {
		r.hello()
		r.send(r.exchange("a"), r.sealed(msgFinished, r.verifyData()))
	}},
	{"key exchange is due", func(r *raw, _ *tls.Certificate) { r.hello() }, func(r *raw, _ *tls.Certificate) {
		r.send(r.exchange("a"), r.sealed(msgFinished, r.verifyData()))
	}},
	{"Finished is due", func(r *raw, _ *tls.Certificate) {
		r.hello()
		r.send(r.exchange("a"))
	}, func(r *raw, _ *tls.Certificate) { r.send(r.sealed(msgFinished, r.verifyData())) }},
	{"Finished of a session resumed is due", func(r *raw, _ *tls.Certificate) { r.resume() },
		func(r *raw, _ *tls.Certificate) { r.send(r.sealed(msgFinished, r.verifyData())) }},
	{"associated", func(r *raw, _ *tls.Certificate) {
		r.hello()
		r.send(r.exchange("a"), r.sealed(msgFinished, r.verifyData()))
		r.seq++
	}, func(*raw, *tls.Certificate) {}},
	{"certificate is due", func(r *raw, _ *tls.Certificate) {
		r.suite = suiteByID(0xc0ae)
		r.hello()
	}, func(r *raw, c *tls.Certificate) {
		r.send(r.clear(msgCertificate, chainBody(c.Certificate...)), r.exchangeECDH(), r.verify(c))
		r.send(r.sealed(msgFinished, r.verifyData()))
	}},
	{"key exchange with certificates is due", func(r *raw, c *tls.Certificate) {
		r.suite = suiteByID(0xc0ae)
		r.hello()
		r.send(r.clear(msgCertificate, chainBody(c.Certificate...)))
	}, func(r *raw, c *tls.Certificate) {
		r.send(r.exchangeECDH(), r.verify(c))
		r.send(r.sealed(msgFinished, r.verifyData()))
	}},
	{"proof of the certificate is due", func(r *raw, c *tls.Certificate) {
		r.suite = suiteByID(0xc0ae)
		r.hello()
		r.send(r.clear(msgCertificate, chainBody(c.Certificate...)), r.exchangeECDH())
	}, func(r *raw, c *tls.Certificate) {
		r.send(r.verify(c))
		r.send(r.sealed(msgFinished, r.verifyData()))
	}},
}

// resume makes a session and goes as far as the answer to the Hello that
// resumes it.
func (r *raw) resume() {
	r.t.Helper()
	r.hello()
	r.send(r.exchange("a"), r.sealed(msgFinished, r.verifyData()))
	r.send(r.seal(typeAlert, alertCloseNotify.body()))
	master, session := r.master, r.session
	*r = *r.client()
	r.master, r.session = master, session
	if !r.hello() || len(r.answers) != 1 {
		r.t.Fatalf("%d answers to a session resumed", len(r.answers))
	}
	r.protect()
	// Our Finished also covers the server's, which is its first record.
	var other *record
	for _, p := range r.n.Sent() {
		for d := p.Data; p.To == r.at && len(d) > 0; {
			x, rest, _ := nextRecord(d, 0)
			if d = rest; x.epoch == 1 {
				other = &x
			}
		}
	}
	x := *other
	x.body = slices.Clone(x.body)
	_, finished, _, err := r.keys.open(&x)
	if err != nil {
		r.t.Fatal(err)
	}
	r.transcript = append(r.transcript, finished...)
}

// TestMessagesByState: every type of message in every state, in the clear and
// protected, empty and not, in parts and not. It is answered with an alert or
// ignored, and takes nobody in; and where it is ignored the handshake can go
// on. Without any, the handshake succeeds.
func TestMessagesByState(t *testing.T) {
	cert, pool := selfSigned(t, func(*x509.Certificate) {})
	o := everybody()
	o.Certificate, o.ClientCAs, o.MaxHandshakes, o.MaxHandshakesPerSource = cert, pool, 1<<16, 1<<16
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			rawServe(t, o, func(w *rawWorld) {
				r := w.client()
				s.reach(r, cert)
				s.finish(r, cert)
				if !r.made() {
					t.Fatal("the right messages do not get in")
				}
				for _, typ := range []int{0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 255} { // TestUnexpected has all
					for _, m := range []message{
						{}, {length: 12, body: make([]byte, 12)}, {length: 40, body: make([]byte, 40)}, {length: 12, offset: 3, body: make([]byte, 2)},
						{length: 1 << 23}, {length: 1, body: []byte{1}}, {length: 12, offset: 12},
					} {
						for _, protected := range []bool{false, true} {
							r := w.client()
							s.reach(r, cert)
							associations := w.c.Stats().Associations
							m.typ, m.seq = messageType(typ), r.seq
							var got []record
							switch content := m.append(nil); {
							case !protected:
								got = r.send(r.plain(typeHandshake, content))
							case r.keys != nil:
								got = r.send(r.seal(typeHandshake, content))
							default:
								continue
							}
							if n := w.c.Stats().Associations; n != associations {
								t.Fatalf("message %d of %d bytes, protected %v: %d associations of %d", typ, len(m.body), protected, n, associations)
							}
							for _, x := range got {
								if x.typ != typeAlert && x.typ != typeHandshake && x.typ != typeChangeCipherSpec {
									t.Errorf("message %d: answered by a record of type %d", typ, x.typ)
								}
							}
							if s.name == "associated" && !r.made() {
								t.Errorf("message %d, protected %v: the association is gone", typ, protected)
							}
							r.send(r.plain(typeAlert, nil)) // also a record that makes no sense
						}
					}
				}
				r = w.client()
				s.reach(r, cert)
				s.finish(r, cert)
				if !r.made() {
					t.Error("after all that the right messages do not get in")
				}
			})
		})
	}
}

// TestRecordsByState: every type of record in epochs 0 to 2 in every state: it
// changes nothing, so that the right messages get in after it.
func TestRecordsByState(t *testing.T) {
	cert, pool := selfSigned(t, func(*x509.Certificate) {})
	o := everybody()
	o.Certificate, o.ClientCAs, o.MaxHandshakes, o.MaxHandshakesPerSource = cert, pool, 1<<16, 1<<16
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			rawServe(t, o, func(w *rawWorld) {
				for _, typ := range []int{0, 19, 20, 21, 22, 23, 24, 25, 26, 63} {
					for epoch := range uint16(3) {
						for _, v := range []version{dtls12, dtls10, {3, 3}, {}} {
							r := w.client()
							s.reach(r, cert)
							x := record{typ: contentType(typ), version: v, epoch: epoch, seq: 77}
							if x.typ == typeCID {
								x.cid = make([]byte, cidSize)
							}
							body := []byte{fatal, byte(alertInternalError), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
							r.send(append(x.appendHeader(nil, len(body)), body...))
							s.finish(r, cert)
							if !r.made() {
								t.Errorf("record %d of epoch %d, version %v", typ, epoch, v)
							}
						}
					}
				}
			})
		})
	}
}

// TestHelloLimits: the longest Hello and the highest number of its record, and
// one more.
func TestHelloLimits(t *testing.T) {
	rawServe(t, everybody(), func(w *rawWorld) {
		fixed := len(w.client().body(make([]byte, cookieSize)))
		padded := func(body int) []byte { // an unknown extension
			n := body - fixed - 4
			return append([]byte{0x77, 0x77, byte(n >> 8), byte(n)}, make([]byte, n)...)
		}
		for _, x := range []struct {
			name       string
			number     uint64
			extensions []byte
			ok         bool
		}{
			{"longest", 0, padded(maxHello), true},
			{"one longer", 0, padded(maxHello + 1), false},
			{"highest number", maxFirst - 1, nil, true}, // of the first Hello
			{"a number higher", maxFirst, nil, false},
			{"the highest", maxRecordNumber, nil, false},
		} {
			r := w.client()
			r.number = x.number
			if ok := r.hello(x.extensions...); ok != x.ok {
				t.Errorf("%s: answered %v", x.name, ok)
			}
		}
	})
}

// TestRecordLimits: the longest content of a record, and a byte more, which its
// header could say.
func TestRecordLimits(t *testing.T) {
	c, a := fuzzed(t)
	l := peer(t)
	for n, want := range map[int]int{MaxPayload: 1, MaxPayload + 1: 0, maxBody: 0} {
		d, err := l.seal(nil, typeApplicationData, make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.take(d, a.Remote()); len(got) != want {
			t.Errorf("%d bytes: %d datagrams", n, len(got))
		}
	}
	for n, want := range map[int]bool{maxBody: true, maxBody + 1: false} {
		if _, _, ok := nextRecord(appendPlain(nil, typeHandshake, dtls12, 0, make([]byte, n)), 0); ok != want {
			t.Errorf("a body of %d bytes: %v", n, ok)
		}
	}
}

// TestHandshakeMemory: what a half-open handshake holds of records and
// datagrams is bounded in bytes too.
func TestHandshakeMemory(t *testing.T) {
	c, _ := fuzzed(t)
	h := &handshake{c: c, running: true}
	for range maxInbox {
		c.hand(h, make([]byte, maxDatagram))
	}
	if len(h.inbox) != 0 {
		t.Errorf("%d datagrams of 64 KiB wait", len(h.inbox))
	}
	for range 3 {
		c.hand(h, make([]byte, maxInboxBytes/2))
	}
	if len(h.inbox) != 2 || h.waiting != maxInboxBytes {
		t.Errorf("%d datagrams with %d bytes wait", len(h.inbox), h.waiting)
	}
	h.step = over
	h.run(t.Context())
	if h.waiting != 0 {
		t.Errorf("%d bytes wait of none", h.waiting)
	}

	h = &handshake{c: c, step: wantKeyExchange}
	for n, want := range map[int]int{maxEarlySize: 1, maxEarlySize + 1: 0} {
		h.early = nil
		x := record{typ: typeHandshake, version: dtls12, epoch: 1}
		d := append(x.appendHeader(nil, n-headerSize), make([]byte, n-headerSize)...)
		d = append(d, make([]byte, 1000)...)
		if err := h.take(t.Context(), d); err != nil || len(h.early) != want {
			t.Errorf("a record of %d bytes: %v, %d wait", n, err, len(h.early))
		} else if want == 1 && cap(h.early[0]) > 2*maxEarlySize {
			t.Errorf("it holds %d bytes", cap(h.early[0]))
		}
	}
}

// TestDropped: a handshake that had to go does no more work and says nothing.
func TestDropped(t *testing.T) {
	rawServe(t, everybody(), func(w *rawWorld) {
		r := w.client()
		r.hello()
		h := w.c.handshakes[r.at]
		w.c.drop(h)
		d := r.exchange("a")
		w.n.Forget()
		w.c.hand(h, d)
		w.c.hand(h, r.sealed(msgFinished, r.verifyData()))
		if got := r.send(); len(got) != 0 || w.c.Stats().Associations != 0 {
			t.Errorf("%d records answer", len(got))
		}
		if h.mu.Lock(); h.step != over || h.keys != nil {
			t.Errorf("step %d", h.step)
		}
		h.mu.Unlock()
	})
	// Dropped just before its end: the client must not think that it is in.
	c, a := fuzzed(t)
	h := &handshake{c: c, remote: netip.MustParseAddrPort("192.0.2.7:1"), suite: suiteByID(0xc0a8), id: 8, link: link{keys: a.keys}}
	if err := c.established(h, nil); err != errDropped || c.byID[8] != nil {
		t.Errorf("established: %v", err)
	}
}
