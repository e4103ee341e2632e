package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/api"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Legacy is direction B: legacy devices in, LwM2M servers out.
type Legacy struct {
	Listener net.Listener     // DM sessions and packages; Run closes it
	DM       dmlisten.Options // Work and Log are filled in
	Engine   legacy.Options   // Store, Packages, Portraits, Wake and Log are filled in
	Host     client.Options   // Logger is filled in
	Servers  []LwM2MServer
	// Triggers carries triggers to devices, as Schedule says; nil sends none.
	Triggers trigger.Sender
	Schedule trigger.Schedule
}

var _ api.Legacy = (*directionB)(nil)

// directionB is the parts of direction B.
type directionB struct {
	o        *Legacy
	log      *slog.Logger
	engine   *legacy.Engine
	fleet    *legacy.Fleet
	host     *client.Host
	dm       *dmlisten.Handler
	packages *packages
}

// newDirectionB puts the parts together, and loads what the store holds before
// anybody is let in.
func newDirectionB(o *Legacy, p *packages, db store.Store, log *slog.Logger) (*directionB, error) {
	b := &directionB{o: o, log: log, packages: p}
	servers, err := b.servers(db)
	if err != nil {
		return nil, err
	}
	ho := o.Host
	ho.Logger = log
	b.host = client.New(ho)
	b.fleet = legacy.NewFleet(b.host, servers, log)
	eo := o.Engine
	eo.Store, eo.Packages, eo.Portraits, eo.Log = db, b.packages, b.fleet, log
	if o.Triggers != nil {
		eo.Wake = b.wake
	}
	b.engine = legacy.New(eo)
	b.fleet.Attach(b.engine)
	do := o.DM
	do.Work, do.Log = b.engine, log
	b.dm = dmlisten.New(do)
	if err := b.engine.Load(); err != nil {
		return nil, errors.Join(err, b.abandon())
	}
	return b, nil
}

// abandon frees what Run would have freed.
func (b *directionB) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return b.host.Run(ctx)
}

// parts are what has to run, by name. The packages are closed after the last.
func (b *directionB) parts() map[string]func(context.Context) error {
	b.dm.Beside(config.PackagesPath, b.packages.server)
	return map[string]func(context.Context) error{
		"legacy engine":      b.engine.Run,
		"LwM2M clients":      b.host.Run,
		"DM sessions":        b.dm.Run,
		"legacy DM listener": func(ctx context.Context) error { return dmlisten.Serve(ctx, b.o.Listener, b.dm, b.log) },
	}
}

// wanted says whether a device may have a package still.
func (b *directionB) wanted(g delivery.Grant) bool {
	device, known := b.packages.names.owner(g)
	return known && b.engine.Needs(device, g.Digest.String())
}

// missing has a package fetched again that was lost.
func (b *directionB) missing(g delivery.Grant, _ error) {
	if device, known := b.packages.names.owner(g); known {
		b.engine.Missing(device, g.Digest.String())
	}
}

// wake sends a device a trigger, signed as DM Notification 1.2 has it: with the
// server's name and secret, and the nonce that the device has told last.
func (b *directionB) wake(ctx context.Context, d legacy.Device, n session.Nonces, sessionID uint16) error {
	m := &notify.Message{
		Version: notify.Version11, UIMode: notify.UIBackground, Initiator: notify.ByServer, SessionID: sessionID, ServerID: d.Account.ServerID,
	}
	nonce := notify.Nonce(n.ForTriggers())
	if nonce == nil {
		nonce = notify.DefaultNonce
	}
	m.Sign(notify.Key{User: d.Account.ServerID, Secret: d.Account.Server.Secret}, nonce)
	package0, err := m.Append(nil)
	if err != nil {
		return fmt.Errorf("trigger: %w", err)
	}
	return trigger.Deliver(ctx, b.o.Triggers, b.o.Schedule, d.Address, package0)
}

// addHealth puts the health of direction B to that of A.
func (b *directionB) addHealth(h *engine.Health) {
	l := b.engine.Health()
	h.LegacyDevices = l.Devices
	if l.Err != nil {
		h.OK = false
		h.Conditions = append(h.Conditions, engine.Condition{Name: "store", Text: "writing of legacy devices fails: " + l.Err.Error(), Since: l.Since})
	}
	if l.Broken > 0 {
		h.Conditions = append(h.Conditions, engine.Condition{Name: "record", Text: fmt.Sprintf("%d legacy devices have a record that cannot be read; the log names them", l.Broken)})
	}
}

// Devices implements [api.Legacy].
func (b *directionB) Devices() []string { return b.engine.Devices() }

// View implements [api.Legacy].
func (b *directionB) View(device string) (legacy.View, error) { return b.engine.View(device) }

// Shown implements [api.Legacy].
func (b *directionB) Shown(device string) []legacy.Shown { return b.fleet.Shown(device) }

// Strangers implements [api.Legacy].
func (b *directionB) Strangers() []legacy.Stranger { return b.engine.Strangers() }
