package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// serve answers the requests of devices: the Registration interface (LwM2M
// 1.1 Core, 6.2) and Send.
func (s *Server) serve(ctx context.Context, r *coap.Request) coap.Response {
	path := r.Path
	if n := len(path); n > 1 && path[n-1] == "" {
		path = path[:n-1] // a trailing slash
	}
	if len(path) == 1 && path[0] == "dp" {
		return s.send(ctx, r)
	}
	if len(path) == 2 && path[0] == PackagePath {
		return s.servePackage(ctx, r, path[1])
	}
	if len(path) == 0 || len(path) > 2 || path[0] != "rd" {
		return answer(lwm2m9.CodeNotFound)
	}
	switch {
	case len(path) == 1 && r.Method == coap.POST:
		return s.register(ctx, r)
	case len(path) == 2 && r.Method == coap.POST:
		return s.update(ctx, r, path[1])
	case len(path) == 2 && r.Method == coap.DELETE:
		return s.deregister(ctx, r, path[1])
	}
	return answer(lwm2m9.CodeMethodNotAllowed)
}

func answer(code lwm2m9.ResponseCode) coap.Response {
	return coap.Response{Code: coap.Code(code), Format: coap.NoFormat}
}

// refuse turns an error into its code, 5.00 for what nobody classified; the log
// gets the rest.
func (s *Server) refuse(r *coap.Request, endpoint, what string, err error) coap.Response {
	code := lwm2m9.CodeInternal
	if b, ok := errors.AsType[*badRequest](err); ok {
		code = b.code
	} else if no, ok := errors.AsType[*Refused](err); ok {
		code = no.Code
	} else if errors.Is(err, context.Canceled) {
		code = lwm2m9.CodeUnavailable // we stop: the device is to try again
	} else {
		s.o.Logger.Error(what+" failed", "endpoint", endpoint, "peer", r.Remote, "err", err)
		return answer(code)
	}
	s.o.Logger.Info(what+" refused", "endpoint", endpoint, "peer", r.Remote, "code", code, "err", err)
	return answer(code)
}

var (
	errFull    = &badRequest{lwm2m9.CodeUnavailable, errors.New("as many registrations as allowed")}
	errUnknown = &badRequest{lwm2m9.CodeNotFound, errors.New("no such registration")}
)

// register makes a registration, in place of an earlier one of the endpoint.
func (s *Server) register(ctx context.Context, r *coap.Request) coap.Response {
	reg, err := s.newRegistration(r)
	if err != nil {
		return s.refuse(r, reg.Endpoint, "register", err)
	}
	give, err := s.turns.take(ctx, reg.Endpoint)
	if err != nil {
		return answer(lwm2m9.CodeUnavailable)
	}
	defer give()
	if err = s.mayRegister(ctx, r, reg.Endpoint); err != nil {
		return s.refuse(r, reg.Endpoint, "register", err)
	}
	d, old, err := s.enter(&reg, r)
	if err == nil {
		err = s.o.Handler.Register(ctx, reg)
		s.settle(d, old, err)
	}
	if err != nil {
		return s.refuse(r, reg.Endpoint, "register", err)
	}
	resp := answer(lwm2m9.CodeCreated)
	resp.Location = []string{"rd", reg.ID}
	resp.Sent = func() { s.answered(reg.Endpoint, reg.Epoch) }
	return resp
}

// enter puts a new registration into the tables, closed to requests. old is
// what it replaces; its id is empty when there was none.
func (s *Server) enter(reg *Registration, r *coap.Request) (d *device, old Registration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d = s.devices[reg.Endpoint]; d == nil {
		if len(s.devices) >= s.o.MaxRegistrations {
			return nil, old, errFull
		}
		d = &device{}
		s.devices[reg.Endpoint] = d
	}
	old = d.reg
	d.cutOff()
	reg.ID, reg.Identity, reg.Heard = newID(), r.Identity, time.Now().UTC()
	reg.from(r.Peer, r.Remote)
	// From the clock, so that it grows also over registrations forgotten.
	reg.Epoch = max(old.Epoch+1, uint64(reg.Heard.UnixMilli()))
	s.set(d, *reg)
	d.answered = false
	s.byID[reg.ID] = d
	s.schedule(d)
	return d, old, nil
}

