package dtls

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

// delivery is what one record carried.
type delivery struct {
	data []byte
	from *Addr
}

// ReadFrom waits for the next datagram that an association carries. The address
// is an [*Addr]. Like a socket, it cuts what is longer than b. It returns what
// the socket's ReadFrom returns as an error, and no error for anything that a
// peer can send.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	if n, from := c.left(b); from != nil {
		return n, from, nil
	}
	buf := inputs.Get().(*[maxDatagram]byte)
	defer inputs.Put(buf)
	for {
		n, from, err := c.socket.read(buf[:])
		if err != nil {
			return 0, nil, err
		}
		got := c.take(buf[:n], from)
		if len(got) == 0 {
			continue
		}
		c.leave(got[1:])
		return copy(b, got[0].data), got[0].from, nil
	}
}

// left gives what was left over of a datagram with several records.
func (c *Conn) left(b []byte) (int, *Addr) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if len(c.rest) == 0 {
		return 0, nil
	}
	d := c.rest[0]
	c.rest = c.rest[1:]
	return copy(b, d.data), d.from
}

// maxRest bounds Conn.rest: only several readers can make it more than one
// datagram's.
const maxRest = 64

func (c *Conn) leave(more []delivery) {
	if len(more) == 0 {
		return
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for _, d := range more {
		if len(c.rest) < maxRest {
			c.rest = append(c.rest, delivery{slices.Clone(d.data), d.from})
		}
	}
}

// take finds out whose a datagram is. The content of its records stays in its
// place.
func (c *Conn) take(d []byte, from netip.AddrPort) []delivery {
	r, _, ok := nextRecord(d, cidSize)
	if !ok {
		c.count(func(s *Stats) { s.Discarded++ })
		return nil
	}
	if r.epoch == 0 && r.typ == typeHandshake {
		if m, _, ok := nextMessage(r.body); ok && m.typ == msgClientHello {
			c.helloFrom(&r, &m, d, from)
			return nil
		}
	}
	c.mu.Lock()
	h := c.handshakes[from]
	a := c.byAddr[from]
	if r.typ == typeCID {
		a = c.byID[binary.BigEndian.Uint64(r.cid)]
	}
	c.mu.Unlock()
	switch {
	case r.epoch == 0 && h != nil:
		c.hand(h, d)
	case r.epoch == 0 && a != nil:
		if _, ok := findMessage(d, msgClientKeyExchange); ok {
			a.repeatLast(c)
		}
	case a != nil && h != nil: // the old association or the new handshake
		copied := slices.Clone(d)
		if got, known := c.records(a, d, from); known {
			return got
		}
		c.hand(h, copied)
	case a != nil:
		got, _ := c.records(a, d, from)
		return got
	case h != nil:
		c.hand(h, d)
	default:
		c.count(func(s *Stats) { s.Discarded++ })
	}
	return nil
}

// records opens the records of a datagram. known tells that one was the
// association's.
func (c *Conn) records(a *association, d []byte, from netip.AddrPort) (got []delivery, known bool) {
	for len(d) > 0 {
		r, rest, ok := nextRecord(d, cidSize)
		if !ok {
			break
		}
		d = rest
		if r.typ == typeCID && binary.BigEndian.Uint64(r.cid) != a.id {
			continue // RFC 9146, 3 would allow it, but nobody does it
		}
		x, err := a.open(&r)
		if err != nil {
			c.count(func(s *Stats) { s.Discarded++ })
			continue
		}
		known = true
		if !c.used(a, x, from) {
			break
		}
		switch x.typ {
		case typeApplicationData:
			got = append(got, delivery{x.content, a.Addr})
		case typeAlert:
			if why, ends := ends(x.content); ends {
				c.closed(a, why)
				return got, true
			}
		case typeHandshake:
			if m, _, ok := nextMessage(x.content); ok && m.typ == msgFinished {
				a.repeatLast(c)
			}
		}
	}
	return got, known
}

// used notes that an association is in use, and where. False if it has ended.
func (c *Conn) used(a *association, x received, from netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.ended {
		return false
	}
	c.order.touch(a, int64(c.now()))
	remote := a.Remote()
	if x.newest && remote != from { // RFC 9146, 6
		if c.byAddr[remote] == a {
			delete(c.byAddr, remote) // the Connection ID finds it
		}
		a.remote.Store(&from)
		c.stats.Moved++
	}
	return true
}

// closed ends an association because the client says so.
func (c *Conn) closed(a *association, why alert) {
	if why == alertCloseNotify {
		c.alert(a, alertCloseNotify) // RFC 5246, 7.2.1
	} else {
		c.sessions.drop(a.session)
	}
	if c.end(a, func(*Stats) {}) {
		c.o.Logger.Debug("association closed by the client", "identity", a.identity, "peer", a.Remote(), "alert", why)
	}
}
