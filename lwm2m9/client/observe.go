package client

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// MaxObservations bounds the observations of one client; a further one is
// answered as a Read (RFC 7641, 4.1).
const MaxObservations = 64

// confirmEvery is how long an observer may get notifications without being
// asked whether it is still there (RFC 7641, 4.5).
const confirmEvery = 24 * time.Hour

// observation is one observation of the server's. Guarded by Client.mu.
type observation struct {
	observer *coap.Observer
	format   wire.Format // of every value
	paths    []wire.Path // one, or those of an Observe-Composite
	base     wire.Path   // of the payload
	own      *attributes // from the request's query (LwM2M 1.2); mostly nil
	periods  periods     // in force

	active bool   // the request has been answered
	dirty  bool   // something may have changed since the value was read
	rank   uint64 // orders the dirty ones
	last   reading
	sent   time.Time // the last notification, or the answer
	heard  time.Time // the last time the observer was certainly there
}

// reading is what is remembered of the value that was sent last.
type reading struct {
	hash    uint64
	number  float64
	numeric bool
}

// periods are the times that attributes set.
type periods struct{ min, max time.Duration }

// seed is that of the hashes of readings.
var seed = maphash.MakeSeed()

// due is when the observation wants a look; zero for never.
func (o *observation) due() time.Time {
	switch {
	case !o.active:
		return time.Time{}
	case o.dirty:
		return o.sent.Add(o.periods.min)
	case o.periods.max > 0:
		return o.sent.Add(o.periods.max)
	}
	return time.Time{}
}

// overdue says that pmax has passed: the value goes out, changed or not.
func (o *observation) overdue(now time.Time) bool {
	return o.periods.max > 0 && !now.Before(o.sent.Add(o.periods.max))
}

// asked is what the request's query says.
func (o *observation) asked() attributes {
	if o.own == nil {
		return attributes{}
	}
	return *o.own
}

// concerns says whether a change at a path may change what is observed.
func (o *observation) concerns(p wire.Path) bool {
	return slices.ContainsFunc(o.paths, func(q wire.Path) bool { return p.Holds(q) || q.Holds(p) })
}

// observe is Observe and Observe-Composite (LwM2M 1.1 Core, 6.4.1): a Read
// that is repeated.
func (c *Client) observe(ctx context.Context, paths []wire.Path, base wire.Path, r *coap.Request) (coap.Response, error) {
	now := time.Now()
	o := &observation{
		observer: r.Observer(), format: wire.Format(r.Accept),
		paths: paths, base: base, sent: now, heard: now,
	}
	t, err := c.target(paths[0])
	if base.Len() > 0 && err != nil {
		return coap.Response{}, err
	}
	if len(r.Query) > 0 {
		if o.own = new(attributes); !o.own.parse(r.Query, t.numeric()) {
			return coap.Response{}, errBadRequest
		}
	}
	if r.Accept == coap.NoFormat { // decided once: RFC 7641, 4.2
		o.format = c.usualOf(&t, base, r)
	}
	// It is entered first: what changes while the value is read is not missed.
	entered := c.enter(o)
	resp, last, err := c.reading(ctx, o)
	if err != nil || !entered {
		c.leave(o)
		return resp, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o.last = last
	c.sequence++
	resp.Observed, resp.Sequence = true, c.sequence
	resp.Sent = func() { c.activate(o) }
	return resp, nil
}

// usualOf is the format when none was asked for.
func (c *Client) usualOf(t *target, base wire.Path, r *coap.Request) wire.Format {
	if base.Len() == 0 {
		return wire.Format(r.Format).Current()
	}
	return c.usual(t)
}

// enter adds an observation, in place of one with the same token or of the same
// paths in the same format; false when there are too many.
func (c *Client) enter(o *observation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observations = slices.DeleteFunc(c.observations, o.replaces)
	if c.removed || len(c.observations) >= MaxObservations {
		return false
	}
	c.observations = append(c.observations, o)
	return true
}

func (o *observation) replaces(old *observation) bool {
	return old.observer.Token() == o.observer.Token() ||
		old.format == o.format && slices.Equal(old.paths, o.paths)
}

// leave ends an observation.
func (c *Client) leave(o *observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observations = slices.DeleteFunc(c.observations, func(x *observation) bool { return x == o })
}

// cancel ends the observation with the token of the request (RFC 7641, 3.6).
func (c *Client) cancel(r *coap.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observations = slices.DeleteFunc(c.observations, func(x *observation) bool { return x.observer.Token() == r.Token })
	c.schedule()
}

// activate lets notifications follow the answer.
func (c *Client) activate(o *observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.active = true
	c.setPeriods(o)
	c.tellDue(time.Now())
	c.schedule()
}

// setPeriods takes pmin and pmax from the request, the paths and Object 1, in
// this order. A pmax below pmin is ignored (LwM2M 1.1 Core, 5.1.2). The caller
// holds mu.
func (c *Client) setPeriods(o *observation) {
	o.periods = periods{}
	for i, p := range o.paths {
		a := o.asked()
		a.inherit(c.inherited(p))
		low, high := a.period(pmin), a.period(pmax)
		if !a.has[pmin] {
			low = time.Duration(c.state.Account.MinPeriod) * time.Second
		}
		if !a.has[pmax] {
			high = time.Duration(c.state.Account.MaxPeriod) * time.Second
		}
		o.periods.min = max(o.periods.min, low)
		if i == 0 || o.periods.max == 0 || high > 0 && high < o.periods.max {
			o.periods.max = high
		}
	}
	if o.periods.max < o.periods.min {
		o.periods.max = 0
	}
}

// setAllPeriods is for a change of attributes or of Object 1. The caller holds mu.
func (c *Client) setAllPeriods() {
	for _, o := range c.observations {
		c.setPeriods(o)
	}
	c.tellDue(time.Now())
	c.schedule()
}
