package tlsfiles

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

// shake connects two configurations over loopback and returns what each side
// found, and the state that they agreed on.
func shake(t *testing.T, client, server *tls.Config) (tls.ConnectionState, error, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there := make(chan error, 1)
	go func() { there <- serveOne(t.Context(), l, server) }()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	client = client.Clone()
	client.ServerName = "localhost"
	c := tls.Client(raw, client)
	if err = c.HandshakeContext(t.Context()); err == nil {
		_, err = c.Read(make([]byte, 1)) // a TLS 1.3 client hears of a refusal only here
	}
	raw.Close()
	return c.ConnectionState(), err, <-there
}

func serveOne(ctx context.Context, l net.Listener, conf *tls.Config) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	s := tls.Server(raw, conf)
	if err := s.HandshakeContext(ctx); err != nil {
		return err
	}
	_, err = s.Write([]byte("x"))
	return err
}

func mustClient(t *testing.T, f Files) *tls.Config {
	t.Helper()
	c, err := f.Client()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustServer(t *testing.T, f Files) *tls.Config {
	t.Helper()
	c, err := f.Server()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHandshakes(t *testing.T) {
	ours, theirs := tlstest.NewCA(t, "ours"), tlstest.NewCA(t, "theirs")
	server, client := ours.Leaf("server"), ours.Leaf("client")
	late, stranger := ours.Expired("late"), theirs.Leaf("stranger")
	for _, tc := range []struct {
		name           string
		client, server Files
		fails          string // what the side that notices says; empty succeeds
	}{
		{"own CA", Files{CA: ours.File}, Files{Cert: server.Cert, Key: server.Key}, ""},
		{"system CAs do not know it", Files{}, Files{Cert: server.Cert, Key: server.Key}, "certificate"},
		{"wrong CA", Files{CA: theirs.File}, Files{Cert: server.Cert, Key: server.Key}, "unknown authority"},
		{"expired server", Files{CA: ours.File}, Files{Cert: late.Cert, Key: late.Key}, "expired"},
		{"client certificate", Files{CA: ours.File, Cert: client.Cert, Key: client.Key}, Files{CA: ours.File, Cert: server.Cert, Key: server.Key}, ""},
		{"client certificate missing", Files{CA: ours.File}, Files{CA: ours.File, Cert: server.Cert, Key: server.Key}, "certificate"},
		{"client certificate of another CA", Files{CA: ours.File, Cert: stranger.Cert, Key: stranger.Key}, Files{CA: ours.File, Cert: server.Cert, Key: server.Key}, "certificate"},
		{"expired client", Files{CA: ours.File, Cert: late.Cert, Key: late.Key}, Files{CA: ours.File, Cert: server.Cert, Key: server.Key}, "expired"},
		{"no common version", Files{CA: ours.File, Min: TLS13}, Files{}, "protocol version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := &tls.Config{}
			if tc.name == "no common version" {
				conf = mustServer(t, Files{Cert: server.Cert, Key: server.Key})
				conf.MaxVersion = tls.VersionTLS12
			} else {
				conf = mustServer(t, tc.server)
			}
			_, here, there := shake(t, mustClient(t, tc.client), conf)
			if (here == nil && there == nil) != (tc.fails == "") {
				t.Fatalf("client: %v; server: %v", here, there)
			}
			if both := errors.Join(here, there); tc.fails != "" && !strings.Contains(both.Error(), tc.fails) {
				t.Errorf("%v\nwant %q", both, tc.fails)
			}
		})
	}
}

// TestVersions: what is older than the least version is not spoken.
func TestVersions(t *testing.T) {
	ca := tlstest.NewCA(t, "ca")
	leaf := ca.Leaf("server")
	for _, tc := range []struct {
		min   Version
		peer  uint16 // the newest version of the peer
		works bool
	}{
		{TLS12, tls.VersionTLS11, false}, {TLS12, tls.VersionTLS12, true}, {TLS13, tls.VersionTLS12, false},
		{TLS13, tls.VersionTLS13, true}, {TLS11, tls.VersionTLS10, false}, {TLS11, tls.VersionTLS11, true},
		{TLS10, tls.VersionTLS10, true},
	} {
		peer := mustServer(t, Files{Cert: leaf.Cert, Key: leaf.Key, Min: TLS10})
		peer.MaxVersion = tc.peer
		state, err, _ := shake(t, mustClient(t, Files{CA: ca.File, Min: tc.min}), peer)
		if (err == nil) != tc.works || err == nil && state.Version != tc.peer {
			t.Errorf("at least %x, peer up to %x: %x, %v", tc.min.number(), tc.peer, state.Version, err)
		}
	}
}

func TestLegacySuites(t *testing.T) {
	if c := mustClient(t, Files{}); c.CipherSuites != nil || c.MinVersion != tls.VersionTLS12 {
		t.Errorf("without the flag: %v", c.CipherSuites)
	}
	all := mustClient(t, Files{Legacy: true}).CipherSuites
	for id := range legacy {
		if !slices.Contains(all, id) {
			t.Errorf("%s is missing", tls.CipherSuiteName(id))
		}
	}
	for _, id := range all {
		if strings.Contains(tls.CipherSuiteName(id), "RC4") {
			t.Errorf("%s is among them", tls.CipherSuiteName(id))
		}
	}
	// A peer that has nothing else. 3DES with ECDHE needs an RSA key, which
	// the test's CA does not make; so we look whether it is offered.
	offered := make(chan []uint16, 1)
	peer := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		offered <- h.CipherSuites
		return nil, errors.New("seen enough")
	}}
	_, _, _ = shake(t, mustClient(t, Files{Legacy: true}), peer)
	if got := <-offered; !slices.Contains(got, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA) || !slices.Contains(got, tls.TLS_RSA_WITH_AES_128_CBC_SHA) {
		t.Errorf("offered %x", got)
	}
}

