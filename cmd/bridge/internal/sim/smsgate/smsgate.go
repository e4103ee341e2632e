// Package smsgate brings triggers to simulated DM devices as the network does:
// it plays the push proxy gateway and the SMS gateway that a DM server posts to,
// and listens for connectionless WAP push by UDP. It knows neither sessions nor
// secrets: whether a trigger is good is the device's affair.
//
// The gateways are those of package trigger, which are the bridge's own side of
// direction A; the devices' side of sessions is package dmdevice's.
package smsgate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// The paths of the gateways.
const (
	PathKannel = "/cgi-bin/sendsms"
	PathPAP    = "/pap"
)

// perMinute is what one peer may send: the one gateway of a test sends all.
const perMinute = 1_000_000

// everybody is the endpoint of a datagram, which names no device.
const everybody = "*"

// Gate is the gateways of a fleet. Make it with [New].
type Gate struct {
	inbox *trigger.Inbox
	mux   *http.ServeMux
}

// New makes the gateways of a fleet. A nil log logs nothing.
func New(f *dmdevice.Fleet, log *slog.Logger) *Gate {
	g := &Gate{inbox: trigger.NewInbox(receiver{f}, receiver{f}, perMinute, log), mux: http.NewServeMux()}
	g.mux.Handle(PathKannel, trigger.NewKannel(g.inbox, trigger.Gate{}))
	g.mux.Handle(PathPAP, trigger.NewPAP(g.inbox, trigger.Gate{}))
	return g
}

// ServeHTTP implements [http.Handler]: the gateways at their paths.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// RunUDP takes datagrams until ctx ends, closes conn, and returns after its last
// goroutine. The error is that of a socket that does not work.
func (g *Gate) RunUDP(ctx context.Context, conn net.PacketConn) error {
	return (&trigger.UDP{Conn: conn, Inbox: g.inbox}).Run(ctx)
}

// Counts is how many triggers came, by what became of them.
func (g *Gate) Counts() map[string]uint64 { return g.inbox.Counts() }

// receiver is a fleet as gateways see it.
type receiver struct{ f *dmdevice.Fleet }

// Serves implements [trigger.Directory].
func (r receiver) Serves(serverID string) bool { return r.f.Serves(serverID) }

// ByNumber implements [trigger.Directory].
func (r receiver) ByNumber(_, number string) (string, bool) { return r.f.ByNumber(number) }

// Only implements [trigger.Directory].
func (r receiver) Only(serverID string) (string, bool) { return everybody, r.f.Serves(serverID) }

// Trigger implements [trigger.Engine].
func (r receiver) Trigger(_ context.Context, endpoint string, m *notify.Message) error {
	if endpoint == everybody {
		endpoint = ""
	}
	err := r.f.Trigger(endpoint, m)
	switch {
	case errors.Is(err, dmdevice.ErrUnknownDevice):
		return engine.ErrUnknownDevice
	case errors.Is(err, dmdevice.ErrForged):
		return notify.ErrDigest
	case errors.Is(err, dmdevice.ErrRepeated):
		return engine.ErrReplay
	}
	return err
}
