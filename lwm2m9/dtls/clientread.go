package dtls

import (
	"net"
	"slices"
)

// ReadFrom waits for the next datagram of the server. The address is an
// [*Addr]. It also feeds a handshake under way. While it waits at a UDP socket
// it holds no buffer: a device is idle nearly all the time.
func (c *Client) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if err := c.socket.ready(); err != nil {
			return 0, nil, err
		}
		if n, from, err := c.readOne(b); err != nil || from != nil {
			return n, from, err
		}
	}
}

// readOne reads one datagram; the address is nil when it is not for the caller.
func (c *Client) readOne(b []byte) (int, net.Addr, error) {
	buf := inputs.Get().(*[maxDatagram]byte)
	defer inputs.Put(buf)
	n, from, err := c.socket.read(buf[:])
	if err != nil || from != c.server {
		return 0, nil, err
	}
	if data, from := c.take(buf[:n]); from != nil {
		return copy(b, data), from, nil
	}
	return 0, nil, nil
}

// take goes through a datagram and gives the first content in it; a server that
// puts two into one datagram has one lost.
func (c *Client) take(d []byte) ([]byte, *Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, _, ok := nextRecord(d, 0) // no Connection ID was asked for
	switch {
	case !ok || c.closed:
		return nil, nil
	case c.shake != nil && r.typ != typeApplicationData:
		c.shake.push(slices.Clone(d))
		if r.epoch == 0 {
			return nil, nil
		}
	case r.epoch == 0:
		c.repeatLast(&r)
		return nil, nil
	}
	for c.up != nil && len(d) > 0 {
		if r, d, ok = nextRecord(d, 0); !ok {
			break
		}
		typ, content, _, err := c.up.open(&r)
		if err != nil {
			continue
		}
		c.silence = silence{}
		c.last = nil // it has come
		switch typ {
		case typeApplicationData:
			return content, c.addr
		case typeAlert:
			if why, ends := ends(content); ends {
				c.o.Logger.Debug("association closed by the server", "server", c.server, "alert", why)
				if why != alertCloseNotify {
					c.memory = nil
				}
				c.up = nil
			}
		}
	}
	return nil, nil
}

// repeatLast sends our last flight again when the server repeats its own.
func (c *Client) repeatLast(r *record) {
	if r.typ != typeHandshake || c.repeats >= maxRepeats {
		return
	}
	c.repeats++
	for _, d := range c.last {
		c.socket.write(d, c.server) // lost if it fails, as it was before
	}
}
