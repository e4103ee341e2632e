package legacy

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// turn is what happens to one device at one moment: its record is changed,
// then stored, and then the effects are performed, or none of it.
type turn struct {
	e      *Engine
	id     string
	now    time.Time
	seat   *seat
	was    *record // before it; nil for a new device
	rec    *record // a copy of was, which stays the seat's until this one is stored
	before mapping.Virtual
	info   bool // what is known of the device itself changed

	jobs    []mapping.Do
	created lwm2m9.InstanceID
	lines   []Entry
	noted   uint64 // the last note among them; 0 for none
	begun   []effect
	holds   []func()
	told    []store.Change // ends that are told, written with the record
}

// turn runs f on the device's record and stores what it changed. With admit a
// device that has no record gets one. The error is f's own, or says why nothing
// has happened: ErrUnknown, ErrRecord, ErrStore.
func (e *Engine) turn(id string, admit bool, f func(*turn) error) error {
	t, err := e.locked(id, admit, f)
	if err == nil {
		t.tell()
	}
	return err
}

// locked is turn while the lane is locked.
func (e *Engine) locked(id string, admit bool, f func(*turn) error) (*turn, error) {
	l := e.lane(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := e.open(l, id, admit)
	if err != nil {
		return nil, err
	}
	if err := f(t); err != nil {
		return nil, err
	}
	if err := t.write(l); err != nil {
		e.o.Log.Error("record not stored, nothing was done", "device", id, "err", err)
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	t.commit()
	l.rest(t)
	return t, nil
}

// open gets the device's record, in a copy.
func (e *Engine) open(l *lane, id string, admit bool) (*turn, error) {
	t := &turn{e: e, id: id, now: e.o.Now().Round(0).UTC(), seat: l.seats[id]}
	switch {
	case t.seat == nil && (!admit || e.known.Load() >= int64(e.o.MaxDevices)):
		return nil, ErrUnknown
	case t.seat == nil:
		t.seat = &seat{resumed: true}
		t.rec = newRecord(id, t.now)
		return t, nil
	case t.seat.broken != nil:
		return nil, t.seat.broken
	case t.seat.rec != nil:
		t.was = t.seat.rec
	default:
		rec, revision, err := e.readRecord(id)
		if errors.Is(err, ErrRecord) {
			t.seat.broken = err
			e.health.brokenRecord()
		}
		if err != nil {
			return nil, err
		}
		t.was, t.seat.revision = rec, revision
	}
	t.rec, t.before = t.was.clone(), t.was.Virtual
	if !t.seat.resumed {
		t.step(mapping.Resumed{})
	}
	return t, nil
}

// step gives the Virtual an event and keeps what it wants done.
func (t *turn) step(ev mapping.VirtualEvent) lwm2m9.ResponseCode {
	next, code, out := t.rec.Virtual.Step(t.now, ev, t.e.o.Policy)
	t.rec.Virtual = next
	for _, a := range out {
		t.act(a)
	}
	return code
}

// write stores the record if it has changed.
func (t *turn) write(l *lane) error {
	if t.was != nil && len(t.lines) == 0 && t.rec.same(t.was) {
		return nil
	}
	t.takeNotes()
	t.keep()
	l.room = t.rec.encode(l.room[:0])
	changes := make([]store.Change, 1, 1+len(t.told))
	changes[0] = store.Change{Key: keyOf(t.id), Value: bytes.Clone(l.room), Expect: t.seat.revision}
	revisions, err := t.e.o.Store.Write(append(changes, t.told...)...)
	t.e.health.wrote(t.now, err)
	if err != nil {
		return err
	}
	if t.seat.revision == 0 {
		l.seats[t.id] = t.seat
		t.e.known.Add(1)
	}
	t.seat.revision = revisions[0]
	return nil
}

// commit makes the turn count: it is durable.
func (t *turn) commit() {
	v := t.rec.Virtual
	t.e.census.moved(t.before, v)
	t.e.census.ended(t.before, v)
	t.seat.resumed = true
	t.seat.rec = nil
	if v.Due() || v.Open || v.Fetching() {
		t.seat.rec = t.rec
	}
	if t.noted != 0 {
		t.e.notes.written(t.id, t.noted)
	}
	for _, line := range t.lines {
		t.e.show(line)
	}
	for _, hold := range t.holds {
		hold()
	}
	t.own()
	at := v.Deadline()
	if !at.IsZero() && !at.After(t.now) {
		at = t.now.Add(time.Second) // a deadline that does not move must not spin
	}
	t.e.plan(t.id, at)
	t.e.effects.add(t.begun...)
}

// tell lets the LwM2M side know what it shows otherwise now, once the lane is
// unlocked: it has locks of its own, and reads what it shows.
func (t *turn) tell() {
	c := Change{Before: t.before, After: t.rec.Virtual, Moved: moved(t.before, t.rec.Virtual), Info: t.info}
	if len(t.before.Slots) == 0 { // a new device
		if d, ok := t.e.o.Directory.Device(t.id); ok {
			t.e.o.Portraits.Show(t.id, d, t.rec.Portrait.Value())
		}
		return
	}
	t.e.o.Portraits.Changed(t.id, c)
}

// moved says whether there are other instances.
func moved(a, b mapping.Virtual) bool {
	if len(a.Slots) != len(b.Slots) {
		return true
	}
	for i := range a.Slots {
		if a.Slots[i].ID != b.Slots[i].ID {
			return true
		}
	}
	return false
}
