package server

import (
	"context"
	"errors"
	"net/netip"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// ErrIdentity means that a message came from somebody else than the endpoint
// that it is about; it is answered 4.03.
var ErrIdentity error = &badRequest{lwm2m9.CodeForbidden, errors.New("another identity than that of the endpoint")}

// OwnName is the rule of LwM2M 1.1 Transport, 5.2.1, as far as it goes without
// a list of devices: a proved identity registers under its own name. Without
// security everybody registers under every name.
func OwnName(_ context.Context, identity, endpoint string) error {
	if identity == "" || identity == endpoint {
		return nil
	}
	return ErrIdentity
}

// Impostor is a message that was refused because of who sent it.
type Impostor struct {
	Operation string // "register", "update", "deregister" or "notification"
	Endpoint  string
	Identity  string         // proved by the sender; empty without security
	Remote    netip.AddrPort // where the message came from
}

// mayRegister says whether the sender may register under the name, in place of
// whoever has it. The caller has the endpoint's turn.
func (s *Server) mayRegister(ctx context.Context, r *coap.Request, endpoint string) error {
	s.mu.Lock()
	d := s.devices[endpoint]
	secured := d != nil && d.reg.Identity != ""
	s.mu.Unlock()
	err := ErrIdentity
	if !secured || r.Identity != "" {
		err = s.o.Authorize(ctx, r.Identity, endpoint)
	}
	if errors.Is(err, ErrIdentity) {
		s.o.OnImpostor(Impostor{"register", endpoint, r.Identity, r.Remote})
	}
	return err
}

// owns says whether a message comes from who made the registration: otherwise it
// is that of an impostor.
func (s *Server) owns(i Impostor, reg Registration) error {
	if reg.Identity == i.Identity {
		return nil
	}
	s.o.OnImpostor(i)
	return ErrIdentity
}

// sender is who messages come from: an identity, or an address where there is
// none.
type sender struct {
	identity string
	addr     netip.AddrPort
}

func senderOf(identity string, addr netip.AddrPort) sender {
	if identity != "" {
		return sender{identity: identity}
	}
	return sender{addr: addr}
}

// set changes a device's registration. The caller holds mu and schedules.
func (s *Server) set(d *device, reg Registration) {
	old, now := senderOf(d.reg.Identity, d.reg.Addr), senderOf(reg.Identity, reg.Addr)
	if d.reg.Addr != reg.Addr {
		d.cutOff()
	}
	known := d.reg.ID != ""
	d.reg = reg
	switch {
	case known && old == now:
		return
	case known:
		s.unlink(d, old)
	}
	d.alike, s.bySender[now] = s.bySender[now], d
}

// unlink takes a device out of the list of its sender.
func (s *Server) unlink(d *device, from sender) {
	first := s.bySender[from]
	for at := &first; *at != nil; at = &(*at).alike {
		if *at == d {
			*at, d.alike = d.alike, nil
			break
		}
	}
	if first == nil {
		delete(s.bySender, from)
	} else {
		s.bySender[from] = first
	}
}

// from finds the one device that speaks from there: of several with the same
// identity the one with that address. nil when there is none or more than one.
// The caller holds mu.
func (s *Server) from(identity string, addr netip.AddrPort) *device {
	first := s.bySender[senderOf(identity, addr)]
	if first == nil || first.alike == nil {
		return first
	}
	var found *device
	for d := first; d != nil; d = d.alike {
		if d.reg.Addr != addr {
			continue
		}
		if found != nil {
			return nil
		}
		found = d
	}
	return found
}

// moved keeps the address of a message that its sender has proved to be his.
// The caller holds mu.
func (s *Server) moved(d *device, addr, remote netip.AddrPort) {
	if d.reg.Identity != "" && d.reg.Addr != addr {
		reg := d.reg
		reg.from(addr, remote)
		s.set(d, reg)
	}
}
