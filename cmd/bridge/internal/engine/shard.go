package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// shard owns the devices whose names hash to it. All its fields but the
// mailbox belong to the goroutine of run.
type shard struct {
	e       *Engine
	o       *Options
	devices Devices
	box     *mailbox
	slots   map[string]*slot
	due     dueHeap
	cache   *cache
	serial  uint64         // of the last DM session
	effects sync.WaitGroup // requests and POSTs under way
}

func newShard(e *Engine) *shard {
	return &shard{
		e: e, o: &e.o, box: newMailbox(), slots: map[string]*slot{},
		cache: newCache(max(1, e.o.Cache/e.o.Shards)),
	}
}

// load takes in a stored record, before run.
func (s *shard) load(now time.Time, rec *record) {
	sl := s.slot(rec.Endpoint)
	sl.known = true
	s.e.known.Add(1)
	s.e.census.add(shareOf(rec), 1)
	if rec.running() {
		s.box.push(event{endpoint: rec.Endpoint, what: resumed{}})
		return // its turn finds out what else is due
	}
	t := turn{shard: s, slot: sl, now: now, rec: rec}
	s.due.set(sl, t.nextDue())
}

// slot is the device's slot, a new one if need be.
func (s *shard) slot(endpoint string) *slot {
	sl, ok := s.slots[endpoint]
	if !ok {
		sl = &slot{endpoint: endpoint, index: -1}
		s.slots[endpoint] = sl
		s.o.OnDevice(endpoint)
	}
	return sl
}

// run takes turns until ctx ends.
func (s *shard) run(ctx context.Context) {
	defer s.effects.Wait()
	defer s.box.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		events := s.box.take(s.o.Batch)
		turns := s.gather(stamp(time.Now()), events)
		s.work(ctx, turns)
		if len(events)+len(turns) > 0 {
			continue
		}
		wait := time.Hour
		if at, ok := s.due.next(); ok {
			wait = time.Until(at)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-s.box.wake:
		case <-timer.C:
		}
	}
}

// gather makes one turn of each device that has events or something due.
func (s *shard) gather(now time.Time, events []event) []*turn {
	var turns []*turn
	byDevice := map[*slot]*turn{}
	add := func(sl *slot) *turn {
		t, ok := byDevice[sl]
		if !ok {
			t = s.begin(sl, now)
			byDevice[sl] = t
			turns = append(turns, t)
		}
		return t
	}
	for _, ev := range events {
		if sl, ok := s.accept(now, ev); ok {
			t := add(sl)
			t.events = append(t.events, ev)
		}
	}
	for len(turns) < s.o.Batch {
		sl, ok := s.due.pop(now)
		if !ok {
			break
		}
		add(sl)
	}
	return turns
}

// accept finds the slot for an event. False: the event is answered, dropped,
// or put with the others that wait for the store.
func (s *shard) accept(now time.Time, ev event) (*slot, bool) {
	sl, ok := s.slots[ev.endpoint]
	_, new := ev.what.(registered)
	switch {
	case !ok && !new:
		ev.answer(ErrUnknownDevice)
		return nil, false
	case !ok:
		if s.e.known.Add(1) > int64(s.o.MaxDevices) {
			s.e.known.Add(-1)
			ev.answer(errTooMany)
			return nil, false
		}
		return s.slot(ev.endpoint), true
	case sl.broken != nil:
		ev.answer(sl.broken)
		return nil, false
	case sl.trouble != nil && now.Before(sl.trouble.until) && ev.reply == nil:
		s.postpone(sl, ev)
		return nil, false
	}
	return sl, true
}

// postpone keeps an event of a device that waits for the store.
func (s *shard) postpone(sl *slot, ev event) {
	if _, place := ev.what.(granted); place {
		sl.live.waiting = false
		s.e.admission.leave()
	}
	if _, cut := ev.what.(posted); cut {
		s.drop(sl)
	}
	if ev.what.kept() {
		sl.trouble.backlog = append(sl.trouble.backlog, ev)
	}
}

// drop ends the slot's session without a word: the server's next message
// could not be answered, and it repeats its commands in the next session.
func (s *shard) drop(sl *slot) {
	if sl.live.session != nil {
		sl.live.session = nil
		s.e.admission.leave()
	}
}

// begin starts a turn with the events that an earlier one could not store.
func (s *shard) begin(sl *slot, now time.Time) *turn {
	t := &turn{shard: s, slot: sl, now: now, live: sl.live}
	if sl.live.session != nil {
		t.places = 1
	}
	if sl.trouble != nil {
		t.events = append(t.events, sl.trouble.backlog...)
	}
	return t
}

// work is: step, store, then act.
func (s *shard) work(ctx context.Context, turns []*turn) {
	for _, t := range turns {
		t.run()
	}
	s.write(turns)
	for _, t := range turns {
		if t.err == nil {
			t.commit(ctx)
		} else {
			t.fail()
		}
	}
}

// write stores what changed in one batch. When the batch is refused for a
// reason that may lie in one of its records, each is tried by itself, so that
// one device does not hold up the others.
func (s *shard) write(turns []*turn) {
	var changed []*turn
	var changes []store.Change
	for _, t := range turns {
		if c, ok := t.change(); ok {
			changed, changes = append(changed, t), append(changes, c)
		}
	}
	if len(changes) == 0 {
		return
	}
	revisions, err := s.o.Store.Write(changes...)
	if err == nil {
		s.e.health.wrote()
	}
	one := len(changes) == 1 || errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrClosed)
	for i, t := range changed {
		switch {
		case err == nil:
			t.revision = revisions[i]
		case one:
			t.err = err
		default:
			if r, err := s.o.Store.Write(changes[i]); err != nil {
				t.err = err
			} else {
				t.revision = r[0]
				s.e.health.wrote()
			}
		}
	}
}
