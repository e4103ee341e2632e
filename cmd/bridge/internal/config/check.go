package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/syncml/session"
)

// check holds the values against each other, and reads the secret files.
func (c *Config) check(b *binder) {
	c.checkListeners(b)
	c.checkCancel(b)
	c.checkOrders(b)
	c.Triggers.check(b)
	c.checkLegacy(b)
	c.checkPackages(b)
	if c.Store.Dir == "" {
		b.failAt("store.dir", "is empty; name a directory")
	}
	names, ids := map[string]int{}, map[string]int{}
	for i := range c.Servers {
		s, path := &c.Servers[i], fmt.Sprintf("dm_servers[%d]", i)
		unique(b, names, s.Name, path+".name")
		unique(b, ids, s.URL+" "+s.ServerID, path+".server_id")
		s.check(b, path)
	}
	for i, d := range c.Devices {
		notEmpty(b, d.Match, fmt.Sprintf("devices[%d].match", i))
	}
}

// unique reports a value that an earlier key has too. What is missing was
// reported before.
func unique(b *binder, seen map[string]int, value, key string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	if line, twice := seen[value]; twice {
		b.failAt(key, "stands in line %d already; each server needs its own", line)
		return
	}
	seen[value] = b.lineOf(key)
}

func notEmpty(b *binder, patterns []Pattern, key string) {
	if _, written := b.lines[key]; written && len(patterns) == 0 {
		b.failAt(key, "lists no pattern; * is all devices")
	}
}

func (c *Config) checkListeners(b *binder) {
	for _, l := range []struct{ key, value string }{{"coap.listen", c.CoAP.Listen}, {"http.listen", c.HTTP.Listen}, {"packages.listen", c.Packages.Listen}} {
		if l.value != "" {
			checkListener(b, l.key, l.value)
		}
	}
	c.CoAP.Secure.check(b)
	if c.CoAP.Listen == "" && c.CoAP.Secure.Listen == "" && c.Legacy.Listen == "" {
		b.failAt("coap.secure.listen", "is empty, and so is coap.listen: no device could register")
	}
}

// checkCancel lets orders be given only from this machine: nobody proves there
// who he is.
func (c *Config) checkCancel(b *binder) {
	host, _, _ := net.SplitHostPort(c.HTTP.Listen) // a bad address was reported
	addr, err := netip.ParseAddr(host)
	if c.HTTP.Cancel && host != "localhost" && (err != nil || !addr.Unmap().IsLoopback()) {
		b.failAt("http.cancel", "needs http.listen on a loopback address, such as 127.0.0.1:8080")
	}
}

// checkOrders holds numbers against each other.
func (c *Config) checkOrders(b *binder) {
	if c.CoAP.MinLifetime > c.CoAP.MaxLifetime {
		b.failAt("coap.min_lifetime", "%v is more than coap.max_lifetime %v", c.CoAP.MinLifetime, c.CoAP.MaxLifetime)
	}
	if c.DM.BackoffMin > c.DM.BackoffMax {
		b.failAt("dm.backoff_min", "%v is more than dm.backoff_max %v", c.DM.BackoffMin, c.DM.BackoffMax)
	}
	if c.DM.SessionTimeout < c.DM.MessageTimeout {
		b.failAt("dm.session_timeout", "%v is less than dm.message_timeout %v", c.DM.SessionTimeout, c.DM.MessageTimeout)
	}
	for _, wait := range []struct {
		key string
		d   time.Duration
	}{
		{"drive.room", c.Drive.Room}, {"drive.download", c.Drive.Download}, {"drive.install", c.Drive.Install},
		{"drive.activation", c.Drive.Activation}, {"drive.cleanup", c.Drive.Cleanup},
	} {
		if wait.d <= c.CoAP.RequestTimeout {
			b.failAt(wait.key, "%v: must exceed coap.request_timeout %v, the time that one answer may take", wait.d, c.CoAP.RequestTimeout)
		}
	}
}

func (s *Server) check(b *binder, path string) {
	for _, must := range []struct{ key, value string }{{"name", s.Name}, {"server_id", s.ServerID}} {
		if _, written := b.lines[path+"."+must.key]; written && must.value == "" {
			b.failAt(path+"."+must.key, "is empty")
		}
	}
	if _, written := b.lines[path+".url"]; written {
		if err := checkURL(s.URL); err != nil {
			b.failAt(path+".url", "%v", err)
		}
	}
	notEmpty(b, s.Devices, path+".devices")
	if s.Poll > 0 && s.Poll < minPoll {
		b.failAt(path+".poll", "%v: want 0 (never) or at least %v", s.Poll, minPoll)
	}
	s.checkWay(b, path)
	a, account := &s.Account, path+".account"
	switch {
	case a.Mode == ModeFile && a.File == "":
		b.failAt(account+".file", "is missing; mode file reads the accounts from a CSV file")
	case a.Mode != ModeFile && a.File != "":
		b.failAt(account+".file", "has no effect without mode: file")
	}
	if a.DeviceID == "" {
		b.failAt(account+".device_id", "is empty; the default is {id}")
	}
	a.Client.check(b, account+".client", a.Mode)
	a.Server.check(b, account+".server", a.Mode)
}

// minPoll keeps every device from asking its server all the time.
const minPoll = 10 * time.Second

// checkURL never shows the URL: there may be a password in it.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("want an absolute http or https URL, such as http://dm.example.com/oma")
	case u.User != nil:
		return fmt.Errorf("user and password do not belong into the URL; use account.client")
	case u.Fragment != "":
		return fmt.Errorf("a URL to post to has no fragment (#)")
	}
	return nil
}

func (c *Credentials) check(b *binder, path string, mode Mode) {
	if c.SecretFile != "" {
		b.secretFile(path, &c.Secret, c.SecretFile)
	}
	inFile := mode == ModeFile
	for _, part := range []struct {
		key   string
		given bool
	}{{"user", c.User != ""}, {"secret", c.Secret != "" || c.SecretFile != ""}} {
		key := path + "." + part.key
		switch {
		case part.given && inFile:
			b.failAt(key, "has no effect with mode: file, where the file has it")
		case part.given && c.Scheme == session.SchemeNone:
			b.failAt(key, "has no effect with scheme: none; choose basic, md5 or mac")
		case !part.given && !inFile && c.Scheme != session.SchemeNone:
			b.failAt(key, "is missing; scheme %v needs user and secret", Word(c.Scheme))
		}
	}
	if mode == ModeShared && strings.Contains(string(c.User), "{") {
		b.failAt(path+".user", "%q has a variable; choose mode: template", c.User)
	}
}
