package dtls_test

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// maxHandshake is more datagrams than any handshake has one way.
const maxHandshake = 9

// TestLosses: whichever single datagram of a handshake is lost, repeated, late
// or damaged, the handshake succeeds and takes no longer than a few
// retransmissions.
func TestLosses(t *testing.T) {
	harm := map[string]coaptest.Rule{
		"lost":     coaptest.Lose,
		"repeated": coaptest.Repeat(20 * time.Millisecond),
		"late":     coaptest.Delay(300 * time.Millisecond),
		"cut off": func(p coaptest.Packet) []coaptest.Arrival {
			return []coaptest.Arrival{{Data: p.Data[:len(p.Data)-1]}}
		},
	}
	for _, kind := range []string{"key", "certificate", "resumed", "resumed without cid"} {
		for name, rule := range harm {
			for _, from := range []netip.AddrPort{serverAt, deviceAt} {
				for i := 1; i <= maxHandshake; i++ {
					t.Run(fmt.Sprint(kind, "/", name, "/", from.Addr(), "/", i), func(t *testing.T) {
						bubble(t, func(t *testing.T, n *coaptest.Net) { lossy(t, n, kind, from, i, rule) })
					})
				}
			}
		}
	}
}

// lossy makes a handshake in which datagram number i from an address comes to
// harm, and then talks.
func lossy(t *testing.T, n *coaptest.Net, kind string, from netip.AddrPort, i int, harm coaptest.Rule) {
	p := newPKI(t)
	big := p.issue(func(c *x509.Certificate) {
		c.DNSNames = []string{"bridge.example"}
		for i := range 60 { // so that the flights have several datagrams
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("a-long-name-%d.example", i))
		}
	})
	s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), Certificate: big, ClientCAs: p.pool()})
	co := device()
	if kind == "certificate" {
		co = p.withCert(big)
	}
	co.NoConnectionID = kind == "resumed without cid"
	c, cr := dial(t, n.Listen(deviceAddr), co)
	if kind[0] == 'r' {
		talk(t, s, sr, c, cr)
		c.Reset()
		n.Forget()
	}
	n.SetRule(func(p coaptest.Packet) []coaptest.Arrival {
		if p.From == from && p.N == i {
			return harm(p)
		}
		return coaptest.Deliver(p)
	})
	began := time.Now()
	handshakes := c.Stats().Handshakes
	say(t, c, "hello")
	for c.Stats().Handshakes == handshakes && time.Since(began) < 10*time.Second {
		time.Sleep(50 * time.Millisecond) // in fake time
	}
	n.SetRule(coaptest.Deliver)
	time.Sleep(1700 * time.Millisecond) // what is late or repeated by the clock has come
	for len(sr.in) > 0 {
		if g := <-sr.in; g.data != "hello" {
			t.Errorf("came: %q", g.data)
		}
	}
	talk(t, s, sr, c, cr)
	if st := c.Stats(); st.Handshakes != handshakes+1 || st.Failed != 0 {
		t.Errorf("client: %+v", st)
	}
	if st := s.Stats(); st.Completed != handshakes+1 || st.Handshakes != 0 {
		t.Errorf("server: %+v", st)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestLastFlight: the last flight is repeated when the other end repeats its
// own, but only a few times, and not after that has sent something since.
func TestLastFlight(t *testing.T) {
	for _, x := range []struct {
		end    string
		talked bool
		want   int
	}{{"server", false, 8}, {"server", true, 0}, {"device", false, 8}, {"device", true, 0}} {
		bubble(t, func(t *testing.T, n *coaptest.Net) {
			s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
			c, cr := dial(t, n.Listen(deviceAddr), device())
			from, to, number := deviceAt, serverAt, 3
			if x.end == "device" { // whose flight is the last one when it resumes
				talk(t, s, sr, c, cr)
				c.Reset()
				n.Forget()
				from, to, number = serverAt, deviceAt, 2
			}
			n.SetRule(func(p coaptest.Packet) []coaptest.Arrival {
				if x.end == "server" && p.From == deviceAt && p.N > 3 { // what it says
					return nil
				}
				return coaptest.Deliver(p)
			})
			say(t, c, "hello")
			synctest.Wait()
			var flight []byte // before the last
			for _, p := range n.Sent() {
				if p.From == from && p.N == number {
					flight = p.Data
				}
			}
			n.SetRule(coaptest.Deliver)
			if x.end == "device" {
				sr.want(t, "hello")
			}
			if x.talked {
				talk(t, s, sr, c, cr)
			}
			n.Forget()
			for range 20 {
				n.Inject(from, to, flight)
			}
			synctest.Wait()
			if got := len(n.Sent()); got != x.want {
				t.Errorf("%+v: %d times", x, got)
			}
		})
	}
}

// split delivers every record in a datagram of its own.
func split(p coaptest.Packet) (all []coaptest.Arrival) {
	for d := p.Data; len(d) > 0; {
		header := 13
		if d[0] == 25 && p.To == serverAt {
			header += 8
		}
		n := header + int(d[header-2])<<8 + int(d[header-1])
		all = append(all, coaptest.Arrival{Data: d[:n]})
		d = d[n:]
	}
	return all
}

// TestSplit: handshakes succeed at once with every record in a datagram of its
// own, the device's also in reverse order, and while an association with the
// same address lives.
func TestSplit(t *testing.T) {
	for _, kind := range []string{"key", "certificate"} {
		for _, x := range []struct{ cid, full, reversed bool }{
			{true, true, false}, {true, false, false}, {false, true, false}, {false, false, false}, {true, true, true}, {false, true, true},
		} {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				p := newPKI(t)
				s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: someKeys(), Certificate: p.server(), ClientCAs: p.pool()})
				co := device()
				if kind == "certificate" {
					co = p.withCert(p.device("urn:dev:1"))
				}
				co.NoConnectionID, co.NoResumption = !x.cid, x.full
				if kind == "key" {
					co.CipherSuites = []string{"TLS_PSK_WITH_AES_128_GCM_SHA256"}
				}
				n.SetRule(func(p coaptest.Packet) []coaptest.Arrival {
					all := split(p)
					if x.reversed && p.From == deviceAt {
						slices.Reverse(all)
					}
					return all
				})
				c, cr := dial(t, n.Listen(deviceAddr), co)
				began := time.Now()
				for range 3 {
					talk(t, s, sr, c, cr)
					c.Reset()
				}
				if st := c.Stats(); st.Handshakes != 3 || st.Failed != 0 || time.Since(began) > 0 {
					t.Errorf("%s, %+v: client %+v after %v", kind, x, st, time.Since(began))
				}
			})
		}
	}
}
