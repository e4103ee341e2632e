package delivery

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// Limits of a Fetcher where the options say nothing.
const (
	DefaultDialTimeout   = 30 * time.Second
	DefaultHeaderTimeout = time.Minute     // from the request to the end of the answer's header
	DefaultStallTimeout  = time.Minute     // in which DefaultStallBytes have to come
	DefaultStallBytes    = 1 << 10         // bytes
	DefaultTotalTimeout  = 6 * time.Hour   // of one fetch with all it repeats
	DefaultBackoff       = 2 * time.Second // before the second attempt; doubles
	DefaultMaxBackoff    = time.Minute     // also of a server's Retry-After
	DefaultMaxAttempts   = 6               // in a row without progress
	DefaultMaxRestarts   = 3               // from the first byte, because the package changed
	DefaultMaxRedirects  = 5
	DefaultMaxFetches    = 16   // at once; others wait
	DefaultMaxKnown      = 4096 // URLs whose packages are remembered
)

// Bounds of small things that are read whole, in bytes.
const (
	MaxURI          = 2048
	MaxDescriptor   = 64 << 10
	MaxSidecar      = 64 << 10
	MaxSignature    = 16 << 10
	MaxLegacySigned = 8 << 20 // a package with a signature that is not over its hash
)

// FetcherOptions configure a [Fetcher]. Only Store has no default.
type FetcherOptions struct {
	Store *Store
	Allow Allow
	// Hosts is what is known of package servers; the first whose Pattern fits
	// counts.
	Hosts []Host
	// Digests is the configured list: URL as written, without fragment, to
	// what has to come from it.
	Digests map[string]Digest
	TLS     *tls.Config // of HTTPS; nil is the system's trust
	// AllowDowngrade follows redirects and descriptors from https to http.
	AllowDowngrade bool
	// SkipHead goes without the HEAD before the first GET.
	SkipHead bool

	DialTimeout, HeaderTimeout, StallTimeout, TotalTimeout time.Duration
	Backoff, MaxBackoff                                    time.Duration
	StallBytes                                             int64
	MaxAttempts, MaxRestarts, MaxRedirects, MaxFetches     int
	MaxKnown                                               int

	// Watch, if set, is told of each call of Fetch that has to wait, with its
	// owner: of its beginning (no bytes), what Progress is, and of its end, with
	// done; when the package was in the store after all, that has no bytes. It
	// must not wait.
	Watch func(owner string, p Progress, done bool, err error)

	Now    func() time.Time // time.Now
	Logger *slog.Logger     // nil logs nothing
	// sleep waits between attempts, transmission repeats datagrams; tests do
	// not wait. ids are those of one socket.
	sleep        func(context.Context, time.Duration) error
	transmission coap.Transmission
	ids          messageIDs
	lookup       func(ctx context.Context, network, host string) ([]netip.Addr, error) // of coap
}

func (o *FetcherOptions) fill() {
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, DefaultHeaderTimeout)
	o.StallTimeout = cmp.Or(o.StallTimeout, DefaultStallTimeout)
	o.TotalTimeout = cmp.Or(o.TotalTimeout, DefaultTotalTimeout)
	o.StallBytes = cmp.Or(o.StallBytes, DefaultStallBytes)
	o.Backoff = cmp.Or(o.Backoff, DefaultBackoff)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, DefaultMaxBackoff)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, DefaultMaxAttempts)
	o.MaxRestarts = cmp.Or(o.MaxRestarts, DefaultMaxRestarts)
	o.MaxRedirects = cmp.Or(o.MaxRedirects, DefaultMaxRedirects)
	o.MaxFetches = cmp.Or(o.MaxFetches, DefaultMaxFetches)
	o.MaxKnown = cmp.Or(o.MaxKnown, DefaultMaxKnown)
	if o.lookup == nil {
		o.lookup = net.DefaultResolver.LookupNetIP
	}
	o.ids = cmp.Or(o.ids, defaultMessageIDs)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.sleep == nil {
		o.sleep = sleep
	}
}

// FetchRequest asks for a package.
type FetchRequest struct {
	// URL is http, https, coap or coaps, with "#sha256=" and the digest if
	// that is announced so. Other fragments are ignored.
	URL string
	// Owner holds the package in the store when Fetch returns; "" for nobody.
	Owner string
	// Digest and Size are what was announced elsewhere; zero for nothing.
	Digest Digest
	Size   int64
	// Progress, if set, is called about once a second, before each pause and at
	// the end, never after Fetch has returned. It must not wait.
	Progress func(Progress)
}

// Fetched is a package that has come.
type Fetched struct {
	Digest Digest
	Size   int64 // bytes
	// Name and Version are the descriptor's, else Name is the last segment of
	// the URL's path, without its extension.
	Name, Version string
	// Type is the media type that server or descriptor say; "" for none.
	Type string
	// Notify is where the descriptor wants to be told of the end
	// ([Fetcher.Notify]); "" for nowhere.
	Notify string
	// Announced says that the digest was known before; Signed that a signature
	// was checked.
	Announced, Signed bool
	// Reused says that the package was in the store already.
	Reused bool
}

// Fetcher gets packages into a store. Its methods may be called from any
// goroutine. Errors are [*Error].
type Fetcher struct {
	o     FetcherOptions
	http  *http.Transport // not a Client: redirects are followed here
	slots chan struct{}   // one for each fetch under way
	// counts are for who looks at the whole.
	counts fetchCounts

	mu      sync.Mutex
	flights map[flightKey]*flight
	known   map[string]known
	// descriptors are those that have led to a package, by their URL.
	descriptors map[string]*descriptor
}

// NewFetcher makes a fetcher; [Fetcher.Close] ends its idle connections. The
// error names every fault of the options.
func NewFetcher(o FetcherOptions) (*Fetcher, error) {
	o.fill()
	var errs []error
	if o.Store == nil {
		errs = append(errs, errors.New("no store"))
	}
	for _, h := range o.Hosts {
		errs = append(errs, h.check())
	}
	if err := errors.Join(append(errs, o.Allow.check())...); err != nil {
		return nil, err
	}
	f := &Fetcher{
		o: o, slots: make(chan struct{}, o.MaxFetches),
		flights: make(map[flightKey]*flight), known: make(map[string]known), descriptors: make(map[string]*descriptor),
	}
	f.http = f.transport()
	return f, nil
}

// Close ends idle connections. Fetches under way are ended by their contexts.
func (f *Fetcher) Close() { f.http.CloseIdleConnections() }

// sleep waits for d or the end of ctx. A quarter is taken off or put on, so
// that a server that comes back is not asked by all at once.
func sleep(ctx context.Context, d time.Duration) error {
	return waitOut(ctx, time.Duration(float64(d)*(0.75+rand.Float64()/2)))
}
