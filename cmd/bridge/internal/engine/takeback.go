package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// loan is what devices may have of User Name and Password, since before it was
// written to them: it has to be taken back.
type loan struct {
	Instances []lwm2m9.InstanceID `json:"instances,omitempty"`
	Tries     int                 `json:"tries,omitempty"` // to take it back, in vain
}

// maxTakeBacks is how often a device is asked that does not answer.
const maxTakeBacks = 5

// nothing is what is written in place of what was lent: the secret goes first.
var nothing = []credential{{lwm2m9.RIDPassword, ""}, {lwm2m9.RIDUserName, ""}}

// taking is a taking back under way.
type taking struct {
	cancel context.CancelFunc // nil until it goes out
}

// lending notes what a request of the drive lends, which is durable before it
// goes out, and says whether its instance may have something of before.
func (t *turn) lending(q mapping.Request) (before bool) {
	before = slices.Contains(t.rec.Lent.Instances, q.Instance)
	if t.asker().loan(q) != nil {
		t.rec.Lent.Tries = 0
		if !before {
			t.rec.Lent.Instances = append(slices.Clone(t.rec.Lent.Instances), q.Instance)
		}
	}
	return before
}

// mayTakeBack says whether something that was lent is to be taken back now: no
// drive needs it, and the device is there.
func (t *turn) mayTakeBack() bool {
	return len(t.rec.Lent.Instances) > 0 && t.rec.Present && !t.rec.running() && t.live.taking == nil && !t.live.tookBack
}

// takeBack writes User Name and Password empty when the drive is over that they
// were lent for. The drive neither waits for that nor hears of it. A device that
// does not answer is asked again when it is heard from, a few times.
func (t *turn) takeBack() {
	if !t.mayTakeBack() {
		return
	}
	by := &taking{}
	t.live.taking, t.live.tookBack = by, true
	a, s, endpoint, instances := t.asker(), t.shard, t.rec.Endpoint, t.rec.Lent.Instances
	t.effects = append(t.effects, func(ctx context.Context) {
		ours, cancel := context.WithCancel(ctx)
		by.cancel = cancel
		s.effects.Go(func() {
			defer cancel()
			done := a.takeBack(ours, instances)
			if ctx.Err() == nil {
				s.box.push(event{endpoint: endpoint, what: tookBack{by: by, done: done}})
			}
		})
	})
}

// takeBack says whether the device has answered to all of it: it has it back, or
// never took it.
func (a asker) takeBack(ctx context.Context, instances []lwm2m9.InstanceID) bool {
	for _, id := range instances {
		for _, c := range nothing {
			switch outcome, _ := outcomeOf(a.writeText(ctx, id, c.id, c.text)); outcome {
			case mapping.NotSent, mapping.NoAnswer:
				return false
			}
		}
	}
	return true
}

// stopTaking cuts off a taking back before a drive that may lend anew.
func (t *turn) stopTaking() {
	old := t.live.taking
	t.live.taking = nil
	if old == nil {
		return
	}
	t.effects = append(t.effects, func(context.Context) { old.cancel() })
}

func (t *turn) tookBack(w tookBack) {
	if t.live.taking != w.by {
		return // a drive runs, at the end of which everything is taken back
	}
	t.live.taking = nil
	if !w.done {
		t.rec.Lent.Tries++
	}
	switch {
	case w.done:
		t.rec.Lent = loan{}
	case t.rec.Lent.Tries >= maxTakeBacks:
		t.note(fmt.Sprintf("the device does not answer; it may have the user name and password still that it was lent for %d instances", len(t.rec.Lent.Instances)))
		t.rec.Lent = loan{}
	}
}
