package dtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serverAddr = "192.0.2.1:5684"
	deviceAddr = "192.0.2.9:40000"
	otherAddr  = "192.0.2.9:40001"
)

var (
	serverAt = netip.MustParseAddrPort(serverAddr)
	deviceAt = netip.MustParseAddrPort(deviceAddr)
)

// keys are pre-shared keys that a test may change.
type keys struct {
	mu sync.Mutex
	m  map[string]dtls.Key
}

func (k *keys) PSK(_ context.Context, identity string) (dtls.Key, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.m[identity]
	return key, ok
}

func (k *keys) set(identity, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = make(map[string]dtls.Key)
	}
	k.m[identity] = dtls.Key(key)
}

func someKeys() *keys {
	k := new(keys)
	k.set("urn:dev:1", "0123456789abcdef")
	return k
}

// device is the client of someKeys.
func device() dtls.ClientOptions {
	return dtls.ClientOptions{Identity: "urn:dev:1", Key: dtls.Key("0123456789abcdef")}
}

// got is a datagram that was read.
type got struct {
	data string
	from net.Addr
}

// reader reads a connection until it is closed.
type reader struct {
	c  net.PacketConn
	in chan got
}

func read(t testing.TB, c net.PacketConn) *reader {
	r := &reader{c, make(chan got, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("ReadFrom: %v", err)
				}
				return
			}
			r.in <- got{string(buf[:n]), from}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-ended
	})
	return r
}

// next is the next datagram; the test fails if there is none within a minute.
func (r *reader) next(t testing.TB) got {
	t.Helper()
	select {
	case g := <-r.in:
		return g
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		return got{}
	}
}

// none fails if something has come.
func (r *reader) none(t testing.TB) {
	t.Helper()
	select {
	case g := <-r.in:
		t.Errorf("came: %q from %v", g.data, g.from)
	default:
	}
}

// want is the address of the next datagram, whose text must be data.
func (r *reader) want(t testing.TB, data string) *dtls.Addr {
	t.Helper()
	g := r.next(t)
	if g.data != data {
		t.Fatalf("came: %q, want %q", g.data, data)
	}
	return g.from.(*dtls.Addr)
}

// serve runs a server on a socket until the test ends.
func serve(t testing.TB, socket net.PacketConn, o dtls.Options) (*dtls.Conn, *reader) {
	t.Helper()
	c, _, r := serveUntil(t, socket, o)
	return c, r
}

func serveUntil(t testing.TB, socket net.PacketConn, o dtls.Options) (*dtls.Conn, func(), *reader) {
	t.Helper()
	c, err := dtls.Listen(socket, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		c.Close()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return c, stop, read(t, c)
}

// dial makes a client on a socket until the test ends.
func dial(t testing.TB, socket net.PacketConn, o dtls.ClientOptions) (*dtls.Client, *reader) {
	t.Helper()
	c, err := dtls.Dial(socket, serverAt, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, read(t, c)
}

// say sends from a client to its server.
func say(t testing.TB, c *dtls.Client, data string) {
	t.Helper()
	if _, err := c.WriteTo([]byte(data), net.UDPAddrFromAddrPort(serverAt)); err != nil {
		t.Fatalf("WriteTo: %v", err)
	}
}

// reply sends from a server, to the address as coap gives it.
func reply(t testing.TB, c *dtls.Conn, to *dtls.Addr, data string) {
	t.Helper()
	if _, err := c.WriteTo([]byte(data), net.UDPAddrFromAddrPort(to.AddrPort())); err != nil {
		t.Fatalf("WriteTo: %v", err)
	}
}

// talk sends something there and back, and gives the association.
func talk(t testing.TB, s *dtls.Conn, sr *reader, c *dtls.Client, cr *reader) *dtls.Addr {
	t.Helper()
	say(t, c, "ping")
	from := sr.want(t, "ping")
	reply(t, s, from, "pong")
	cr.want(t, "pong")
	return from
}

// bubble runs a test in fake time.
func bubble(t *testing.T, f func(t *testing.T, n *coaptest.Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, coaptest.New()) })
}

// pki is a CA and what it signs.
type pki struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newPKI(t testing.TB) *pki {
	p := &pki{t: t, n: 1}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	p.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, p.key.Public(), p.key)
	if err != nil {
		t.Fatal(err)
	}
	p.cert, _ = x509.ParseCertificate(der)
	return p
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *pki) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.cert)
	return pool
}

// issue signs a certificate that change has had a say in.
func (p *pki) issue(change func(*x509.Certificate)) *tls.Certificate {
	p.n++
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(p.n), Subject: pkix.Name{CommonName: fmt.Sprint("cn-", p.n)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	change(tmpl)
	key := newKey(p.t)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, p.cert, key.Public(), p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (p *pki) server() *tls.Certificate {
	return p.issue(func(c *x509.Certificate) { c.DNSNames = []string{"bridge.example"} })
}

func (p *pki) device(urn string) *tls.Certificate {
	u, _ := url.Parse(urn)
	return p.issue(func(c *x509.Certificate) { c.URIs = []*url.URL{u} })
}

// withCert is the client of a certificate.
func (p *pki) withCert(c *tls.Certificate) dtls.ClientOptions {
	return dtls.ClientOptions{Certificate: c, RootCAs: p.pool(), ServerName: "bridge.example"}
}
