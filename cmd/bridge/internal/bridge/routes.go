package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// Ways says how packages get to LwM2M devices (direction A).
type Ways struct {
	// Way is the configured one for a device; 0 tries one after the other.
	Way func(endpoint string) mapping.Way
	// CoAP and HTTP are the bridge's own addresses, as devices have them:
	// scheme and host. Empty: there is no such way.
	CoAP, HTTP string
	// Push says that devices may be pushed to.
	Push     bool
	Lifetime time.Duration // of a URL, at least
}

// maxLost bounds the devices whose package waits to be fetched again; more
// come back by themselves.
const maxLost = 64

// maxModels bounds the models of which is remembered what worked.
const maxModels = 10_000

// Keys of the store: what worked with a model, and which package is kept for a
// device.
const (
	modelPrefix = "w/m/"
	heldPrefix  = "w/d/"
)

// routes knows how packages get to devices; with its pushes it is the
// [engine.Delivery] of a bridge.
type routes struct {
	o        Ways
	packages *packages
	db       store.Store
	log      *slog.Logger

	lost chan string // endpoints whose package is to be fetched again

	mu     sync.Mutex // taken before those of packages
	models map[string]mapping.Way
	held   map[string]held               // by endpoint
	again  map[string]context.CancelFunc // lost packages, by endpoint: nil until the fetch begins
}

// held is the package of a device's drive.
type held struct {
	URI    string          `json:"uri"`
	Digest delivery.Digest `json:"digest"`           // zero: it did not come
	Notify string          `json:"notify,omitempty"` // where the end is to be told
}

func heldKey(endpoint string) string { return heldPrefix + url.PathEscape(endpoint) }

// newRoutes reads what an earlier life remembered, and holds the packages that
// drives need.
func newRoutes(o Ways, p *packages, db store.Store, log *slog.Logger) (*routes, error) {
	w := &routes{o: o, packages: p, db: db, log: log,
		models: make(map[string]mapping.Way), held: make(map[string]held),
		lost: make(chan string, maxLost), again: make(map[string]context.CancelFunc)}
	for entry, err := range db.Scan(modelPrefix) {
		if err != nil {
			return nil, fmt.Errorf("what worked with models: %w", err)
		}
		var way mapping.Way
		if name, bad := url.PathUnescape(strings.TrimPrefix(entry.Key, modelPrefix)); bad == nil && json.Unmarshal(entry.Value, &way) == nil {
			w.models[name] = way
		}
	}
	for entry, err := range db.Scan(heldPrefix) {
		if err != nil {
			return nil, fmt.Errorf("packages of drives: %w", err)
		}
		var h held
		if name, bad := url.PathUnescape(strings.TrimPrefix(entry.Key, heldPrefix)); bad == nil && json.Unmarshal(entry.Value, &h) == nil {
			w.held[name] = h
			if !h.Digest.IsZero() {
				p.hold(owner(name), h.Digest)
			}
		}
	}
	return w, nil
}

// owner is a device of direction A in the store of packages; those of
// direction B have their plain names.
func owner(endpoint string) string { return "lwm2m:" + endpoint }

// Route implements [engine.Delivery].
func (w *routes) Route(endpoint, model string) mapping.Route {
	can := mapping.WaysOf(mapping.WayDirect)
	for _, way := range []struct {
		is  bool
		way mapping.Way
	}{{w.o.CoAP != "", mapping.WayProxyCoAP}, {w.o.HTTP != "", mapping.WayProxyHTTP}, {w.o.Push, mapping.WayPush}} {
		if way.is {
			can |= mapping.WaysOf(way.way)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return mapping.Route{Only: w.o.Way(endpoint), Can: can, Worked: w.models[model]}
}

// Worked implements [engine.Delivery].
func (w *routes) Worked(_, model string, way mapping.Way) {
	w.mu.Lock()
	_, known := w.models[model]
	same := w.models[model] == way
	full := !known && len(w.models) >= maxModels
	if model == "" || same || full {
		w.mu.Unlock()
		return
	}
	w.models[model] = way
	w.mu.Unlock()
	w.write(modelPrefix+url.PathEscape(model), way)
}

// write stores what would only be nice to have; nil deletes it.
func (w *routes) write(key string, v any) {
	b, err := json.Marshal(v)
	if v == nil {
		b = nil
	}
	if err == nil && len(key) <= store.MaxKey {
		_, err = w.db.Write(store.Change{Key: key, Value: b, Expect: store.AnyRevision})
	}
	if err != nil {
		w.log.Warn("not remembered", "key", key, "err", err)
	}
}

// Fetch implements [engine.Delivery].
func (w *routes) Fetch(ctx context.Context, endpoint, uri string) error {
	got, err := w.packages.fetch(ctx, delivery.FetchRequest{URL: uri, Owner: owner(endpoint)})
	if err == nil {
		// Who does not wait any more has perhaps released what the drive had, and
		// does not come again. The drive is given up first, so this is not missed.
		waits := func(held) bool { return ctx.Err() == nil }
		if !w.hold(endpoint, held{uri, got.Digest, got.Notify}, waits) {
			return context.Cause(ctx)
		}
		return nil
	}
	e, ok := errors.AsType[*delivery.Error](err)
	err = deliveryError(err)
	if final, _ := errors.AsType[*engine.DeliveryError](err); final != nil && ok && e.Notify != "" {
		w.notFetched(endpoint, uri, e.Notify)
	}
	return err
}

// deliveryError says in the words of a drive why a package did not come. What
// is the bridge's own trouble, or that of the moment, is tried again.
func deliveryError(err error) error {
	kind := delivery.KindOf(err)
	if kind == delivery.KindInternal || kind == delivery.KindCancelled {
		return err
	}
	e := &engine.DeliveryError{Fault: kind.Fault(), Err: err}
	if e.Fault == 0 {
		e.Result = kind.Result()
	}
	return e
}

// find is the package that was fetched for a device.
func (w *routes) find(endpoint, uri string) (delivery.Digest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, ok := w.held[endpoint]
	if !ok || h.URI != uri || h.Digest.IsZero() {
		return delivery.Digest{}, delivery.ErrMissing
	}
	return h.Digest, nil
}

// URI implements [engine.Delivery].
func (w *routes) URI(endpoint, uri string, way mapping.Way) (string, error) {
	digest, err := w.find(endpoint, uri)
	if err != nil {
		return "", err
	}
	g := delivery.Grant{Device: grantee(owner(endpoint)), Digest: digest, Expires: time.Now().Add(w.o.Lifetime + time.Hour).Truncate(time.Hour)}
	if way == mapping.WayProxyHTTP {
		path, err := w.packages.server.Path(g)
		return strings.TrimSuffix(w.o.HTTP, "/") + path, err
	}
	token, err := w.packages.server.Token(g)
	return strings.TrimSuffix(w.o.CoAP, "/") + "/" + server.PackagePath + "/" + token, err
}

// openFor opens the package that was fetched for a device.
func (w *routes) openFor(endpoint, uri string) (file, error) {
	digest, err := w.find(endpoint, uri)
	if err != nil {
		return file{}, err
	}
	return w.open(context.Background(), digest)
}

func (w *routes) open(ctx context.Context, d delivery.Digest) (file, error) {
	f, err := w.packages.store.Open(ctx, d)
	if err != nil {
		return file{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return file{}, errors.Join(err, f.Close())
	}
	return file{f, info.Size()}, nil
}

// file is an open package.
type file struct {
	*os.File
	size int64
}

// Size is the package's length in bytes.
func (f file) Size() int64 { return f.size }
