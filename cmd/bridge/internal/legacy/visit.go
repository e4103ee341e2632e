package legacy

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// visit is our side of one DM session of a device.
type visit struct {
	e      *Engine
	id     string
	caller dmlisten.Caller
	device Device
	met    bool            // it has proved who it is
	asked  map[uint32]*ask // tasks under way, by Seq
	looked bool            // ./DevDetail was asked for
}

// Open implements [dmlisten.Work].
func (e *Engine) Open(_ context.Context, c dmlisten.Caller) (session.ServerConfig, dmlisten.Visit, error) {
	d, ok := e.o.Directory.Device(c.DeviceID)
	if !ok {
		e.strangers.saw(c, e.o.Now())
		return session.ServerConfig{}, nil, dmlisten.ErrUnknownDevice
	}
	nonces, err := e.nonces(c.DeviceID)
	switch {
	case errors.Is(err, ErrUnknown) && e.known.Load() >= int64(e.o.MaxDevices):
		e.strangers.saw(c, e.o.Now())
		return session.ServerConfig{}, nil, dmlisten.ErrUnknownDevice
	case err != nil && !errors.Is(err, ErrUnknown):
		return session.ServerConfig{}, nil, err
	}
	cfg := session.ServerConfig{
		Account: d.Account, Nonces: nonces, LargeObjects: d.LargeObjects, Sequence: d.Sequence, Judge: judge,
	}
	return cfg, &visit{e: e, id: c.DeviceID, caller: c, device: d, asked: make(map[uint32]*ask)}, nil
}

// nonces are those of the device's record.
func (e *Engine) nonces(id string) (n session.Nonces, err error) {
	err = e.look(id, func(r *record) { n = r.Nonces })
	return n, err
}

// Heard implements [dmlisten.Visit].
func (v *visit) Heard(_ context.Context, got session.Received) ([]dmlisten.Job, error) {
	var jobs []dmlisten.Job
	asked := maps.Clone(v.asked) // a turn that is not stored has not happened
	looked := v.looked
	err := v.e.turn(v.id, true, func(t *turn) error {
		jobs = jobs[:0]
		t.rec.Nonces, t.rec.Seen = got.Nonces, t.now
		t.rec.Adopted = t.rec.Adopted || v.device.Adopt
		t.learn(got.DevInfo)
		for _, ev := range got.Events {
			t.alert(ev)
		}
		if !v.met {
			t.seat.visit = v
			t.step(mapping.Opened{})
		}
		t.results(v, got.Results)
		if t.seat.visit == v { // a newer session of the device counts, not this one
			jobs = append(jobs, t.commands(v)...)
		}
		return nil
	})
	if err != nil {
		v.asked, v.looked = asked, looked
		return nil, err
	}
	if !v.met {
		v.e.strangers.forget(v.id)
	}
	v.met = true
	return jobs, nil
}

// Said implements [dmlisten.Visit]: what could not be sent has certainly not
// been carried out. A session that has come to an end is over for its device,
// although it is kept for a while to answer a message again: what is due next
// needs a trigger. Should it go on all the same, it opens anew.
func (v *visit) Said(unsent []session.Result, end session.End) {
	over := v.met && end != session.EndNot
	if len(unsent) == 0 && !over {
		return
	}
	for i := range unsent {
		unsent[i].Code = syncml.StatusCommandFailed
	}
	err := v.e.turn(v.id, false, func(t *turn) error {
		t.results(v, unsent)
		if over && t.seat.visit == v {
			t.step(mapping.Closed{})
		}
		return nil // what would be said next is said in the next session
	})
	if err != nil {
		v.e.o.Log.Error("the end of a session is not stored", "device", v.id, "err", err)
		return // Gone says it again
	}
	if over {
		v.leave()
		v.met = false
	}
}

// Gone implements [dmlisten.Visit]. A device that may be adopted and has not
// proved who it is stays a stranger.
func (v *visit) Gone() {
	if v.met && v.leave() {
		v.e.event(v.id, mapping.Closed{})
	}
	if _, err := v.e.virtual(v.id); errors.Is(err, ErrUnknown) {
		v.e.strangers.saw(v.caller, v.e.o.Now())
	}
}

// leave says whether this session counts, which it does no longer. A newer
// session of the device counts, not this one.
func (v *visit) leave() bool {
	l := v.e.lane(v.id)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.seats[v.id]
	if s == nil || s.visit != v {
		return false
	}
	s.visit = nil
	return true
}

// learn keeps what a device tells about itself.
func (t *turn) learn(info map[string]string) {
	all, changed := t.rec.known(), false
	for uri, value := range info {
		old, known := all[uri]
		if len(value) > maxInfo || !known && len(all) >= maxInfos && !shownNode(uri) {
			continue
		}
		if old != value {
			uri = strings.Clone(uri) // of a message, which it would keep
			if !changed {
				all, changed = with(all, uri, value), true
			}
			all[uri] = value // the turn's own by now
		}
	}
	if changed {
		t.rec.learned(all)
		t.info = true
	}
}

// Limits of what is kept of ./DevInfo and ./DevDetail.
const (
	maxInfos = 32  // nodes; those that /3 shows come on top
	maxInfo  = 255 // bytes of a value
)
