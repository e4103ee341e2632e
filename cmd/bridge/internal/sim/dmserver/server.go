package dmserver

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
)

// Server is the handler. Make it with [New].
type Server struct {
	cfg Config

	mu      sync.Mutex
	devices map[string]*device // by Source LocURI; guarded by mu
	runs    []*run             // in the order of first contact; guarded by mu
	quirks  []*quirk           // guarded by mu
	counts  Counts             // guarded by mu
	nonces  *rand.ChaCha8      // guarded by mu
	changed chan struct{}      // closed and replaced when a phase changes; guarded by mu
	events  []Event            // to be handed out when mu is free; guarded by mu
	tokens  int                // of RespURI; guarded by mu
}

// device is what the server knows of one device.
type device struct {
	id          string
	clientNonce []byte // of the next Cred of the client; empty at first
	serverNonce []byte // of the next Cred of the server, as the client told
	session     *session
	runs        []*run
	given       int // how many of the configured campaigns the device has
}

type quirk struct {
	Quirk
	left int // negative: always
}

// New makes the handler. The error lists everything wrong with the
// configuration.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("dm server: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(Event) {}
	}
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(cfg.Seed >> (8 * i))
	}
	s := &Server{
		cfg:     cfg,
		devices: map[string]*device{},
		nonces:  rand.NewChaCha8(seed),
		changed: make(chan struct{}),
	}
	for _, q := range cfg.Quirks {
		left := q.Times
		if left == 0 {
			left = -1
		}
		s.quirks = append(s.quirks, &quirk{q, left})
	}
	return s, nil
}

// AddCampaign adds one while the server runs. Devices get it in their next
// message.
func (s *Server) AddCampaign(c Campaign) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Campaigns = append(s.cfg.Campaigns[:len(s.cfg.Campaigns):len(s.cfg.Campaigns)], c)
	return nil
}

// Campaigns is how every campaign stands at every device, in the order of
// first contact. A campaign is listed once its device has come.
func (s *Server) Campaigns() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Result, 0, len(s.runs))
	for _, r := range s.runs {
		list = append(list, r.result.clone())
	}
	return list
}

// Result is the latest campaign that a device has begun; false when there is
// none yet.
func (s *Server) Result(device string) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[device]
	if d == nil || len(d.runs) == 0 {
		return Result{}, false
	}
	last := d.runs[0]
	for _, r := range d.runs {
		if r.result.Phase != Waiting {
			last = r
		}
	}
	return last.result.clone(), true
}

// Counts is a copy of the counters.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Wait returns nil when n campaigns (at one device each) are final, and the
// context's error before that.
func (s *Server) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		final, changed := 0, s.changed
		for _, r := range s.runs {
			if r.result.Phase.Final() {
				final++
			}
		}
		s.mu.Unlock()
		if final >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// device finds or makes a device and gives it the campaigns that are for it.
func (s *Server) device(id string) *device {
	d := s.devices[id]
	if d == nil {
		d = &device{id: id}
		s.devices[id] = d
	}
	for ; d.given < len(s.cfg.Campaigns); d.given++ {
		c := s.cfg.Campaigns[d.given]
		if c.Device == "" || c.Device == AnyDevice || c.Device == id {
			r := newRun(c, id)
			d.runs, s.runs = append(d.runs, r), append(s.runs, r)
		}
	}
	return d
}

// strike says whether a quirk strikes now, and uses up one of its times.
func (s *Server) strike(kind QuirkKind, device string, at ...Place) (Quirk, bool) {
	for _, q := range s.quirks {
		if q.Kind != kind || q.left == 0 || !q.strikesAt(at) {
			continue
		}
		if q.left > 0 {
			q.left--
		}
		s.event(Event{Kind: EventQuirk, Device: device, Text: q.Quirk.String()})
		return q.Quirk, true
	}
	return Quirk{}, false
}

func (q Quirk) strikesAt(places []Place) bool {
	if !q.placed() || q.Place == AnyMessage {
		return true
	}
	for _, p := range places {
		if p == q.Place {
			return true
		}
	}
	return false
}

func (s *Server) event(e Event) { s.events = append(s.events, e) }

// handOut gives the events to their receiver, without the lock.
func (s *Server) handOut() {
	s.mu.Lock()
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, e := range events {
		s.cfg.Log.Debug("dm server", "event", e.Kind.String(), "device", e.Device, "text", e.Text)
		s.cfg.OnEvent(e)
	}
}

// enter moves a campaign to a phase.
func (s *Server) enter(r *run, p Phase) {
	if r.result.Phase == p {
		return
	}
	r.result.Phase = p
	s.event(Event{Kind: EventPhase, Device: r.result.Device, Result: r.result.clone()})
	close(s.changed)
	s.changed = make(chan struct{})
}
