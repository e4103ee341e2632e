package dtls_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestSuites: every suite there and back, with and without Connection ID.
func TestSuites(t *testing.T) {
	for _, name := range dtls.CipherSuites() {
		for _, cid := range []string{"with cid", "without cid"} {
			t.Run(name+" "+cid, func(t *testing.T) {
				bubble(t, func(t *testing.T, n *coaptest.Net) {
					p := newPKI(t)
					so := dtls.Options{Keys: someKeys(), Certificate: p.server(), ClientCAs: p.pool(), CipherSuites: []string{name}}
					co := device()
					if name[4:7] != "PSK" {
						co = p.withCert(p.device("urn:dev:1"))
					}
					co.NoConnectionID = cid != "with cid"
					s, sr := serve(t, n.Listen(serverAddr), so)
					c, cr := dial(t, n.Listen(deviceAddr), co)
					from := talk(t, s, sr, c, cr)
					if from.Identity() != "urn:dev:1" || from.Remote() != deviceAt || !dtls.IsAssociation(from.AddrPort()) {
						t.Errorf("address %v of %q at %v", from.AddrPort(), from.Identity(), from.Remote())
					}
					if talk(t, s, sr, c, cr) != from {
						t.Error("another address for the second datagram")
					}
					records := 0
					for _, p := range n.Sent() {
						if p.Data[0] == 25 {
							records++
						}
					}
					if (records > 0) == co.NoConnectionID {
						t.Errorf("%d records with a Connection ID", records)
					}
				})
			})
		}
	}
}

// refused is a client that must not get in: the server has no association and
// the client knows within the minute. It gives how long that took and the alert
// that was sent in the clear.
func refused(t *testing.T, n *coaptest.Net, s *dtls.Conn, sr *reader, co dtls.ClientOptions) (took time.Duration, alert byte) {
	t.Helper()
	n.Forget()
	c, cr := dial(t, n.Listen(deviceAddr), co)
	began := time.Now()
	say(t, c, "let me in")
	for c.Stats().Failed == 0 && time.Since(began) < time.Minute {
		time.Sleep(10 * time.Millisecond) // in fake time
		synctest.Wait()
	}
	if st := s.Stats(); st.Associations != 0 || st.Handshakes != 0 || len(sr.in) != 0 {
		t.Errorf("the server has %+v", st)
	}
	if st := c.Stats(); st.Failed != 1 || st.Lost != 1 {
		t.Errorf("the client has %+v", st)
	}
	for _, p := range n.Sent() {
		if p.From == serverAt && p.Data[0] == 21 && p.Data[4] == 0 {
			alert = p.Data[14]
		}
	}
	c.Close()
	cr.none(t)
	return time.Since(began), alert
}

// TestWrongKey: a wrong key and an unknown identity end alike, in time and
// alert, and a key that is put right is good at once.
func TestWrongKey(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		k := someKeys()
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Keys: k})
		wrong := device()
		wrong.Key = dtls.Key("fedcba9876543210")
		unknown := device()
		unknown.Identity = "urn:dev:2"
		t1, a1 := refused(t, n, s, sr, wrong)
		t2, a2 := refused(t, n, s, sr, unknown)
		if t1 != t2 || a1 != a2 || a1 != 51 || t1 > 2*time.Second {
			t.Errorf("wrong key: alert %d after %v; unknown identity: alert %d after %v", a1, t1, a2, t2)
		}
		if st := s.Stats(); st.Unauthenticated != 2 || st.Failed != 2 {
			t.Errorf("stats %+v", st)
		}
		k.set("urn:dev:2", "0123456789abcdef")
		c, cr := dial(t, n.Listen(deviceAddr), unknown)
		if id := talk(t, s, sr, c, cr).Identity(); id != "urn:dev:2" {
			t.Errorf("identity %q", id)
		}
	})
}

// TestCertificatesRefused: each way in which a client's certificate is not
// good, with the alert that says so.
func TestCertificatesRefused(t *testing.T) {
	for _, x := range []struct {
		name  string
		cert  func(p *pki) *tls.Certificate
		alert byte
	}{
		{"foreign CA", func(p *pki) *tls.Certificate { return newPKI(p.t).device("urn:dev:1") }, 48},
		{"expired", func(p *pki) *tls.Certificate {
			return p.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		}, 45},
		{"for servers only", func(p *pki) *tls.Certificate {
			return p.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}, 42},
		{"without a name", func(p *pki) *tls.Certificate {
			return p.issue(func(c *x509.Certificate) { c.Subject.CommonName = "" })
		}, 42},
		{"key of another", func(p *pki) *tls.Certificate {
			c := p.device("urn:dev:1")
			c.PrivateKey = newKey(p.t)
			return c
		}, 51},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				p := newPKI(t)
				s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Certificate: p.server(), ClientCAs: p.pool()})
				if _, a := refused(t, n, s, sr, p.withCert(x.cert(p))); a != x.alert {
					t.Errorf("alert %d, want %d", a, x.alert)
				}
				if st := s.Stats(); st.Failed != 1 {
					t.Errorf("stats %+v", st)
				}
			})
		})
	}
}

// TestServerRefused: what a client does not accept of a server.
func TestServerRefused(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(p *pki, o *dtls.ClientOptions)
	}{
		{"another name", func(_ *pki, o *dtls.ClientOptions) { o.ServerName = "other.example" }},
		{"an address", func(_ *pki, o *dtls.ClientOptions) { o.ServerName = "192.0.2.1" }},
		{"foreign CA", func(p *pki, o *dtls.ClientOptions) { o.RootCAs = newPKI(p.t).pool() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				p := newPKI(t)
				s, _ := serve(t, n.Listen(serverAddr), dtls.Options{Certificate: p.server(), ClientCAs: p.pool()})
				o := p.withCert(p.device("urn:dev:1"))
				x.change(p, &o)
				c, _ := dial(t, n.Listen(deviceAddr), o)
				say(t, c, "hello")
				time.Sleep(time.Minute) // in fake time
				if st := c.Stats(); st.Failed != 1 || s.Stats().Associations != 0 {
					t.Errorf("client %+v, server %+v", st, s.Stats())
				}
			})
		})
	}
}

