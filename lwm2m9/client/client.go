package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Client is one device at one server. Its methods may be called from any
// goroutine.
type Client struct {
	h       *Host
	cfg     *Config
	link    *link
	objects []Object      // ascending by number; never changed
	gone    chan struct{} // closed when it is de-registered for good

	// Guarded by Host.mu: the next tick, and where it stands in the heap.
	at    time.Time
	place int

	keeping sync.Mutex // one call of Config.Keep at a time; taken before mu
	kept    State      // guarded by keeping

	mu           sync.Mutex // guards what follows
	m            machine
	act          action             // that waits for its turn
	cut          context.CancelFunc // ends the exchange under way; nil when there is none
	removed      bool
	state        State
	attributes   map[wire.Path]attributes
	observations []*observation
	rank         uint64 // of the observation that changed last
	sequence     uint32 // of the newest response with an Observe option
	telling      bool   // a goroutine sends notifications, or is about to
}

// newClient puts a client together; it has no socket yet.
func newClient(h *Host, cfg *Config, objects []Object) (*Client, error) {
	c := &Client{h: h, cfg: cfg, gone: make(chan struct{}), state: cfg.State, kept: cfg.State}
	c.state.Location = nil // that registration will be replaced
	c.m.version = max(0, slices.Index(cfg.Versions, cfg.State.Version))
	c.objects = append(slices.Clone(objects), newAccount(c))
	slices.SortFunc(c.objects, func(a, b Object) int { return int(a.Definition().ID) - int(b.Definition().ID) })
	for i, o := range c.objects[1:] {
		if o.Definition().ID == c.objects[i].Definition().ID {
			return nil, fmt.Errorf("%w: %q: object %d twice", ErrConfig, cfg.Endpoint, o.Definition().ID)
		}
	}
	return c, nil
}

// Status is what a client does, for people.
type Status struct {
	Endpoint   string
	Registered bool
	Phase      string    // "registered", "waiting", …
	Version    string    // of LwM2M, as tried last
	Failures   int       // Registers and Updates in a row
	Next       time.Time // when it acts by itself; zero for never
	Observed   int       // observations
	Local      string    // address of its socket
}

// Status says what the client does.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{
		Endpoint: c.cfg.Endpoint, Registered: c.m.known, Phase: c.m.phase.String(), Version: c.version(),
		Failures: c.m.failures, Next: c.m.due, Observed: len(c.observations), Local: c.link.local().String(),
	}
}

// State is what must survive a restart.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Moved tells that these instances have come or gone: the server is told with an
// Update, and whoever observes them, or their object, that they are there or not.
func (c *Client) Moved(instances ...wire.Path) {
	c.step(event{kind: evMoved})
	c.Changed(instances...)
}

// Update sends an Update now.
func (c *Client) Update() { c.step(event{kind: evTrigger}) }

// Remove ends the client: it de-registers, unless Config.KeepRegistration, and
// waits for the answer or ctx; the client is gone in any case. A host that does
// not run gives no answer. No call of Config.Keep follows its return, and one
// under way is waited for. The error is that of ctx, or nil.
func (c *Client) Remove(ctx context.Context) error {
	var err error
	if !c.cfg.KeepRegistration {
		c.step(event{kind: evStop})
		select {
		case <-c.gone:
		case <-c.h.done:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	c.mu.Lock()
	c.removed, c.observations = true, nil
	if c.cut != nil {
		c.cut()
	}
	c.mu.Unlock()
	c.keeping.Lock() // a call of Keep under way ends first
	defer c.keeping.Unlock()
	c.h.forget(c)
	return err
}

// tick is called by the clock.
func (c *Client) tick(now time.Time) {
	c.step(event{kind: evTick})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tellDue(now)
	c.schedule()
}

// schedule sets the clock to what is due first. The caller holds mu.
func (c *Client) schedule() {
	if c.removed {
		return
	}
	at := c.m.due
	if !c.telling {
		for _, o := range c.observations {
			if due := o.due(); !due.IsZero() && (at.IsZero() || due.Before(at)) {
				at = due
			}
		}
	}
	c.h.set(c, at)
}

// object finds an object by its number; nil when there is none.
func (c *Client) object(id uint16) Object {
	i, ok := slices.BinarySearchFunc(c.objects, id, func(o Object, id uint16) int { return int(o.Definition().ID) - int(id) })
	if !ok {
		return nil
	}
	return c.objects[i]
}
