package demo

import (
	"net"
	"net/netip"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// What the two sides of direction B agreed on.
const (
	bridgeID       = "fwbridge" // of the bridge as a DM server
	bridgePassword = "demo-bridge-password"
	packageSize    = 1 << 20
	urlLifetime    = time.Hour
	scriptActivate = "activate"
)

// scriptSteps are what the LwM2M server does with each device. Where the update
// fails Activate is refused, and the script ends there.
var scriptSteps = []string{"observe 7 9 12", "write 3", "wait state=DELIVERED|failed", "install", "wait installed|failed", scriptActivate, "wait active"}

// legacyTiming is slow enough for a person to see each state.
var legacyTiming = dmdevice.Timing{
	Begin: 100 * time.Millisecond, Download: 400 * time.Millisecond, Verify: 300 * time.Millisecond, Install: 600 * time.Millisecond,
	Report: 100 * time.Millisecond, Reboot: 300 * time.Millisecond, Retry: 300 * time.Millisecond,
}

// campaignPolicy waits less than a bridge in the field would.
func campaignPolicy() mapping.CampaignPolicy {
	p := mapping.DefaultCampaignPolicy()
	p.Wake, p.Poll, p.Retry = 2*time.Second, 300*time.Millisecond, 500*time.Millisecond
	return p
}

func (l *legacySide) serverConfig(conn net.PacketConn) lwm2mserver.Config {
	script := lwm2mserver.Script{Timeout: l.s.cfg.Timeout}
	for _, text := range scriptSteps {
		step, err := lwm2mserver.ParseStep(text)
		if err != nil {
			panic(err) // a constant of this file
		}
		script.Steps = append(script.Steps, step)
	}
	return lwm2mserver.Config{
		Conn: conn, Script: script, PackageURL: l.s.packs + pkgserver.Path("ok", pkgName, pkgVer), Log: l.s.cfg.Log, OnEvent: l.saw,
	}
}

func (l *legacySide) deviceConfig(p legacyPart) dmdevice.Config {
	return dmdevice.Config{
		DeviceID: p.deviceID, Server: l.url, ServerID: bridgeID, Version: p.version, Encoding: p.encoding, Quiet: true,
		Auth: session.SchemeMD5, Secret: password, ServerAuth: session.SchemeMD5, ServerSecret: bridgePassword,
		Timing: legacyTiming, Faults: p.faults(), Log: l.s.cfg.Log, OnEvent: l.did,
	}
}

// packages is where the bridge keeps packages and offers them.
func (l *legacySide) packages(base, dir string) *bridge.Packages {
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	return &bridge.Packages{
		Store:   delivery.StoreOptions{Dir: dir},
		Fetcher: delivery.FetcherOptions{Allow: delivery.Allow{Networks: []netip.Prefix{loopback}, Ports: []uint16{0}}},
		Base:    base, Lifetime: urlLifetime, MaxPush: packageSize,
	}
}

// bridgeConfig is direction B as the operator would configure it.
func (l *legacySide) bridgeConfig(in net.Listener) *bridge.Legacy {
	return &bridge.Legacy{
		Listener: in,
		DM:       dmlisten.Options{Path: "/dm", URL: l.url},
		Engine:   legacy.Options{Directory: l.directory(), Policy: campaignPolicy(), OnTimeline: l.s.printer.legacyEntry},
		Servers:  []bridge.LwM2MServer{{Host: l.server.Addr().String(), LwM2MServer: legacy.LwM2MServer{Name: "modern", Lifetime: time.Minute}}},
		Triggers: trigger.UDPSender{},
		Schedule: trigger.Schedule{Tries: 1},
	}
}

// legacyDirectory is the operator's part of direction B: who the devices are.
type legacyDirectory struct {
	known  map[string]legacy.Device
	listed []string
}

func (l *legacySide) directory() legacyDirectory {
	d := legacyDirectory{known: map[string]legacy.Device{}}
	for i, p := range l.parts {
		d.listed = append(d.listed, p.deviceID)
		d.known[p.deviceID] = legacy.Device{
			Endpoint: p.endpoint, Address: l.udp[i].LocalAddr().String(),
			Account: session.Account{
				DeviceID: p.deviceID, ServerID: bridgeID, URL: l.url, MaxMsgSize: 16 << 10, MaxObjSize: session.DefaultMaxObject,
				Client: session.Credentials{Scheme: session.SchemeMD5, User: p.deviceID, Secret: password},
				Server: session.Credentials{Scheme: session.SchemeMD5, User: bridgeID, Secret: bridgePassword},
			},
		}
	}
	return d
}

// Device implements [legacy.Directory].
func (d legacyDirectory) Device(id string) (legacy.Device, bool) {
	one, ok := d.known[id]
	return one, ok
}

// Listed implements [legacy.Directory].
func (d legacyDirectory) Listed() []string { return d.listed }