func TestBadFiles(t *testing.T) {
	ca := tlstest.NewCA(t, "ca")
	one, two := ca.Leaf("one"), ca.Leaf("two")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	text := write("text", []byte("hunter2"))
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	at := write("at", append(bytes.Clone(pem), bytes.Repeat([]byte("\n"), MaxFile-len(pem))...))
	over := write("over", append(bytes.Clone(pem), bytes.Repeat([]byte("\n"), MaxFile+1-len(pem))...))
	if _, err := (Files{CA: at}).Client(); err != nil {
		t.Errorf("a file at the limit: %v", err)
	}
	for _, tc := range []struct {
		files Files
		part  Part
		want  string
	}{
		{Files{CA: filepath.Join(dir, "none")}, PartCA, "none: no such file or directory"},
		{Files{CA: text}, PartCA, "text holds no PEM certificate"},
		{Files{CA: over}, PartCA, "larger than 1048576 bytes"},
		{Files{Cert: one.Cert}, PartKey, "is missing; a certificate goes with its key"},
		{Files{Key: one.Key}, PartCert, "is missing; a key goes with its certificate"},
		{Files{Cert: filepath.Join(dir, "none"), Key: one.Key}, PartCert, "no such file"},
		{Files{Cert: one.Cert, Key: filepath.Join(dir, "none")}, PartKey, "no such file"},
		{Files{Cert: one.Cert, Key: two.Key}, PartKey, "private key does not match public key"},
		{Files{Cert: text, Key: one.Key}, PartCert, "holds no PEM certificate"},
		{Files{Cert: one.Cert, Key: text}, PartKey, "failed to find any PEM data"},
	} {
		_, err := tc.files.Client()
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Part != tc.part || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v; want %s: %s", tc.files, err, tc.part, tc.want)
		}
	}
	if _, err := (Files{CA: ca.File}).Server(); err == nil || !strings.Contains(err.Error(), "cert: is missing") {
		t.Errorf("a listener without a certificate: %v", err)
	}
}
