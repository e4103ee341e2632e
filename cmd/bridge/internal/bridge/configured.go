package bridge

import (
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Configured gives the options that a configuration asks for. Sockets, store
// and log are the caller's.
func Configured(c *config.Config) Options {
	find, in := newFinder(c), &c.Triggers.In
	return Options{
		Cancel: c.HTTP.Cancel,
		Triggers: Triggers{
			Find:       find,
			PeerRate:   in.PeerRate,
			PAPGate:    trigger.Gate{User: in.PAP.User, Secret: in.PAP.Secret, Allowed: config.Prefixes(in.PAP.Peers)},
			KannelGate: trigger.Gate{User: in.Kannel.User, Secret: in.Kannel.Secret, Allowed: config.Prefixes(in.Kannel.Peers)},
		},
		Engine: engine.Options{
			OnDevice:       find.learn,
			Trigger:        engine.TriggerPolicy{Default: in.DefaultNonce, Window: in.ReplayWindow},
			Directory:      directory{c},
			Lender:         c.Packages.Lend,
			MaxDevices:     c.CoAP.MaxDevices,
			Timeline:       c.Timeline.Length,
			Sessions:       c.DM.MaxSessions,
			RequestTimeout: c.CoAP.RequestTimeout,
			AsleepTimeout:  c.CoAP.AsleepTimeout,
			PostTimeout:    c.DM.MessageTimeout,
			PostTries:      c.DM.MessageTries,
			SessionTimeout: c.DM.SessionTimeout,
			SessionRetry:   engine.Backoff{Base: c.DM.BackoffMin, Cap: c.DM.BackoffMax},
		},
		Server: server.Options{
			MaxRegistrations: c.CoAP.MaxDevices,
			MinLifetime:      c.CoAP.MinLifetime,
			MaxLifetime:      c.CoAP.MaxLifetime,
			MaxBody:          int(c.CoAP.MaxBody),
			Timeout:          c.CoAP.RequestTimeout,
		},
		DM: dmhttp.Options{Timeout: c.DM.MessageTimeout, MaxBody: session.MaxReceived(int64(c.DM.MaxMessage)), Servers: ways(c)},
	}
}

// ways are how the DM servers are reached, by name.
func ways(c *config.Config) map[string]dmhttp.Server {
	all := map[string]dmhttp.Server{}
	for i := range c.Servers {
		all[c.Servers[i].Name] = c.Servers[i].Way()
	}
	return all
}

// directory answers the engine from the configuration.
type directory struct{ c *config.Config }

// AccountFor implements engine.Directory.
func (d directory) AccountFor(endpoint string) (engine.ServerInfo, session.Account, bool) {
	s, ok := d.c.ServerFor(endpoint)
	if !ok {
		return engine.ServerInfo{}, session.Account{}, false
	}
	acc, err := d.c.Account(endpoint)
	if err != nil {
		return engine.ServerInfo{}, session.Account{}, false
	}
	return engine.ServerInfo{Name: s.Name, Poll: s.Poll, Role: s.Role}, acc, true
}

// PolicyFor implements engine.Directory.
func (d directory) PolicyFor(endpoint string) mapping.Policy { return d.c.Policy(endpoint) }

// DialectFor implements engine.Directory.
func (d directory) DialectFor(endpoint string) lwm2m9.Dialect { return d.c.Dialect(endpoint) }
