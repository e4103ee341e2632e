package bridge

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
)

// Triggers are the listeners for the triggers of DM servers. Run closes them.
// Without any, none are taken.
type Triggers struct {
	UDP    []TriggerUDP
	PAP    net.Listener // nil has none
	Kannel net.Listener // nil has none

	PAPGate, KannelGate trigger.Gate
	PeerRate            int               // triggers a minute; 0 is trigger.DefaultRate
	Find                trigger.Directory // required with a listener
}

// TriggerUDP is one socket for WAP push.
type TriggerUDP struct {
	Conn     net.PacketConn
	Endpoint string
	Allowed  []netip.Prefix
}

func (t *Triggers) any() bool { return len(t.UDP) > 0 || t.PAP != nil || t.Kannel != nil }

// triggerParts are what the listeners need.
func (b *Bridge) triggerParts() (udp []*trigger.UDP, handlers map[net.Listener]http.Handler) {
	t, handlers := &b.o.Triggers, map[net.Listener]http.Handler{}
	if !t.any() {
		return nil, handlers
	}
	for _, u := range t.UDP {
		udp = append(udp, &trigger.UDP{Conn: u.Conn, Endpoint: u.Endpoint, Allowed: u.Allowed, Inbox: b.inbox})
	}
	if t.PAP != nil {
		handlers[t.PAP] = trigger.NewPAP(b.inbox, t.PAPGate)
	}
	if t.Kannel != nil {
		handlers[t.Kannel] = trigger.NewKannel(b.inbox, t.KannelGate)
	}
	return udp, handlers
}

// seen is the engine with what came in by the listeners, and with direction B,
// as the API shows it.
type seen struct {
	*engine.Engine
	inbox  *trigger.Inbox // nil without listeners
	legacy *directionB    // nil while it is off
}

// Health adds the triggers and direction B to the engine's.
func (s seen) Health() engine.Health {
	h := s.Engine.Health()
	if s.legacy != nil {
		s.legacy.addHealth(&h)
	}
	if s.inbox != nil {
		h.Triggers = s.inbox.Counts()
	}
	return h
}

// finder finds the devices of triggers. It learns of every device that the
// engine knows, and keeps those that can be found: by their number, or because
// they are alone.
type finder struct {
	c  *config.Config
	mu sync.Mutex
	// byNumber has the devices of each server id and number; guarded by mu.
	byNumber map[numbered]string
	// only has the first device of each server id, "" once there are more;
	// guarded by mu.
	only map[string]string
}

// numbered is a number at a server.
type numbered struct{ serverID, number string }

func newFinder(c *config.Config) *finder {
	return &finder{c: c, byNumber: map[numbered]string{}, only: map[string]string{}}
}

// learn takes in a device; it may be told twice of the same.
func (f *finder) learn(endpoint string) {
	s, ok := f.c.ServerFor(endpoint)
	if !ok {
		return
	}
	number, has := f.c.NumberOf(endpoint)
	f.mu.Lock()
	defer f.mu.Unlock()
	if has {
		f.byNumber[numbered{s.ServerID, number}] = endpoint
	}
	if first, known := f.only[s.ServerID]; known && first != endpoint {
		endpoint = ""
	}
	f.only[s.ServerID] = endpoint
}

// Serves implements trigger.Directory.
func (f *finder) Serves(serverID string) bool { return f.c.Serves(serverID) }

// ByNumber implements trigger.Directory.
func (f *finder) ByNumber(serverID, text string) (string, bool) {
	number, ok := config.Number(text)
	if !ok {
		return "", false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	endpoint, ok := f.byNumber[numbered{serverID, number}]
	return endpoint, ok
}

// Only implements trigger.Directory.
func (f *finder) Only(serverID string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	endpoint := f.only[serverID]
	return endpoint, endpoint != ""
}
