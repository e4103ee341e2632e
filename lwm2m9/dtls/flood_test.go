package dtls_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// firstHello is the first Hello of a client, as it was sent.
func firstHello(t *testing.T, n *coaptest.Net) []byte {
	n.SetRule(coaptest.Lose)
	c, _ := dial(t, n.Listen("192.0.2.77:7"), device())
	say(t, c, "x")
	synctest.Wait()
	d := n.Sent()[0].Data
	c.Close()
	n.SetRule(coaptest.Deliver)
	n.Forget()
	return d
}

// TestFlood: Hellos from forged addresses leave nothing behind, are answered
// with no more bytes than they have, and keep no real client out.
func TestFlood(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		hello := firstHello(t, n)
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), MaxHandshakes: 4})
		const flood, batch = 20000, 100
		random := rand.New(rand.NewPCG(1, 2))
		for i := range flood / batch {
			for range batch {
				binary.BigEndian.PutUint64(hello[40:], random.Uint64())
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(random.Uint32()), byte(i), 1}), uint16(random.Uint32()))
				n.Inject(from, serverAt, hello)
			}
			synctest.Wait()
			if i == flood/batch/2 {
				c, cr := dial(t, n.Listen(deviceAddr), device())
				talk(t, s, sr, c, cr)
			}
		}
		st := s.Stats()
		if st.Handshakes != 0 || st.Associations != 1 || st.Sessions != 1 || st.Refused != 0 || st.Cookies != flood+1 {
			t.Errorf("stats %+v", st)
		}
		for _, p := range n.Sent() {
			if p.From == serverAt && p.To != deviceAt && len(p.Data) > len(hello) {
				t.Fatalf("%d bytes answered %d", len(p.Data), len(hello))
			}
		}
	})
}

// TestCookie: a cookie is good for one address and one Hello, and for minutes.
func TestCookie(t *testing.T) {
	same := func(d []byte) []byte { return d }
	with := func(i int) func([]byte) []byte { return func(d []byte) []byte { return change(d, i) } }
	for _, x := range []struct {
		name       string
		from       string
		change     func([]byte) []byte
		wait       time.Duration
		handshakes int
	}{
		{"as it was", deviceAddr, same, 0, 1},
		{"another port", otherAddr, same, 0, 0},
		{"another address", "192.0.2.10:40000", same, 0, 0},
		{"another random", deviceAddr, with(30), 0, 0},
		{"another suite", deviceAddr, with(13 + 12 + 2 + 32 + 1 + 1 + 16 + 3), 0, 0},
		{"other extensions", deviceAddr, with(-1), 0, 0},
		{"a while later", deviceAddr, same, 2 * time.Minute, 1},
		{"later", deviceAddr, same, 4 * time.Minute, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
				c, cr := dial(t, n.Listen(deviceAddr), device())
				talk(t, s, sr, c, cr)
				s.End("urn:dev:1")
				time.Sleep(x.wait) // in fake time
				for _, p := range n.Sent() {
					if p.From == deviceAt && p.N == 2 {
						n.Inject(netip.MustParseAddrPort(x.from), serverAt, x.change(p.Data))
					}
				}
				synctest.Wait()
				if st := s.Stats(); st.Handshakes != x.handshakes {
					t.Errorf("%d handshakes", st.Handshakes)
				}
			})
		})
	}
}

// stalled is a client that goes as far as its second Hello.
func stalled(t *testing.T, n *coaptest.Net, from string) {
	t.Helper()
	n.SetRule(func(p coaptest.Packet) []coaptest.Arrival {
		if p.From.String() == from && p.N > 2 {
			return nil
		}
		return coaptest.Deliver(p)
	})
	c, _ := dial(t, n.Listen(from), device())
	say(t, c, "x")
	synctest.Wait()
	c.Close()
	n.SetRule(coaptest.Deliver)
}

// TestHalfOpen: the limits on handshakes whose cookie came back, at them and
// one over, and their time.
func TestHalfOpen(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), MaxHandshakes: 4, MaxHandshakesPerSource: 3})
		check := func(what string, handshakes, refused int) {
			t.Helper()
			if st := s.Stats(); st.Handshakes != handshakes || st.Refused != refused {
				t.Errorf("%s: %d handshakes, %d refused", what, st.Handshakes, st.Refused)
			}
		}
		for i := range 3 {
			stalled(t, n, fmt.Sprint("10.0.0.1:", 1000+i))
		}
		check("at the limit of a source", 3, 0)
		stalled(t, n, "10.0.0.1:2000")
		check("over the limit of a source", 3, 1)
		stalled(t, n, "10.0.0.2:1000")
		check("at the limit of all", 4, 1)
		stalled(t, n, "10.0.0.2:1001")
		check("over the limit of all", 4, 2)
		stalled(t, n, "[2001:db8::1]:1")
		stalled(t, n, "[2001:db8::2]:1")
		stalled(t, n, "[2001:db8::3]:1")
		check("one network of IPv6", 4, 5)
		stalled(t, n, "[2001:db8::4]:1")
		check("over its limit", 4, 6)
		c, cr := dial(t, n.Listen(deviceAddr), device())
		talk(t, s, sr, c, cr)
		time.Sleep(dtls.DefaultHandshakeTimeout + time.Second)
		check("later", 0, 7)
		if st := s.Stats(); st.Failed != 3 {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestHelloAgain: a Hello that is repeated is answered at once, and not twice
// within a moment.
func TestHelloAgain(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		stalled(t, n, otherAddr)
		sent := n.Sent()
		hello := sent[2].Data
		if sent[2].N != 2 {
			t.Fatal("not the second Hello")
		}
		for _, x := range []struct {
			wait time.Duration
			want int
		}{{300 * time.Millisecond, 1}, {50 * time.Millisecond, 0}, {100 * time.Millisecond, 1}} {
			time.Sleep(x.wait) // in fake time
			n.Forget()
			n.Inject(netip.MustParseAddrPort(otherAddr), serverAt, hello)
			synctest.Wait()
			if got := len(n.Sent()); got != x.want {
				t.Errorf("%v later: %d answers", x.wait, got)
			}
		}
	})
}

// TestSlowKeys: while the keys of some are looked up for long, others go on.
func TestSlowKeys(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		release := make(chan struct{})
		slow := dtls.KeyFunc(func(ctx context.Context, identity string) (dtls.Key, bool) {
			if identity == "slow" {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return nil, false
			}
			return k.PSK(ctx, identity)
		})
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: slow})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		talk(t, s, sr, c, cr)
		for i := range 100 {
			o := device()
			o.Identity = "slow"
			x, _ := dial(t, n.Listen(fmt.Sprint("10.0.0.1:", 1000+i)), o)
			say(t, x, "x")
		}
		synctest.Wait()
		talk(t, s, sr, c, cr)
		if st := s.Stats(); st.Associations != 1 {
			t.Errorf("stats %+v", st)
		}
		close(release)
		c.Reset()
		talk(t, s, sr, c, cr)
	})
}

// TestLarge: one association's flood of datagrams does not touch another's.
func TestLarge(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		k.set("other", "key")
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		o, or := dial(t, n.Listen(otherAddr), dtls.ClientOptions{Identity: "other", Key: dtls.Key("key")})
		talk(t, s, sr, c, cr)
		talk(t, s, sr, o, or)
		for range 10 {
			for range 200 {
				say(t, c, "noise")
			}
			synctest.Wait()
			for len(sr.in) > 0 {
				<-sr.in
			}
			talk(t, s, sr, o, or)
		}
	})
}
