package bridge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/api"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/metrics"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// watch is what looks on while the parts work: the metrics, and the board of
// packages on their way.
type watch struct {
	metrics *metrics.Metrics
	board   *transfer.Board
	names   *longNames // of who grants are for
}

func newWatch() watch { return watch{metrics.New(), transfer.New(nil), newLongNames()} }

// over puts itself between the parts that the options make.
func (w watch) over(o *Options) {
	o.Engine.Store = w.metrics.Store(o.Engine.Store)
	if o.Packages == nil {
		return
	}
	p := *o.Packages
	p.Fetcher.Watch = func(owner string, now delivery.Progress, done bool, err error) {
		w.fetched(key(owner, transfer.Fetch), now, done, err)
	}
	p.Server.Progress = func(t delivery.Transfer) {
		if of, known := w.names.owner(t.Grant); known { // else it has what it wanted, and holds it no more
			w.answered(key(of, transfer.HTTP), t)
		}
	}
	o.Packages = &p
}

// fetched is told of a fetch into the bridge.
func (w watch) fetched(k transfer.Key, now delivery.Progress, done bool, err error) {
	switch {
	case !done:
		w.board.Moved(k, 0, now.Bytes, now.Total)
		w.board.Pauses(k, now.Pause)
	case err != nil:
		why := delivery.KindOf(err).String()
		if e, ok := errors.AsType[*delivery.Error](err); ok {
			why = e.Reason
		}
		w.board.Ended(k, why)
	case now.Bytes == 0: // it was in the store
		w.board.Dropped(k)
	default:
		w.board.Moved(k, 0, now.Bytes, now.Total)
		w.board.Ended(k, "")
	}
}

// answered is told of an answer to a device. One that asks for range after range
// has the package with the last; an answer of several ranges is one by itself.
func (w watch) answered(k transfer.Key, t delivery.Transfer) {
	at, total := t.Offset, t.Size
	if at < 0 {
		at, total = 0, t.Length
	}
	w.board.Moved(k, at, t.Bytes, total)
	switch {
	case t.Done && t.Err != nil:
		w.board.Ended(k, "the connection broke")
	case t.Done && at+t.Bytes >= total:
		w.board.Ended(k, "")
	}
}

// tell writes what is worth it of a package on its way into the time line of its
// device.
func (b *Bridge) tell(e transfer.Event) {
	if e.Done {
		b.watch.metrics.Moved(e.Way, e.Error == "")
	}
	switch {
	case e.Quiet:
	case !e.Legacy:
		b.engine.Note(e.Device, e.Text())
	case b.legacy != nil:
		b.legacy.engine.Note(e.Device, e.Text())
	}
}

// key is the transfer of an owner of packages: see owner.
func key(of string, way transfer.Way) transfer.Key {
	if endpoint, ours := cutOwner(of); ours {
		return transfer.Key{Device: endpoint, Way: way}
	}
	return transfer.Key{Device: of, Legacy: true, Way: way}
}

// served watches what devices fetch by CoAP. grant reads a token.
func (w watch) served(serve func(ctx context.Context, token, identity string) (server.Package, error),
	grant func(token string) (delivery.Grant, bool)) func(ctx context.Context, token, identity string) (server.Package, error) {
	return func(ctx context.Context, token, identity string) (server.Package, error) {
		p, err := serve(ctx, token, identity)
		if g, ok := grant(token); err == nil && ok {
			if of, known := w.names.owner(g); known {
				p.ReaderAt = w.reader(p.ReaderAt, key(of, transfer.CoAP), p.Size)
			}
		}
		return p, err
	}
}

func (w watch) reader(r io.ReaderAt, k transfer.Key, total int64) *transfer.Reader {
	return &transfer.Reader{ReaderAt: r, Key: k, Total: total, Board: w.board, Read: func(n int) { w.metrics.Block(k.Way, n) }}
}

// sources are the parts that have something to count.
func (b *Bridge) sources() metrics.Sources {
	s := metrics.Sources{Health: seen{b.engine, b.inbox, b.legacy}.Health}
	if b.server != nil {
		s.Census, s.Registered = b.engine.Census, b.server.Registered
	}
	if b.dtls != nil {
		s.DTLS = b.dtls.Stats
	}
	if b.legacy != nil {
		s.Campaigns = func() legacy.Census { return b.legacy.engine.Census() }
		s.Sessions = func() dmlisten.Counts { return b.legacy.dm.Counts() }
	}
	if b.packs != nil {
		s.Moving = b.watch.board.Moving
		s.Store, s.Fetches, s.Served = b.packs.store.Usage, b.packs.fetcher.Counts, b.packs.server.Counts
		s.Reports = b.packs.reports.Counts
	}
	return s
}

// shown is the API with what the watch has. Not a mux: it would clean the names
// of devices.
func (b *Bridge) shown(next http.Handler) http.Handler {
	numbers, moving := b.watch.metrics.Handler(b.sources(), b.o.Log), api.Transfers(b.watch.board)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			numbers.ServeHTTP(w, r)
		case api.TransfersPath:
			moving.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// cutOwner is the device of direction A in the name of an owner or grant; false
// for direction B.
func cutOwner(of string) (endpoint string, ours bool) { return strings.CutPrefix(of, owner("")) }
