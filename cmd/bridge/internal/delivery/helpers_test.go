package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback opens the allow-list for servers of tests.
var loopback = Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Ports: []uint16{0}}

// random is n bytes that are the same for the same n.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func openStore(t *testing.T, o StoreOptions) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put writes a package.
func put(t *testing.T, s *Store, owner string, b []byte) Digest {
	t.Helper()
	w, err := s.Begin(int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	p, err := w.Commit(owner)
	if err != nil || p.Digest != sha256.Sum256(b) || p.Size != int64(len(b)) {
		t.Fatalf("Commit = %+v, %v", p, err)
	}
	return p.Digest
}

// content reads a package.
func content(t *testing.T, s *Store, d Digest) []byte {
	t.Helper()
	f, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// files lists what is in a directory of the store.
func files(t *testing.T, s *Store, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(s.o.Dir + "/" + dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

// alter changes a package by hand. The time of the file makes sure that the
// change is seen, however coarse the clock of the file system.
func alter(t *testing.T, s *Store, d Digest) {
	t.Helper()
	name := s.o.Dir + "/" + fileOf(d)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

// newFetcher makes a fetcher whose allow-list is open for loopback and that
// does not wait between attempts. slept gets the pauses.
func newFetcher(t *testing.T, o FetcherOptions) (*Fetcher, *[]time.Duration) {
	t.Helper()
	if o.Store == nil {
		o.Store = openStore(t, StoreOptions{})
	}
	if o.Allow.Networks == nil {
		o.Allow.Networks = loopback.Networks
	}
	if o.Allow.Ports == nil {
		o.Allow.Ports = loopback.Ports
	}
	slept := new([]time.Duration)
	if o.sleep == nil {
		o.sleep = func(ctx context.Context, d time.Duration) error {
			*slept = append(*slept, d)
			return ctx.Err()
		}
	}
	f, err := NewFetcher(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f, slept
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// serveBytes is a package server that does everything right.
func serveBytes(b []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// breakOff ends the connection without the end of the answer.
func breakOff(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
