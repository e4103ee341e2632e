package lwm2mdevice

import (
	"errors"
	"net"
	"sync"
)

// roam is a packet connection whose socket can be exchanged under its user, as
// a NAT does it: the datagrams come from another port from then on, and what
// is sent to the old one is lost.
type roam struct {
	open func() (net.PacketConn, error)

	mu     sync.Mutex
	now    net.PacketConn // guarded by mu
	closed bool           // guarded by mu
	// PacketConn is the first socket, for the methods that nobody needs of the
	// others.
	net.PacketConn
}

func newRoam(open func() (net.PacketConn, error)) (*roam, error) {
	c, err := open()
	if err != nil {
		return nil, err
	}
	return &roam{open: open, now: c, PacketConn: c}, nil
}

func (r *roam) current() net.PacketConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// move goes to another port.
func (r *roam) move() error {
	c, err := r.open()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.Join(net.ErrClosed, c.Close())
	}
	old := r.now
	r.now = c
	return old.Close()
}

// ReadFrom reads from the socket there is, or the next one.
func (r *roam) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c := r.current()
		n, from, err := c.ReadFrom(b)
		if err == nil || c == r.current() {
			return n, from, err
		}
	}
}

// WriteTo writes to the socket there is.
func (r *roam) WriteTo(b []byte, to net.Addr) (int, error) { return r.current().WriteTo(b, to) }

// LocalAddr is that of the socket there is.
func (r *roam) LocalAddr() net.Addr { return r.current().LocalAddr() }

// Close ends it for good.
func (r *roam) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.now.Close()
}
