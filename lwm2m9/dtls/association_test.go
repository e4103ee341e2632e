package dtls_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// nat is a socket whose address changes: what it sends comes from the newest,
// what is read from it came to any.
type nat struct {
	*coaptest.Conn
	out *coaptest.Conn
}

func (n *nat) WriteTo(b []byte, a net.Addr) (int, error) { return n.out.WriteTo(b, a) }

// TestMove: a device behind a NAT gets another address. With a Connection ID
// the association goes with it, and answers go to the new one; without, its
// records are of nobody.
func TestMove(t *testing.T) {
	for _, cid := range []bool{true, false} {
		bubble(t, func(t *testing.T, n *coaptest.Net) {
			s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
			co := device()
			co.NoConnectionID = !cid
			in := n.Listen(deviceAddr)
			natted := &nat{in, in}
			c, cr := dial(t, natted, co)
			from := talk(t, s, sr, c, cr)
			natted.out = n.Listen(otherAddr)
			say(t, c, "from elsewhere")
			synctest.Wait()
			if !cid {
				sr.none(t)
				if st := s.Stats(); st.Discarded == 0 || st.Moved != 0 {
					t.Errorf("stats %+v", st)
				}
				return
			}
			if sr.want(t, "from elsewhere") != from || from.Remote() != natted.out.AddrPort() {
				t.Errorf("association now at %v", from.Remote())
			}
			n.Forget()
			reply(t, s, from, "there")
			if sent := n.Sent(); len(sent) != 1 || sent[0].To != natted.out.AddrPort() {
				t.Errorf("the answer went to %v", sent)
			}
			if st := s.Stats(); st.Moved != 1 || st.Associations != 1 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestForgedMove: neither a replayed nor a forged record from another address
// moves an association, nor does an old one that arrives late.
func TestForgedMove(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		from := talk(t, s, sr, c, cr)
		attacker := n.Listen(otherAddr)
		n.Forget()
		n.SetRule(coaptest.Lose)
		say(t, c, "late")
		n.SetRule(coaptest.Deliver)
		late := n.Sent()[0].Data
		say(t, c, "one")
		sr.want(t, "one")
		seen := n.Sent()[1].Data
		for _, d := range [][]byte{seen, change(seen, -1), change(seen, 10), change(seen, 12), seen[:len(seen)-1], seen[:20]} {
			attacker.Send(serverAt, d)
		}
		synctest.Wait()
		sr.none(t)
		attacker.Send(serverAt, late)
		sr.want(t, "late") // it is authentic, but tells nothing about now
		if from.Remote() != deviceAt {
			t.Errorf("association now at %v", from.Remote())
		}
		talk(t, s, sr, c, cr)
	})
}

// change changes one byte; i < 0 counts from the end.
func change(d []byte, i int) []byte {
	d = slices.Clone(d)
	if i < 0 {
		i += len(d)
	}
	d[i] ^= 0x40
	return d
}

// TestForged: records that are damaged, repeated, or no records do nothing in
// either direction, with any suite, and the association goes on.
func TestForged(t *testing.T) {
	for _, suite := range dtls.CipherSuites()[:3] {
		for _, cid := range []bool{true, false} {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), CipherSuites: []string{suite}})
				co := device()
				co.NoConnectionID = !cid
				c, cr := dial(t, n.Listen(deviceAddr), co)
				from := talk(t, s, sr, c, cr)
				for _, way := range []struct {
					say  func()
					to   *reader
					send func(d []byte)
				}{
					{func() { say(t, c, "genuine") }, sr, func(d []byte) { n.Inject(deviceAt, serverAt, d) }},
					{func() { reply(t, s, from, "genuine") }, cr, func(d []byte) { n.Inject(serverAt, deviceAt, d) }},
				} {
					n.Forget()
					n.SetRule(coaptest.Lose)
					way.say()
					n.SetRule(coaptest.Deliver)
					d := n.Sent()[0].Data
					for i := range d {
						way.send(change(d, i))
						way.send(d[:i])
					}
					synctest.Wait()
					way.to.none(t)
					way.send(d)
					way.to.want(t, "genuine")
					way.send(d)
					synctest.Wait()
					way.to.none(t)
				}
				if talk(t, s, sr, c, cr) != from {
					t.Error("another association")
				}
				if st := c.Stats(); st.Handshakes != 1 {
					t.Errorf("client %+v", st)
				}
			})
		}
	}
}

