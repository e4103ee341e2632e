package server

import (
	"context"
	"errors"
)

// End ends every registration that was made with an identity, as if its device
// had de-registered: its credentials are good no more, so nobody can speak for
// it. A device that has other credentials registers again when its next Update
// is answered 4.04. The caller ends the connections first, and credentials
// before those, or the device is back at once. Errors are those of the Handler,
// and of ctx; a registration whose Handler failed stays.
func (s *Server) End(ctx context.Context, identity string) error {
	if identity == "" {
		return nil // nobody's: a device without security has no credentials
	}
	s.mu.Lock()
	var endpoints []string
	for d := s.bySender[sender{identity: identity}]; d != nil; d = d.alike {
		endpoints = append(endpoints, d.reg.Endpoint)
	}
	s.mu.Unlock()
	var failed []error
	for _, endpoint := range endpoints {
		failed = append(failed, s.endOne(ctx, endpoint, identity))
	}
	return errors.Join(failed...)
}

func (s *Server) endOne(ctx context.Context, endpoint, identity string) error {
	give, err := s.turns.take(ctx, endpoint)
	if err != nil {
		return err
	}
	defer give()
	s.mu.Lock()
	d := s.devices[endpoint]
	if d == nil || d.reg.Identity != identity { // gone, or somebody else's by now
		s.mu.Unlock()
		return nil
	}
	reg := d.registration()
	s.mu.Unlock()
	if err := s.o.Handler.Deregister(ctx, reg); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.cutOff() // a request under way would be repeated in vain
	s.remove(d)
	return nil
}
