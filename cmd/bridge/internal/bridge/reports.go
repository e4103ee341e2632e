package bridge

import (
	"maps"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
)

// openReports reads which ends of updates are still to be told.
func (b *Bridge) openReports() (err error) {
	b.packs.reports, err = report.New(report.Options{
		Store: b.o.Engine.Store, Post: b.packs.fetcher.Notify, Note: b.reported, Log: b.o.Log,
	})
	return err
}

// reported puts into an owner's time line what became of a report.
func (b *Bridge) reported(of, text string) {
	if endpoint, ours := cutOwner(of); ours {
		b.engine.Note(endpoint, text)
	} else if b.legacy != nil {
		b.legacy.engine.Note(of, text)
	}
}

// Report implements [legacy.Packages].
func (p *packages) Report(device string, r mapping.Report) (store.Change, func(), bool) {
	status := delivery.InstallStatusOf(r.Result)
	if r.Code != 0 {
		status = delivery.InstallStatusOfCode(r.Code)
	}
	return p.reports.Draft(device, r.Notify, status)
}

// Release implements [engine.Delivery]. That the package is released and its
// end is told is one write. A device that had the descriptor's own URL, by the
// direct way, reports by itself.
func (w *routes) Release(endpoint, uri string, way mapping.Way, code fwupdate.Code) {
	w.mu.Lock()
	h, ok := w.held[endpoint]
	if ok = ok && h.URI == uri; ok {
		delete(w.held, endpoint)
		w.stopAgain(endpoint)
	}
	w.mu.Unlock()
	if !ok {
		return
	}
	notify, changes := h.Notify, []store.Change(nil)
	if way == mapping.WayDirect {
		notify = ""
	}
	if key := heldKey(endpoint); len(key) <= store.MaxKey {
		changes = append(changes, store.Change{Key: key, Expect: store.AnyRevision})
	}
	c, written, told := w.packages.reports.Draft(owner(endpoint), notify, delivery.InstallStatusOfCode(code))
	if told {
		changes = append(changes, c)
	}
	if _, err := w.db.Write(changes...); err != nil {
		w.log.Warn("package kept for a device until the next start", "device", endpoint, "err", err)
		return
	}
	if told {
		written()
	}
	w.mu.Lock()
	_, next := w.held[endpoint] // of the drive after this one, and perhaps its key is gone too
	w.owns(endpoint, h.Digest)
	w.mu.Unlock()
	if next {
		w.remember(endpoint)
	}
}

// notFetched keeps where a fetch that has failed for good is to be told of: the
// drive ends with it, and is released then.
func (w *routes) notFetched(endpoint, uri, notify string) {
	w.mu.Lock()
	h := w.held[endpoint]
	w.mu.Unlock()
	if h.URI != uri {
		h = held{URI: uri}
	}
	h.Notify = notify
	w.hold(endpoint, h, nil)
}

// settle releases what an earlier life has not: it was killed after a drive had
// ended, and before the drive's package was released. last is the engine's; it
// must not run yet.
func (w *routes) settle(last func(endpoint string) (mapping.Drive, bool, error)) {
	w.mu.Lock()
	all := maps.Clone(w.held)
	w.mu.Unlock()
	for endpoint, h := range all {
		d, ok, err := last(endpoint)
		same := ok && d.Order.Execution.URL == h.URI
		switch {
		case err != nil:
			w.log.Warn("package kept for a device until the next start", "device", endpoint, "err", err)
		case same && d.Over():
			w.Release(endpoint, h.URI, d.Way, d.Verdict.Code)
		case !same: // of an older drive, of which nobody knows how it ended
			w.Release(endpoint, h.URI, mapping.WayDirect, 0)
		}
	}
}
