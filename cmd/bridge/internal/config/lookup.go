package config

import (
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var (
	// ErrNoServer is returned by Account for a device that no dm_servers
	// entry lists.
	ErrNoServer = errors.New("config: the device belongs to no DM server")
	// ErrNoAccount wraps why a device of a server has no account there.
	ErrNoAccount = errors.New("config: the device has no account")
)

// ServerFor returns the DM server of an endpoint: the first that lists it.
func (c *Config) ServerFor(endpoint string) (*Server, bool) {
	for i := range c.Servers {
		if matchAny(c.Servers[i].Devices, endpoint) {
			return &c.Servers[i], true
		}
	}
	return nil, false
}

// Account is the account of an endpoint at its DM server. The error is, or
// wraps, [ErrNoServer] or [ErrNoAccount].
func (c *Config) Account(endpoint string) (session.Account, error) {
	s, ok := c.ServerFor(endpoint)
	if !ok {
		return session.Account{}, fmt.Errorf("%w: list %q under dm_servers", ErrNoServer, endpoint)
	}
	a := session.Account{
		ServerID:    s.ServerID,
		URL:         s.URL,
		Version:     syncml.Version(s.Version),
		Encoding:    s.Encoding,
		MaxMsgSize:  int64(c.DM.MaxMessage),
		MaxObjSize:  int64(c.DM.MaxObject),
		Interaction: s.Interaction,
	}
	if s.Account.Mode == ModeFile {
		r, ok := s.accounts.rows[endpoint]
		if !ok {
			return session.Account{}, fmt.Errorf("%w: %q is not in %s", ErrNoAccount, endpoint, s.Account.File)
		}
		a.DeviceID = r.deviceID
		a.Client = credentials(s.Account.Client.Scheme, r.user, r.secret)
		a.Server = credentials(s.Account.Server.Scheme, r.serverUser, r.serverSecret)
		return a, nil
	}
	var texts [3]string
	for i, t := range []Template{s.Account.DeviceID, s.Account.Client.User, s.Account.Server.User} {
		text, err := t.fill(endpoint)
		if err != nil {
			return session.Account{}, fmt.Errorf("%w at %s: %w", ErrNoAccount, s.Name, err)
		}
		texts[i] = text
	}
	a.DeviceID = texts[0]
	a.Client = credentials(s.Account.Client.Scheme, texts[1], s.Account.Client.Secret)
	a.Server = credentials(s.Account.Server.Scheme, texts[2], s.Account.Server.Secret)
	return a, nil
}

func credentials(scheme session.Scheme, user string, secret syncml.Secret) session.Credentials {
	if scheme == session.SchemeNone {
		return session.Credentials{}
	}
	return session.Credentials{Scheme: scheme, User: user, Secret: secret}
}

// Policy is the policy of an endpoint's drives.
func (c *Config) Policy(endpoint string) mapping.Policy {
	p := c.Drive
	if r, ok := c.rule(endpoint); ok && r.Activate != nil {
		p.Activate = *r.Activate
	}
	return p
}

// Dialect is the configured dialect of an endpoint; DialectUnknown means that
// it is found out.
func (c *Config) Dialect(endpoint string) lwm2m9.Dialect {
	r, _ := c.rule(endpoint)
	return r.Dialect
}

func (c *Config) rule(endpoint string) (DeviceRule, bool) {
	for _, r := range c.Devices {
		if matchAny(r.Match, endpoint) {
			return r, true
		}
	}
	return DeviceRule{}, false
}

// Missing says in words what a bridge with this configuration lacks to do its
// work; empty when it lacks nothing.
func (c *Config) Missing() []string {
	all := c.missingLegacy()
	if len(c.Servers) == 0 && c.Legacy.Listen == "" {
		all = append(all, "no DM server is configured: devices can register, but nobody updates them; "+
			"list servers under dm_servers (name, url, server_id, devices) in a file and give it with --config")
	}
	return all
}
