package config

import (
	"fmt"
	"unicode"

	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// legacyColumns are those of an account file of legacy devices.
var legacyColumns = []string{"device_id", "endpoint", "user", "secret", "server_user", "server_secret", "address"}

// legacyRow is one line of such a file. Empty endpoint and address are made
// from the templates.
type legacyRow struct {
	endpoint, address string
	user, serverUser  string
	secret            syncml.Secret
	serverSecret      syncml.Secret
}

// readDevices finds every device that is listed by name, and reports those
// that are listed twice or cannot have their endpoint name.
func (l *Legacy) readDevices(b *binder, channel OutChannel) {
	book := &legacyBook{named: map[string]legacyEntry{}, endpoints: map[string]string{}}
	l.devices = legacyIndex{book}
	place := 0
	for i := range l.Groups {
		g, path := &l.Groups[i], fmt.Sprintf("legacy.groups[%d]", i)
		if g.Account.Mode == ModeFile {
			l.readFile(b, i, path, channel)
			continue
		}
		for j, p := range g.Devices {
			if place++; !p.literal() {
				book.patterns.add(p, place, i)
			} else if err := l.enter(string(p), legacyEntry{group: i}); err != nil {
				b.failAt(fmt.Sprintf("%s.devices[%d]", path, j), "%v", err)
			}
		}
	}
}

// enter lists a device.
func (l *Legacy) enter(id string, e legacyEntry) error {
	if _, twice := l.devices.named[id]; twice {
		return fmt.Errorf("device %q is listed already", id)
	}
	d, err := l.device(id, e)
	if err != nil {
		return err
	}
	if other, twice := l.devices.endpoints[d.Endpoint]; twice {
		return fmt.Errorf("device %q would have the endpoint name of %q, %q", id, other, d.Endpoint)
	}
	l.devices.named[id] = e
	l.devices.order = append(l.devices.order, id)
	l.devices.endpoints[d.Endpoint] = id
	return nil
}

// readFile reads the account file of a group.
func (l *Legacy) readFile(b *binder, group int, path string, channel OutChannel) {
	a := &l.Groups[group].Account
	if a.File == "" {
		return // reported before
	}
	data, err := readFile(b.beside(a.File), maxAccountFile)
	if err != nil {
		b.failAt(path+".account.file", "%v", err)
		return
	}
	t := &csvTable{file: b.beside(a.File), columns: legacyColumns, key: "device_id"}
	t.account = func(line int, field func(string) string) {
		id := field("device_id")
		row := &legacyRow{endpoint: field("endpoint"), address: field("address"), user: field("user"), serverUser: field("server_user"),
			secret: syncml.Secret(field("secret")), serverSecret: syncml.Secret(field("server_secret"))}
		if row.serverUser == "" {
			row.serverUser = l.ServerID
		}
		if !row.valid(t, line, id, a, channel) {
			return
		}
		if err := l.enter(id, legacyEntry{group, row}); err != nil {
			t.fail(line, "%v", err)
		}
	}
	t.read(data)
	b.problems = append(b.problems, t.all()...)
}

// valid reports what is missing in a line.
func (r *legacyRow) valid(t *csvTable, line int, id string, a *LegacyAccount, channel OutChannel) bool {
	before := len(t.problems)
	if id == "" {
		t.fail(line, "device_id is empty")
		return false
	}
	for _, f := range []struct {
		scheme session.Scheme
		name   string
		given  bool
	}{
		{a.Client.Scheme, "user", r.user != ""}, {a.Client.Scheme, "secret", r.secret != ""},
		{a.Server.Scheme, "server_secret", r.serverSecret != ""},
	} {
		if f.scheme != session.SchemeNone && !f.given {
			t.fail(line, "%s is empty; scheme %s needs it", f.name, Word(f.scheme))
		}
	}
	if err := addressError(r.address, channel); err != nil {
		t.fail(line, "address %q: %v", r.address, err)
	}
	return len(t.problems) == before
}

// addressError says why triggers cannot go to an address by the channel; an
// empty one has none.
func addressError(address string, channel OutChannel) error {
	switch _, number := Number(address); {
	case address == "" || channel == OutNone:
		return nil
	case channel == OutUDP:
		return peerError(address)
	case !number:
		return fmt.Errorf("no telephone number, such as +4915112345678")
	}
	return nil
}

// endpointError says why a text is no endpoint name.
func endpointError(name string) error {
	if name == "" || len(name) > server.MaxEndpointName {
		return fmt.Errorf("an endpoint name has 1 to %d bytes", server.MaxEndpointName)
	}
	for _, r := range name {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return fmt.Errorf("%q has characters that an endpoint name cannot have", name)
		}
	}
	return nil
}
