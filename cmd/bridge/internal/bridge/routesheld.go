package bridge

import (
	"context"
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// hold keeps a package for a device's drive, instead of the one before. With
// still that is asked first, of the one before: when it says no, because a drive
// has ended meanwhile, the package is let go.
func (w *routes) hold(endpoint string, h held, still func(before held) bool) (kept bool) {
	w.mu.Lock()
	before := w.held[endpoint]
	if still != nil && !still(before) {
		w.owns(endpoint, h.Digest)
		w.mu.Unlock()
		return false
	}
	w.held[endpoint] = h
	w.owns(endpoint, before.Digest)
	w.mu.Unlock()
	w.remember(endpoint)
	return true
}

// owns makes the package of its drive the one that a device holds in the store,
// and not another one. Fetches hold for the device too, and may have ended in
// any order: what counts is what is held here, so the caller holds mu.
func (w *routes) owns(endpoint string, other delivery.Digest) {
	its := w.held[endpoint].Digest
	if !other.IsZero() && other != its {
		w.packages.release(owner(endpoint), other)
	}
	if !its.IsZero() {
		w.packages.hold(owner(endpoint), its)
	}
}

// remember stores what is held for a device. Others may do so at the same time:
// whoever is last has stored what is held then.
func (w *routes) remember(endpoint string) {
	for first, stored := true, (held{}); ; first = false {
		w.mu.Lock()
		h, ok := w.held[endpoint]
		w.mu.Unlock()
		switch {
		case !first && h == stored:
			return
		case ok:
			w.write(heldKey(endpoint), h)
		default:
			w.write(heldKey(endpoint), nil)
		}
		stored = h
	}
}

// missing has a package fetched again that was lost; false for a grant of
// direction B.
func (w *routes) missing(g delivery.Grant) (ours bool) {
	of, _ := w.packages.names.owner(g)
	endpoint, ours := cutOwner(of)
	if !ours {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.again[endpoint]; !known && len(w.again) < maxLost { // else the device comes back
		w.again[endpoint] = nil
		w.lost <- endpoint // there is room for all of again
	}
	return true
}

// Run fetches packages again that were lost while a device was getting them,
// until ctx ends.
func (w *routes) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case endpoint := <-w.lost:
			wg.Go(func() { w.fetchAgain(ctx, endpoint) })
		}
	}
}

// fetchAgain fetches a device's package that was lost, for as long as its drive
// needs it.
func (w *routes) fetchAgain(ctx context.Context, endpoint string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	h := w.held[endpoint]
	w.again[endpoint] = cancel
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.again, endpoint)
	}()
	if h.Digest.IsZero() {
		return // the drive is over
	}
	got, err := w.packages.fetch(ctx, delivery.FetchRequest{URL: h.URI, Owner: owner(endpoint)})
	switch {
	case err == nil:
		w.hold(endpoint, held{h.URI, got.Digest, got.Notify}, func(now held) bool { return now == h })
	case ctx.Err() == nil:
		w.log.Warn("lost package not fetched again", "device", endpoint, "err", err)
	}
}

// stopAgain stops the fetch of a lost package that nobody needs any more. The
// caller holds mu.
func (w *routes) stopAgain(endpoint string) {
	if stop := w.again[endpoint]; stop != nil {
		stop()
	}
}
