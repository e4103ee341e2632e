package dtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestResumption: a second handshake of a client is abbreviated if nothing
// speaks against it, and keeps the identity; else it is a full one.
func TestResumption(t *testing.T) {
	type world struct {
		n  *coaptest.Net
		k  *keys
		so dtls.Options
		co dtls.ClientOptions
		s  *dtls.Conn
		sr *reader

		long *tls.Certificate // that outlives its CA
	}
	psk := func(w *world) { w.so.Keys, w.co = w.k, device() }
	for _, x := range []struct {
		name    string
		before  func(w *world)
		between func(t *testing.T, w *world)
		resumed int
		failed  bool
	}{
		{"key", psk, nil, 1, false},
		{"key without cid", func(w *world) { psk(w); w.co.NoConnectionID = true }, nil, 1, false},
		{"certificate", func(w *world) {}, nil, 1, false},
		{"key changed", psk, func(_ *testing.T, w *world) { w.k.set("urn:dev:1", "another") }, 0, true},
		{"key removed", psk, func(_ *testing.T, w *world) { w.k.m = nil }, 0, true},
		{"ended", psk, func(t *testing.T, w *world) {
			if n := w.s.End("urn:dev:1"); n != 1 {
				t.Errorf("%d ended", n)
			}
		}, 0, false},
		{"too old", func(w *world) { psk(w); w.so.SessionLifetime = time.Hour }, func(*testing.T, *world) { time.Sleep(time.Hour) }, 0, false},
		{"not too old", func(w *world) { psk(w); w.so.SessionLifetime = time.Hour }, func(*testing.T, *world) { time.Sleep(time.Hour - time.Minute) }, 1, false},
		{"certificate at its end", func(w *world) { w.so.SessionLifetime = 1000 * time.Hour }, func(*testing.T, *world) { time.Sleep(101 * time.Hour) }, 0, true},
		{"CA at its end", func(w *world) { w.so.SessionLifetime, w.co.Certificate = 5000*time.Hour, w.long }, func(*testing.T, *world) { time.Sleep(1001 * time.Hour) }, 0, true},
		{"client does not", func(w *world) { psk(w); w.co.NoResumption = true }, nil, 0, false},
		{"server does not", func(w *world) { psk(w); w.so.MaxSessions = -1 }, nil, 0, false},
		{"one session only", func(w *world) { psk(w); w.so.MaxSessions = 1; w.k.set("urn:dev:2", "x") }, func(t *testing.T, w *world) {
			c, cr := dial(t, w.n.Listen(otherAddr), dtls.ClientOptions{Identity: "urn:dev:2", Key: dtls.Key("x")})
			talk(t, w.s, w.sr, c, cr)
		}, 0, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				p := newPKI(t)
				w := &world{n: n, k: someKeys(), co: p.withCert(p.device("urn:dev:1"))}
				w.long = p.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(2000 * time.Hour) })
				w.so = dtls.Options{IdleTimeout: 5000 * time.Hour, Certificate: p.server(), ClientCAs: p.pool()}
				x.before(w)
				w.s, w.sr = serve(t, n.Listen(serverAddr), w.so)
				c, cr := dial(t, n.Listen(deviceAddr), w.co)
				first := talk(t, w.s, w.sr, c, cr)
				if x.between != nil {
					x.between(t, w)
				}
				c.Reset()
				if x.failed {
					say(t, c, "again")
					time.Sleep(time.Minute) // in fake time
					if st := c.Stats(); st.Failed != 1 {
						t.Errorf("client %+v", st)
					}
					return
				}
				second := talk(t, w.s, w.sr, c, cr)
				if second == first || second.AddrPort() == first.AddrPort() || second.Identity() != "urn:dev:1" {
					t.Errorf("second association %v of %q", second.AddrPort(), second.Identity())
				}
				if st := c.Stats(); st.Resumed != x.resumed || st.Handshakes != 2 {
					t.Errorf("client %+v", st)
				}
				if st := w.s.Stats(); st.Resumed != x.resumed {
					t.Errorf("server %+v", st)
				}
			})
		})
	}
}
