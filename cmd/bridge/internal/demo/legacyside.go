package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// legacySide is direction B of a demo: an LwM2M server that knows only Object 9,
// and legacy devices that know only ./FwUpdate.
type legacySide struct {
	s      *stage
	parts  []legacyPart
	server *lwm2mserver.Server
	url    string            // of the bridge's DM listener, as devices have it
	fleets []*dmdevice.Fleet // one a device, in the order of parts
	udp    []net.PacketConn  // where triggers reach them, the same

	mu     sync.Mutex
	seen   map[string]deviceSeen      // by device; guarded by mu
	shown  map[string]lwm2m9.Instance // by endpoint: what the server knows; guarded by mu
	failed map[string]string          // by endpoint: the step at which the script ended; guarded by mu
}

// deviceSeen is what a legacy device has done.
type deviceSeen struct {
	state         fwupdate.State
	execs, alerts int // carried out; answered
}

func newLegacySide(s *stage) *legacySide {
	return &legacySide{
		s: s, parts: legacyCast(s.cfg.Devices),
		seen: map[string]deviceSeen{}, shown: map[string]lwm2m9.Instance{}, failed: map[string]string{},
	}
}

// build starts the LwM2M server, makes the devices, and configures the bridge for
// them.
func (l *legacySide) build(ctx context.Context, o *bridge.Options, dir string) error {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo: no UDP socket: %w", err)
	}
	if l.server, err = lwm2mserver.New(l.serverConfig(conn)); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	l.s.start(ctx, "LwM2M server", l.server.Run)
	in, err := listen()
	if err != nil {
		return err
	}
	base := "http://" + in.Addr().String()
	l.url = base + "/dm"
	for _, p := range l.parts {
		if err := l.add(p); err != nil {
			return errors.Join(err, in.Close(), l.close())
		}
	}
	o.Legacy, o.Packages = l.bridgeConfig(in), l.packages(base, filepath.Join(dir, "packages"))
	return nil
}

func (l *legacySide) add(p legacyPart) error {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo: no UDP socket: %w", err)
	}
	l.udp = append(l.udp, udp)
	f, err := dmdevice.New(l.deviceConfig(p))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	l.fleets = append(l.fleets, f)
	return nil
}

// close is for sockets that nobody has taken yet.
func (l *legacySide) close() error {
	var errs []error
	for _, u := range l.udp {
		errs = append(errs, u.Close())
	}
	return errors.Join(errs...)
}

// play starts the devices.
func (l *legacySide) play(ctx context.Context) {
	for i, p := range l.parts {
		l.s.start(ctx, p.name, l.fleets[i].Run)
		gate, udp := smsgate.New(l.fleets[i], l.s.cfg.Log), l.udp[i]
		l.s.start(ctx, "triggers of "+p.name, func(ctx context.Context) error { return gate.RunUDP(ctx, udp) })
	}
}

// wait returns when the LwM2M server is through with every device, and every
// device with its update.
func (l *legacySide) wait(ctx context.Context) error {
	if err := l.server.Wait(ctx, len(l.parts)); err != nil {
		return err
	}
	for _, r := range l.server.Results() {
		if !r.OK() {
			l.mu.Lock()
			l.failed[r.Endpoint] = r.Step
			l.mu.Unlock()
		}
	}
	for _, f := range l.fleets {
		if err := f.Wait(ctx, 1); err != nil {
			return err
		}
	}
	return nil
}

// did notes what a device does.
func (l *legacySide) did(e dmdevice.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen[e.Device]
	switch e.Kind {
	case dmdevice.EventState:
		seen.state = e.State
	case dmdevice.EventExecuted:
		seen.execs++
	case dmdevice.EventAnswered:
		seen.alerts++
	}
	l.seen[e.Device] = seen
}

// saw notes what the LwM2M server is shown.
func (l *legacySide) saw(e lwm2mserver.Event) {
	if e.Kind != lwm2mserver.EventShown {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown[e.Endpoint] = e.Instance
}

// ends asks both sides how it went; the bridge is not asked.
func (l *legacySide) ends() []legacyEnding {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]legacyEnding, len(l.parts))
	for i, p := range l.parts {
		list[i] = judgeLegacy(p, l.seen[p.deviceID], l.shown[p.endpoint], l.failed[p.endpoint])
	}
	return list
}

// legacyEnding is how a legacy device ended, seen from both sides.
type legacyEnding struct {
	legacyPart
	shows  string // the device
	object string // at the LwM2M server
	good   bool
}

// judgeLegacy compares both sides with the role. step is where the server's
// script ended too early: the software of an update that failed is not activated.
func judgeLegacy(p legacyPart, seen deviceSeen, shown lwm2m9.Instance, step string) legacyEnding {
	e := legacyEnding{legacyPart: p, shows: fmt.Sprintf("State %d %s", seen.state, seen.state.Name()), object: shown.State.String()}
	installed := shown.State == lwm2m9.Installed && shown.Activation == lwm2m9.Enabled
	switch {
	case installed:
		e.object += ", ACTIVE"
	case shown.Result.Failed():
		e.object += ", " + shown.Result.String()
	}
	wantStep := ""
	if p.result.Failed() {
		wantStep = scriptActivate
	}
	// On a busy machine State may be read before the device has sent its alert.
	e.good = seen.state == p.state && seen.execs == 1 && seen.alerts <= p.alerts && shown.Result == p.result &&
		installed == !p.result.Failed() && step == wantStep
	return e
}
