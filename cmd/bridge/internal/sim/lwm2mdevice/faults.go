package lwm2mdevice

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lossy"
)

// faults are the faults of a device at work: it counts how often each may
// still strike.
type faults struct {
	mu   sync.Mutex
	list []*fault // guarded by mu
}

type fault struct {
	Fault
	left int // times; negative: always
}

func newFaults(list []Fault) *faults {
	f := &faults{}
	for _, one := range list {
		left := one.Times
		if left == 0 {
			left = -1
		}
		f.list = append(f.list, &fault{one, left})
	}
	return f
}

// strike says whether a fault of the kind strikes now, and uses up one of its
// times. when, if not nil, must also be true of it.
func (f *faults) strike(kind FaultKind, when func(Fault) bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.list {
		if one.Kind != kind || one.left == 0 || when != nil && !when(one.Fault) {
			continue
		}
		if one.left > 0 {
			one.left--
		}
		return one.Fault, true
	}
	return Fault{}, false
}

// at is strike for the faults that belong to a step.
func (f *faults) at(kind FaultKind, s Step) (Fault, bool) {
	return f.strike(kind, func(one Fault) bool { return one.Step == s })
}

// has says whether there is such a fault, without using it up.
func (f *faults) has(kind FaultKind) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.list {
		if one.Kind == kind && one.left != 0 {
			return true
		}
	}
	return false
}

// newLine is what loses and repeats datagrams at the device's own sockets; nil
// when no fault asks for it.
func newLine(cfg Config) (*lossy.Line, error) {
	var w lossy.Way
	for _, f := range cfg.Faults {
		switch f.Kind {
		case Drop:
			w.Drop = f.Rate
		case Repeat:
			w.Repeat = f.Rate
		}
	}
	if w.Drop == 0 && w.Repeat == 0 {
		return nil, nil
	}
	return lossy.NewLine(w, w, cfg.Seed)
}

// Sockets is how many sockets a device with these faults has at once.
func Sockets(list []Fault) int {
	for _, f := range list {
		if f.Kind == Delay {
			return 3 // with the relay's two
		}
	}
	return 1
}

// delay puts a relay before the server if a fault asks for it. It returns where
// to send to, and what ends the relay and waits for its end.
func (d *Device) delay(ctx context.Context) (server string, stop func(), err error) {
	var w lossy.Way
	for _, f := range d.cfg.Faults {
		if f.Kind == Delay {
			w.Delay = f.Duration
		}
	}
	if w.Delay == 0 {
		return d.cfg.Server, func() {}, nil
	}
	r, err := lossy.Listen(lossy.Config{Upstream: d.cfg.Server, Up: w, Down: w, Seed: d.cfg.Seed})
	if err != nil {
		return "", nil, fmt.Errorf("lwm2m device: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			d.cfg.Log.Warn("device: relay", "error", err)
		}
	}()
	return r.Addr().String(), func() { cancel(); <-done }, nil
}

// wait returns after the time, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
