package trigger

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"

	"github.com/fwbridge/fwbridge/syncml"
)

// The channels, as configuration, counters and logs call them.
const (
	ChannelUDP    = "udp"
	ChannelPAP    = "pap"
	ChannelKannel = "kannel"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// Gate says who may use an HTTP channel.
type Gate struct {
	User    string
	Secret  syncml.Secret  // "" asks for no credentials
	Allowed []netip.Prefix // peers; none allows all
}

// opens says whether credentials are right, in the same time for all that are
// wrong.
func (g *Gate) opens(user, secret string) bool {
	want := sha256.Sum256([]byte(g.User + "\x00" + string(g.Secret)))
	got := sha256.Sum256([]byte(user + "\x00" + secret))
	return g.Secret == "" || subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// door is what the HTTP channels have in common: who may come in, and how many
// at a time.
type door struct {
	channel string
	gate    Gate
	inbox   *Inbox
	places  chan struct{}
}

func newDoor(channel string, inbox *Inbox, g Gate) door {
	return door{channel: channel, gate: g, inbox: inbox, places: make(chan struct{}, maxWaiting)}
}

// enter admits a request. Unless the verdict is Taken it was counted; else
// leave has to be called.
func (d *door) enter(r *http.Request) (Arrival, Verdict) {
	a := Arrival{Channel: d.channel}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		a.Peer = from.Addr().Unmap()
	}
	if v := d.inbox.admit(a.Peer, d.gate.Allowed); v != Taken {
		return a, d.inbox.count(a, "", v, nil)
	}
	select {
	case d.places <- struct{}{}:
		return a, Taken
	default:
		return a, d.inbox.count(a, "", TooMany, nil)
	}
}

func (d *door) leave() { <-d.places }
