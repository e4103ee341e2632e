package dtls

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// maxHello bounds the body of a Hello, which is kept three times while the
// handshake lasts; it comes in one datagram, which rarely holds more than 1,400.
const maxHello = 4 << 10

// maxFirst bounds the record number of a Hello, from which our numbers of epoch
// 0 go on: they must not reach the end.
const maxFirst = 1 << 47

// helloFrom takes a Hello: without its cookie it gets one, and nothing is
// remembered.
func (c *Conn) helloFrom(r *record, m *message, d []byte, from netip.AddrPort) {
	var hello hello
	ok := m.whole() && len(m.body) <= maxHello && r.seq <= maxFirst
	if ok {
		hello, ok = parseHello(m.body)
	}
	if !ok {
		c.count(func(s *Stats) { s.Discarded++ })
		return
	}
	c.mu.Lock()
	now := c.clock()
	if !c.cookies.check(&hello, from, now) {
		cookie := c.cookies.make(&hello, from, now)
		c.stats.Cookies++
		c.mu.Unlock()
		c.write(verifyRequest(r, m, cookie), from) // which is shorter than any Hello
		return
	}
	h := c.handshakes[from]
	if a := c.byAddr[from]; h == nil && a != nil && a.random == hello.random {
		c.stats.Discarded++ // late or repeated: that handshake is over
	} else if h == nil || h.random != hello.random {
		h = c.admit(r, m, from)
	}
	c.mu.Unlock()
	if h != nil {
		c.hand(h, d)
	}
}

// admit makes a handshake if there is room. An association with the same
// address stays until the new one is there (RFC 6347, 4.2.8).
func (c *Conn) admit(r *record, m *message, from netip.AddrPort) *handshake {
	if old := c.handshakes[from]; old != nil {
		c.drop(old) // the client has begun anew
		c.stats.Failed++
	}
	source := sourceOf(from)
	if c.sources[source] >= c.o.MaxHandshakesPerSource {
		c.stats.Refused++
		return nil
	}
	for len(c.handshakes) >= c.o.MaxHandshakes {
		oldest := c.queue[0]
		c.queue = c.queue[1:]
		if c.drop(oldest) {
			c.stats.Refused++
		}
	}
	body := slices.Clone(m.body)
	hello, _ := parseHello(body) // it could be parsed a moment ago
	h := &handshake{
		c: c, remote: from, source: source, random: hello.random, began: time.Now(),
		hello: hello, seq: m.seq, outSeq: m.seq, sent0: r.seq, id: c.newID(),
		transcript: (&message{typ: m.typ, seq: m.seq, length: m.length, body: body}).append(nil),
	}
	c.handshakes[from] = h
	c.sources[source]++
	c.queue = append(c.queue, h)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return h
}

// sourceOf is who a handshake is counted for.
func sourceOf(a netip.AddrPort) netip.Prefix {
	bits := 64
	if a.Addr().Is4() {
		bits = 32
	}
	p, _ := a.Addr().Prefix(bits) // the lengths fit
	return p
}

// newID makes the number of an association to be.
func (c *Conn) newID() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails (crypto/rand)
		if id := binary.BigEndian.Uint64(b[:]); c.byID[id] == nil {
			return id
		}
	}
}

// maxInbox and maxInboxBytes bound the datagrams that wait for one handshake;
// the client's largest flight has maxBytes and some headers.
const (
	maxInbox      = 16
	maxInboxBytes = 2 * maxBytes
)

// hand gives a datagram to a handshake, d nil the timer's. What finds no room
// is lost.
func (c *Conn) hand(h *handshake, d []byte) {
	if h.quick.Load() {
		// At once: what the client sends next is already its association's.
		h.mu.Lock()
		h.handle(context.Background(), slices.Clone(d)) // looks nothing up
		h.mu.Unlock()
		return
	}
	h.inboxMu.Lock()
	if len(h.inbox) < maxInbox && h.waiting+len(d) <= maxInboxBytes {
		h.inbox = append(h.inbox, slices.Clone(d))
		h.waiting += len(d)
	}
	if h.running {
		h.inboxMu.Unlock()
		return
	}
	h.running = true
	h.inboxMu.Unlock()
	select {
	case c.jobs <- h:
	default:
		h.inboxMu.Lock()
		h.inbox, h.waiting, h.running = nil, 0, false
		h.inboxMu.Unlock()
		c.count(func(s *Stats) { s.Discarded++ })
	}
}

// dropped tells that a handshake had to go, for another or because of its age.
func (c *Conn) dropped(h *handshake) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handshakes[h.remote] != h
}

// ended removes a handshake that is over.
func (c *Conn) ended(h *handshake, good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drop(h) && !good {
		c.stats.Failed++
	}
}

// established makes an association of a handshake, which is over then. last is
// our Finished, if the client may ask for it again. It fails if credentials
// were withdrawn since the handshake looked at its own.
func (c *Conn) established(h *handshake, last []byte) error {
	a := &association{
		Addr: &Addr{addr: addrOf(h.id), identity: h.next.identity}, id: h.id, session: h.next.id, random: h.random,
		link: h.link, sent0: h.sent0, last: last,
	}
	a.remote.Store(&h.remote)
	c.mu.Lock()
	if h.ending != c.ending {
		c.mu.Unlock()
		return alertInternalError
	}
	h.step = over
	if !c.drop(h) || c.byID[a.id] != nil { // dropped for others a moment ago
		c.mu.Unlock()
		return errDropped
	}
	c.stats.Completed++
	if h.resumed != nil {
		c.stats.Resumed++
	} else if h.resumable() {
		c.sessions.add(h.next, c.clock(), h.ends)
	}
	evicted := c.makeRoom()
	c.byID[a.id] = a
	c.byAddr[h.remote] = a
	a.older = c.byIdentity[a.identity]
	c.byIdentity[a.identity] = a
	c.order.touch(a, int64(c.now()))
	c.replaceOld(a)
	c.mu.Unlock()
	if evicted != nil {
		c.alert(evicted, alertCloseNotify)
		c.o.Logger.Warn("association ended: too many", "identity", evicted.identity, "peer", evicted.Remote(), "max", c.o.MaxAssociations)
	}
	c.o.Logger.Debug("association", "identity", a.identity, "peer", h.remote, "suite", h.suite.name,
		"resumed", h.resumed != nil, "cid", h.named, "took", time.Since(h.began))
	return nil
}

// makeRoom ends the association unused for longest if there is no room for
// another, and returns it.
func (c *Conn) makeRoom() *association {
	if len(c.byID) < c.o.MaxAssociations {
		return nil
	}
	a := c.order.oldest
	c.remove(a)
	c.stats.Evicted++
	return a
}

// replaceOld ends the older associations of an identity but a few. The clients
// are not told: it is the same device, which has forgotten them.
func (c *Conn) replaceOld(a *association) {
	for n := 1; a != nil; n++ {
		older := a.older
		if n > c.o.MaxPerIdentity {
			c.remove(a)
			c.stats.Replaced++
		}
		a = older
	}
}
