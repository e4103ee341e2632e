package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Engine drives all devices of one bridge. It is made by New, given its
// devices by Load, and works while Run runs. It is a [server.Handler].
type Engine struct {
	o         Options
	shards    []*shard
	admission *admission
	health    health
	suspects  suspects
	census    census
	known     atomic.Int64 // devices that have a record
	loaded    atomic.Bool
}

var (
	_ server.Handler     = (*Engine)(nil)
	_ server.SendHandler = (*Engine)(nil)
)

// New makes an engine. Store, Poster and Directory of the options are needed.
func New(o Options) *Engine {
	e := &Engine{o: o.withDefaults()}
	e.admission = newAdmission(e.o.Sessions)
	for range e.o.Shards {
		e.shards = append(e.shards, newShard(e))
	}
	return e
}

// Load reads every record, gives the registrations back to the devices'
// server, and lines up the running drives to be resumed. It is called once,
// before Run and before that server runs. A record that cannot be read is
// left alone and becomes a [Condition]; the error is that of a store which
// cannot be read at all.
func (e *Engine) Load(devices Devices) error {
	now := stamp(time.Now())
	for _, s := range e.shards {
		s.devices = devices
	}
	for entry, err := range e.o.Store.Scan(keyPrefix) {
		if err != nil {
			return fmt.Errorf("engine: reading the records: %w", err)
		}
		rec, err := decodeRecord(entry)
		if err != nil {
			e.brokenRecord(now, entry.Key, err)
			continue
		}
		e.shardOf(rec.Endpoint).load(now, rec)
		if !rec.Present {
			continue
		}
		if err := devices.Restore(rec.Registration); err != nil {
			e.o.Log.Warn("registration not restored", "device", rec.Endpoint, "err", err)
		}
	}
	e.loaded.Store(true)
	return nil
}

// brokenRecord makes a slot that refuses everything. The endpoint comes from
// the key: what the record says cannot be trusted.
func (e *Engine) brokenRecord(now time.Time, key string, err error) {
	e.o.Log.Error("record left alone", "key", key, "err", err)
	e.health.brokenRecord(now, err)
	endpoint, bad := endpointOf(key)
	if bad != nil {
		return // no device has this key, so none will meet it
	}
	s := e.shardOf(endpoint)
	sl := s.slot(endpoint)
	sl.known, sl.broken = true, err
	e.known.Add(1)
}

// Run works until ctx ends, and returns after the last goroutine has ended.
// Turns that have begun are finished; effects under way are cut off, and
// taken up again by the next Run of a bridge with this store. The error is
// for a Run without Load.
func (e *Engine) Run(ctx context.Context) error {
	if !e.loaded.Load() {
		return errors.New("engine: Run without Load")
	}
	var wg sync.WaitGroup
	for _, s := range e.shards {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return nil
}

func (e *Engine) shardOf(endpoint string) *shard {
	return e.shards[hash(endpoint)%uint64(len(e.shards))]
}

// Cancel gives up the update that runs on a device: ErrNoDrive when there is
// none, ErrUnknownDevice for an unknown device, ErrStore, ErrBusy, ErrStopped.
func (e *Engine) Cancel(ctx context.Context, endpoint string) error {
	return e.submit(ctx, endpoint, cancelled{})
}

// submit hands an event to its shard and waits until it is durable.
func (e *Engine) submit(ctx context.Context, endpoint string, what occurrence) error {
	reply := make(chan error, 1)
	err := e.shardOf(endpoint).box.offer(event{endpoint: endpoint, what: what, reply: reply}, e.o.Inbox)
	if err != nil {
		return err
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stamp makes times comparable: no monotonic clock, no location.
func stamp(t time.Time) time.Time { return t.Round(0).UTC() }
