package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
)

// Packages says where packages for legacy devices are kept and served.
type Packages struct {
	Store   delivery.StoreOptions   // Logger is filled in
	Fetcher delivery.FetcherOptions // Store and Logger are filled in
	Server  delivery.ServerOptions  // Store, Prefix, Key and callbacks are filled in
	// Base is put before the path of a package: scheme and host, as devices
	// reach them. Lifetime is how long a URL is good at least.
	Base     string
	Lifetime time.Duration
	MaxPush  int // bytes of a package that an LwM2M server writes itself
	// MaxPushes are the pushes to LwM2M devices at once, DefaultMaxPushes if 0.
	// PushRate is how fast one may be, in bytes a second; nil is no limit, as is
	// 0 of it.
	MaxPushes int
	PushRate  func(endpoint string) int64
	// PassThrough stores nothing of what has a URI.
	PassThrough bool
}

// packages is what the legacy engine asks for packages.
type packages struct {
	o       Packages
	store   *delivery.Store
	fetcher *delivery.Fetcher
	server  *delivery.Server
	names   *longNames
	reports *report.Queue
}

var _ legacy.Packages = (*packages)(nil)

// packageKey is where the key of the packages' URLs is in the store: URLs stay
// good over a restart.
const packageKey = "k/packages"

// newPackages opens the store. wanted and missing are asked when a device
// comes for a package.
func newPackages(o Packages, names *longNames, db store.Store, log *slog.Logger, wanted func(delivery.Grant) bool, missing func(delivery.Grant, error)) (*packages, error) {
	key, err := durableKey(db)
	if err != nil {
		return nil, err
	}
	p := &packages{o: o, names: names}
	o.Store.Logger, o.Fetcher.Logger, o.Server.Logger = log, log, log
	if p.store, err = delivery.OpenStore(o.Store); err != nil {
		return nil, err
	}
	o.Fetcher.Store, o.Server.Store = p.store, p.store
	o.Server.Prefix, o.Server.Key, o.Server.Wanted, o.Server.Missing = config.PackagesPath, key, wanted, missing
	if p.fetcher, err = delivery.NewFetcher(o.Fetcher); err == nil {
		p.server, err = delivery.NewServer(o.Server)
	}
	if err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	return p, nil
}

// durableKey is the key of the URLs; the first time it is made.
func durableKey(db store.Store) ([]byte, error) {
	entry, err := db.Get(packageKey)
	if err == nil && len(entry.Value) >= delivery.MinKey {
		return entry.Value, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("key of package URLs: %w", err)
	}
	key := make([]byte, delivery.MinKey)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	if _, err = db.Write(store.Change{Key: packageKey, Value: key, Expect: store.AnyRevision}); err != nil {
		return nil, fmt.Errorf("key of package URLs: %w", err)
	}
	return key, nil
}

// close ends the use of the store, after the last fetch.
func (p *packages) close() error {
	p.fetcher.Close()
	return p.store.Close()
}

// Fetch implements [legacy.Packages].
func (p *packages) Fetch(ctx context.Context, owner, uri string, progress func(legacy.Progress)) (mapping.PackageInfo, error) {
	r := delivery.FetchRequest{URL: uri, Owner: owner, Progress: func(now delivery.Progress) {
		progress(legacy.Progress{Done: now.Bytes, Total: now.Total, Rate: now.Rate})
	}}
	if p.o.PassThrough {
		r.Progress = nil
		got, err := p.fetcher.Probe(ctx, r)
		if err != nil {
			return mapping.PackageInfo{}, packageError(err)
		}
		// The device gets the URL as it is, and so reports by itself.
		return mapping.PackageInfo{Name: got.Name, Version: got.Version, Size: got.Size}, nil
	}
	got, err := p.fetch(ctx, r)
	if err != nil {
		return mapping.PackageInfo{}, packageError(err)
	}
	return mapping.PackageInfo{Name: got.Name, Version: got.Version, Size: got.Size, Digest: got.Digest.String(), Notify: got.Notify}, nil
}

// fetch is that of the fetcher; who owns the package holds it then.
func (p *packages) fetch(ctx context.Context, r delivery.FetchRequest) (delivery.Fetched, error) {
	got, err := p.fetcher.Fetch(ctx, r)
	if err == nil {
		p.names.hold(r.Owner, got.Digest)
	}
	return got, err
}

// Put implements [legacy.Packages].
func (p *packages) Put(ctx context.Context, owner string, body []byte) (mapping.PackageInfo, error) {
	w, err := p.store.Begin(int64(len(body)))
	if err != nil {
		return mapping.PackageInfo{}, packageError(err)
	}
	defer w.Abort()
	if _, err = w.Write(body); err != nil {
		return mapping.PackageInfo{}, packageError(err)
	}
	got, err := w.CommitContext(ctx, owner)
	if err != nil {
		return mapping.PackageInfo{}, packageError(err)
	}
	p.names.hold(owner, got.Digest)
	return mapping.PackageInfo{Size: got.Size, Digest: got.Digest.String()}, nil
}

// packageError says in Object 9 why a package did not come.
func packageError(err error) error {
	reason, notify := "the package could not be stored", ""
	if e, ok := errors.AsType[*delivery.Error](err); ok {
		reason, notify = e.Reason, e.Notify
	}
	return &legacy.PackageError{Result: delivery.KindOf(err).Result(), Reason: reason, Notify: notify, Err: err}
}

// MaxPush implements [legacy.Packages].
func (p *packages) MaxPush() int { return p.o.MaxPush }

// Verify implements [legacy.Packages]: it is in the store, whose file has not
// changed since it was found right; a thousand devices do not have it hashed a
// thousand times. What is passed through is not here; the device looks at it.
func (p *packages) Verify(ctx context.Context, digest string) bool {
	if digest == "" {
		return p.o.PassThrough
	}
	d, err := delivery.ParseDigest(digest)
	if err != nil {
		return false
	}
	_, err = p.store.Look(ctx, d)
	return err == nil
}

// Hold implements [legacy.Packages].
func (p *packages) Hold(owner, digest string) {
	if d, err := delivery.ParseDigest(digest); err == nil {
		p.hold(owner, d)
	}
}

// Release implements [legacy.Packages].
func (p *packages) Release(owner, digest string) {
	if d, err := delivery.ParseDigest(digest); err == nil {
		p.release(owner, d)
	}
}

func (p *packages) hold(owner string, d delivery.Digest) {
	p.store.Hold(owner, d)
	p.names.hold(owner, d)
}

func (p *packages) release(owner string, d delivery.Digest) {
	p.store.Release(owner, d)
	p.names.release(owner, d)
}

// URL implements [legacy.Packages]. A package that is offered twice within an
// hour has the same URL.
func (p *packages) URL(device string, info mapping.PackageInfo) (string, error) {
	if info.Digest == "" {
		if info.URI == "" {
			return "", errors.New("a package without digest and URI")
		}
		uri, _, _ := strings.Cut(info.URI, "#") // a digest there is for the bridge
		return uri, nil
	}
	d, err := delivery.ParseDigest(info.Digest)
	if err != nil {
		return "", err
	}
	expires := time.Now().Add(p.o.Lifetime + time.Hour).Truncate(time.Hour)
	path, err := p.server.Path(delivery.Grant{Device: grantee(device), Digest: d, Expires: expires})
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(p.o.Base, "/") + path, nil
}