// settle ends what enter began: with what the Handler said.
func (s *Server) settle(d *device, old Registration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.byID, old.ID)
		d.forgetObservations() // those of the epoch before
	case old.ID == "":
		s.remove(d)
	default: // as if it had not been asked
		delete(s.byID, d.reg.ID)
		s.set(d, old)
		d.answered = true
		s.schedule(d)
		d.change()
	}
}

// answered opens a device to requests once it knows of its registration.
func (s *Server) answered(endpoint string, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[endpoint]; d != nil && d.reg.Epoch == epoch {
		d.answered = true
		s.heard(d)
	}
}

// heard notes that the device listens now.
func (s *Server) heard(d *device) {
	d.lost = false
	if d.reg.Queue {
		d.awake = time.Now().Add(s.o.AwakeWindow)
	}
	d.change()
}

// newID is hard to guess, so that an id is some proof of having registered.
func newID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// byLocation takes the turn of the device registered under id.
func (s *Server) byLocation(ctx context.Context, id string) (d *device, give func(), err error) {
	s.mu.Lock()
	d = s.byID[id]
	endpoint := ""
	if d != nil {
		endpoint = d.reg.Endpoint
	}
	s.mu.Unlock()
	if d == nil {
		return nil, nil, errUnknown
	}
	if give, err = s.turns.take(ctx, endpoint); err != nil {
		return nil, nil, &badRequest{lwm2m9.CodeUnavailable, err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] != d || d.reg.ID != id { // it went while we waited
		give()
		return nil, nil, errUnknown
	}
	return d, give, nil
}

// update changes a registration, or only shows that the device is alive.
func (s *Server) update(ctx context.Context, r *coap.Request, id string) coap.Response {
	d, give, err := s.byLocation(ctx, id)
	if err != nil {
		return s.refuse(r, "", "update", err)
	}
	defer give()
	p, err := parseQuery(r.Query)
	s.mu.Lock()
	old := d.reg
	reg := old
	s.mu.Unlock()
	if err == nil {
		err = s.owns(Impostor{"update", old.Endpoint, r.Identity, r.Remote}, old)
	}
	if err == nil {
		err = s.change(&reg, p, r)
	}
	if err == nil {
		reg.Heard = time.Now().UTC()
		reg.from(r.Peer, r.Remote)
		s.replace(d, reg)
		if err = s.o.Handler.Update(ctx, reg); err != nil {
			s.replace(d, old)
		}
	}
	if err != nil {
		return s.refuse(r, old.Endpoint, "update", err)
	}
	resp := answer(lwm2m9.CodeChanged)
	resp.Sent = func() { s.answered(reg.Endpoint, reg.Epoch) }
	return resp
}

func (s *Server) replace(d *device, reg Registration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(d, reg)
	s.schedule(d)
}

// deregister ends a registration at the device's wish.
func (s *Server) deregister(ctx context.Context, r *coap.Request, id string) coap.Response {
	d, give, err := s.byLocation(ctx, id)
	if err != nil {
		return s.refuse(r, "", "deregister", err)
	}
	defer give()
	s.mu.Lock()
	reg := d.registration()
	s.mu.Unlock()
	if err = s.owns(Impostor{"deregister", reg.Endpoint, r.Identity, r.Remote}, reg); err == nil {
		err = s.o.Handler.Deregister(ctx, reg)
	}
	if err != nil {
		return s.refuse(r, reg.Endpoint, "deregister", err)
	}
	s.mu.Lock()
	s.remove(d)
	s.mu.Unlock()
	return answer(lwm2m9.CodeDeleted)
}
