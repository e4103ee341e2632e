package lwm2mserver

import (
	"context"

	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// handler is told what devices do.
type handler struct{ s *Server }

var _ server.Handler = handler{}

// Register implements [server.Handler]: the first one of a device starts its
// script, the others have it observe anew.
func (h handler) Register(ctx context.Context, r server.Registration) error {
	s := h.s
	s.event(Event{Kind: EventRegistered, Endpoint: r.Endpoint})
	if !s.cfg.Script.isFor(r.Endpoint) {
		return nil
	}
	s.mu.Lock()
	run, known := s.runners[r.Endpoint]
	if !known {
		run = newRunner(s, r.Endpoint)
		s.runners[r.Endpoint] = run
	}
	s.mu.Unlock()
	run.registered(r.Epoch)
	if known {
		return nil
	}
	select {
	case s.started <- run:
		return nil
	case <-s.done:
		return server.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Update implements [server.Handler].
func (h handler) Update(_ context.Context, r server.Registration) error {
	h.s.event(Event{Kind: EventUpdated, Endpoint: r.Endpoint})
	if run := h.s.runner(r.Endpoint); run != nil {
		run.poke()
	}
	return nil
}

// Deregister implements [server.Handler].
func (h handler) Deregister(_ context.Context, r server.Registration) error {
	h.s.event(Event{Kind: EventDeregistered, Endpoint: r.Endpoint})
	return nil
}

// Expired implements [server.Handler].
func (h handler) Expired(_ context.Context, r server.Registration) {
	h.s.event(Event{Kind: EventExpired, Endpoint: r.Endpoint})
}

// Notified implements [server.Handler].
func (h handler) Notified(_ context.Context, n server.Notification) {
	if run := h.s.runner(n.Endpoint); run != nil {
		run.take(n.Path, n.Format, n.Payload, true)
	}
}

func (s *Server) runner(endpoint string) *runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runners[endpoint]
}
