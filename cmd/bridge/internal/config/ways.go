package config

import (
	"fmt"
	"net/url"

	"github.com/fwbridge/fwbridge/mapping"
)

// RuleWay is a way of a device rule: 0 is the default, that of packages.way;
// everything else is the way plus one.
type RuleWay uint8

// Way is how an LwM2M device gets its packages; 0 tries one way after the
// other.
func (c *Config) Way(endpoint string) mapping.Way {
	if r, ok := c.rule(endpoint); ok && r.Way != 0 {
		return mapping.Way(r.Way - 1)
	}
	return c.Packages.Way
}

// PushRate is how fast an LwM2M device is pushed to, in bytes a second.
func (c *Config) PushRate(endpoint string) int64 {
	if r, ok := c.rule(endpoint); ok && r.PushRate != 0 {
		return int64(r.PushRate)
	}
	return int64(c.Packages.PushRate)
}

// KeepsPackages says that the bridge has packages of its own for LwM2M devices:
// some of them get theirs by another way than the server's URI.
func (c *Config) KeepsPackages() bool {
	if c.Packages.Way != mapping.WayDirect {
		return true
	}
	for _, r := range c.Devices {
		if r.Way != 0 && mapping.Way(r.Way-1) != mapping.WayDirect {
			return true
		}
	}
	return false
}

// PackagesURL is the base of the URLs for packages over HTTP; empty when they
// are not served.
func (c *Config) PackagesURL() string {
	if c.Packages.Listen == "" && c.Legacy.Listen == "" {
		return ""
	}
	if c.Packages.URL != "" {
		return c.Packages.URL
	}
	if u, err := url.Parse(c.Legacy.URL); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return ""
}

// checkPackages holds the keys of packages against each other, and refuses a
// way that has not what it needs.
func (c *Config) checkPackages(b *binder) {
	c.Packages.check(b)
	if c.Packages.CoAPURL != "" {
		if u, err := url.Parse(c.Packages.CoAPURL); err != nil || u.Host == "" || u.Scheme != "coap" && u.Scheme != "coaps" || u.Path != "" && u.Path != "/" {
			b.failAt("packages.coap_url", "%q: want coap://host:port or coaps://host:port, as devices reach the bridge", c.Packages.CoAPURL)
		}
	}
	c.checkWay(b, "packages.way", c.Packages.Way)
	for i, r := range c.Devices {
		if r.Way != 0 {
			c.checkWay(b, fmt.Sprintf("devices[%d].way", i), mapping.Way(r.Way-1))
		}
	}
}

func (c *Config) checkWay(b *binder, key string, w mapping.Way) {
	switch {
	case w == mapping.WayProxyCoAP && c.Packages.CoAPURL == "":
		b.failAt(key, "proxy-coap needs packages.coap_url: where devices reach the bridge's CoAP")
	case w == mapping.WayProxyHTTP && c.PackagesURL() == "":
		b.failAt(key, "proxy-http needs packages.url, and packages.listen or legacy.listen: where devices get packages over HTTP")
	}
}

// warnOfPackages warns of keys that are for packages which no device gets from
// the bridge.
func (c *Config) warnOfPackages(b *binder) {
	if c.KeepsPackages() || c.Legacy.Listen != "" {
		return
	}
	p := &c.Packages
	for _, k := range []struct {
		key   string
		given bool
	}{{"listen", p.Listen != ""}, {"coap_url", p.CoAPURL != ""}, {"digests", p.Digests != ""}, {"bucket", p.Bucket.Given()}, {"pass_through", p.PassThrough}} {
		if key := "packages." + k.key; k.given {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s:%d: %s: no device gets packages from the bridge: packages.way is direct for all, and legacy.listen is not there",
				b.file, b.lineOf(key), key))
		}
	}
}
