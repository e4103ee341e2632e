package legacy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
)

// LwM2MServer is one server that devices are shown to.
type LwM2MServer struct {
	Name     string
	Address  netip.AddrPort
	Dialect  lwm2m9.Dialect // Undecided is registered
	Lifetime time.Duration
	Versions []string // best first; nil leaves it to the client
	// Confirmable makes every notification confirmable.
	Confirmable bool
	// Dial makes a device's connection; nil is UDP without security.
	Dial func(endpoint string, server netip.AddrPort) (net.PacketConn, error)
	// For says whether a device is shown here.
	For func(endpoint string) bool
}

// Fleet shows devices to LwM2M servers: it is the [Portraits] of an [Engine],
// over a [client.Host].
type Fleet struct {
	host    *client.Host
	servers []LwM2MServer
	log     *slog.Logger
	engine  *Engine // set by Attach, before anything else

	mu    sync.Mutex
	shown map[string][]portrait // by device
}

// portrait is a device at one server.
type portrait struct {
	server   *LwM2MServer
	endpoint string
	client   *client.Client
}

var _ Portraits = (*Fleet)(nil)

// NewFleet makes a fleet; Attach must follow.
func NewFleet(host *client.Host, servers []LwM2MServer, log *slog.Logger) *Fleet {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Fleet{host: host, servers: servers, log: log, shown: make(map[string][]portrait)}
}

// Attach names the engine whose devices are shown.
func (f *Fleet) Attach(e *Engine) { f.engine = e }

// Show implements [Portraits].
func (f *Fleet) Show(id string, d Device, saved map[string]json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.shown[id]) > 0 {
		return
	}
	for i := range f.servers {
		s := &f.servers[i]
		if s.For != nil && !s.For(d.Endpoint) {
			continue
		}
		c, err := f.add(id, d.Endpoint, s, saved[s.Name])
		if err != nil {
			f.log.Error("device cannot be shown", "device", id, "server", s.Name, "err", err)
			continue
		}
		f.shown[id] = append(f.shown[id], portrait{server: s, endpoint: d.Endpoint, client: c})
	}
}

func (f *Fleet) add(id, endpoint string, s *LwM2MServer, saved json.RawMessage) (*client.Client, error) {
	cfg := client.Config{
		Endpoint: endpoint, Server: s.Address, Lifetime: s.Lifetime, Versions: s.Versions,
		Confirmable: s.Confirmable, KeepRegistration: true,
		Keep: func(st client.State) error { return f.engine.keepPortrait(id, s.Name, st) },
	}
	if s.Dial != nil {
		cfg.Dial = func(at netip.AddrPort) (net.PacketConn, error) { return s.Dial(endpoint, at) }
	}
	if len(saved) > 0 {
		if err := json.Unmarshal(saved, &cfg.State); err != nil {
			return nil, fmt.Errorf("the stored state: %w", err)
		}
	}
	dialect := s.Dialect
	if dialect != lwm2m9.Draft {
		dialect = lwm2m9.Registered
	}
	return f.host.Add(cfg, f.engine.Object3(id), f.engine.Object9(id, dialect))
}

// keepPortrait stores what an LwM2M client must find again after a restart.
func (e *Engine) keepPortrait(id, server string, st client.State) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return e.turn(id, false, func(t *turn) error {
		all := with(t.rec.Portrait.Value(), server, b)
		t.rec.Portrait = store.Pack(&all)
		return nil
	})
}

// Changed implements [Portraits].
func (f *Fleet) Changed(id string, c Change) {
	f.mu.Lock()
	shown := f.shown[id]
	f.mu.Unlock()
	for _, p := range shown {
		if c.Moved {
			p.client.Moved(moves(c)...)
		}
		if paths := changed(c); len(paths) > 0 {
			p.client.Changed(paths...)
		}
	}
}

// moves lists the instances that have come or gone.
func moves(c Change) []wire.Path {
	var paths []wire.Path
	add := func(some, others mapping.Virtual) {
		for _, s := range some.Slots {
			if _, both := others.Slot(s.ID); !both {
				paths = append(paths, wire.PathOf(lwm2m9.ObjectID, uint16(s.ID)))
			}
		}
	}
	add(c.Before, c.After)
	add(c.After, c.Before)
	return paths
}

// changed lists the resources that have other values, and only those: there
// are servers that act on every notification, again also when it says what they
// know.
func changed(c Change) []wire.Path {
	var paths []wire.Path
	for _, after := range c.After.Slots {
		before, ok := c.Before.Slot(after.ID)
		if !ok {
			continue
		}
		at := wire.PathOf(lwm2m9.ObjectID, uint16(after.ID))
		for _, r := range []struct {
			id lwm2m9.ResourceID
			is bool
		}{
			{lwm2m9.RIDPkgName, before.Package != after.Package && nameOf(before.Package) != nameOf(after.Package)},
			{lwm2m9.RIDPkgVersion, before.Package.Version != after.Package.Version},
			{lwm2m9.RIDUpdateState, before.Machine.State != after.Machine.State},
			{lwm2m9.RIDUpdateResult, before.Machine.Result != after.Machine.Result},
			{lwm2m9.RIDActivationState, before.Machine.Activation != after.Machine.Activation},
			{lwm2m9.RIDStatusReason, before.Reason != after.Reason},
		} {
			if r.is {
				paths = append(paths, at.Down(uint16(r.id)))
			}
		}
	}
	if c.Info {
		paths = append(paths, devicePaths()...)
	}
	return paths
}
