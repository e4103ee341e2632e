package dtls_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// openssl starts an openssl command that ends with the test; lines is what it
// prints.
func openssl(t *testing.T, args ...string) (in io.Writer, lines <-chan string) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl: the test against another implementation of DTLS is left out")
	}
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	out := make(chan string, 10000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for s := bufio.NewScanner(r); s.Scan(); {
			out <- s.Text()
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
		<-ended
		r.Close()
	})
	return stdin, out
}

// until waits for a line with text in it.
func until(t *testing.T, lines <-chan string, text string) {
	t.Helper()
	var all []string
	for l := range lines {
		if all = append(all, l); strings.Contains(l, text) {
			return
		}
	}
	t.Fatalf("openssl ended without %q:\n%s", text, strings.Join(all, "\n"))
}

// udp is a socket on loopback.
func udp(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pemFile writes a PEM file.
func pemFile(t *testing.T, kind string, ders ...[]byte) string {
	t.Helper()
	var b bytes.Buffer
	for _, der := range ders {
		pem.Encode(&b, &pem.Block{Type: kind, Bytes: der})
	}
	name := filepath.Join(t.TempDir(), strings.ReplaceAll(kind, " ", "-")+".pem")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const pskHex = "30313233343536373839616263646566" // someKeys

// opensslSuites are the names that openssl has for ours.
var opensslSuites = map[string]string{
	"TLS_PSK_WITH_AES_128_CCM_8":              "PSK-AES128-CCM8",
	"TLS_PSK_WITH_AES_128_GCM_SHA256":         "PSK-AES128-GCM-SHA256",
	"TLS_PSK_WITH_AES_128_CCM":                "PSK-AES128-CCM",
	"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8":      "ECDHE-ECDSA-AES128-CCM8",
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_128_CCM":        "ECDHE-ECDSA-AES128-CCM",
}

// TestOpenSSLClient: openssl talks to our server with every suite.
func TestOpenSSLClient(t *testing.T) {
	for _, name := range dtls.CipherSuites() {
		t.Run(name, func(t *testing.T) {
			p := newPKI(t)
			socket := udp(t)
			s, sr := serve(t, socket, dtls.Options{Keys: someKeys(), Certificate: p.server(), ClientCAs: p.pool()})
			args := []string{"s_client", "-dtls1_2", "-connect", socket.LocalAddr().String(), "-quiet", "-cipher", opensslSuites[name] + ":@SECLEVEL=0"}
			if strings.HasPrefix(name, "TLS_PSK") {
				args = append(args, "-psk", pskHex, "-psk_identity", "urn:dev:1")
			} else {
				args = append(args, p.files(t, "urn:dev:1")...)
			}
			in, lines := openssl(t, args...)
			io.WriteString(in, "from openssl\n")
			g := sr.next(t)
			from := g.from.(*dtls.Addr)
			if g.data != "from openssl\n" || from.Identity() != "urn:dev:1" {
				t.Errorf("came: %q from %q", g.data, from.Identity())
			}
			reply(t, s, from, "from us\n")
			until(t, lines, "from us")
		})
	}
}

// files are the arguments with a device's certificate, its key and the CA.
func (p *pki) files(t *testing.T, urn string) []string {
	c := p.device(urn)
	return []string{
		"-cert", pemFile(t, "CERTIFICATE", c.Certificate...), "-key", pemFile(t, "EC PRIVATE KEY", ecKey(t, c)),
		"-CAfile", pemFile(t, "CERTIFICATE", p.cert.Raw),
	}
}

// TestOpenSSLServer: our client talks to openssl with every suite.
func TestOpenSSLServer(t *testing.T) {
	for _, name := range dtls.CipherSuites() {
		t.Run(name, func(t *testing.T) {
			free := udp(t) // for a port
			at := free.LocalAddr().(*net.UDPAddr).AddrPort()
			free.Close()
			p := newPKI(t)
			args := []string{"s_server", "-dtls1_2", "-accept", at.String(), "-cipher", opensslSuites[name] + ":@SECLEVEL=0"}
			co := device()
			co.CipherSuites = []string{name}
			if strings.HasPrefix(name, "TLS_PSK") {
				args = append(args, "-nocert", "-psk", pskHex)
			} else {
				co = p.withCert(p.device("urn:dev:1"))
				co.ServerName, co.CipherSuites = "bridge.example", []string{name}
				c := p.server()
				args = append(args, "-Verify", "1", "-verify_return_error", "-CAfile", pemFile(t, "CERTIFICATE", p.cert.Raw),
					"-cert", pemFile(t, "CERTIFICATE", c.Certificate...), "-key", pemFile(t, "EC PRIVATE KEY", ecKey(t, c)))
			}
			in, lines := openssl(t, args...)
			until(t, lines, "ACCEPT")
			c, err := dtls.Dial(udp(t), at, co)
			if err != nil {
				t.Fatal(err)
			}
			cr := read(t, c)
			if _, err := c.WriteTo([]byte("from us\n"), net.UDPAddrFromAddrPort(at)); err != nil {
				t.Fatal(err)
			}
			until(t, lines, "from us")
			io.WriteString(in, "from openssl\n")
			if g := cr.next(t); g.data != "from openssl\n" {
				t.Errorf("came: %q", g.data)
			}
		})
	}
}

// TestOpenSSLResumes: openssl resumes a session of our server.
func TestOpenSSLResumes(t *testing.T) {
	socket := udp(t)
	s, sr := serve(t, socket, dtls.Options{Keys: someKeys()})
	file := filepath.Join(t.TempDir(), "session")
	args := []string{"s_client", "-dtls1_2", "-connect", socket.LocalAddr().String(), "-cipher", "PSK-AES128-GCM-SHA256",
		"-psk", pskHex, "-psk_identity", "urn:dev:1"}
	for i, more := range [][]string{{"-sess_out", file}, {"-sess_in", file}} {
		in, lines := openssl(t, append(args, more...)...)
		until(t, lines, "Verify return code")
		io.WriteString(in, "hello\n")
		if g := sr.next(t); g.data != "hello\n" || g.from.(*dtls.Addr).Identity() != "urn:dev:1" {
			t.Errorf("came: %q", g.data)
		}
		if st := s.Stats(); st.Completed != i+1 || st.Resumed != i {
			t.Errorf("stats %+v", st)
		}
	}
}

// ecKey is a certificate's key as openssl reads it.
func ecKey(t *testing.T, c *tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return der
}
