package server

import (
	"context"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// observe begins an observation, in place of an earlier one of the path.
func (s *Server) observe(ctx context.Context, to target, key string, q coap.Request) (coap.Response, error) {
	o, resp, err := s.ep.Observe(ctx, to.addr, q, func(ctx context.Context, r coap.Response) {
		s.notified(ctx, to, key, r)
	})
	if o == nil {
		return resp, err
	}
	s.mu.Lock()
	if s.devices[to.endpoint] != to.d || to.d.reg.Epoch != to.epoch {
		s.mu.Unlock()
		o.Forget() // of a registration that has ended meanwhile
		return resp, err
	}
	old := to.d.observed[key]
	if to.d.observed == nil {
		to.d.observed = make(map[string]*coap.Observation)
	}
	to.d.observed[key] = o
	s.mu.Unlock()
	if old != nil {
		old.Forget()
	}
	return resp, err
}

// unobserve ends an observation on both sides. Without one it is asked all
// the same: the device may have one of which a restart has bereft us.
func (s *Server) unobserve(ctx context.Context, to target, key string, q coap.Request) (coap.Response, error) {
	s.mu.Lock()
	o := to.d.observed[key]
	delete(to.d.observed, key)
	s.mu.Unlock()
	if o == nil {
		q.Observe = coap.StopObserving
		return s.ep.Do(ctx, to.addr, q)
	}
	return o.Cancel(ctx, to.addr)
}

// notified hands a notification to the Handler, if the registration is still
// the one in which the observation was begun.
func (s *Server) notified(ctx context.Context, to target, key string, r coap.Response) {
	give, err := s.turns.take(ctx, to.endpoint)
	if err != nil {
		return // stopping
	}
	defer give()
	s.mu.Lock()
	reg, current := to.d.reg, s.devices[to.endpoint] == to.d && to.d.reg.Epoch == to.epoch
	s.mu.Unlock()
	if !current || s.owns(Impostor{"notification", reg.Endpoint, r.Identity, r.Remote}, reg) != nil {
		return
	}
	s.mu.Lock()
	s.moved(to.d, r.Peer, r.Remote)
	s.heard(to.d)
	if !r.Observed {
		delete(to.d.observed, key)
	}
	s.mu.Unlock()
	path, _, _ := strings.Cut(key, "?") // the paths of a composite one are in its payload
	if r.Code.Class() != 2 {
		s.o.Logger.Info("device ended an observation", "endpoint", to.endpoint, "path", path, "code", r.Code)
		return
	}
	s.o.Handler.Notified(ctx, Notification{
		Endpoint: to.endpoint, Path: path, Format: ContentFormat(r.Format), Payload: r.Payload, Sequence: r.Sequence,
	})
}

// CancelObservations forgets every observation of the endpoint; the device is
// told by the Reset that answers its next notification (RFC 7641, 3.6).
func (s *Server) CancelObservations(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[endpoint]; d != nil {
		d.forgetObservations()
	}
}
