package fleet

import (
	"fmt"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
)

// Counts is a fleet in numbers.
type Counts struct {
	Devices    int64
	Registered int64  // now
	Never      int64  // not registered a single time yet
	Registers  int64  // accepted
	Updates    int64  // accepted
	Failures   int64  // Registers and Updates in vain; each was tried again
	Why        string // of the last failure
	Reboots    int64
	Changes    int64         // of states, results and activations of Object 9
	Time       time.Duration // since the beginning
	AllAfter   time.Duration // when the last device was registered for the first time; 0: not yet
}

// String is a line for people.
func (c Counts) String() string {
	s := fmt.Sprintf("%d of %d devices registered, %d registrations, %d updates, %d failures, %d reboots in %.1f s",
		c.Registered, c.Devices, c.Registers, c.Updates, c.Failures, c.Reboots, c.Time.Seconds())
	if c.AllAfter > 0 {
		return s + fmt.Sprintf("; all were registered after %.1f s", c.AllAfter.Seconds())
	}
	return s + fmt.Sprintf("; %d never", c.Never)
}

// since is a line for people about what changed since before, with rates; empty
// when nothing did.
func (c Counts) since(before Counts) string {
	took := (c.Time - before.Time).Seconds()
	before.Time, before.Devices, before.Never, before.AllAfter = c.Time, c.Devices, c.Never, c.AllAfter
	if c == before || took <= 0 {
		return ""
	}
	rate := func(now, then int64) float64 { return float64(now-then) / took }
	s := fmt.Sprintf("%d of %d devices registered, %.0f registrations/s, %.0f updates/s, %d failures, %d reboots",
		c.Registered, c.Devices, rate(c.Registers, before.Registers), rate(c.Updates, before.Updates), c.Failures, c.Reboots)
	if c.Failures > before.Failures {
		s += fmt.Sprintf(" (last failure: %s)", c.Why)
	}
	if c.Changes > 0 {
		s += fmt.Sprintf(", %d changes of Object 9", c.Changes)
	}
	return s
}

// tally counts the events of all devices.
type tally struct {
	of int64

	mu    sync.Mutex
	now   Counts // guarded by mu
	start time.Time
	all   chan struct{} // closed when all were registered; guarded by mu until then
}

func (t *tally) begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start, t.all = now, make(chan struct{})
	t.now = Counts{Devices: t.of, Never: t.of}
}

func (t *tally) counts(now time.Time) Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.now
	c.Time = now.Sub(t.start)
	return c
}

// watch is what one device tells its events to, one after the other.
func (t *tally) watch() func(lwm2mdevice.Event) {
	var there, ever bool
	gone := func() {
		if there {
			t.now.Registered--
			there = false
		}
	}
	return func(e lwm2mdevice.Event) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e.Kind {
		case lwm2mdevice.EventRegistered:
			t.now.Registers++
			if !there {
				t.now.Registered++
			}
			if !ever {
				t.first()
			}
			there, ever = true, true
		case lwm2mdevice.EventUpdated:
			t.now.Updates++
		case lwm2mdevice.EventFailed:
			t.now.Failures++
			t.now.Why = e.Text
		case lwm2mdevice.EventChanged:
			t.now.Changes++
		case lwm2mdevice.EventRebooting:
			t.now.Reboots++
			gone()
		case lwm2mdevice.EventUnknown, lwm2mdevice.EventDeregistered:
			gone()
		}
	}
}

// first counts a device that has never been registered before; t.mu is held.
func (t *tally) first() {
	if t.now.Never--; t.now.Never == 0 {
		t.now.AllAfter = time.Since(t.start)
		close(t.all)
	}
}