// TestIdentities: which name of a certificate is the identity.
func TestIdentities(t *testing.T) {
	uri := func(s string) *url.URL { u, _ := url.Parse(s); return u }
	for _, x := range []struct {
		want   string
		change func(c *x509.Certificate)
	}{
		{"urn:imei:1", func(c *x509.Certificate) {
			c.URIs = []*url.URL{uri("https://x.example"), uri("urn:imei:1"), uri("urn:imei:2")}
			c.DNSNames = []string{"a.example"}
		}},
		{"a.example", func(c *x509.Certificate) {
			c.URIs, c.DNSNames = []*url.URL{uri("https://x.example")}, []string{"a.example", "b.example"}
		}},
		{"device 7", func(c *x509.Certificate) { c.Subject.CommonName = "device 7" }},
	} {
		t.Run(x.want, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *coaptest.Net) {
				p := newPKI(t)
				s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Certificate: p.server(), ClientCAs: p.pool()})
				c, cr := dial(t, n.Listen(deviceAddr), p.withCert(p.issue(x.change)))
				if id := talk(t, s, sr, c, cr).Identity(); id != x.want {
					t.Errorf("identity %q", id)
				}
			})
		})
	}
}

// TestMTU: a chain that is larger than a datagram gets through in both
// directions, in datagrams of at most 1,200 bytes or so.
func TestMTU(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		p := newPKI(t)
		big := func(c *x509.Certificate) {
			c.DNSNames = []string{"bridge.example"}
			for i := range 100 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("this-is-a-long-name-%d.example", i))
			}
		}
		s, sr := serve(t, n.Listen(serverAddr), dtls.Options{Certificate: p.issue(big), ClientCAs: p.pool()})
		c, cr := dial(t, n.Listen(deviceAddr), p.withCert(p.issue(big)))
		if id := talk(t, s, sr, c, cr).Identity(); id != "bridge.example" {
			t.Errorf("identity %q", id)
		}
		for _, p := range n.Sent() {
			if p.From == serverAt && len(p.Data) > 1200 {
				t.Errorf("a datagram of %d bytes", len(p.Data))
			}
		}
	})
}

// TestOptions: what cannot work is an error that says so, and prints no key.
func TestOptions(t *testing.T) {
	p := newPKI(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert := p.server()
	for _, x := range []struct {
		name string
		o    dtls.Options
		want string
	}{
		{"nothing", dtls.Options{}, "no cipher suite for the credentials"},
		{"unknown suite", dtls.Options{Keys: someKeys(), CipherSuites: []string{"TLS_RSA_WITH_RC4_128_MD5"}}, "TLS_PSK_WITH_AES_128_CCM_8, "},
		{"suites of the other kind", dtls.Options{Keys: someKeys(), CipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"}}, "no cipher suite"},
		{"no CAs", dtls.Options{Certificate: cert}, "go together"},
		{"no certificate", dtls.Options{Keys: someKeys(), ClientCAs: p.pool()}, "go together"},
		{"RSA", dtls.Options{Certificate: &tls.Certificate{Certificate: cert.Certificate, PrivateKey: rsaKey}, ClientCAs: p.pool()}, "must be ECDSA"},
		{"other key", dtls.Options{Certificate: &tls.Certificate{Certificate: cert.Certificate, PrivateKey: newKey(t)}, ClientCAs: p.pool()}, "not the certificate's"},
	} {
		if _, err := dtls.Listen(nil, x.o); !errors.Is(err, dtls.ErrOptions) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	key := dtls.Key("0123456789abcdef")
	long := dtls.Key(strings.Repeat("k", dtls.MaxKey))
	for _, x := range []struct {
		name string
		o    dtls.ClientOptions
		ok   bool
	}{
		{"nothing", dtls.ClientOptions{}, false},
		{"key", dtls.ClientOptions{Identity: "a", Key: key}, true},
		{"longest", dtls.ClientOptions{Identity: strings.Repeat("i", dtls.MaxIdentity), Key: long}, true},
		{"long key", dtls.ClientOptions{Identity: "a", Key: append(long, 'k')}, false},
		{"long identity", dtls.ClientOptions{Identity: strings.Repeat("i", dtls.MaxIdentity+1), Key: key}, false},
		{"no identity", dtls.ClientOptions{Key: key}, false},
		{"both", dtls.ClientOptions{Identity: "a", Key: key, Certificate: cert}, false},
		{"no server name", dtls.ClientOptions{Certificate: cert, RootCAs: p.pool()}, false},
		{"no CAs", dtls.ClientOptions{Certificate: cert, ServerName: "a"}, false},
	} {
		if _, err := dtls.Dial(nil, serverAt, x.o); (err == nil) != x.ok || err != nil && !errors.Is(err, dtls.ErrOptions) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	o := dtls.ClientOptions{Identity: "a", Key: key}
	js, _ := json.Marshal(map[string]any{"key": key})
	for _, s := range []string{fmt.Sprint(key), fmt.Sprintf("%+v %#v %q %x", o, o, key, key), string(js), key.LogValue().String()} {
		if strings.Contains(s, "0123") || strings.Contains(s, "3031") || strings.Contains(s, "0x30") || !strings.Contains(s, "[secret]") {
			t.Errorf("printed: %s", s)
		}
	}
}
