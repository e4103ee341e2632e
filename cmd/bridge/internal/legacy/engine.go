package legacy

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/due"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
)

// Engine holds the legacy devices of one bridge. It is made by New, given its
// records by Load, and begins effects while Run runs.
type Engine struct {
	o     Options
	seed  maphash.Seed
	lanes []lane

	schedule struct {
		sync.Mutex
		queue due.Queue
		wake  chan struct{}
	}
	effects   effects
	strangers strangers
	health    health
	census    census
	notes     notes
	known     atomic.Int64 // devices that have a record
}

var _ dmlisten.Work = (*Engine)(nil)

// lane is a lock and the devices that it is for.
type lane struct {
	mu    sync.Mutex
	seats map[string]*seat
	idle  idle
	room  []byte // for the record that is being encoded
}

// seat is what is kept in memory for a device with a record.
type seat struct {
	rec      *record // nil: it is in the store, where it is while nothing is due for long
	idle     bool    // it is one of the lane's idle
	revision uint64
	resumed  bool   // it has been told that the bridge was restarted
	visit    *visit // the DM session that counts
	broken   error  // the record cannot be read: the device is left alone
}

// New makes an engine.
func New(o Options) *Engine {
	e := &Engine{o: o.withDefaults(), seed: maphash.MakeSeed()}
	e.lanes = make([]lane, e.o.Lanes)
	for i := range e.lanes {
		e.lanes[i].seats = make(map[string]*seat)
	}
	e.schedule.wake = make(chan struct{}, 1)
	e.effects.wake = e.schedule.wake
	return e
}

// Load reads every record and makes one for each listed device that has none.
// It is called once, before Run and before any session or LwM2M server is let
// in. A record that cannot be read is left alone and logged; the error is that
// of a store which cannot be read at all.
func (e *Engine) Load() error {
	for entry, err := range e.o.Store.Scan(keyPrefix) {
		if err != nil {
			return fmt.Errorf("legacy: reading the records: %w", err)
		}
		rec, err := decodeRecord(entry)
		if err != nil {
			e.broken(entry.Key, err)
			continue
		}
		e.load(rec, entry.Revision)
	}
	for _, id := range e.o.Directory.Listed() {
		if err := e.turn(id, true, func(*turn) error { return nil }); err != nil && !errors.Is(err, ErrRecord) {
			return fmt.Errorf("legacy: device %q: %w", id, err)
		}
	}
	return nil
}

func (e *Engine) load(rec *record, revision uint64) {
	l := e.lane(rec.Device)
	l.seats[rec.Device] = &seat{revision: revision}
	e.known.Add(1)
	e.census.moved(mapping.Virtual{}, rec.Virtual)
	for _, digest := range rec.Virtual.Needs() {
		e.o.Packages.Hold(rec.Device, digest)
	}
	if d, ok := e.o.Directory.Device(rec.Device); ok {
		e.o.Portraits.Show(rec.Device, d, rec.Portrait.Value())
	}
	if rec.Virtual.Due() || rec.Virtual.Open || rec.Virtual.Fetching() {
		e.plan(rec.Device, e.o.Now()) // its first turn tells it of the restart
	}
}

// broken leaves a device alone whose record cannot be read.
func (e *Engine) broken(key string, err error) {
	e.o.Log.Error("record left alone", "key", key, "err", err)
	e.health.brokenRecord()
	if id, bad := idOf(key); bad == nil {
		e.lane(id).seats[id] = &seat{broken: err}
		e.known.Add(1)
	}
}

func (e *Engine) lane(id string) *lane {
	return &e.lanes[maphash.String(e.seed, id)%uint64(len(e.lanes))]
}

// Run takes turns of devices whose time has come and performs effects, until
// ctx ends; it returns after the last effect has ended.
func (e *Engine) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		for _, perform := range e.effects.take() {
			wg.Go(func() { perform(ctx) })
		}
		id, wait := e.next()
		if id != "" {
			e.tick(id)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-e.schedule.wake:
		case <-timer.C:
		}
	}
	return nil
}

// next is a device whose time has come, or how long to wait for one.
func (e *Engine) next() (id string, wait time.Duration) {
	e.schedule.Lock()
	defer e.schedule.Unlock()
	now := e.o.Now()
	if id, ok := e.schedule.queue.Pop(now); ok {
		return id, 0
	}
	if at, ok := e.schedule.queue.Next(); ok {
		return "", at.Sub(now)
	}
	return "", time.Hour
}

// plan sets when a device wants its next turn; the zero time is never. Run is
// woken when that is before all that it waits for.
func (e *Engine) plan(id string, at time.Time) {
	e.schedule.Lock()
	defer e.schedule.Unlock()
	first, waiting := e.schedule.queue.Next()
	e.schedule.queue.Set(id, at)
	if next, ok := e.schedule.queue.Next(); !ok || waiting && !next.Before(first) {
		return
	}
	select {
	case e.schedule.wake <- struct{}{}:
	default:
	}
}

// retryStore is how long a turn waits that could not be stored.
const retryStore = 10 * time.Second

// tick is the turn of a device whose time has come.
func (e *Engine) tick(id string) {
	err := e.turn(id, false, func(t *turn) error {
		t.step(mapping.Tick{})
		return nil
	})
	if err != nil && !errors.Is(err, ErrRecord) && !errors.Is(err, ErrUnknown) {
		e.plan(id, e.o.Now().Add(retryStore))
	}
}

// readRecord gets a device's record from the store.
func (e *Engine) readRecord(id string) (*record, uint64, error) {
	entry, err := e.o.Store.Get(keyOf(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrUnknown
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrStore, err)
	}
	rec, err := decodeRecord(entry)
	return rec, entry.Revision, err
}
