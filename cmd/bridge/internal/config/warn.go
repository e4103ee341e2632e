package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// warn collects what is allowed but probably not meant.
func (c *Config) warn(b *binder) {
	for j := range c.Servers {
		for i := range j {
			c.warnOverlap(b, i, j)
		}
	}
	c.warnOfNoSec(b)
	c.warnOfCertificate(b)
	c.warnOfTLS(b)
	c.warnOfTriggers(b)
	c.warnOfServerIDs(b)
	c.warnOfLegacy(b)
	c.warnOfPackages(b)
	for i, s := range c.Servers {
		if s.Account.Mode == ModeFile && len(s.accounts.rows) == 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: dm_servers[%d]: the account file %s lists no device",
				b.file, b.lineOf(fmt.Sprintf("dm_servers[%d].account.file", i)), i, s.Account.File))
		}
	}
}

// warnOverlap warns once of two servers that could both have a device.
func (c *Config) warnOverlap(b *binder, i, j int) {
	for _, p := range c.Servers[i].Devices {
		for n, q := range c.Servers[j].Devices {
			if p.overlaps(q) {
				key := fmt.Sprintf("dm_servers[%d].devices[%d]", j, n)
				c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s %q and %q of %s can match the same device; %s, which stands first, has it then",
					b.file, b.lineOf(key), key, q, p, c.Servers[i].Name, c.Servers[i].Name))
				return
			}
		}
	}
}

// warnOfNoSec warns of devices without security.
func (c *Config) warnOfNoSec(b *binder) {
	if c.CoAP.Listen != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: coap.listen: %s has no security: whoever reaches it can register as any device that has no credentials, and read and change what is sent",
			b.file, b.lineOf("coap.listen"), c.CoAP.Listen))
	}
}

// warnOfCertificate warns of a certificate for devices whose time is not now. The
// bridge can run with it, but a device that has a clock refuses it.
func (c *Config) warnOfCertificate(b *binder) {
	s := &c.CoAP.Secure
	if s.tls == nil {
		return
	}
	if leaf, now := s.tls.Certificates[0].Leaf, time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: coap.secure.certificate: %s is good from %s to %s only; devices refuse it",
			b.file, b.lineOf("coap.secure.certificate"), s.Certificate, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)))
	}
}

// warnOfTLS warns of TLS settings for a server that is spoken to in the clear.
// They are no mistake for sure: a RespURI may lead from http to https.
func (c *Config) warnOfTLS(b *binder) {
	for i := range c.Servers {
		path := fmt.Sprintf("dm_servers[%d].tls", i)
		if line, written := b.lines[path]; written && strings.HasPrefix(strings.ToLower(c.Servers[i].URL), "http:") {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s: the URL of %s is http; TLS is spoken only if its server leads to https",
				b.file, line, path, c.Servers[i].Name))
		}
	}
}

// TakesTriggers says whether triggers come in by any channel.
func (c *Config) TakesTriggers() bool {
	in := &c.Triggers.In
	return len(in.UDP) > 0 || in.PAP.Listen != "" || in.Kannel.Listen != ""
}

// ChecksTriggers says whether there is a secret to check the triggers of the
// server with. Without one they are all refused.
func (s *Server) ChecksTriggers() bool { return s.Account.Server.Scheme != session.SchemeNone }

// warnOfTriggers warns of servers whose triggers come in and are all refused.
func (c *Config) warnOfTriggers(b *binder) {
	for i := range c.Servers {
		if s := &c.Servers[i]; c.TakesTriggers() && !s.ChecksTriggers() {
			path := fmt.Sprintf("dm_servers[%d]", i)
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s.account.server: %s has no secret, so all its triggers will be refused; give scheme, user and secret",
				b.file, b.lineOf(path+".account.server"), path, s.Name))
		}
	}
}

// warnOfServerIDs warns of ids that no access control list can hold: they work,
// and cost the protection that such a list is for.
func (c *Config) warnOfServerIDs(b *binder) {
	for i := range c.Servers {
		if id := c.Servers[i].ServerID; !tree.IsServerID(id) {
			key := fmt.Sprintf("dm_servers[%d].server_id", i)
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s: %q cannot stand in an access control list, so \"*\" (everybody) stands there; use printable ASCII without spaces and = & * +",
				b.file, b.lineOf(key), key, id))
		}
	}
}
