package client

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Changed tells that values at or below these paths may have changed; the root
// stands for all. Observers get the newest value, no more often than pmin
// says; a value that is the same as the last is not sent. It asks no object
// itself: the caller may hold its locks.
func (c *Client) Changed(paths ...wire.Path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	some := false
	for _, p := range paths {
		for _, o := range c.observations {
			if o.concerns(p) && !o.dirty {
				c.rank++
				o.dirty, o.rank, some = true, c.rank, true
			}
		}
	}
	if some {
		c.tellDue(time.Now())
		c.schedule()
	}
}

// tellDue asks for a goroutine if there is something to send. The caller holds
// mu.
func (c *Client) tellDue(now time.Time) {
	if !c.telling && !c.removed && c.nextDue(now) != nil {
		c.telling = true
		c.h.tell(c)
	}
}

// nextDue is the observation whose turn it is: that which changed first.
func (c *Client) nextDue(now time.Time) *observation {
	var next *observation
	for _, o := range c.observations {
		if due := o.due(); due.IsZero() || due.After(now) {
			continue
		}
		if next == nil || o.rank < next.rank {
			next = o
		}
	}
	return next
}

// tell sends what is due, one after the other, until nothing is.
func (c *Client) tell(ctx context.Context) {
	for {
		c.mu.Lock()
		now := time.Now()
		o := c.nextDue(now)
		if o == nil || c.removed || ctx.Err() != nil {
			c.telling = false
			c.schedule()
			c.mu.Unlock()
			return
		}
		o.dirty = false
		c.mu.Unlock()
		c.notify(ctx, o, now)
	}
}

// notify reads the value and sends it, if there is a reason to.
func (c *Client) notify(ctx context.Context, o *observation, now time.Time) {
	resp, last, err := c.reading(ctx, o)
	if ctx.Err() != nil {
		return // we stop
	}
	if err != nil {
		// The observer is told why, and the observation ends (RFC 7641, 4.2).
		code, _ := codeOf(err)
		c.leave(o)
		c.h.ep.Notify(ctx, o.observer, answer(code), true)
		return
	}
	c.mu.Lock()
	if !c.has(o) {
		c.mu.Unlock()
		return
	}
	a := c.effective(o)
	if !o.overdue(now) && !a.reports(o.last, last) {
		c.mu.Unlock()
		return
	}
	c.sequence++
	resp.Observed, resp.Sequence = true, c.sequence
	o.last, o.sent = last, now
	confirm := c.cfg.Confirmable || a.values[con] == 1 || now.Sub(o.heard) >= confirmEvery
	c.mu.Unlock()
	err = c.h.ep.Notify(ctx, o.observer, resp, confirm)
	switch {
	case errors.Is(err, coap.ErrReset), errors.Is(err, coap.ErrNoAnswer):
		c.h.o.Logger.Debug("observation ended", "endpoint", c.cfg.Endpoint, "path", o.base, "err", err)
		c.leave(o)
	case err == nil && confirm:
		c.mu.Lock()
		o.heard = now
		c.mu.Unlock()
	}
}

func (c *Client) has(o *observation) bool {
	for _, x := range c.observations {
		if x == o {
			return true
		}
	}
	return false
}

// effective is what is in force for an observation. The caller holds mu.
func (c *Client) effective(o *observation) attributes {
	a := o.asked()
	for _, p := range o.paths {
		a.inherit(c.inherited(p))
	}
	return a
}

// reports says whether a new value is to be sent: a number that has gt, lt or
// st when it crosses a bound or has moved far enough since it was last sent
// (LwM2M 1.1 Core, 5.1.2), anything else when it is another one.
func (a *attributes) reports(old, now reading) bool {
	if !now.numeric || !a.has[gt] && !a.has[lt] && !a.has[st] {
		return old.hash != now.hash
	}
	crosses := func(bound float64) bool { return (old.number > bound) != (now.number > bound) }
	under := func(bound float64) bool { return (old.number < bound) != (now.number < bound) }
	return a.has[gt] && crosses(a.values[gt]) ||
		a.has[lt] && under(a.values[lt]) ||
		a.has[st] && math.Abs(now.number-old.number) >= a.values[st]
}

// reading reads what is observed.
func (c *Client) reading(ctx context.Context, o *observation) (coap.Response, reading, error) {
	var entries []wire.Entry
	if o.base.Len() == 0 {
		entries = c.composite(ctx, o.paths)
	} else {
		t, err := c.observed(o.base)
		if err != nil {
			return coap.Response{}, reading{}, err
		}
		if entries, err = t.values(ctx); err != nil {
			return coap.Response{}, reading{}, err
		}
	}
	resp, err := content(o.format, o.base, entries)
	if err != nil {
		return coap.Response{}, reading{}, err
	}
	last := reading{hash: maphash.Bytes(seed, resp.Payload)}
	if len(entries) == 1 && entries[0].Path.Len() > 2 {
		last.number, last.numeric = number(entries[0].Value)
	}
	return resp, last, nil
}

// observed is the target of an observation that has begun. Of an instance that is
// gone a single resource has no value, which is 4.04 as well: nobody is asked for
// the instances first.
func (c *Client) observed(p wire.Path) (target, error) {
	if t, err := c.defined(p); p.Len() == 3 && !t.resource.Multiple {
		return t, err
	}
	return c.target(p)
}

// number is the value of a numeric resource.
func number(v wire.Value) (float64, bool) {
	switch v.Type {
	case wire.TypeInteger, wire.TypeTime:
		return float64(v.Int), true
	case wire.TypeUnsigned:
		return float64(v.Uint()), true
	case wire.TypeFloat:
		return v.Float, true
	}
	return 0, false
}
