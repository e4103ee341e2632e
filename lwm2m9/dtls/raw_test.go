package dtls

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pion/dtls/v3/pkg/crypto/prf"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

var rawServer = netip.MustParseAddrPort("192.0.2.1:5684")

// rawWorld is a server on a network, and what it has delivered.
type rawWorld struct {
	t    *testing.T
	n    *coaptest.Net
	c    *Conn
	got  chan string
	port uint16 // of the last client
}

// rawServe runs a server in fake time while f runs.
func rawServe(t *testing.T, o Options, f func(w *rawWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &rawWorld{t: t, n: coaptest.New(), got: make(chan string, 100)}
		var err error
		if w.c, err = Listen(w.n.Listen(rawServer.String()), o); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{}, 2)
		go func() {
			w.c.Run(context.Background())
			ended <- struct{}{}
		}()
		go func() {
			defer func() { ended <- struct{}{} }()
			b := make([]byte, maxDatagram)
			for {
				n, _, err := w.c.ReadFrom(b)
				if err != nil {
					return
				}
				w.got <- string(b[:n])
			}
		}()
		defer func() {
			w.c.Close()
			<-ended
			<-ended
		}()
		f(w)
	})
}

// raw is a client made by hand: it sends what it is told, right or not.
type raw struct {
	*rawWorld
	at            netip.AddrPort
	random, other random
	session       []byte
	suite         *suite
	seq           uint16
	number        uint64
	transcript    []byte
	master        []byte
	keys          *link
	answers       []message // to the Hello
}

