package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// Engine takes triggers; [*engine.Engine] is one.
type Engine interface {
	Trigger(ctx context.Context, endpoint string, m *notify.Message) error
}

var _ Engine = (*engine.Engine)(nil)

// Directory finds devices. Its methods must be fast.
type Directory interface {
	// Serves says whether a DM server of that id is configured.
	Serves(serverID string) bool
	// ByNumber finds a device of a server by its telephone number, as the
	// sender wrote it.
	ByNumber(serverID, number string) (endpoint string, ok bool)
	// Only is the device of a server that has a single one.
	Only(serverID string) (endpoint string, ok bool)
}

// Verdict is what became of a trigger.
type Verdict uint8

// The verdicts.
const (
	Taken         Verdict = iota // a session follows
	Replayed                     // it was taken before
	Refused                      // wrong digest, or an account that cannot check it
	Malformed                    // no trigger, or one of a version that is not known
	UnknownServer                // no such server id is configured
	UnknownDevice                // the address belongs to nobody, or to nobody who ever registered
	NotAllowed                   // from a peer that may not send, or without its password
	TooMany                      // the peer sends too much, or all of them do
	Failed                       // the engine could not take it now
	verdicts
)

var verdictNames = [verdicts]string{"taken", "replayed", "refused", "malformed", "unknownServer", "unknownDevice", "notAllowed", "tooMany", "failed"}

// String is the verdict in one word, as counters are named.
func (v Verdict) String() string {
	if v < verdicts {
		return verdictNames[v]
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// Arrival is how a trigger came. Number, or else Endpoint, names the device;
// with neither it is the only one of its server.
type Arrival struct {
	Channel  string
	Peer     netip.Addr
	Number   string
	Endpoint string
}

// Inbox takes triggers of all channels in. Make it with NewInbox.
type Inbox struct {
	engine Engine
	find   Directory
	log    *slog.Logger
	counts [verdicts]atomic.Uint64

	mu    sync.Mutex
	rates rates // guarded by mu
}

// NewInbox makes an inbox that takes at most perMinute triggers a minute from
// one peer; 0 takes DefaultRate. A nil log logs nothing.
func NewInbox(e Engine, find Directory, perMinute int, log *slog.Logger) *Inbox {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if perMinute <= 0 {
		perMinute = DefaultRate
	}
	return &Inbox{engine: e, find: find, log: log, rates: rates{perMinute: perMinute}}
}

// admit says whether a peer may send now: it is among those allowed (none
// allows all) and did not send too much.
func (i *Inbox) admit(peer netip.Addr, allowed []netip.Prefix) Verdict {
	if !among(peer, allowed) {
		return NotAllowed
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.rates.take(time.Now(), peer) {
		return TooMany
	}
	return Taken
}

func among(peer netip.Addr, allowed []netip.Prefix) bool {
	for _, p := range allowed {
		if p.Contains(peer.Unmap()) {
			return true
		}
	}
	return len(allowed) == 0
}

// take hands a trigger, in any form that notify reads, to its device.
func (i *Inbox) take(ctx context.Context, a Arrival, body []byte) Verdict {
	m, err := notify.Open(body)
	if err != nil {
		return i.count(a, "", Malformed, err)
	}
	if !i.find.Serves(m.ServerID) {
		return i.count(a, "", UnknownServer, fmt.Errorf("server id %q", m.ServerID))
	}
	endpoint, ok := a.Endpoint, a.Endpoint != ""
	switch {
	case a.Number != "":
		endpoint, ok = i.find.ByNumber(m.ServerID, a.Number)
	case !ok:
		endpoint, ok = i.find.Only(m.ServerID)
	}
	if !ok {
		return i.count(a, "", UnknownDevice, errors.New("the address names no device of the server"))
	}
	err = i.engine.Trigger(ctx, endpoint, m)
	return i.count(a, endpoint, verdictOf(err), err)
}

// verdictOf turns what the engine says into a verdict.
func verdictOf(err error) Verdict {
	switch {
	case err == nil:
		return Taken
	case errors.Is(err, engine.ErrReplay):
		return Replayed
	case errors.Is(err, notify.ErrDigest), errors.Is(err, engine.ErrNotTheServer):
		return Refused
	case errors.Is(err, engine.ErrUnknownDevice):
		return UnknownDevice
	}
	return Failed
}

// count counts and logs. What anybody can cause is logged at Debug: the
// counters and the device's time line tell of it.
func (i *Inbox) count(a Arrival, endpoint string, v Verdict, err error) Verdict {
	i.counts[v].Add(1)
	level := slog.LevelDebug
	switch v {
	case Taken:
		level = slog.LevelInfo
	case Failed:
		level = slog.LevelWarn
	}
	i.log.Log(context.Background(), level, "trigger", "channel", a.Channel, "peer", a.Peer, "device", endpoint, "verdict", v.String(), "err", err)
	return v
}

// Counts is how many triggers came, by verdict.
func (i *Inbox) Counts() map[string]uint64 {
	all := map[string]uint64{}
	for v := range verdicts {
		all[v.String()] = i.counts[v].Load()
	}
	return all
}
