package legacy

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// effect is something that is done once a turn is durable, in a goroutine of
// Run.
type effect func(ctx context.Context)

// effects are those that wait for Run, and those that can be stopped.
type effects struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting []effect
	stop    map[fetchKey]context.CancelFunc
	fetches map[fetchKey]Progress
}

type fetchKey struct {
	device string
	seq    uint32
}

// Progress is how far a fetch has come, in bytes; Total is 0 when unknown. Rate
// is in bytes a second, of the last few seconds.
type Progress struct {
	Done  int64   `json:"done"`
	Total int64   `json:"total,omitempty"`
	Rate  float64 `json:"rate,omitempty"`
}

func (e *effects) add(all ...effect) {
	if len(all) == 0 {
		return
	}
	e.mu.Lock()
	e.waiting = append(e.waiting, all...)
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *effects) take() []effect {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.waiting
	e.waiting = nil
	return all
}

// fetching begins a fetch that can be stopped; end is to be called after it.
// ok is false for one that runs already.
func (e *effects) fetching(ctx context.Context, k fetchKey) (_ context.Context, end func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop == nil {
		e.stop, e.fetches = make(map[fetchKey]context.CancelFunc), make(map[fetchKey]Progress)
	}
	if e.stop[k] != nil {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	e.stop[k] = cancel
	return ctx, func() {
		cancel()
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.stop, k)
		delete(e.fetches, k)
	}, true
}

func (e *effects) progress(k fetchKey, p Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop[k] != nil {
		e.fetches[k] = p
	}
}

func (e *effects) progressOf(k fetchKey) Progress {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches[k]
}

func (e *effects) stopFetch(k fetchKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cancel := e.stop[k]; cancel != nil {
		cancel()
	}
}

// act takes in one action of the Virtual: what is durable with the turn at
// once, the rest as an effect.
func (t *turn) act(a mapping.Action) {
	e, id := t.e, t.id
	switch a := a.(type) {
	case mapping.Note:
		t.line(a.Text())
	case mapping.Do:
		t.jobs = append(t.jobs, a)
	case mapping.Created:
		t.created = a.Instance
	case mapping.Fetch:
		t.begun = append(t.begun, func(ctx context.Context) { e.fetch(ctx, id, a) })
	case mapping.Verify:
		t.begun = append(t.begun, func(ctx context.Context) {
			ok := e.o.Packages.Verify(ctx, a.Digest)
			if ctx.Err() == nil {
				e.event(id, mapping.Verified{Instance: a.Instance, Seq: a.Seq, OK: ok})
			}
		})
	case mapping.StopFetch:
		t.begun = append(t.begun, func(context.Context) { e.effects.stopFetch(fetchKey{id, a.Seq}) })
	case mapping.Drop:
		t.holds = append(t.holds, func() { e.drop(id, a.Digest, t.rec.Virtual) })
	case mapping.Wake:
		t.wake()
	case mapping.Report:
		t.report(a)
	}
}

// report has an end told that is stored with this turn.
func (t *turn) report(r mapping.Report) {
	if c, written, ok := t.e.o.Packages.Report(t.id, r); ok {
		t.told = append(t.told, c)
		t.holds = append(t.holds, written)
	}
}

// PackageError says why a package did not come.
type PackageError struct {
	Result lwm2m9.UpdateResult // what Object 9 shows
	Reason string              // for people, without secrets; Status Reason
	Notify string              // where the end is to be told; "" for nowhere
	Err    error               // the cause, for the log
}

func (e *PackageError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *PackageError) Unwrap() error { return e.Err }

// fetch brings a package into the store. When the bridge stops it says
// nothing: the next one asks again.
func (e *Engine) fetch(ctx context.Context, id string, f mapping.Fetch) {
	k := fetchKey{id, f.Seq}
	ours, end, ok := e.effects.fetching(ctx, k)
	if !ok {
		return
	}
	defer end()
	info, err := e.o.Packages.Fetch(ours, id, f.URI, func(p Progress) { e.effects.progress(k, p) })
	switch {
	case ours.Err() != nil: // stopped, or the bridge ends
		if err == nil {
			e.letGo(id, info.Digest)
		}
	case err != nil:
		e.o.Log.Warn("package not fetched", "device", id, "err", err)
		failed := mapping.FetchFailed{Instance: f.Instance, Seq: f.Seq, Result: lwm2m9.ResultDeviceError, Reason: "the package could not be fetched"}
		if p, ok := errors.AsType[*PackageError](err); ok {
			failed.Result, failed.Reason, failed.Notify = p.Result, p.Reason, p.Notify
		}
		e.event(id, failed)
	default:
		e.event(id, mapping.Received{Instance: f.Instance, Seq: f.Seq, Package: info})
	}
}

// event is a turn of one event. One that cannot be stored now is repeated
// until it can: nobody else would say it again before the next start.
func (e *Engine) event(id string, ev mapping.VirtualEvent) {
	err := e.turn(id, false, func(t *turn) error {
		t.step(ev)
		return nil
	})
	if !errors.Is(err, ErrStore) {
		return // done, or there is no such device any more
	}
	e.effects.add(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(retryStore):
			e.event(id, ev)
		}
	})
}

// wake sends the device a trigger, if there is a way to.
func (t *turn) wake() {
	e := t.e
	d, ok := e.o.Directory.Device(t.id)
	if !ok || e.o.Wake == nil || d.Address == "" {
		return
	}
	if t.rec.Trigger++; t.rec.Trigger == 0 {
		t.rec.Trigger = uint16(1 + randomUint32()&0x7fff)
	}
	n, session := t.rec.Nonces, t.rec.Trigger
	t.line("trigger sent, session " + strconv.FormatUint(uint64(session), 16))
	t.begun = append(t.begun, func(ctx context.Context) {
		if err := e.o.Wake(ctx, d, n, session); err != nil && ctx.Err() == nil {
			e.o.Log.Warn("trigger not sent", "device", t.id, "err", err)
		}
	})
}

func randomUint32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}
