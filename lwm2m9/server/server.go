package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// Server holds the registrations of devices and speaks to them. Its methods
// may be called from any goroutine.
type Server struct {
	o    Options
	ep   *coap.Endpoint
	wake chan struct{} // the expiry loop: look again
	done chan struct{} // closed when Run ends

	turns    turns // calls of the Handler, by endpoint
	requests turns // requests to the device, by endpoint

	mu       sync.Mutex // guards what follows, and all devices
	devices  map[string]*device
	byID     map[string]*device
	bySender map[sender]*device // the first of those that send from there
	expiry   expiryHeap
}

// device is a registered device. It exists as long as its registration.
type device struct {
	reg Registration
	// answered says that the device has been told of its registration: it
	// takes no request before.
	answered bool
	lost     bool      // restored behind a connection that ended with the process
	alike    *device   // the next of the same sender
	awake    time.Time // in queue mode: how long it listens
	changed  chan struct{}
	observed map[string]*coap.Observation // by path
	place    int                          // in the expiry heap, from 1; 0 when not there
	// cut ends the request under way; nil when there is none.
	cut context.CancelCauseFunc
}

// New makes a server; [Server.Run] starts it.
func New(o Options) *Server {
	o.fill()
	s := &Server{
		o:        o,
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		devices:  make(map[string]*device),
		byID:     make(map[string]*device),
		bySender: make(map[sender]*device),
	}
	s.ep = coap.New(o.Conn, coap.Options{
		Handler:         s.serve,
		Logger:          o.Logger,
		MaxBody:         o.MaxBody,
		ResponseTimeout: o.Timeout,
		Transmission:    coap.Transmission{AckTimeout: o.AckTimeout},
	})
	return s
}

// Run serves until ctx ends, and returns after the last goroutine has ended:
// nil when ctx ended it, otherwise why the connection failed. It closes the
// connection. Run is called once.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var expiry sync.WaitGroup
	expiry.Go(func() { s.expireAll(ctx) })
	err := s.ep.Run(ctx)
	cancel()
	close(s.done)
	expiry.Wait()
	return err
}

// Addr is the local address.
func (s *Server) Addr() net.Addr { return s.ep.LocalAddr() }

// Restore takes back a registration that a Handler was given, with its ID,
// address and epoch. It is called before Run; one whose lifetime has ended
// meanwhile expires when Run starts. A device in queue mode counts as asleep
// until it is heard from, and so does one with an identity: the connection that
// proved it has ended.
func (s *Server) Restore(r Registration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Endpoint == "" || r.ID == "":
		return errors.New("lwm2m: restored registration without endpoint or id")
	case s.devices[r.Endpoint] != nil || s.byID[r.ID] != nil:
		return fmt.Errorf("lwm2m: registration of %q restored twice", r.Endpoint)
	case len(s.devices) >= s.o.MaxRegistrations:
		return fmt.Errorf("lwm2m: more than %d registrations restored", s.o.MaxRegistrations)
	}
	r.Paths = slices.Clone(r.Paths)
	d := &device{answered: true, lost: r.Identity != ""}
	s.set(d, r)
	s.devices[r.Endpoint], s.byID[r.ID] = d, d
	s.schedule(d)
	return nil
}

// Lookup is the registration of an endpoint.
func (s *Server) Lookup(endpoint string) (Registration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[endpoint]
	if d == nil {
		return Registration{}, false
	}
	return d.registration(), true
}

// Registered is how many devices are registered.
func (s *Server) Registered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.devices)
}

// Registrations is every registration, by endpoint name.
func (s *Server) Registrations() []Registration {
	s.mu.Lock()
	all := make([]Registration, 0, len(s.devices))
	for _, d := range s.devices {
		all = append(all, d.registration())
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b Registration) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return all
}

// registration is a copy that shares nothing with the device.
func (d *device) registration() Registration {
	r := d.reg
	r.Paths = slices.Clone(r.Paths)
	return r
}

// change wakes those who wait for the device.
func (d *device) change() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// forgetObservations drops all observations of the device.
func (d *device) forgetObservations() {
	for _, o := range d.observed {
		o.Forget()
	}
	d.observed = nil
}

// remove takes the device out of every table.
func (s *Server) remove(d *device) {
	delete(s.devices, d.reg.Endpoint)
	delete(s.byID, d.reg.ID)
	s.unlink(d, senderOf(d.reg.Identity, d.reg.Addr))
	s.unschedule(d)
	d.forgetObservations()
	d.change()
}
