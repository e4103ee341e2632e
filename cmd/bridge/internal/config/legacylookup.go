package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fwbridge/fwbridge/syncml/session"
)

var (
	// ErrNoGroup is returned for a legacy device that no group takes.
	ErrNoGroup = errors.New("config: no group of legacy devices has the device")
	// ErrNoEndpoint wraps why a legacy device cannot have its endpoint name.
	ErrNoEndpoint = errors.New("config: the device has no endpoint name")
)

// LegacyDevice is what is configured for a legacy DM device.
type LegacyDevice struct {
	Group    string
	Account  session.Account // of the server role; URL is Legacy.URL
	Endpoint string          // its name towards LwM2M servers
	Address  string          // where triggers for it go; empty for nowhere
	Adopted  bool            // not listed: a pattern has let it in

	LargeObjects, Sequence bool
}

// legacyIndex finds devices by name. It is a pointer, as fmt does not follow
// those: there are secrets behind it.
type legacyIndex struct{ *legacyBook }

type legacyBook struct {
	named     map[string]legacyEntry // devices that are listed
	order     []string               // the same, as listed
	endpoints map[string]string      // of these: endpoint -> device
	patterns  patternIndex
}

// legacyEntry is a device in its group, with its line if there is a file.
type legacyEntry struct {
	group int
	row   *legacyRow
}

// identityPrefixes are the device ids that OMA DM has a form for
// (mapping.md, 6), and the endpoint names that they become.
var identityPrefixes = func() (all []identityPrefix) {
	for _, name := range identities {
		all = append(all, identityPrefix{strings.ToUpper(name) + ":", "urn:" + name + ":"})
	}
	return all
}()

type identityPrefix struct{ dm, urn string }

// endpointOf is the endpoint name that a device has without a template.
func endpointOf(id string) string {
	for _, p := range identityPrefixes {
		if rest, ok := strings.CutPrefix(id, p.dm); ok && rest != "" {
			return p.urn + rest
		}
	}
	return id
}

// fillFor puts a legacy device's variables in: those of its endpoint name
// without a template, and as {id} its own.
func (t Template) fillFor(id string) (string, error) {
	endpoint := endpointOf(id)
	return t.expand(func(name string) (string, error) {
		if name == "id" {
			return id, nil
		}
		v, ok := variable(endpoint, name)
		if !ok {
			return "", fmt.Errorf("device %q has no {%s}", id, name)
		}
		return v, nil
	})
}

// LegacyListed are the devices that are listed by name, in files and groups.
func (c *Config) LegacyListed() []string {
	if c.Legacy.devices.legacyBook == nil {
		return nil
	}
	return c.Legacy.devices.order
}

// LegacyDevice finds a legacy device by its name in DM sessions: first among
// those that are listed by name, then the first group with a pattern for it.
// The error is, or wraps, [ErrNoGroup], [ErrNoAccount] or [ErrNoEndpoint].
func (c *Config) LegacyDevice(id string) (LegacyDevice, error) {
	l := &c.Legacy
	if l.devices.legacyBook == nil {
		return LegacyDevice{}, fmt.Errorf("%w: %q", ErrNoGroup, id)
	}
	if e, ok := l.devices.named[id]; ok {
		return l.device(id, e)
	}
	group, ok := l.devices.patterns.find(id)
	if !ok {
		return LegacyDevice{}, fmt.Errorf("%w: list %q under legacy.groups", ErrNoGroup, id)
	}
	d, err := l.device(id, legacyEntry{group: group})
	if err != nil {
		return d, err
	}
	if other, taken := l.devices.endpoints[d.Endpoint]; taken {
		return LegacyDevice{}, fmt.Errorf("%w: %q is that of %q", ErrNoEndpoint, d.Endpoint, other)
	}
	// Two device ids must not become one endpoint name: IMEI:1 and urn:imei:1.
	if own, _ := variable(endpointOf(id), "id"); own != id {
		return LegacyDevice{}, fmt.Errorf("%w: %q could be that of %q", ErrNoEndpoint, d.Endpoint, own)
	}
	d.Adopted = true
	return d, nil
}

// device puts together what a group says of a device.
func (l *Legacy) device(id string, e legacyEntry) (LegacyDevice, error) {
	g := &l.Groups[e.group]
	d := LegacyDevice{Group: g.Name, LargeObjects: g.LargeObjects, Sequence: g.Sequence}
	d.Account = session.Account{
		DeviceID: id, ServerID: l.ServerID, URL: l.URL, MaxMsgSize: int64(l.MaxMessage), MaxObjSize: session.DefaultMaxObject,
	}
	row := e.row
	if row == nil {
		row = &legacyRow{}
	}
	var err error
	if d.Endpoint = row.endpoint; d.Endpoint == "" {
		if d.Endpoint, err = g.Endpoint.fillFor(id); err != nil {
			return LegacyDevice{}, fmt.Errorf("%w: %w", ErrNoEndpoint, err)
		}
	}
	if err := endpointError(d.Endpoint); err != nil {
		return LegacyDevice{}, fmt.Errorf("%w: %w", ErrNoEndpoint, err)
	}
	if d.Address = row.address; d.Address == "" {
		d.Address, _ = g.Address.fillFor(id) // without the variable it has none
	}
	if d.Account.Client, d.Account.Server, err = l.credentials(g, id, row); err != nil {
		return LegacyDevice{}, fmt.Errorf("%w in group %s: %w", ErrNoAccount, g.Name, err)
	}
	return d, nil
}

// credentials are those of a device in a group.
func (l *Legacy) credentials(g *LegacyGroup, id string, row *legacyRow) (client, server session.Credentials, err error) {
	a := &g.Account
	if a.Mode == ModeFile {
		return credentials(a.Client.Scheme, row.user, row.secret), credentials(a.Server.Scheme, row.serverUser, row.serverSecret), nil
	}
	var users [2]string
	for i, t := range []Template{a.Client.User, a.Server.User} {
		if users[i], err = t.fillFor(id); err != nil {
			return client, server, err
		}
	}
	return credentials(a.Client.Scheme, users[0], a.Client.Secret), credentials(a.Server.Scheme, users[1], a.Server.Secret), nil
}
