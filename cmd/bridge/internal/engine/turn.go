package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
)

// turn is one device's part of a batch: its record is changed by events, then
// stored, and then the effects are performed, or none of it.
type turn struct {
	shard  *shard
	slot   *slot
	now    time.Time
	events []event

	rec      *record // nil until it is open
	live     live
	revision uint64 // of the stored record; 0 for a new one
	sum      uint64 // of the stored bytes
	share    share  // of the stored record in the census

	lines   []Entry                 // new in the time line
	effects []func(context.Context) // started when the record is durable; they do not wait
	replies []error                 // one an event
	places  int                     // of the admission, held by the session or taken in this turn
	stepped bool                    // the DM session was stepped: it cannot be taken back
	err     error                   // why nothing of this turn counts
}

var seed = maphash.MakeSeed()

// run applies the events, and then whatever is due.
func (t *turn) run() {
	if t.err = t.open(); t.err != nil {
		return
	}
	t.showAccount()
	t.replies = make([]error, len(t.events))
	for i, ev := range t.events {
		t.replies[i] = t.apply(ev.what)
	}
	t.overdue()
}

// open gets the device's record.
func (t *turn) open() error {
	if c, ok := t.shard.cache.take(t.slot.endpoint); ok {
		t.rec, t.revision, t.sum, t.share = c.rec, c.revision, c.sum, shareOf(c.rec)
		return nil
	}
	entry, err := t.shard.o.Store.Get(keyOf(t.slot.endpoint))
	if errors.Is(err, store.ErrNotFound) {
		t.rec = newRecord(t.slot.endpoint)
		return nil
	}
	if err != nil {
		return err
	}
	if t.rec, err = decodeRecord(entry); err != nil {
		return err
	}
	t.revision, t.sum, t.share = entry.Revision, maphash.Bytes(seed, entry.Value), shareOf(t.rec)
	return nil
}

// apply makes one event count. The error is for whoever waits for it.
func (t *turn) apply(what occurrence) error {
	switch w := what.(type) {
	case registered:
		t.registered(w.r)
	case updated:
		t.updated(w.r)
	case deregistered:
		t.left(w.r.ID)
	case expired:
		t.left(w.r.ID)
	case notified:
		t.notified(w)
	case resumed:
		t.step(mapping.Resumed{})
	case cancelled:
		if !t.rec.running() {
			return ErrNoDrive
		}
		t.step(mapping.Cancelled{})
	case asked:
		t.answered(w)
	case knocked:
		t.knocked(w)
	case identified:
		t.identified(w)
	case tookBack:
		t.tookBack(w)
	case posted:
		t.posted(w)
	case triggered:
		return t.triggered(w.m)
	case suspected:
		t.note(w.text)
	case remarked:
		t.note(w.text)
	case granted:
		t.places++
		t.live.waiting = false
	}
	return nil
}

// overdue starts what is due now.
func (t *turn) overdue() {
	if d := t.rec.Drive; t.rec.running() && !d.Deadline().IsZero() && !t.now.Before(d.Deadline()) {
		t.step(mapping.Tick{})
	}
	t.identify()
	t.takeBack()
	t.expireTrigger()
	t.sessions()
}

// nextDue is when the device wants its next turn; zero for never.
func (t *turn) nextDue() time.Time {
	at := time.Time{}
	if t.rec.running() {
		if at = t.rec.Drive.Deadline(); !at.IsZero() && !t.now.Before(at) {
			at = t.now.Add(time.Second) // a deadline that does not move must not spin
		}
	}
	if t.mayTakeBack() {
		at = t.now // after a restart
	}
	return earliest(at, t.sessionTime())
}

// earliest is the earlier of two times, where zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// change is what has to be written; false for nothing.
func (t *turn) change() (store.Change, bool) {
	if t.err != nil {
		return store.Change{}, false
	}
	b, err := t.rec.encode()
	if err != nil {
		t.err = err
		return store.Change{}, false
	}
	sum := maphash.Bytes(seed, b)
	if t.revision != 0 && sum == t.sum {
		return store.Change{}, false
	}
	t.sum = sum
	return store.Change{Key: keyOf(t.slot.endpoint), Value: b, Expect: t.revision}, true
}

// commit performs the effects of a turn that is durable.
func (t *turn) commit(ctx context.Context) {
	s, sl := t.shard, t.slot
	sl.live, sl.known = t.live, true
	if sl.trouble != nil {
		sl.trouble = nil
		s.e.health.recovered()
		s.o.Log.Info("record stored again", "device", sl.endpoint)
	}
	t.counted()
	s.cache.put(cached{t.rec, t.revision, t.sum})
	s.due.set(sl, t.nextDue())
	t.release()
	for _, line := range t.lines {
		s.show(line)
	}
	for i, ev := range t.events {
		ev.answer(t.replies[i])
	}
	for _, start := range t.effects {
		start(ctx)
	}
}

// fail takes a turn back that could not be stored.
func (t *turn) fail() {
	s, sl := t.shard, t.slot
	if t.stepped {
		sl.live.session = nil
	}
	why := t.err
	if !errors.Is(why, ErrRecord) {
		why = fmt.Errorf("%w: %w", ErrStore, why)
	}
	for _, ev := range t.events {
		if _, ok := ev.what.(granted); ok {
			sl.live.waiting = false
		}
		ev.answer(why)
	}
	t.live = sl.live
	t.release()
	s.o.Log.Error("record not stored, nothing was done", "device", sl.endpoint, "err", t.err)
	switch {
	case errors.Is(t.err, ErrRecord):
		t.setBroken()
	case !sl.known:
		delete(s.slots, sl.endpoint) // the device will register again
		s.e.known.Add(-1)
		s.e.health.failed(t.now, t.err, false)
	default:
		t.keep()
	}
}

// release gives back the places that no session needs any more.
func (t *turn) release() {
	if t.live.session != nil {
		t.places--
	}
	for ; t.places > 0; t.places-- {
		t.shard.e.admission.leave()
	}
}

// keep puts the events away that nobody would repeat, for a later turn.
func (t *turn) keep() {
	s, sl := t.shard, t.slot
	first := sl.trouble == nil
	if first {
		sl.trouble = &trouble{}
	}
	sl.trouble.backlog = sl.trouble.backlog[:0:0]
	for _, ev := range t.events {
		if ev.what.kept() {
			ev.reply = nil
			sl.trouble.backlog = append(sl.trouble.backlog, ev)
		}
	}
	sl.trouble.tries++
	sl.trouble.until = t.now.Add(s.o.StoreRetry.after(sl.endpoint, sl.trouble.tries))
	s.due.set(sl, sl.trouble.until)
	s.e.health.failed(t.now, t.err, first)
}

// setBroken leaves a device alone whose record cannot be read.
func (t *turn) setBroken() {
	t.slot.broken = t.err
	t.shard.e.health.brokenRecord(t.now, t.err)
	if t.slot.trouble != nil {
		t.slot.trouble = nil
		t.shard.e.health.recovered()
	}
	t.shard.due.set(t.slot, time.Time{})
}
