package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// checkLegacy holds the keys of direction B against each other, and reads its
// files.
func (c *Config) checkLegacy(b *binder) {
	l := &c.Legacy
	if l.Listen == "" {
		if len(l.Groups) > 0 || len(l.Servers) > 0 {
			b.failAt("legacy.listen", "is missing; without it no legacy device can come, and the other keys have no effect")
		}
	} else {
		checkListener(b, "legacy.listen", l.Listen)
		if l.URL == "" && c.Packages.URL == "" && !c.Packages.PassThrough {
			b.failAt("legacy.url", "is missing, and so is packages.url: devices could not be told where packages are")
		}
	}
	l.checkAddress(b)
	l.checkTimes(b)
	if wait := l.Campaign.Contact + l.Campaign.Final; c.Packages.URLLifetime < wait {
		b.failAt("packages.url_lifetime", "%v is less than a campaign may last, legacy.campaign.contact and final together: %v", c.Packages.URLLifetime, wait)
	}
	names := map[string]int{}
	for i := range l.Groups {
		g, path := &l.Groups[i], fmt.Sprintf("legacy.groups[%d]", i)
		unique(b, names, g.Name, path+".name")
		g.check(b, path, l.ServerID, c.Triggers.Out.Channel)
	}
	names = map[string]int{}
	for i := range l.Servers {
		s, path := &l.Servers[i], fmt.Sprintf("legacy.lwm2m_servers[%d]", i)
		unique(b, names, s.Name, path+".name")
		s.check(b, path)
	}
}

// PackagesPath is the path below which legacy devices get packages.
const PackagesPath = "/packages/"

func (l *Legacy) checkAddress(b *binder) {
	switch u, err := url.Parse(l.Path); {
	case err != nil || !strings.HasPrefix(l.Path, "/") || u.Path != l.Path:
		b.failAt("legacy.path", "%q: want a path, such as /dm", l.Path)
	case strings.HasPrefix(l.Path+"/", PackagesPath):
		b.failAt("legacy.path", "%q: packages are below %s", l.Path, PackagesPath)
	}
	if !tree.IsServerID(l.ServerID) {
		b.failAt("legacy.server_id", "%q: want printable ASCII without spaces and = & * +", l.ServerID)
	}
	checkBase(b, "legacy.url", l.URL)
	t := l.TLS
	if (t == ListenerTLS{}) {
		return
	}
	conf, err := tlsfiles.Files{CA: b.given(t.ClientCA), Cert: b.given(t.Cert), Key: b.given(t.Key), Min: t.MinVersion, Legacy: t.LegacySuites}.Server()
	if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
		key := string(wrong.Part)
		if wrong.Part == tlsfiles.PartCA {
			key = "client_ca"
		}
		b.failAt("legacy.tls."+key, "%v", wrong.Err)
	}
	l.tls = conf
}

func (l *Legacy) checkTimes(b *binder) {
	for _, o := range []struct {
		key, other string
		more       bool
		a, b       any
	}{
		{"message_timeout", "session_timeout", l.MessageTimeout > l.SessionTimeout, l.MessageTimeout, l.SessionTimeout},
		{"idle_timeout", "session_timeout", l.IdleTimeout > l.SessionTimeout, l.IdleTimeout, l.SessionTimeout},
		{"lockout.first_wait", "lockout.max_wait", l.Lockout.FirstWait > l.Lockout.MaxWait, l.Lockout.FirstWait, l.Lockout.MaxWait},
	} {
		if o.more {
			b.failAt("legacy."+o.key, "%v is more than legacy.%s %v", o.a, o.other, o.b)
		}
	}
}

