package dtls

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// FuzzTake: whatever arrives, from a stranger, from a device in its handshake,
// or from one with an association: nothing panics, nothing that is not
// authentic is delivered, and the association lives on.
func FuzzTake(f *testing.F) {
	seeds := recorded(f)
	for _, d := range seeds {
		f.Add(d, uint8(0))
		f.Add(d, uint8(1))
	}
	f.Fuzz(func(t *testing.T, d []byte, who uint8) {
		c, a := fuzzed(t)
		from := netip.MustParseAddrPort("192.0.2.9:1")
		if who%2 == 1 {
			from = a.Remote()
		}
		var hello *handshake
		if who%3 == 0 {
			r, m, raw := helloOf(seeds)
			c.mu.Lock()
			hello = c.admit(&r, &m, from)
			c.mu.Unlock()
			hello.quick.Store(true) // nobody else runs it
			c.hand(hello, raw)
		}
		for range 2 {
			if got := c.take(slices.Clone(d), from); len(got) > 0 {
				t.Fatalf("delivered %q", got[0].data)
			}
		}
		if c.byID[a.id] != a || a.Remote() != netip.MustParseAddrPort("192.0.2.8:1") {
			t.Fatal("the association is gone")
		}
	})
}

// fuzzed is a server with one association.
func fuzzed(t testing.TB) (*Conn, *association) {
	t.Helper()
	return fuzzedOn(t, coaptest.New())
}

// fuzzedOn is the same on a network; the keys are those of nothing.
func fuzzedOn(t testing.TB, n *coaptest.Net) (*Conn, *association) {
	t.Helper()
	keys := KeyFunc(func(context.Context, string) (Key, bool) { return Key("key"), true })
	c, err := Listen(n.Listen("192.0.2.1:5684"), Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	s := suiteByID(0xc0a8)
	p, err := s.protect(make([]byte, masterSize), make([]byte, 32), make([]byte, 32), false)
	if err != nil {
		t.Fatal(err)
	}
	remote := netip.MustParseAddrPort("192.0.2.8:1")
	h := &handshake{c: c, remote: remote, suite: s, id: 7, began: time.Now(), link: link{keys: p}}
	h.next.identity, h.next.suite, h.next.id = "a", s, [32]byte{99}
	h.hello.extendedMaster = true
	c.handshakes[remote] = h
	if err := c.established(h, []byte("finished")); err != nil {
		t.Fatal(err)
	}
	return c, c.byID[7]
}

// recorded is every datagram of a handshake and a message.
func recorded(t testing.TB) (all [][]byte) {
	t.Helper()
	n := coaptest.New()
	keys := KeyFunc(func(context.Context, string) (Key, bool) { return Key("key"), true })
	s, err := Listen(n.Listen("192.0.2.1:5684"), Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- s.Run(context.Background()) }()
	came := make(chan struct{})
	go func() {
		var b [100]byte
		s.ReadFrom(b[:])
		close(came)
	}()
	c, err := Dial(n.Listen("192.0.2.9:1"), netip.MustParseAddrPort("192.0.2.1:5684"), ClientOptions{Identity: "a", Key: Key("key")})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		var b [100]byte
		c.ReadFrom(b[:])
		ended <- nil
	}()
	if _, err := c.WriteTo([]byte("message"), net.UDPAddrFromAddrPort(c.server)); err != nil {
		t.Fatal(err)
	}
	<-came
	c.Close()
	s.Close()
	<-ended
	<-ended
	for _, p := range n.Sent() {
		all = append(all, p.Data)
	}
	return all
}

// helloOf finds the second Hello.
func helloOf(all [][]byte) (record, message, []byte) {
	for _, d := range all {
		r, _, _ := nextRecord(d, cidSize)
		if m, _, ok := nextMessage(r.body); ok && m.typ == msgClientHello && m.seq == 1 {
			return r, m, d
		}
	}
	panic("no Hello")
}

// FuzzHello: a Hello that is understood is covered by its cookie: a change of
// any byte but the cookie's own is one of the cookie or makes it nonsense.
func FuzzHello(f *testing.F) {
	_, m, _ := helloOf(recorded(f))
	f.Add(m.body, uint16(40), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, at uint16, xor uint8) {
		h, ok := parseHello(body)
		if !ok || xor == 0 || len(h.cookie) != cookieSize {
			return
		}
		var c cookies
		now := time.Now()
		from := netip.MustParseAddrPort("192.0.2.9:1")
		fresh := c.make(&h, from, now)
		body = slices.Clone(body)
		start := 2 + 32 + 1 + len(h.session) + 1
		copy(body[start:], fresh[:])
		if h, ok = parseHello(body); !ok || !c.check(&h, from, now) {
			t.Fatal("its own cookie is not good")
		}
		body[int(at)%len(body)] ^= xor
		if h, ok := parseHello(body); ok && c.check(&h, from, now) {
			t.Fatal("a cookie for something else is good")
		}
	})
}

// FuzzAssembly: in whatever pieces and order messages come, they come out whole
// and in order, and no more is held than may be.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte("some message"), uint64(1), uint8(3))
	f.Add(bytes.Repeat([]byte("long"), 500), uint64(2), uint8(200))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64, size uint8) {
		if len(body) > maxBytes/4 {
			return
		}
		random := rand.New(rand.NewPCG(seed, 0))
		step := max(int(size), len(body)/8, 1) // at most 9 pieces
		var parts []message
		const messages = 3
		for seq := range uint16(messages) {
			for at := 0; at == 0 || at < len(body); at += step {
				from := max(0, at-random.IntN(3))
				parts = append(parts, message{typ: msgCertificate, seq: seq, length: len(body), offset: from, body: body[from:min(at+step, len(body))]})
			}
		}
		a := assembly{max: maxBytes}
		for out, rounds := uint16(0), 0; out < messages; rounds++ {
			if rounds == 100 {
				t.Fatalf("message %d of %d bytes does not come out", out, len(body))
			}
			random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			for _, p := range parts {
				a.add(p)
			}
			for {
				m, ok := a.take()
				if !ok {
					break
				}
				if m.seq != out || !bytes.Equal(m.body, body) {
					t.Fatalf("message %d came out as %d, %d bytes", out, m.seq, len(m.body))
				}
				out++
			}
		}
		if a.held != 0 || len(a.parts) != 0 {
			t.Fatalf("%d bytes in %d messages are left", a.held, len(a.parts))
		}
	})
}
