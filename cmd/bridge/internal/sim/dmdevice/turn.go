package dmdevice

import (
	"context"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of trying again.
const (
	maxDoubling = 5 // 32 times Timing.Retry
	maxFailures = 8 // in a row, then the device waits for its schedule or a trigger
	maxAsked    = 4 // triggers that wait
)

// turn does one thing that is due and returns when there is more; zero: not
// before a trigger comes.
func (d *Device) turn(ctx context.Context) time.Time {
	now := time.Now()
	if now.Before(d.away) {
		return d.away
	}
	if d.off {
		d.off = false
		d.event(Event{Kind: EventBooted})
	}
	if id, code, ok := d.wanted(now); ok {
		d.hold(ctx, id, code)
	} else if d.job != nil && !d.job.stuck && !now.Before(d.job.at) {
		d.advance(ctx)
	}
	return d.next()
}

// wanted says whether a session is due, and which.
func (d *Device) wanted(now time.Time) (id string, code syncml.AlertCode, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) > 0 {
		id, d.asked = d.asked[0], d.asked[1:]
		return id, syncml.AlertServerInitiated, true
	}
	for _, at := range d.times() {
		if !at.IsZero() && !now.Before(at) {
			return "", syncml.AlertClientInitiated, true
		}
	}
	return "", 0, false
}

// times are those at which sessions of the device's own are due.
func (d *Device) times() [3]time.Time {
	at := [3]time.Time{d.scheduled, d.again}
	if d.report != nil {
		at[2] = d.report.at
	}
	return at
}

// next is when there is something to do.
func (d *Device) next() time.Time {
	d.mu.Lock()
	waiting := len(d.asked) > 0
	d.mu.Unlock()
	var next time.Time
	sooner := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if waiting {
		sooner(time.Now())
	}
	for _, at := range d.times() {
		sooner(at)
	}
	if d.job != nil && !d.job.stuck {
		sooner(d.job.at)
	}
	if next.Before(d.away) && d.off {
		return d.away // also to say that it is up again
	}
	return next
}

// plan says when the next session of its own is, after one that began then.
func (d *Device) plan(begun time.Time, failed bool) {
	c := &d.f.cfg
	d.again = time.Time{}
	if d.scheduled = (time.Time{}); c.Every > 0 {
		d.scheduled = begun.Add(c.Every)
	}
	if !failed {
		d.failures = 0
		return
	}
	if d.failures++; d.failures <= maxFailures {
		d.again = time.Now().Add(d.backoff(d.failures))
	}
}

func (d *Device) backoff(tries int) time.Duration {
	return d.f.cfg.Timing.Retry << min(max(tries-1, 0), maxDoubling)
}