func (g *LegacyGroup) check(b *binder, path, serverID string, channel OutChannel) {
	a, account := &g.Account, path+".account"
	patterns := slices.ContainsFunc(g.Devices, func(p Pattern) bool { return !p.literal() })
	_, named := b.lines[path+".name"]
	switch {
	case named && g.Name == "":
		b.failAt(path+".name", "is empty")
	case a.Mode == ModeFile && a.File == "":
		b.failAt(account+".file", "is missing; mode file reads the accounts from a CSV file")
	case a.Mode != ModeFile && a.File != "":
		b.failAt(account+".file", "has no effect without mode: file")
	}
	switch {
	case a.Mode == ModeFile && (len(g.Devices) > 0 || g.Adopt):
		b.failAt(path+".devices", "and adopt have no effect with mode: file, whose devices are those of the file; make another group for others")
	case a.Mode != ModeFile && len(g.Devices) == 0:
		b.failAt(path+".devices", "is missing; list the names of devices, or a pattern with adopt: true")
	case patterns && !g.Adopt:
		b.failAt(path+".devices", "has a pattern: any device that proves itself would become known; say adopt: true if it may")
	case g.Adopt && !patterns && a.Mode != ModeFile:
		b.failAt(path+".adopt", "has no effect without a pattern in devices")
	case g.Adopt && a.Client.Scheme == session.SchemeNone:
		b.failAt(account+".client.scheme", "is none: anybody could become a device; adopt needs basic, md5 or mac")
	}
	if a.Server.User == "" && a.Server.Scheme != session.SchemeNone && a.Mode != ModeFile {
		a.Server.User = Template(serverID)
	}
	a.Client.check(b, account+".client", a.Mode)
	a.Server.check(b, account+".server", a.Mode)
	if !strings.Contains(string(g.Endpoint), "{") {
		b.failAt(path+".endpoint", "%q has no variable: all devices of the group would have the same name", g.Endpoint)
	}
	if !strings.Contains(string(g.Address), "{") {
		if err := addressError(string(g.Address), channel); err != nil {
			b.failAt(path+".address", "%q: %v", g.Address, err)
		}
	}
}

// warnOfLegacy warns of what is open to everybody, and of what has no effect.
func (c *Config) warnOfLegacy(b *binder) {
	l := &c.Legacy
	warn := func(key, format string, args ...any) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s: %s", b.file, b.lineOf(key), key, fmt.Sprintf(format, args...)))
	}
	for i := range l.Groups {
		g, path := &l.Groups[i], fmt.Sprintf("legacy.groups[%d]", i)
		if g.Account.Client.Scheme == session.SchemeNone {
			warn(path+".account.client", "has no secret: whoever names himself a device of %s is taken for it", g.Name)
		}
		addresses := g.Address != "" || l.addresses(i)
		switch {
		case addresses && c.Triggers.Out.Channel == OutNone:
			warn(path+".address", "has no effect without triggers.out.channel: devices of %s come by themselves", g.Name)
		case addresses && g.Account.Server.Scheme == session.SchemeNone:
			warn(path+".account.server", "has no secret: triggers for %s are not signed, and most devices drop them", g.Name)
		}
		if g.Account.Mode == ModeFile && !l.lists(i) {
			warn(path+".account.file", "%s lists no device", g.Account.File)
		}
	}
	for i := range l.Servers {
		if s := &l.Servers[i]; s.Security == SecurityNone {
			key := fmt.Sprintf("legacy.lwm2m_servers[%d].security", i)
			warn(key, "none: what %s is told can be read and changed on the way", s.Name)
		}
	}
}

// lists says whether a group has a device that is listed by name.
func (l *Legacy) lists(group int) bool {
	return l.some(func(e legacyEntry) bool { return e.group == group })
}

// addresses says whether a listed device of a group has an address of its own.
func (l *Legacy) addresses(group int) bool {
	return l.some(func(e legacyEntry) bool { return e.group == group && e.row != nil && e.row.address != "" })
}

func (l *Legacy) some(holds func(legacyEntry) bool) bool {
	for _, e := range l.devices.named {
		if holds(e) {
			return true
		}
	}
	return false
}

// missingLegacy says what direction B lacks to do its work.
func (c *Config) missingLegacy() []string {
	var all []string
	if l := &c.Legacy; l.Listen != "" {
		if len(l.Groups) == 0 {
			all = append(all, "legacy.listen is on, but legacy.groups lists no device: every legacy device is refused")
		}
		if len(l.Servers) == 0 {
			all = append(all, "legacy.listen is on, but no LwM2M server is configured: legacy devices are shown to nobody; list servers under legacy.lwm2m_servers")
		}
	}
	return all
}
