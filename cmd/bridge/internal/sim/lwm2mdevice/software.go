package lwm2mdevice

import (
	"context"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// software is an instance of Object 9. What it is (m) and what it shows
// (shown) differ while a fault coalesces states or tears pairs.
type software struct {
	id      lwm2m9.InstanceID
	name    string
	version string
	m       lwm2m9.Machine
	shown   lwm2m9.Machine

	uri  string             // of the package that is being downloaded
	pkg  simpackage.Package // valid from Downloaded on
	bad  bool               // the check of pkg is going to fail
	busy Step               // the work under way, AnyStep when there is none
	turn int                // grows when work under way must be forgotten
}

func newSoftware(s Software) *software {
	m := lwm2m9.NewMachine()
	def(&s.State, m.State)
	def(&s.Activation, m.Activation)
	if s.Result == lwm2m9.ResultUnknown {
		s.Result = lwm2m9.ResultInitial
		if s.State == lwm2m9.Installed {
			s.Result = lwm2m9.ResultInstalled
		}
	}
	m = lwm2m9.Machine{State: s.State, Result: s.Result, Activation: s.Activation}
	return &software{id: s.ID, name: s.Name, version: s.Version, m: m, shown: m}
}

// instance is what the instance shows.
func (s *software) instance(d lwm2m9.Dialect) lwm2m9.Instance {
	state, _ := s.shown.State.Number(d)
	result, _ := s.shown.Result.Number(d)
	return lwm2m9.Instance{
		ID: s.id, Name: s.name, Version: s.version,
		State: s.shown.State, Result: s.shown.Result, Activation: s.shown.Activation,
		RawState: state, RawResult: result,
	}
}

// options are the readings of the seed that the faults choose.
func (d *Device) options() lwm2m9.Options {
	return lwm2m9.Options{
		KeepResult: d.faults.has(StaleResult),
		Verified:   d.cfg.Dialect == lwm2m9.Registered && !d.faults.has(NoVerified),
	}
}

// apply carries out an event of the machine and shows the outcome; false when
// the machine does not allow it.
func (b *boot) apply(ctx context.Context, s *software, kind lwm2m9.EventKind, result lwm2m9.UpdateResult) bool {
	next, ok := s.m.ApplyWith(lwm2m9.Event{Kind: kind, Result: result}, b.d.options())
	if ok {
		s.m = next
		b.show(ctx, s)
	}
	return ok
}

// show makes the machine visible, as a whole or torn, and notifies.
func (b *boot) show(ctx context.Context, s *software) {
	switch {
	case (s.m.State == lwm2m9.DownloadStarted || s.m.State == lwm2m9.Downloaded) && b.d.faults.has(Coalesce):
		return
	case s.m.State != s.shown.State && s.m.Result != s.shown.Result:
		if torn, ok := b.d.faults.strike(Torn, nil); ok {
			b.tear(ctx, s, torn.Duration)
			return
		}
	}
	b.display(ctx, s, s.m)
}

// tear shows the state now and the result later.
func (b *boot) tear(ctx context.Context, s *software, d time.Duration) {
	half, whole := s.m, s.m
	half.Result = s.shown.Result
	b.display(ctx, s, half)
	b.after(ctx, d, func() {
		if s.m == whole {
			b.display(ctx, s, whole)
		}
	})
}

func (b *boot) display(ctx context.Context, s *software, m lwm2m9.Machine) {
	before := s.shown
	s.shown = m
	b.d.publish()
	if m != before {
		b.d.event(Event{Kind: EventChanged, Instance: s.instance(b.d.cfg.Dialect)})
	}
	quiet := b.d.faults.has(Quiet)
	for _, r := range []struct {
		id      lwm2m9.ResourceID
		changed bool
		touched bool
	}{
		{lwm2m9.RIDUpdateState, m.State != before.State, true},
		{lwm2m9.RIDUpdateResult, m.Result != before.Result, true},
		{lwm2m9.RIDActivationState, m.Activation != before.Activation, false},
	} {
		if r.changed || r.touched && !quiet && m.Activation == before.Activation {
			b.notifyResource(s.id, r.id)
		}
	}
	b.notifyInstance(s.id)
}
