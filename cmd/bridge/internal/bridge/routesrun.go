package bridge

import (
	"context"
	"errors"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// wanted says whether a device may have a package still; ours is false for a
// grant of direction B.
func (w *routes) wanted(g delivery.Grant) (wanted, ours bool) {
	of, _ := w.packages.names.owner(g)
	endpoint, ours := cutOwner(of)
	if !ours {
		return false, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[endpoint].Digest == g.Digest, true
}

// serve finds a package for a device that asks by CoAP.
func (w *routes) serve(ctx context.Context, token, _ string) (server.Package, error) {
	g, ok := w.packages.server.Grant(token)
	if !ok {
		return server.Package{}, server.ErrNoPackage
	}
	f, err := w.open(ctx, g.Digest)
	if errors.Is(err, delivery.ErrMissing) {
		w.missing(g) // the device comes back for it
	}
	if err != nil {
		return server.Package{}, err
	}
	return server.Package{
		Body: server.Body{ReaderAt: f, Size: f.size}, ETag: g.Digest[:8],
		Release: func() { _ = f.Close() }, // it was only read
	}, nil
}

// openPackages opens the store of packages, if somebody needs one.
func (b *Bridge) openPackages() (err error) {
	if b.o.Packages == nil {
		return nil
	}
	b.pushes = newPushes(b.o.Packages.MaxPushes, b.o.Packages.PushRate, b.sleeps, b.watch)
	b.packs, err = newPackages(*b.o.Packages, b.watch.names, b.o.Engine.Store, b.o.Log, b.packageWanted, b.packageMissing)
	if err != nil {
		return err
	}
	if err = b.openReports(); err == nil && b.o.Ways != nil {
		b.routes, err = newRoutes(*b.o.Ways, b.packs, b.o.Engine.Store, b.o.Log)
	}
	if err != nil {
		return errors.Join(err, b.closePackages())
	}
	return nil
}

// sleeps says whether a device is in queue mode.
func (b *Bridge) sleeps(endpoint string) bool {
	reg, _ := b.server.Lookup(endpoint)
	return reg.Queue
}

// closePackages ends the use of the store.
func (b *Bridge) closePackages() error {
	if b.packs == nil {
		return nil
	}
	return b.packs.close()
}

// packageWanted says whether a device of either direction may have a package
// still.
func (b *Bridge) packageWanted(g delivery.Grant) bool {
	if b.routes != nil {
		if wanted, ours := b.routes.wanted(g); ours {
			return wanted
		}
	}
	return b.legacy != nil && b.legacy.wanted(g)
}

// packageMissing has a package fetched again that was lost.
func (b *Bridge) packageMissing(g delivery.Grant, err error) {
	if b.routes != nil && b.routes.missing(g) || b.legacy == nil {
		return
	}
	b.legacy.missing(g, err)
}
