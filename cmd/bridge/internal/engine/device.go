package engine

import (
	"context"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// registered: the device is there, and may have rebooted.
func (t *turn) registered(r server.Registration) {
	t.rec.Registration, t.rec.Present, t.live.tookBack = r, true, false
	if _, _, ok := t.account(); ok && t.rec.DM.Due.IsZero() && t.rec.DM.Sessions == 0 {
		t.rec.DM.Due = t.now // the first session follows the first registration
	}
	t.step(mapping.Arrived{})
}

// updated: the device is there and awake, perhaps at another address.
func (t *turn) updated(r server.Registration) {
	back, objects := !t.rec.Present, t.rec.Registration.Paths
	t.rec.Registration, t.rec.Present, t.live.tookBack = r, true, false
	if back {
		t.step(mapping.Arrived{})
		return
	}
	if !slices.Equal(objects, r.Paths) {
		t.rec.Identified = 0 // instances have come or gone
	}
	if t.rec.Identified != r.Epoch {
		t.live.identified = 0 // it is awake: ask again who it is
	}
	t.step(mapping.Heard{})
}

// left: the registration of that id is over. One that was replaced meanwhile
// does not matter any more.
func (t *turn) left(id string) {
	if !t.rec.Present || t.rec.Registration.ID != id {
		return
	}
	t.rec.Present = false
	t.step(mapping.Left{})
}

// asker makes requests to the device as it is registered now.
func (t *turn) asker() asker {
	timeout := t.shard.o.RequestTimeout
	if t.rec.Registration.Queue {
		timeout = t.shard.o.AsleepTimeout
	}
	return asker{devices: t.shard.devices, endpoint: t.rec.Endpoint, reg: t.rec.Registration, timeout: timeout, delivery: t.shard.o.Delivery, lender: t.lender()}
}

// identify reads /3/0 and Object 9 for each registration until the device has answered;
// it is asked when it registers, and when it is heard from.
func (t *turn) identify() {
	epoch := t.rec.Registration.Epoch
	if !t.rec.Present || t.live.identifying || t.rec.Identified == epoch || t.live.identified == epoch {
		return
	}
	t.live.identifying, t.live.identified = true, epoch
	a := t.asker()
	t.start(func(ctx context.Context) occurrence {
		who, err := a.identify(ctx)
		if err != nil {
			return identified{epoch: epoch, err: err}
		}
		return identified{epoch: epoch, who: who, object: a.inventory(ctx)}
	})
}

// identified: what the device says of itself is known, or it does not say.
func (t *turn) identified(w identified) {
	t.live.identifying = false
	if w.err != nil {
		t.shard.o.Log.Info("device did not identify itself", "device", t.rec.Endpoint, "err", w.err)
		return
	}
	t.nowIs(w.who)
	t.rec.Identified = w.epoch
	if w.object != nil && !t.rec.running() { // a drive knows better
		t.learn(w.object, mapping.OpSurvey)
	}
}

// start runs f in a goroutine once the turn is durable; what it returns is
// the device's next event. When the engine stops meanwhile it is dropped.
func (t *turn) start(f func(context.Context) occurrence) {
	s, endpoint := t.shard, t.rec.Endpoint
	t.effects = append(t.effects, func(ctx context.Context) {
		s.effects.Go(func() {
			what := f(ctx)
			if ctx.Err() == nil {
				s.box.push(event{endpoint: endpoint, what: what})
			}
		})
	})
}

// later makes an event of the device's next turn, once this one is durable.
func (t *turn) later(what occurrence) {
	s, endpoint := t.shard, t.rec.Endpoint
	t.effects = append(t.effects, func(context.Context) {
		s.box.push(event{endpoint: endpoint, what: what})
	})
}

// learn takes readings in: the detector turns numbers into names.
func (t *turn) learn(answer *mapping.Answer, op mapping.Op) {
	det := &t.rec.Detector
	det.Configured = t.shard.o.Directory.DialectFor(t.rec.Endpoint)
	if writes[op] && answer.Outcome != mapping.NotSent {
		*det = det.Wrote()
	}
	for _, i := range answer.Instances {
		var f lwm2m9.Finding
		*det, f = det.Observe(i.Pair(), !answer.Torn)
		t.found(i, f)
	}
	answer.Dialect = det.Dialect()
	for n := range answer.Instances {
		answer.Instances[n] = answer.Instances[n].In(answer.Dialect)
	}
	t.remember(answer, op)
}

// found tells the operator what a pair has shown.
func (t *turn) found(i lwm2m9.Instance, f lwm2m9.Finding) {
	switch {
	case f.Overturned:
		t.note("dialect is " + f.Decided.String() + " after all")
	case f.Decided != lwm2m9.DialectUnknown:
		t.note("dialect is " + f.Decided.String())
	}
	if f.UnknownNumbers {
		t.note(unknownNumbers(i))
	}
}

// remember keeps the readings for display and for the number of a new
// instance.
func (t *turn) remember(answer *mapping.Answer, op mapping.Op) {
	if answer.Outcome != mapping.Accepted {
		return
	}
	now := t.now.Truncate(time.Second)
	switch {
	case op == mapping.OpSurvey:
		t.rec.Object, t.rec.Read = answer.Instances, now
	case op == mapping.OpRead && len(answer.Instances) == 1:
		t.rec.Object, t.rec.Read = withInstance(t.rec.Object, answer.Instances[0]), now
	default:
		return
	}
	t.showInstalled()
}

func withInstance(list []lwm2m9.Instance, i lwm2m9.Instance) []lwm2m9.Instance {
	for n := range list {
		if list[n].ID == i.ID {
			list[n] = i
			return list
		}
	}
	return append(list, i)
}
