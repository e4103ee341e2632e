package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the socket of a store in dir.
func serve(t *testing.T, dir string, d Devices) {
	t.Helper()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: Handler(d, slog.New(slog.DiscardHandler))}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Shutdown(context.Background()) // waits for connections that are being closed
		<-done
	})
}

// TestRemote: by the socket the same happens as without it, errors included,
// and keys do not come back.
func TestRemote(t *testing.T) {
	dir := t.TempDir()
	book := credentials.New(store.NewMemory())
	var ended []string
	serve(t, dir, &Local{Book: book, End: func(identity string) { ended = append(ended, identity) }})
	r, ctx := Dial(dir), t.Context()
	d := credentials.Device{Endpoint: "urn:imei:1/2 ", Identity: "one", Key: dtls.Key("k\x00\xff"), PSK: true}
	if err := r.Add(ctx, d, false); !errors.Is(err, credentials.ErrInvalid) {
		t.Errorf("a name with a space: %v", err)
	}
	d.Endpoint = "urn:imei:1/2"
	if err := r.Add(ctx, d, false); err != nil {
		t.Fatal(err)
	}
	if key, ok := book.PSK(ctx, "one"); !ok || string(key) != "k\x00\xff" {
		t.Errorf("the key arrived as %q", []byte(key))
	}
	other := d
	other.Endpoint = "d2"
	for want, err := range map[error]error{
		credentials.ErrExists: r.Add(ctx, d, false), credentials.ErrTaken: r.Add(ctx, other, false), credentials.ErrUnknown: r.Remove(ctx, "d2"),
	} {
		if !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if list, err := r.List(ctx); err != nil || fmt.Sprint(list) != "[{urn:imei:1/2 one [secret] true}]" || len(list[0].Key) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	d.Identity = "uno"
	if err := errors.Join(r.Add(ctx, d, true), r.Remove(ctx, d.Endpoint)); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(ended) != "[one uno]" {
		t.Errorf("ended: %v", ended)
	}
}

// TestSocket: only the owner gets at it, what an earlier process left is no
// hindrance, and nobody there is said so.
func TestSocket(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, socketDir), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, socketDir, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(dir).List(t.Context()); !errors.Is(err, ErrNoBridge) {
		t.Error(err)
	}
	serve(t, dir, &Local{Book: credentials.New(store.NewMemory())})
	if info, err := os.Stat(filepath.Join(dir, socketDir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want 0700", info.Mode(), err)
	}
	if list, err := Dial(dir).List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// broken fails at everything.
type broken struct{ Devices }

func (broken) List(context.Context) ([]credentials.Device, error) {
	return nil, errors.New("disk on fire")
}

// TestBadRequests: garbage and too much of it are refused, and why something
// failed is for the log.
func TestBadRequests(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, broken{})
	r := Dial(dir)
	for _, body := range []string{"", "{", `{"key":"` + strings.Repeat("A", maxRequest) + `"}`} {
		if _, err := r.do(t.Context(), http.MethodPost, "/devices", []byte(body)); !errors.Is(err, credentials.ErrInvalid) {
			t.Errorf("%.10q: %v", body, err)
		}
	}
	_, err := r.List(t.Context())
	if err == nil || errors.Is(err, ErrNoBridge) || !strings.Contains(err.Error(), "its log says more") {
		t.Error(err)
	}
	if _, err := r.do(t.Context(), http.MethodGet, "/other", nil); !errors.Is(err, credentials.ErrUnknown) {
		t.Error(err) // a 404 as any other
	}
}
