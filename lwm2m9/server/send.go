package server

import (
	"context"
	"errors"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// errNobody is the refusal of a Send that belongs to no registration.
var errNobody = &badRequest{lwm2m9.CodeNotFound, errors.New("the sender is not registered, or not alone at its address")}

// send takes what a device sends unasked (LwM2M 1.1 Transport, 6.4.5). The
// message names no endpoint: the sender's identity does, or its address.
func (s *Server) send(ctx context.Context, r *coap.Request) coap.Response {
	h, ok := s.o.Handler.(SendHandler)
	switch {
	case !ok:
		return answer(lwm2m9.CodeNotFound)
	case r.Method != coap.POST:
		return answer(lwm2m9.CodeMethodNotAllowed)
	}
	d, give, err := s.sending(ctx, r)
	if err != nil {
		return s.refuse(r, "", "send", err)
	}
	defer give()
	s.mu.Lock()
	endpoint, epoch := d.reg.Endpoint, d.reg.Epoch
	s.moved(d, r.Peer, r.Remote)
	s.mu.Unlock()
	entries, err := sentEntries(r)
	if err == nil {
		err = h.Sent(ctx, Sent{Endpoint: endpoint, Entries: entries})
	}
	if err != nil {
		return s.refuse(r, endpoint, "send", err)
	}
	resp := answer(lwm2m9.CodeChanged)
	resp.Sent = func() { s.answered(endpoint, epoch) }
	return resp
}

// sending takes the turn of the device that a Send comes from.
func (s *Server) sending(ctx context.Context, r *coap.Request) (*device, func(), error) {
	s.mu.Lock()
	d := s.from(r.Identity, r.Peer)
	id := ""
	if d != nil {
		id = d.reg.ID
	}
	s.mu.Unlock()
	if d == nil {
		return nil, nil, errNobody
	}
	d, give, err := s.byLocation(ctx, id)
	if errors.Is(err, errUnknown) {
		err = errNobody
	}
	return d, give, err
}

// sentEntries reads the body of a Send: SenML, whose names begin at the root.
func sentEntries(r *coap.Request) ([]wire.Entry, error) {
	switch ContentFormat(r.Format) {
	case SenMLJSON, SenMLCBOR:
	default:
		return nil, &badRequest{lwm2m9.CodeUnsupportedFormat, errors.New("what is sent is not SenML")}
	}
	entries, err := wire.Decode(wire.Format(r.Format), wire.Path{}, r.Payload, nil)
	if err != nil {
		return nil, &badRequest{lwm2m9.Code(err), err}
	}
	return entries, nil
}
