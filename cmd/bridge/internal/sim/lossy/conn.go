package lossy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Line loses and repeats datagrams at a client's own socket: a [Relay] without
// a socket of its own, for clients of which there are thousands. The dice go
// on over all sockets of the line, one after the other or at once.
type Line struct {
	up, down *way
	received, sent,
	dropped, repeated atomic.Int64
}

// NewLine makes a line: up is what happens to datagrams that are written, down
// to those that are read. It cannot delay or reorder; a Way that asks for it is
// an error.
func NewLine(up, down Way, seed uint64) (*Line, error) {
	if err := errors.Join(up.Validate(), down.Validate()); err != nil {
		return nil, fmt.Errorf("lossy: %w", err)
	}
	if up.Delay != 0 || down.Delay != 0 || up.Reorder != 0 || down.Reorder != 0 {
		return nil, errors.New("lossy: a line cannot delay or reorder")
	}
	return &Line{up: newWay(up, seed, 1), down: newWay(down, seed, 2)}, nil
}

// Stats is a snapshot of the counters.
func (l *Line) Stats() Stats {
	return Stats{Received: l.received.Load(), Sent: l.sent.Load(), Dropped: l.dropped.Load(), Repeated: l.repeated.Load()}
}

// fate throws the dice for one datagram.
func (l *Line) fate(w *way, datagram []byte) fate {
	w.mu.Lock()
	f := w.decide(datagram)
	w.mu.Unlock()
	l.received.Add(1)
	switch f {
	case drop:
		l.dropped.Add(1)
		return drop
	case repeat:
		l.repeated.Add(1)
		l.sent.Add(1)
	}
	l.sent.Add(1)
	return f
}

// Conn puts a socket on the line. One goroutine at a time may read from it.
func (l *Line) Conn(c *net.UDPConn) net.PacketConn { return &conn{UDPConn: c, line: l} }

type conn struct {
	*net.UDPConn
	line *Line

	mu    sync.Mutex
	again []byte // is read once more; guarded by mu
	from  netip.AddrPort
}

// ReadFrom reads the next datagram that is not lost.
func (c *conn) ReadFrom(b []byte) (int, net.Addr, error) {
	if n, from, ok := c.repeated(b); ok {
		return n, net.UDPAddrFromAddrPort(from), nil
	}
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		switch c.line.fate(c.line.down, b[:n]) {
		case drop:
			continue
		case repeat:
			c.mu.Lock()
			c.again, c.from = append([]byte(nil), b[:n]...), from
			c.mu.Unlock()
		}
		return n, net.UDPAddrFromAddrPort(from), nil
	}
}

func (c *conn) repeated(b []byte) (n int, from netip.AddrPort, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.again == nil {
		return 0, from, false
	}
	n, from = copy(b, c.again), c.from
	c.again = nil
	return n, from, true
}

// WriteTo writes a datagram, or twice, or not at all.
func (c *conn) WriteTo(b []byte, to net.Addr) (int, error) {
	switch c.line.fate(c.line.up, b) {
	case drop:
		return len(b), nil
	case repeat:
		if n, err := c.UDPConn.WriteTo(b, to); err != nil {
			return n, err
		}
	}
	return c.UDPConn.WriteTo(b, to)
}
