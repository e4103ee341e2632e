package control

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
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
			if _, err := p.AddPackage(ctx, strings.NewReader(body+"x"), 101, nil); err == nil || !strings.Contains(err.Error(), "too large") {
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