// TestReboot: a device that begins anew from the same port gets a new
// association; the old one lives until then, also when the new handshake comes
// to nothing, and one more for answers under way.
func TestReboot(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		co := device()
		co.NoConnectionID = true
		d := n.Listen(deviceAddr)
		c, cr := dial(t, d, co)
		first := talk(t, s, sr, c, cr)

		// Somebody who cannot finish, in the device's name.
		wrong := co
		wrong.Key = dtls.Key("wrong")
		liar, _ := dial(t, &nat{n.Listen(otherAddr), d}, wrong)
		say(t, liar, "x")
		time.Sleep(200 * time.Millisecond) // in fake time
		if talk(t, s, sr, c, cr) != first {
			t.Error("the handshake of another ended the association")
		}
		liar.Close()
		time.Sleep(time.Minute)

		var all []*dtls.Addr
		for range 3 {
			c.Reset()
			all = append(all, talk(t, s, sr, c, cr))
		}
		if st := s.Stats(); st.Associations != dtls.DefaultMaxPerIdentity || st.Replaced != 2 {
			t.Errorf("stats %+v", st)
		}
		for i, want := range []error{dtls.ErrNoAssociation, nil, nil} {
			if _, err := s.WriteTo([]byte("x"), all[i]); err != want {
				t.Errorf("write to association %d: %v", i, err)
			}
		}
		if all[0].AddrPort() == all[1].AddrPort() || all[0].AddrPort() == first.AddrPort() {
			t.Error("an address was used twice")
		}
	})
}

// TestServerRestart: a server that is gone and back without a word knows no
// association; the device finds out by the silence, while it repeats one
// message as CoAP does, and that message arrives in a new association.
func TestServerRestart(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		socket := n.Listen(serverAddr)
		s, stop, sr := serveUntil(t, socket, dtls.Options{Keys: k})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		first := talk(t, s, sr, c, cr)
		n.SetRule(coaptest.Lose) // close_notify, too
		stop()
		n.SetRule(coaptest.Deliver)
		s, sr = serve(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		for _, wait := range []time.Duration{2, 4, 8, 16} {
			say(t, c, "message")
			time.Sleep(wait * time.Second) // in fake time
		}
		if sr.want(t, "message").AddrPort() == first.AddrPort() {
			t.Error("the address of an association was used again")
		}
		sr.none(t)
		talk(t, s, sr, c, cr)
		if st := c.Stats(); st.Handshakes != 2 || st.Resumed != 0 || st.Lost != 0 {
			t.Errorf("client %+v", st)
		}
	})
}

// TestQuiet: a device that says many things and hears nothing, as with
// notifications that need no answer, makes no new handshake.
func TestQuiet(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		talk(t, s, sr, c, cr)
		for i := range 100 {
			say(t, c, string(rune('a'+i%20)))
			sr.next(t)
			time.Sleep(10 * time.Second) // in fake time
		}
		if st := c.Stats(); st.Handshakes != 1 {
			t.Errorf("client %+v", st)
		}
	})
}

// TestCloseNotify: each end that closes says so, and the other begins anew
// with its next message, and not before.
func TestCloseNotify(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		s, stop, sr := serveUntil(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		talk(t, s, sr, c, cr)
		stop()
		synctest.Wait()
		s, sr = serve(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		n.Forget()
		time.Sleep(time.Hour) // in fake time
		if sent := n.Sent(); len(sent) != 0 {
			t.Errorf("sent %d datagrams", len(sent))
		}
		talk(t, s, sr, c, cr)
		if st := c.Stats(); st.Handshakes != 2 {
			t.Errorf("client %+v", st)
		}
		c.Close()
		synctest.Wait()
		if st := s.Stats(); st.Associations != 0 {
			t.Errorf("server %+v", st)
		}
		if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(serverAt)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("WriteTo after Close: %v", err)
		}
	})
}

// TestBackoff: no server, no flood: the pauses grow, and what cannot be sent is
// an error at once or lost.
func TestBackoff(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		c, _ := dial(t, n.Listen(deviceAddr), device())
		to := net.UDPAddrFromAddrPort(serverAt)
		var waits int
		for range 24 * 60 * 60 {
			if _, err := c.WriteTo([]byte("hello"), to); errors.Is(err, dtls.ErrWaiting) {
				waits++
			} else if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // in fake time
		}
		st := c.Stats()
		// 30 s of a handshake and 225 to 300 s of pause, after the first few.
		if st.Failed < 260 || st.Failed > 360 || waits == 0 || st.Lost == 0 {
			t.Errorf("in a day: %+v, %d times waiting", st, waits)
		}
		_, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		for len(sr.in) == 0 {
			c.WriteTo([]byte("hello"), to)
			time.Sleep(time.Second)
		}
	})
}

// TestWaiting: what waits for a handshake is bounded; the oldest are lost.
func TestWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		c, _ := dial(t, n.Listen(deviceAddr), device())
		const most = 16
		for i := range most + 3 {
			say(t, c, fmt.Sprint(i))
		}
		if st := c.Stats(); st.Lost != 3 {
			t.Errorf("client %+v", st)
		}
		_, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		for i := range most {
			sr.want(t, fmt.Sprint(i+3))
		}
	})
}

