package dtls

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// FuzzMessages: whatever a client says in a handshake, in any step, with keys
// or without: nothing panics, and nobody gets in who has not got a key.
func FuzzMessages(f *testing.F) {
	cert, pool := selfSigned(f, func(*x509.Certificate) {})
	f.Add(uint8(wantCertificate), uint8(msgCertificate), chainBody(cert.Certificate...))
	f.Add(uint8(wantCertificate), uint8(msgCertificate), chainBody())
	f.Add(uint8(wantKeyExchange), uint8(msgClientKeyExchange), []byte{0, 1, 'a'})
	f.Add(uint8(wantKeyExchange)|8, uint8(msgClientKeyExchange), append([]byte{65, 4}, make([]byte, 64)...))
	f.Add(uint8(wantKeyExchange)|8, uint8(msgClientKeyExchange), []byte{32, 9})
	f.Add(uint8(wantVerify)|8, uint8(msgCertificateVerify), []byte{4, 3, 0, 8, 0x30, 6, 2, 1, 1, 2, 1, 1})
	f.Add(uint8(wantVerify)|8, uint8(msgCertificateVerify), []byte{4, 3, 0, 0})
	f.Add(uint8(wantFinished), uint8(msgFinished), make([]byte, 12))
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		f.Fatal(err)
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, where, typ uint8, body []byte) {
		if len(body) > maxBytes {
			return
		}
		c, a := fuzzedOn(t, coaptest.New())
		c.o.ClientCAs = pool
		h := &handshake{
			c: c, remote: netip.MustParseAddrPort("192.0.2.7:1"), id: 8, step: step(where%8) % over, suite: suiteByID(0xc0a8),
			known: true, ecdh: key, clientCert: leaf, hello: hello{extendedMaster: where&16 != 0}, link: link{keys: a.keys},
		}
		if where&8 != 0 {
			h.suite = suiteByID(0xc0ae)
		}
		h.in = assembly{max: maxBytes}
		c.handshakes[h.remote] = h
		m := message{typ: messageType(typ), length: len(body), body: body}
		if err := h.messages(t.Context(), m.append(nil), m.typ == msgFinished); err != nil {
			h.fail(err)
		}
		if c.byID[8] != nil {
			t.Fatalf("step %d, message %d: an association", where, typ)
		}
	})
}

// FuzzAuthentic: whatever a device with an association protects: nothing panics,
// only what is data is delivered, of the length it has, and nobody else suffers.
func FuzzAuthentic(f *testing.F) {
	for typ := range uint8(28) {
		f.Add(typ, []byte{fatal, 0}, false)
		f.Add(typ, []byte{}, true)
	}
	f.Add(uint8(typeHandshake), (&message{typ: msgFinished, length: 12, body: make([]byte, 12)}).append(nil), true)
	f.Add(uint8(typeHandshake), (&message{typ: msgClientHello, length: 2}).append(nil), false)
	f.Fuzz(func(t *testing.T, typ uint8, content []byte, named bool) {
		if len(content) > maxBody || named && typ == 0 { // 0 is padding there
			return
		}
		c, a := fuzzed(t)
		other := &association{Addr: &Addr{identity: "other"}, id: 9}
		c.byID[9] = other
		l := peer(t)
		if named {
			a.named, l.cid = true, cidOf(a.id)
		}
		d, err := l.seal(nil, contentType(typ), content)
		if err != nil {
			t.Fatal(err)
		}
		got := c.take(d, a.Remote())
		data := contentType(typ) == typeApplicationData && len(content) <= MaxPayload
		if len(got) == 1 != data || data && !slices.Equal(got[0].data, content) {
			t.Fatalf("type %d: %d deliveries", typ, len(got))
		}
		if c.byID[9] != other || c.byID[a.id] == nil && contentType(typ) != typeAlert {
			t.Fatal("an association is gone")
		}
	})
}
