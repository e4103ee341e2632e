package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// describeLegacy prints what direction B does: whom it lets in, and to whom it
// shows them. It shows no secret and no user.
func describeLegacy(w io.Writer, c *config.Config) error {
	l := &c.Legacy
	if l.Listen == "" {
		return nil
	}
	scheme := "http"
	if l.TLSConfig() != nil {
		scheme = "https, " + config.Word(l.TLS.MinVersion) + " or later"
		if l.TLS.ClientCA != "" {
			scheme += ", clients with a certificate"
		}
	}
	_, err := fmt.Fprintf(w, `
legacy       %s%s (%s)
url          %s
server id    %s
packages     %s
`, l.Listen, l.Path, scheme, cmp.Or(l.URL, "as each request says"), l.ServerID, packagesText(c))
	for i := range l.Groups {
		err = errors.Join(err, describeGroup(w, c, &l.Groups[i]))
	}
	for i := range l.Servers {
		s := &l.Servers[i]
		_, serr := fmt.Fprintf(w, `
lwm2m server %s
address      %s, security: %s
devices      %s
dialect      %s
`, s.Name, s.Address, config.Word(s.Security), patternsText(s.Devices), config.Word(s.Dialect))
		err = errors.Join(err, serr)
	}
	return err
}

func packagesText(c *config.Config) string {
	p := &c.Packages
	if p.PassThrough {
		return "passed through: devices get the URL that was written"
	}
	return "kept, " + keptText(p)
}

func describeGroup(w io.Writer, c *config.Config, g *config.LegacyGroup) error {
	a := &g.Account
	devices := patternsText(g.Devices)
	if a.Mode == config.ModeFile {
		devices = "those of " + a.File
	}
	if g.Adopt {
		devices += ", adopted"
	}
	auth := config.Word(a.Client.Scheme)
	if a.Client.Scheme == session.SchemeNone {
		auth = "none: whoever names himself so is taken for the device"
	}
	own := config.Word(a.Server.Scheme)
	if a.Server.Scheme == session.SchemeNone {
		own = "none: the device obeys whoever it reaches"
	}
	_, err := fmt.Fprintf(w, `
group        %s
devices      %s
device auth  %s, accounts: %s
server auth  %s
endpoint     %s
triggers     %s
`, g.Name, devices, auth, config.Word(a.Mode), own, g.Endpoint, groupTriggers(c, g))
	return err
}

func groupTriggers(c *config.Config, g *config.LegacyGroup) string {
	switch {
	case c.Triggers.Out.Channel == config.OutNone:
		return "none: devices come by themselves"
	case g.Address != "":
		return "by " + config.Word(c.Triggers.Out.Channel) + " to " + string(g.Address)
	case g.Account.Mode == config.ModeFile:
		return "by " + config.Word(c.Triggers.Out.Channel) + " to the address in the file"
	}
	return "none: the group has no address"
}

// maxListed is how many names of devices are printed.
const maxListed = 10

func patternsText(list []config.Pattern) string {
	var all []string
	for _, p := range list[:min(len(list), maxListed)] {
		all = append(all, string(p))
	}
	text := strings.Join(all, ", ")
	if more := len(list) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// describeLegacyDevice prints what the configuration decides about a legacy
// device.
func describeLegacyDevice(w io.Writer, c *config.Config, id string) error {
	d, err := c.LegacyDevice(id)
	if err != nil {
		return err
	}
	var servers []string
	for i := range c.Legacy.Servers {
		if s := &c.Legacy.Servers[i]; s.Shows(d.Endpoint) {
			servers = append(servers, s.Name)
		}
	}
	how := "listed"
	if d.Adopted {
		how = "adopted when it has proved who it is"
	}
	_, err = fmt.Fprintf(w, `device     %s
group      %s, %s
user       %s (%s)
server     %s (%s)
endpoint   %s
shown to   %s
triggers   %s
`, id, d.Group, how, d.Account.Client.User, config.Word(d.Account.Client.Scheme), d.Account.Server.User, config.Word(d.Account.Server.Scheme),
		d.Endpoint, cmp.Or(strings.Join(servers, ", "), "nobody"), cmp.Or(d.Address, "nowhere"))
	return err
}