// TestLimits: the limits on associations, at them and one over.
func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := new(keys)
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: k, MaxAssociations: 2, IdleTimeout: time.Hour})
		var cs [3]*dtls.Client
		var crs [3]*reader
		var at [3]*dtls.Addr
		for i := range cs {
			id := string(rune('a' + i))
			k.set(id, "key")
			cs[i], crs[i] = dial(t, n.Listen(netip.AddrPortFrom(deviceAt.Addr(), uint16(i+1)).String()), dtls.ClientOptions{Identity: id, Key: dtls.Key("key")})
		}
		at[0] = talk(t, s, sr, cs[0], crs[0])
		at[1] = talk(t, s, sr, cs[1], crs[1])
		if st := s.Stats(); st.Associations != 2 || st.Evicted != 0 {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(time.Minute) // in fake time
		talk(t, s, sr, cs[0], crs[0])
		at[2] = talk(t, s, sr, cs[2], crs[2])
		if st := s.Stats(); st.Associations != 2 || st.Evicted != 1 {
			t.Errorf("stats %+v", st)
		}
		if _, err := s.WriteTo([]byte("x"), at[1]); !errors.Is(err, dtls.ErrNoAssociation) {
			t.Errorf("the one unused for longest: %v", err)
		}
		if _, err := s.WriteTo(make([]byte, dtls.MaxPayload), at[0]); err != nil {
			t.Errorf("the largest: %v", err)
		}
		if _, err := s.WriteTo(make([]byte, dtls.MaxPayload+1), at[0]); !errors.Is(err, dtls.ErrTooLarge) {
			t.Errorf("one byte more: %v", err)
		}
		if g := crs[0].next(t); len(g.data) != dtls.MaxPayload {
			t.Errorf("%d bytes came", len(g.data))
		}
		if _, err := s.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(deviceAt)); !errors.Is(err, dtls.ErrNoAssociation) {
			t.Errorf("a real address: %v", err)
		}
		time.Sleep(time.Hour - time.Minute)
		talk(t, s, sr, cs[0], crs[0])
		time.Sleep(2 * time.Minute)
		if st := s.Stats(); st.Associations != 1 || st.Idle != 1 {
			t.Errorf("stats %+v", st)
		}
		talk(t, s, sr, cs[2], crs[2]) // it was told
	})
}

// TestIdleSending: an association in use in one direction only is not idle.
func TestIdleSending(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), IdleTimeout: time.Hour})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		from := talk(t, s, sr, c, cr)
		for range 5 {
			time.Sleep(40 * time.Minute) // in fake time
			reply(t, s, from, "still there?")
			cr.want(t, "still there?")
		}
		for i := range 5 {
			time.Sleep(40 * time.Minute)
			say(t, c, fmt.Sprint(i)) // the same again and again is no quiet device
			sr.want(t, fmt.Sprint(i))
		}
		if st := s.Stats(); st.Associations != 1 || st.Idle != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// TestRemoved: a device whose credentials are withdrawn is out at once and
// stays out.
func TestRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		from := talk(t, s, sr, c, cr)
		k.m = nil
		if n := s.End("urn:dev:1"); n != 1 {
			t.Errorf("%d ended", n)
		}
		if _, err := s.WriteTo([]byte("x"), from); !errors.Is(err, dtls.ErrNoAssociation) {
			t.Errorf("write: %v", err)
		}
		synctest.Wait()
		say(t, c, "again")
		time.Sleep(time.Minute) // in fake time
		sr.none(t)
		if st := c.Stats(); st.Failed != 1 || s.Stats().Associations != 0 {
			t.Errorf("client %+v", st)
		}
	})
}

// TestRemovedMeanwhile: credentials that are withdrawn while a handshake has
// already looked at them are of no use to it.
func TestRemovedMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		var held chan struct{} // closed: go on
		slow := dtls.KeyFunc(func(ctx context.Context, identity string) (dtls.Key, bool) {
			key, ok := k.PSK(ctx, identity)
			if held != nil {
				<-held
			}
			return key, ok
		})
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: slow})
		c, cr := dial(t, n.Listen(deviceAddr), device())
		held = make(chan struct{})
		say(t, c, "x")
		synctest.Wait()
		s.End("urn:dev:1")
		close(held)
		synctest.Wait()
		if st := s.Stats(); st.Associations != 0 || st.Sessions != 0 || st.Failed != 1 {
			t.Errorf("server %+v", st)
		}
		sr.none(t)
		time.Sleep(2 * time.Second) // in fake time
		talk(t, s, sr, c, cr)       // the key was still there
	})
}

// TestExtendedMasterSecret: who lacks it is served unless it is required.
func TestExtendedMasterSecret(t *testing.T) {
	for _, required := range []bool{false, true} {
		for _, client := range []pion.ExtendedMasterSecretType{pion.RequireExtendedMasterSecret, pion.DisableExtendedMasterSecret} {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				_, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), RequireExtendedMasterSecret: required})
				c, err := pion.ClientWithOptions(n.Listen(deviceAddr), net.UDPAddrFromAddrPort(serverAt),
					pion.WithPSK(func([]byte) ([]byte, error) { return []byte("0123456789abcdef"), nil }),
					pion.WithPSKIdentityHint([]byte("urn:dev:1")), pion.WithExtendedMasterSecret(client),
					pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				err = c.HandshakeContext(ctx)
				if refused := required && client == pion.DisableExtendedMasterSecret; (err != nil) != refused {
					t.Errorf("required %v, client %v: %v", required, client, err)
				}
				if err == nil {
					c.Write([]byte("hello"))
					sr.want(t, "hello")
				}
				c.Close()
				synctest.Wait()
			})
		}
	}
}
