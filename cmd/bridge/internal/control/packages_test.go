package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// servePackages runs the socket of a store of packages.
func servePackages(t *testing.T, p Packages) *Remote {
	t.Helper()
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: HandlePackages(http.NotFoundHandler(), p, slog.New(slog.DiscardHandler))}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Shutdown(context.Background())
		<-done
	})
	return Dial(dir)
}

// TestPackagesBySocket: by the socket the same happens as without it, errors
// included.
func TestPackagesBySocket(t *testing.T) {
	s, err := delivery.OpenStore(delivery.StoreOptions{Dir: t.TempDir(), MaxPackage: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var pushed PushRequest
	local := &LocalPackages{Store: s, Push: func(_ context.Context, p delivery.Package, r PushRequest, progress func(Step)) error {
		pushed = r
		if info, ok := s.Stat(p.Digest); !ok || len(info.Owners) != 1 {
			t.Errorf("not held while it is pushed: %+v", info)
		}
		progress(Step{Note: "later"})
		return refuse(ErrDevice, "asleep")
	}}
	for name, p := range map[string]Packages{"local": local, "remote": servePackages(t, local)} {
		t.Run(name, func(t *testing.T) {
			ctx, body := t.Context(), strings.Repeat("x", 100)
			var told Step
			got, err := p.AddPackage(ctx, strings.NewReader(body), 100, func(s Step) { told = s })
			if err != nil || got.Size != 100 || told != (Step{Bytes: 100, Total: 100}) {
				t.Fatalf("%+v, %v, %+v", got, err, told)
			}
			if _, err := p.AddPackage(ctx, strings.NewReader(body+"x"), 101, nil); err == nil || !strings.Contains(err.Error(), "over 100 bytes, packages.max_package") {
				t.Errorf("one byte too many: %v", err)
			}
			digest := got.Digest.String()
			for want, err := range map[error]error{
				ErrWrongUse:  p.PushPackage(ctx, PushRequest{Endpoint: "d", Digest: digest[:MinPrefix-1]}, nil),
				ErrNoPackage: p.PushPackage(ctx, PushRequest{Endpoint: "d", Digest: "000000"}, nil),
				ErrDevice:    p.PushPackage(ctx, PushRequest{Endpoint: "d", Digest: digest[:MinPrefix]}, func(Step) {}),
			} {
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			}
			if pushed.Endpoint != "d" {
				t.Errorf("%+v", pushed)
			}
			s.Hold("device", got.Digest)
			if _, err := p.RemovePackage(ctx, digest, false); !errors.Is(err, ErrHeld) {
				t.Errorf("removed although it is needed: %v", err)
			}
			list, err := p.ListPackages(ctx)
			if err != nil || len(list.Packages) != 1 || list.Bytes != 100 {
				t.Errorf("%+v, %v", list, err)
			}
			if _, err := p.RemovePackage(ctx, digest, true); err != nil {
				t.Error(err)
			}
			s.Release("device", got.Digest)
		})
	}
}

// TestNoStore: a bridge that keeps no packages says so.
func TestNoStore(t *testing.T) {
	if _, err := servePackages(t, nil).ListPackages(t.Context()); !errors.Is(err, ErrNoStore) {
		t.Error(err)
	}
}

// TestNotesArrive: of steps that come fast some are left out, but no note.
func TestNotesArrive(t *testing.T) {
	p := servePackages(t, &LocalPackages{Store: withPackage(t), Push: func(_ context.Context, _ delivery.Package, _ PushRequest, progress func(Step)) error {
		for i := range 100 {
			progress(Step{Bytes: int64(i)})
			progress(Step{Note: "later"})
		}
		return nil
	}})
	notes := 0
	err := p.PushPackage(t.Context(), PushRequest{Endpoint: "d", Digest: somePrefix}, func(s Step) {
		if s.Note != "" {
			notes++
		}
	})
	if err != nil || notes != 100 {
		t.Errorf("%d of 100 notes, %v", notes, err)
	}
}

// TestPausesAreTold: who waits for a fetch hears why nothing moves.
func TestPausesAreTold(t *testing.T) {
	s := withPackage(t)
	f, err := delivery.NewFetcher(delivery.FetcherOptions{Store: s, Backoff: 1, MaxAttempts: 3,
		Allow: delivery.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Ports: []uint16{0}}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	var notes []string
	_, err = servePackages(t, &LocalPackages{Store: s, Fetcher: f}).FetchPackage(t.Context(), down.URL, func(s Step) { notes = append(notes, s.Note) })
	if err == nil || err.Error() != "no connection" || len(notes) != 2 || !strings.HasPrefix(notes[0], "no connection; it is asked again in ") {
		t.Errorf("%v after %q", err, notes)
	}
}

// TestGivenUp: who is interrupted is told just that, and the bridge stops too.
func TestGivenUp(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	p := servePackages(t, &LocalPackages{Store: withPackage(t), Push: func(ctx context.Context, _ delivery.Package, _ PushRequest, progress func(Step)) error {
		progress(Step{Note: "begun"})
		<-began
		<-ctx.Done()
		ended <- ctx.Err()
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	err := p.PushPackage(ctx, PushRequest{Endpoint: "d", Digest: somePrefix}, func(Step) {
		close(began)
		cancel()
	})
	if err == nil || err.Error() != "given up" || errors.Is(err, ErrNoBridge) {
		t.Errorf("%v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the bridge goes on")
	}
	if _, err := p.ListPackages(ctx); err == nil || err.Error() != "given up" {
		t.Errorf("before it began: %v", err)
	}
}

// somePrefix names the package of withPackage: the SHA-256 of "x".
const somePrefix = "2d711642"

func withPackage(t *testing.T) *delivery.Store {
	t.Helper()
	s, err := delivery.OpenStore(delivery.StoreOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := (&LocalPackages{Store: s}).AddPackage(t.Context(), strings.NewReader("x"), 1, nil); err != nil {
		t.Fatal(err)
	}
	return s
}