func (w *rawWorld) client() *raw {
	w.port++
	r := &raw{rawWorld: w, at: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.50"), w.port), suite: suiteByID(0xc0a8)}
	rand.Read(r.random[:])
	return r
}

// send sends a datagram and gives the records that answer it.
func (r *raw) send(d ...[]byte) (records []record) {
	r.t.Helper()
	synctest.Wait()
	r.n.Forget()
	r.n.Inject(r.at, rawServer, slices.Concat(d...))
	synctest.Wait()
	for _, p := range r.n.Sent() {
		for d := p.Data; p.From == rawServer && p.To == r.at && len(d) > 0; {
			x, rest, ok := nextRecord(d, 0)
			if !ok {
				r.t.Fatalf("the server sent %x", d)
			}
			records, d = append(records, x), rest
		}
	}
	return records
}

// clear is a message in a record of epoch 0, as it is due; it counts as sent.
func (r *raw) clear(typ messageType, body []byte) []byte {
	m := (&message{typ: typ, seq: r.seq, length: len(body), body: body}).append(nil)
	r.transcript = append(r.transcript, m...)
	r.seq++
	return r.plain(typeHandshake, m)
}

func (r *raw) plain(typ contentType, content []byte) []byte {
	r.number++
	return appendPlain(nil, typ, dtls12, r.number-1, content)
}

func (r *raw) seal(typ contentType, content []byte) []byte {
	d, err := r.keys.seal(nil, typ, content)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// sealed is a protected message with the number that is due.
func (r *raw) sealed(typ messageType, body []byte) []byte {
	return r.seal(typeHandshake, (&message{typ: typ, seq: r.seq, length: len(body), body: body}).append(nil))
}

func (r *raw) body(cookie []byte, extensions ...byte) []byte {
	b := append([]byte{dtls12.major, dtls12.minor}, r.random[:]...)
	b = append(append(b, byte(len(r.session))), r.session...)
	b = append(append(b, byte(len(cookie))), cookie...)
	b = append(b, 0, 2, byte(r.suite.id>>8), byte(r.suite.id), 1, 0)
	// Extended master secret, signature algorithms, groups, what was asked for.
	e := append([]byte{0, extExtendedMasterSecret, 0, 0, 0, extSignatureAlgorithms, 0, 4, 0, 2, 4, 3, 0, extSupportedGroups, 0, 4, 0, 2, 0, 23}, extensions...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
}

// hello goes as far as the server's answer to the second Hello, and tells
// whether there was one.
func (r *raw) hello(extensions ...byte) bool {
	r.t.Helper()
	verify := r.send(r.clear(msgClientHello, r.body(nil, extensions...)))
	if len(verify) != 1 {
		return false
	}
	r.transcript = nil // it covers neither the first Hello nor its answer
	records := r.send(r.clear(msgClientHello, r.body(verify[0].body[messageHeader+3:], extensions...)))
	for _, x := range records {
		if x.typ != typeHandshake || x.epoch != 0 {
			continue
		}
		m, rest, ok := nextMessage(x.body)
		if !ok || len(rest) > 0 || !m.whole() {
			r.t.Fatal("not a message")
		}
		r.transcript = m.append(r.transcript)
		r.answers = append(r.answers, m)
		if m.typ == msgServerHello {
			r.other = random(m.body[2:34])
			r.session = m.body[35 : 35+m.body[34]]
		}
	}
	return len(r.answers) > 0
}

// derive makes the keys from the premaster secret, after the key exchange.
func (r *raw) derive(pre []byte) {
	sum := sha256.Sum256(r.transcript)
	var err error
	if r.master, err = prf.ExtendedMasterSecret(pre, sum[:], sha256.New); err != nil {
		r.t.Fatal(err)
	}
	r.protect()
}

func (r *raw) protect() {
	p, err := r.suite.protect(r.master, r.random[:], r.other[:], true)
	if err != nil {
		r.t.Fatal(err)
	}
	r.keys = &link{keys: p}
}

// exchange is the ClientKeyExchange of an identity; the key is "key".
func (r *raw) exchange(identity string) []byte {
	d := r.clear(msgClientKeyExchange, append([]byte{byte(len(identity) >> 8), byte(len(identity))}, identity...))
	r.derive(prf.PSKPreMasterSecret([]byte("key")))
	return d
}

func (r *raw) verifyData() []byte {
	v, err := prf.VerifyDataClient(r.master, r.transcript, sha256.New)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *raw) ccs() []byte { return r.plain(typeChangeCipherSpec, []byte{1}) }

// alertIn is the alert among records in the clear, -1 if there is none.
func alertIn(records []record) int {
	for _, x := range records {
		if x.typ == typeAlert && x.epoch == 0 && len(x.body) == 2 {
			return int(x.body[1])
		}
	}
	return -1
}

// made tells whether the server took the client in, and has its message.
func (r *raw) made() bool {
	r.t.Helper()
	if r.keys == nil {
		return false
	}
	r.send(r.seal(typeApplicationData, []byte("it is me")))
	select {
	case s := <-r.got:
		if s != "it is me" {
			r.t.Errorf("delivered: %q", s)
		}
		return true
	default:
		return false
	}
}

// everybody has the same key, and more handshakes than there may be by default.
func everybody() Options {
	return Options{
		Keys:                   KeyFunc(func(context.Context, string) (Key, bool) { return Key("key"), true }),
		MaxHandshakesPerSource: DefaultMaxHandshakes, MaxPerIdentity: 64,
	}
}

// TestByHand: what a client may do and what not, on the wire. The alert is the
// one in the clear.
func TestByHand(t *testing.T) {
	rawServe(t, everybody(), func(w *rawWorld) {
		for _, x := range []struct {
			name  string
			send  func(r *raw) []record
			made  bool
			alert alert // 0 is none
		}{
			{"all as it should be", func(r *raw) []record {
				return r.send(r.exchange("a"), r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"one datagram each", func(r *raw) []record {
				r.send(r.exchange("a"))
				r.send(r.ccs())
				return r.send(r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"ChangeCipherSpec three times", func(r *raw) []record {
				return r.send(r.ccs(), r.exchange("a"), r.ccs(), r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"Finished before the key exchange and ChangeCipherSpec", func(r *raw) []record {
				key := r.exchange("a")
				r.send(r.sealed(msgFinished, r.verifyData()))
				return r.send(key, r.ccs())
			}, true, 0},
			{"wrong verify data", func(r *raw) []record {
				key, v := r.exchange("a"), r.verifyData()
				v[11]++
				return r.send(key, r.ccs(), r.sealed(msgFinished, v))
			}, false, alertDecryptError},
			{"verify data of the first Hello, too", func(r *raw) []record {
				key := r.exchange("a")
				r.transcript = append(slices.Clone(r.transcript), 0)
				return r.send(key, r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, false, alertDecryptError},
			{"Finished in the clear", func(r *raw) []record {
				key := r.exchange("a")
				return r.send(key, r.ccs(), r.clear(msgFinished, r.verifyData()))
			}, false, 0},
			{"one wrong MAC, then right", func(r *raw) []record {
				key, f := r.exchange("a"), r.sealed(msgFinished, r.verifyData())
				bad := slices.Clone(f)
				bad[len(bad)-1]++
				r.send(key, r.ccs(), bad)
				return r.send(f)
			}, true, 0},
			{"wrong MAC twice", func(r *raw) []record {
				key, f := r.exchange("a"), r.sealed(msgFinished, r.verifyData())
				f[len(f)-1]++
				r.send(key, r.ccs(), f)
				return r.send(f)
			}, false, alertDecryptError},
			{"data before Finished", func(r *raw) []record {
				return r.send(r.exchange("a"), r.ccs(), r.seal(typeApplicationData, []byte("early")), r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"data in the clear", func(r *raw) []record {
				r.send(r.plain(typeApplicationData, []byte("early")))
				return r.send(r.exchange("a"), r.ccs(), r.sealed(msgFinished, r.verifyData()), r.plain(typeApplicationData, []byte("early")))
			}, true, 0},
			{"alerts in the clear", func(r *raw) []record {
				fatal := func() []byte { return r.plain(typeAlert, alertInternalError.body()) }
				r.send(fatal(), r.exchange("a"), fatal())
				r.send(fatal())
				return r.send(r.ccs(), r.sealed(msgFinished, r.verifyData()), fatal())
			}, true, 0},
			{"forged messages when only Finished is due", func(r *raw) []record {
				r.send(r.exchange("a"))
				r.send(r.plain(typeHandshake, (&message{typ: msgCertificate, seq: r.seq}).append(nil)))
				r.send(r.plain(typeHandshake, (&message{typ: msgFinished, seq: r.seq, length: 9, body: []byte{1}}).append(nil)))
				return r.send(r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"key exchange cut off", func(r *raw) []record {
				return r.send(r.clear(msgClientKeyExchange, []byte{0, 2, 'a'}))
			}, false, alertDecodeError},
			{"key exchange of one byte", func(r *raw) []record { return r.send(r.clear(msgClientKeyExchange, []byte{0})) }, false, alertDecodeError},
			{"key exchange of no bytes", func(r *raw) []record { return r.send(r.clear(msgClientKeyExchange, nil)) }, false, alertDecodeError},
			{"key exchange and a byte", func(r *raw) []record {
				return r.send(r.clear(msgClientKeyExchange, []byte{0, 1, 'a', 0}))
			}, false, alertDecodeError},
			{"empty identity", func(r *raw) []record {
				r.send(r.exchange(""), r.ccs(), r.sealed(msgFinished, r.verifyData()))
				return r.send(r.sealed(msgFinished, r.verifyData()))
			}, false, alertDecryptError},
			{"longest identity", func(r *raw) []record {
				return r.send(r.exchange(string(make([]byte, MaxIdentity))), r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, true, 0},
			{"longer identity", func(r *raw) []record {
				return r.send(r.exchange(string(make([]byte, MaxIdentity+1))), r.ccs(), r.sealed(msgFinished, r.verifyData()))
			}, false, alertDecodeError},
			{"renegotiation", func(r *raw) []record {
				r.send(r.exchange("a"), r.ccs(), r.sealed(msgFinished, r.verifyData()))
				r.seq++
				if got := r.send(r.sealed(msgClientHello, r.body(nil))); len(got) != 0 {
					t.Errorf("%d records answer a renegotiation", len(got))
				}
				return nil
			}, true, 0},
		} {
			r := w.client()
			if !r.hello() {
				t.Fatalf("%s: the Hello was not answered", x.name)
			}
			got := alertIn(x.send(r))
			if got != int(x.alert) && (got != -1 || x.alert != 0) {
				t.Errorf("%s: alert %d, want %v", x.name, got, x.alert)
			}
			if made := r.made(); made != x.made {
				t.Errorf("%s: taken in: %v", x.name, made)
			}
		}
	})
}
