package engine

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Devices is the engine's way to LwM2M devices; [*server.Server] is one.
type Devices interface {
	Do(ctx context.Context, endpoint string, r server.Request) (server.Response, error)
	NewExchange(endpoint string) (server.Exchange, error)
	Restore(r server.Registration) error
}

var _ Devices = (*server.Server)(nil)

// Poster is the engine's way to DM servers; [*dmhttp.Client] is one. The error
// is for answers that did not come or are no SyncML.
type Poster interface {
	Post(ctx context.Context, m dmhttp.Request) (dmhttp.Response, error)
}

// Directory says what the operator decided about a device. Its methods are
// called often and from every shard: they must be fast and never wait.
type Directory interface {
	// AccountFor is the DM server that the device belongs to and its account
	// there; ok is false for a device of nobody.
	AccountFor(endpoint string) (info ServerInfo, acc session.Account, ok bool)
	PolicyFor(endpoint string) mapping.Policy
	// DialectFor is the configured dialect; DialectUnknown to detect it.
	DialectFor(endpoint string) lwm2m9.Dialect
}

// ServerInfo is what the operator decided about a DM server.
type ServerInfo struct {
	Name string        // for people, and for the Poster: dmhttp.Request.Server
	Poll time.Duration // between two sessions of a device; 0 has none on schedule
	Role fwupdate.Role // what the server may do; NoRole is taken for Manager
}

// Backoff is a growing delay: Base, twice that, and so on up to Cap, less up
// to a quarter that differs from device to device.
type Backoff struct {
	Base, Cap time.Duration
}

// Options of an [Engine]. Store, Poster and Directory are required; every
// other zero value is replaced by its default.
type Options struct {
	Store     store.Store
	Poster    Poster
	Directory Directory
	Log       *slog.Logger // nil logs nothing
	Rand      io.Reader    // of nonces; nil is crypto/rand

	// OnTimeline is told of every new line of a time line, after it is
	// durable, by the shard's goroutine: it must not block.
	OnTimeline func(Entry)

	Shards     int // goroutines that own devices
	Batch      int // events taken in one turn
	Inbox      int // events of devices that may wait at one shard; a further one is answered 5.03
	Cache      int // decoded records kept, in all
	MaxDevices int // devices known; a further one is answered 4.03
	Timeline   int // lines kept per device
	Outbox     int // final notifications kept per device; the oldest parked one goes first
	Sessions   int // DM sessions at one time, in all

	// OnDevice is told of every device when it becomes known, in Load and
	// later, by a shard's goroutine: it must not block.
	OnDevice func(endpoint string)
	Trigger  TriggerPolicy
	// Delivery gets packages to devices; nil leaves it to them, from the
	// server's own URI.
	Delivery Delivery
	// Lender gives devices that fetch packages themselves credentials for the
	// package server (Object 9, User Name and Password); nil gives none.
	Lender Lender

	RequestTimeout time.Duration // of one request to a device that is awake
	AsleepTimeout  time.Duration // of one request to a device in queue mode, the wait for it included
	PostTimeout    time.Duration // of one POST with its answer
	SessionTimeout time.Duration // of one DM session, from its first POST on
	PostTries      int           // how often the same message is posted before the session is given up
	PostRetry      Backoff       // between those
	SessionRetry   Backoff       // between failed sessions of a device
	AlertRetry     Backoff       // between two deliveries of a notification that was not answered with 2xx
	AlertTries     int           // refusals after which a notification is parked
	StoreRetry     Backoff       // after a failed write
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.OnTimeline == nil {
		o.OnTimeline = func(Entry) {}
	}
	if o.OnDevice == nil {
		o.OnDevice = func(string) {}
	}
	for _, d := range []struct {
		n     *int
		value int
	}{
		{&o.Shards, 16}, {&o.Batch, 64}, {&o.Inbox, 4096}, {&o.Cache, 4096}, {&o.MaxDevices, 1_000_000},
		{&o.Timeline, 64}, {&o.Outbox, 8}, {&o.Sessions, 64}, {&o.PostTries, 3}, {&o.AlertTries, 8},
	} {
		if *d.n <= 0 {
			*d.n = d.value
		}
	}
	for _, d := range []struct {
		d     *time.Duration
		value time.Duration
	}{
		{&o.RequestTimeout, server.DefaultTimeout}, {&o.AsleepTimeout, 24 * time.Hour}, {&o.PostTimeout, time.Minute}, {&o.SessionTimeout, 30 * time.Minute},
		{&o.PostRetry.Base, 2 * time.Second}, {&o.PostRetry.Cap, 30 * time.Second},
		{&o.SessionRetry.Base, 30 * time.Second}, {&o.SessionRetry.Cap, 6 * time.Hour},
		{&o.AlertRetry.Base, time.Minute}, {&o.AlertRetry.Cap, 6 * time.Hour},
		{&o.StoreRetry.Base, time.Second}, {&o.StoreRetry.Cap, time.Minute},
	} {
		if *d.d <= 0 {
			*d.d = d.value
		}
	}
	// A batch of the store has at most one change for each device of a turn.
	o.Batch = min(o.Batch, store.MaxBatch)
	return o
}
