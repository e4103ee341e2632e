package dmlisten

import (
	"container/list"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// device is a device with sessions, or with a message under way. Who has taken
// its turn may touch its sessions.
type device struct {
	key   string
	turn  chan struct{} // holds one value while nobody has the turn
	users int           // messages that have the turn or wait for it; under table.mu
	all   []*live       // its sessions, oldest first; under table.mu
}

// live is a session. What is not marked belongs to who has the device's turn.
type live struct {
	device *device
	token  string
	id     string // SessionID
	srv    *session.Server
	visit  Visit
	scheme session.Scheme // of the device's credentials
	enc    syncml.Encoding
	born   time.Time
	ended  bool // by its own last word

	trusted bool          // the device has proved who it is; under table.mu
	fresh   *list.Element // its place among those that have not; under table.mu
	until   time.Time     // when it expires; under table.mu
	gone    bool          // it is not in the table any more; under table.mu
}

// table finds sessions and keeps their number within limits.
type table struct {
	o Options

	mu      sync.Mutex
	tokens  map[string]*live
	devices map[string]*device
	fresh   *list.List // of *live that have not proved who they are, oldest first
}

func newTable(o Options) *table {
	return &table{o: o, tokens: map[string]*live{}, devices: map[string]*device{}, fresh: list.New()}
}

var errTooManyWaiting = errors.New("dmlisten: too many messages of one device at once")

// keyOf is a device's name as a key: names differ in case between a device's
// messages, and are compared without it. It may be a part of the message.
func keyOf(name string) string { return strings.ToLower(name) }

// enter waits for the turn of the device of that name, no longer than until.
// leave gives it back.
func (t *table) enter(ctx context.Context, name string, until time.Time) (*device, error) {
	key := keyOf(name)
	t.mu.Lock()
	d, ok := t.devices[key]
	if !ok {
		key = strings.Clone(key)
		d = &device{key: key, turn: make(chan struct{}, 1)}
		d.turn <- struct{}{}
		t.devices[key] = d
	}
	return t.join(ctx, d, until)
}

// join is one more use of a device. It is called with mu held and gives it up.
func (t *table) join(ctx context.Context, d *device, until time.Time) (*device, error) {
	if d.users > t.o.MaxWaiting {
		t.mu.Unlock()
		return nil, errTooManyWaiting
	}
	d.users++
	t.mu.Unlock()
	select {
	case <-d.turn: // nearly always
		return d, nil
	default:
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	select {
	case <-d.turn:
		return d, nil
	case <-ctx.Done():
		t.forget(d)
		return nil, ctx.Err()
	}
}

func (t *table) leave(d *device) {
	d.turn <- struct{}{}
	t.forget(d)
}

// forget is the end of one use of a device.
func (t *table) forget(d *device) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d.users--
	t.drop(d)
}

// drop removes a device that nobody uses. Call it with mu held.
func (t *table) drop(d *device) {
	if d.users == 0 && len(d.all) == 0 {
		delete(t.devices, d.key)
	}
}

// byToken finds a session and waits for the turn of its device, no longer than
// until; nil when there is none, or none any more.
func (t *table) byToken(ctx context.Context, token string, until time.Time) (*live, error) {
	t.mu.Lock()
	l := t.tokens[token]
	if l == nil {
		t.mu.Unlock()
		return nil, nil
	}
	_, err := t.join(ctx, l.device, until)
	return l, err
}

// bySession finds the newest session of a device with a SessionID.
func (t *table) bySession(d *device, id string) *live {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(d.all) - 1; i >= 0; i-- {
		if d.all[i].id == id {
			return d.all[i]
		}
	}
	return nil
}

// alive says whether a session is still in the table and has not expired.
func (t *table) alive(l *live, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !l.gone && now.Before(l.until)
}

// add puts a session into the table and returns those that had to make room:
// of strangers, never of a device that has proved who it is. The caller has the
// turn of its own device, and then that of every other whose session is
// returned. add reports false when there is no room.
func (t *table) add(l *live, now time.Time) (gone []*live, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var strangers []*live
	for _, other := range l.device.all {
		if !other.trusted {
			strangers = append(strangers, other)
		}
	}
	for len(strangers) >= t.o.MaxPerDevice {
		t.remove(strangers[0])
		gone, strangers = append(gone, strangers[0]), strangers[1:]
	}
	if len(t.tokens) >= t.o.MaxSessions {
		other := t.idleStranger()
		if other == nil {
			return gone, false
		}
		t.remove(other)
		gone = append(gone, other)
	}
	l.until = now.Add(t.o.Idle)
	l.fresh = t.fresh.PushBack(l)
	t.tokens[l.token] = l
	l.device.all = append(l.device.all, l)
	return gone, true
}

// maxLook bounds the search for a session that can make room.
const maxLook = 64

// idleStranger is one of the oldest sessions of strangers that have no message
// under way; their device's turn is taken. Call it with mu held.
func (t *table) idleStranger() *live {
	for e, n := t.fresh.Front(), 0; e != nil && n < maxLook; e, n = e.Next(), n+1 {
		if l := e.Value.(*live); t.tryEnter(l.device) {
			return l
		}
	}
	return nil
}

// tryEnter takes a device's turn if nobody has it or waits for it. Call it with
// mu held.
func (t *table) tryEnter(d *device) bool {
	if d.users > 0 {
		return false
	}
	d.users++
	<-d.turn
	return true
}

// trust notes that the device of a session has proved who it is. The older
// sessions of the device are returned: they are to be aborted.
func (t *table) trust(l *live) (older []*live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.trusted = true
	if l.fresh != nil {
		t.fresh.Remove(l.fresh)
		l.fresh = nil
	}
	for _, other := range l.device.all {
		if other != l && other.trusted {
			older = append(older, other)
		}
	}
	return older
}

// keep lets a session live until then.
func (t *table) keep(l *live, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.until = until
}

// end removes a session; it reports false if somebody else did.
func (t *table) end(l *live) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.gone {
		return false
	}
	t.remove(l)
	return true
}

// takeExpired removes the sessions whose time is over and returns them; the
// turns of their devices are taken, once for each session. Devices that have a
// message under way are left for later.
func (t *table) takeExpired(now time.Time) (gone []*live) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.tokens {
		if !now.Before(l.until) && t.tryEnter(l.device) {
			t.remove(l)
			gone = append(gone, l)
		}
	}
	return gone
}

// remove takes a session out. Call it with mu held.
func (t *table) remove(l *live) {
	l.gone = true
	delete(t.tokens, l.token)
	if l.fresh != nil {
		t.fresh.Remove(l.fresh)
		l.fresh = nil
	}
	d := l.device
	for i, other := range d.all {
		if other == l {
			d.all = append(d.all[:i:i], d.all[i+1:]...)
			break
		}
	}
	t.drop(d)
}

func (t *table) size() (sessions, devices int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.tokens), len(t.devices)
}
