package client

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// link is the socket of one client, to one server.
type link struct {
	addr   address
	server netip.AddrPort
	udp    *net.UDPConn   // connected to the server, or nil:
	conn   net.PacketConn // what Config.Dial has made
	to     net.Addr       // the server's address for conn
}

// dial makes the socket of a client.
func dial(c *Config) (*link, error) {
	l := &link{server: netip.AddrPortFrom(c.Server.Addr().Unmap(), c.Server.Port())}
	var err error
	if c.Dial == nil {
		l.udp, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.server))
	} else {
		l.to = net.UDPAddrFromAddrPort(l.server)
		l.conn, err = c.Dial(c.Server)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *link) close() {
	if l.udp != nil {
		l.udp.Close()
	} else {
		l.conn.Close()
	}
}

func (l *link) write(b []byte) (int, error) {
	if l.udp != nil {
		return l.udp.Write(b)
	}
	return l.conn.WriteTo(b, l.to)
}

// local is the socket's address, for people.
func (l *link) local() net.Addr {
	if l.udp != nil {
		return l.udp.LocalAddr()
	}
	return l.conn.LocalAddr()
}

const (
	// maxDialed is the largest datagram read from what Config.Dial made, which
	// has a buffer all the time. A CoAP message should have no more than 1,152
	// bytes (RFC 7252, 4.6); larger ones are dropped.
	maxDialed = 2 << 10
	// pauseAfterError keeps a socket that fails from being read in circles.
	pauseAfterError = 50 * time.Millisecond
)

// read hands datagrams over until the socket is closed.
func (l *link) read(f *fan) {
	if l.udp != nil {
		l.readUDP(f)
		return
	}
	own := make([]byte, maxDialed+1)
	for {
		n, from, err := l.conn.ReadFrom(own)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !f.pause() {
				return
			}
		case n <= maxDialed && l.fromServer(from):
			b := f.take()
			if b == nil {
				return
			}
			b.n, b.from = copy(b.b[:], own[:n]), &l.addr
			f.arrived <- b
		}
	}
}

// fromServer says whether an address is the server's.
func (l *link) fromServer(a net.Addr) bool {
	ap, ok := a.(interface{ AddrPort() netip.AddrPort })
	return ok && netip.AddrPortFrom(ap.AddrPort().Addr().Unmap(), ap.AddrPort().Port()) == l.server
}

// pause waits after an error; false when the fan has been closed.
func (f *fan) pause() bool {
	t := time.NewTimer(pauseAfterError)
	defer t.Stop()
	select {
	case <-f.ended:
		return false
	case <-t.C:
		return true
	}
}
