package dtls

import (
	"net/netip"
	"sync"
)

// association is one after its handshake: a few keys and numbers, and no
// goroutine.
type association struct {
	*Addr
	id      uint64
	session [sessionIDSize]byte
	random  random // the client's: its Hello may come once more

	// Guarded by Conn.mu.
	lruNode
	older *association // of the same identity
	ended bool

	mu sync.Mutex
	link
	repeats int // of our last flight
	sent0   uint64
	last    []byte // our Finished, while the client may ask for it again
}

// maxRepeats bounds how often a client may ask for our last flight.
const maxRepeats = 8

// repeatLast sends our last flight again: the client repeats its own, so it is
// lost. Nobody else can be made to receive it often.
func (a *association) repeatLast(c *Conn) {
	a.mu.Lock()
	if a.last == nil || a.repeats >= maxRepeats {
		a.mu.Unlock()
		return
	}
	a.repeats++
	d := appendPlain(nil, typeChangeCipherSpec, dtls12, a.sent0, []byte{1})
	a.sent0++
	d, err := a.seal(d, typeHandshake, a.last)
	a.mu.Unlock()
	if err == nil {
		c.write(d, a.Remote())
	}
}

// received is what a record was.
type received struct {
	typ     contentType
	content []byte
	newest  bool
}

// open authenticates a record.
func (a *association) open(r *record) (x received, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x.typ, x.content, x.newest, err = a.link.open(r)
	if err == nil && x.typ == typeApplicationData {
		a.last = nil // it has come
	}
	return x, err
}

// lruNode is a place in the order of use.
type lruNode struct {
	before, after *association // used earlier and later
	used          int64        // Conn time
}

// lru is the associations in order of use.
type lru struct{ oldest, newest *association }

// touch makes a the one used last; it may be new.
func (l *lru) touch(a *association, now int64) {
	a.used = now
	if l.newest == a {
		return
	}
	l.remove(a)
	a.before = l.newest
	if l.newest != nil {
		l.newest.after = a
	} else {
		l.oldest = a
	}
	l.newest = a
}

func (l *lru) remove(a *association) {
	if a.before != nil {
		a.before.after = a.after
	} else if l.oldest == a {
		l.oldest = a.after
	}
	if a.after != nil {
		a.after.before = a.before
	} else if l.newest == a {
		l.newest = a.before
	}
	a.before, a.after = nil, nil
}

// tables are what finds associations and handshakes; Conn.mu guards them.
type tables struct {
	byID       map[uint64]*association         // also by Connection ID
	byAddr     map[netip.AddrPort]*association // the last whose handshake came from there
	byIdentity map[string]*association         // the newest; others behind it
	order      lru
	handshakes map[netip.AddrPort]*handshake
	queue      []*handshake         // oldest first, some of them over
	sources    map[netip.Prefix]int // handshakes from each
}

func newTables() tables {
	return tables{
		byID: make(map[uint64]*association), byAddr: make(map[netip.AddrPort]*association),
		byIdentity: make(map[string]*association),
		handshakes: make(map[netip.AddrPort]*handshake), sources: make(map[netip.Prefix]int),
	}
}

// remove takes an association out of all tables; false if it was out.
func (t *tables) remove(a *association) bool {
	if a.ended {
		return false
	}
	a.ended = true
	delete(t.byID, a.id)
	if t.byAddr[a.Remote()] == a {
		delete(t.byAddr, a.Remote())
	}
	t.order.remove(a)
	if first := t.byIdentity[a.identity]; first == a {
		if a.older != nil {
			t.byIdentity[a.identity] = a.older
		} else {
			delete(t.byIdentity, a.identity)
		}
	} else {
		for x := first; x != nil; x = x.older {
			if x.older == a {
				x.older = a.older
				break
			}
		}
	}
	return true
}

// drop takes a handshake out of all tables; false if it was out.
func (t *tables) drop(h *handshake) bool {
	if t.handshakes[h.remote] != h {
		return false
	}
	delete(t.handshakes, h.remote)
	if t.sources[h.source]--; t.sources[h.source] == 0 {
		delete(t.sources, h.source)
	}
	return true
}
