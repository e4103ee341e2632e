package client

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// The resources of Object 1, LwM2M Server (LwM2M 1.1 Core, E.2).
const (
	serverShortID        = 0
	serverLifetime       = 1
	serverMinPeriod      = 2
	serverMaxPeriod      = 3
	serverDisable        = 4
	serverDisableTimeout = 5
	serverStoring        = 6
	serverBinding        = 7
	serverUpdate         = 8
	serverMute           = 23
)

const (
	serverObject = 1
	// serverInstance is the number of the only instance.
	serverInstance = 0
	// defaultDisable is Disable Timeout in seconds, unless it is written.
	defaultDisable = 86400
)

const (
	opR  = lwm2m9.OpRead
	opRW = lwm2m9.OpRead | lwm2m9.OpWrite
	opE  = lwm2m9.OpExecute
)

// serverDefinition is what a client has of Object 1, serverPlain the same
// without Disable.
var (
	serverDefinition = &Definition{ID: serverObject, Version: "1.1", Resources: []Resource{
		{serverShortID, "Short Server ID", opR, wire.TypeInteger, false},
		{serverLifetime, "Lifetime", opRW, wire.TypeInteger, false},
		{serverMinPeriod, "Default Minimum Period", opRW, wire.TypeInteger, false},
		{serverMaxPeriod, "Default Maximum Period", opRW, wire.TypeInteger, false},
		{serverDisable, "Disable", opE, wire.TypeNone, false},
		{serverDisableTimeout, "Disable Timeout", opRW, wire.TypeInteger, false},
		{serverStoring, "Notification Storing When Disabled or Offline", opRW, wire.TypeBoolean, false},
		{serverBinding, "Binding", opRW, wire.TypeString, false},
		{serverUpdate, "Registration Update Trigger", opE, wire.TypeNone, false},
		{serverMute, "Mute Send", opRW, wire.TypeBoolean, false},
	}}
	serverPlain = serverDefinition.without(serverDisable, serverDisableTimeout)
)

// without is the table less some rows.
func (d *Definition) without(ids ...uint16) *Definition {
	less := &Definition{ID: d.ID, Version: d.Version}
	for _, r := range d.Resources {
		if !slices.Contains(ids, r.ID) {
			less.Resources = append(less.Resources, r)
		}
	}
	return less
}

// account is Object 1 of a client: its registration as the server sees it.
type account struct{ c *Client }

func newAccount(c *Client) *account { return &account{c} }

// Definition is the table of Object 1.
func (a *account) Definition() *Definition {
	if a.c.cfg.NoDisable {
		return serverPlain
	}
	return serverDefinition
}

// Instances is the one instance.
func (a *account) Instances() []uint16 { return []uint16{serverInstance} }

// Read gives all values.
func (a *account) Read(context.Context, wire.Path) ([]wire.Entry, error) {
	a.c.mu.Lock()
	s, lifetime := a.c.account(), a.c.lifetime()
	a.c.mu.Unlock()
	at := wire.PathOf(serverObject, serverInstance)
	return []wire.Entry{
		{Path: at.Down(serverShortID), Value: wire.Integer(int64(a.c.cfg.ShortID))},
		{Path: at.Down(serverLifetime), Value: wire.Integer(int64(lifetime / time.Second))},
		{Path: at.Down(serverMinPeriod), Value: wire.Integer(s.MinPeriod)},
		{Path: at.Down(serverMaxPeriod), Value: wire.Integer(s.MaxPeriod)},
		{Path: at.Down(serverDisableTimeout), Value: wire.Integer(s.disableTimeout())},
		{Path: at.Down(serverStoring), Value: wire.Boolean(!s.Discard)},
		{Path: at.Down(serverBinding), Value: wire.String(s.Binding)},
		{Path: at.Down(serverMute), Value: wire.Boolean(s.Mute)},
	}, nil
}

// Write changes what the server may say of its account, all of it or nothing.
// The mandatory resources stay when a Replace leaves them out.
func (a *account) Write(_ context.Context, w Write) error {
	a.c.mu.Lock()
	before := a.c.state.Account
	next := before
	if w.Replace && w.Path.Len() == 2 {
		next = Account{Lifetime: before.Lifetime, Binding: before.Binding}
	}
	for _, e := range w.Entries {
		if !next.set(e.Path.ID(2), e.Value) {
			a.c.mu.Unlock()
			return errBadRequest
		}
	}
	a.c.state.Account = next
	a.c.mu.Unlock()
	if err := a.c.save(); err != nil {
		a.c.mu.Lock()
		a.c.state.Account = before
		a.c.mu.Unlock()
		return err
	}
	if next.Lifetime != before.Lifetime || next.Binding != before.Binding {
		a.c.step(event{kind: evParams})
	}
	a.c.mu.Lock()
	a.c.setAllPeriods()
	a.c.mu.Unlock()
	a.c.Changed(w.Path)
	return nil
}

// set writes one resource; false for a value that it cannot have.
func (s *Account) set(id uint16, v wire.Value) bool {
	switch id {
	case serverLifetime:
		s.Lifetime = v.Int
		return v.Int >= 1 && v.Int <= int64(maxLifetime/time.Second)
	case serverMinPeriod:
		s.MinPeriod = v.Int
		return validPeriod(v.Int)
	case serverMaxPeriod:
		s.MaxPeriod = v.Int
		return validPeriod(v.Int)
	case serverDisableTimeout:
		s.DisableTimeout = v.Int
		return v.Int >= 1 && validPeriod(v.Int)
	case serverStoring:
		s.Discard = !v.Bool()
	case serverBinding:
		s.Binding = v.Str
		return v.Str == "U" || v.Str == "UQ" // no other way to reach it
	case serverMute:
		s.Mute = v.Bool()
	}
	return true
}

func (s Account) disableTimeout() int64 { return cmp.Or(s.DisableTimeout, defaultDisable) }

// Execute asks for an Update, or leaves for the Disable Timeout. The server is
// answered first: see Client.execute.
func (a *account) Execute(_ context.Context, path wire.Path, _ []wire.Argument) error {
	switch path.ID(2) {
	case serverUpdate:
		a.c.step(event{kind: evTrigger})
	case serverDisable:
		a.c.mu.Lock()
		after := time.Duration(a.c.state.Account.disableTimeout()) * time.Second
		a.c.mu.Unlock()
		a.c.step(event{kind: evDisable, after: after})
	}
	return nil
}

// account is the account with the Config's binding where none was written.
// The caller holds mu.
func (c *Client) account() Account {
	s := c.state.Account
	if s.Binding == "" {
		s.Binding = "U"
		if c.cfg.Queue {
			s.Binding = "UQ"
		}
	}
	return s
}

// lifetime is that of the registration. The caller holds mu.
func (c *Client) lifetime() time.Duration {
	if s := c.state.Account.Lifetime; s > 0 {
		return time.Duration(s) * time.Second
	}
	return c.cfg.Lifetime
}
