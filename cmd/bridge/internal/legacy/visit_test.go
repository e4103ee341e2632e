package legacy

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// TestEndedSession: a session that has come to an end is kept to answer a
// message again, but a device that has to come needs a trigger. When the session
// goes on after all, it is asked in it.
func TestEndedSession(t *testing.T) {
	for _, goesOn := range []bool{false, true} {
		w := newWorld(t)
		w.deliver()
		c := w.call(device)
		for range 3 {
			if err := c.says(obliging(10)); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.jobs) > 0 {
			t.Fatalf("still to be said:\n%s", c.commands())
		}
		c.visit.Said(nil, session.EndDone)
		w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
		if len(w.wakes) != 1 {
			t.Errorf("%d triggers; want 1", len(w.wakes))
		}
		if goesOn {
			if err := c.says(obliging(10)); err != nil {
				t.Fatal(err)
			}
		}
		v, err := w.e.virtual(device)
		if err != nil || v.Open != goesOn || (v.Task == mapping.TaskExec) != goesOn {
			t.Errorf("goes on %v: %+v, %v", goesOn, v, err)
		}
		c.visit.Gone()
		if v, err := w.e.virtual(device); err != nil || v.Open {
			t.Errorf("gone: %+v, %v", v, err)
		}
	}
}

// TestEndOfSessionIsNotWritten, when nothing was under way in it, and a restart
// knows it all the same.
func TestEndOfSessionIsNotWritten(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	c := w.call(device)
	revision := func() uint64 {
		entry, err := w.db.Get(keyOf(device))
		if err != nil {
			t.Fatal(err)
		}
		return entry.Revision
	}
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	if v := w.stored().Virtual; !v.Open || v.Task != mapping.TaskExec {
		t.Fatalf("a task is under way, and the record says %+v", v)
	}
	for range 3 {
		if err := c.says(obliging(10)); err != nil {
			t.Fatal(err)
		}
	}
	before, lane := revision(), w.e.lane(device)
	lane.room = nil
	c.visit.Said(nil, session.EndDone)
	if after := revision(); after != before || lane.room != nil {
		t.Error("the end of the session was written, or encoded")
	}
	if w.stored().Virtual.Open {
		t.Error("the record says that the session is open")
	}
	w.start()
	if v, err := w.e.virtual(device); err != nil || v.Open || v.Slots[0].Campaign.Phase != mapping.CampaignRunning {
		t.Errorf("after a restart: %+v, %v", v, err)
	}
}

// portraitOf is what an LwM2M client wanted to keep.
func portraitOf(state string) store.Packed[map[string]json.RawMessage] {
	all := map[string]json.RawMessage{"main": json.RawMessage(state)}
	return store.Pack(&all)
}

// TestNotLearned: what a device has told in a turn that is not stored is not
// known afterwards, nor is what an LwM2M client wanted to keep.
func TestNotLearned(t *testing.T) {
	w := newWorld(t)
	tell := func(man, location string) error {
		return w.e.turn(device, false, func(t *turn) error {
			t.learn(map[string]string{"./DevInfo/Man": man})
			t.rec.Portrait = portraitOf(location)
			return nil
		})
	}
	if err := tell("Acme", "1"); err != nil {
		t.Fatal(err)
	}
	w.db.fail = errors.New("disk")
	if err := tell("Bolt", "2"); !errors.Is(err, ErrStore) {
		t.Fatal(err)
	}
	err := w.e.look(device, func(r *record) {
		if r.known()["./DevInfo/Man"] != "Acme" || r.Portrait != portraitOf("1") {
			t.Errorf("%v, %s", r.known(), r.Portrait.Value())
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRecordOfEarlierBridge: bridges used to wait for the Adds' statuses before
// they sent the Exec. A device whose Adds were under way is handed the package
// in its next session.
func TestRecordOfEarlierBridge(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	rec := w.stored()
	v := &rec.Virtual
	v.Open, v.Task, v.TaskSeq, v.TaskPackage = true, mapping.TaskOffer, v.Seq, "p1"
	v.Slots[0].Campaign.Offered = true
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := w.db.Get(keyOf(device))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Write(store.Change{Key: keyOf(device), Value: text, Expect: entry.Revision}); err != nil {
		t.Fatal(err)
	}
	w.start()
	if said := w.call(device).session(obliging(10)); strings.Count(said, "Exec") != 1 || strings.Count(said, "PkgURL") != 1 {
		t.Errorf("the device is told\n%s", said)
	}
	if c := w.slot().Campaign; c.Phase != mapping.CampaignRunning || c.Exec != mapping.ExecAccepted {
		t.Errorf("%+v", c)
	}
}

// TestExecUnsent: the Adds were carried out, and the Exec did not fit: it was
// certainly not carried out, and goes out in a later session.
func TestExecUnsent(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	c := w.call(device)
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	exec := c.jobs[len(c.jobs)-1]
	c.jobs = c.jobs[:len(c.jobs)-1]
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	c.visit.Said([]session.Result{{Key: exec.Key, Err: errors.New("too large")}}, session.EndDone)
	if s := w.slot(); s.Campaign.Phase != mapping.CampaignContact || s.Campaign.Tries != 1 {
		t.Fatalf("%+v", s.Campaign)
	}
	w.now = w.now.Add(w.e.o.Policy.Retry)
	if said := w.call(device).session(obliging(10)); strings.Count(said, "Exec") != 1 {
		t.Errorf("the device is told\n%s", said)
	}
}
