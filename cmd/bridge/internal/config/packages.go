package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
)

// Packages is where packages come from, how they are kept, and how devices of
// either direction get them.
type Packages struct {
	// Way is how LwM2M devices get theirs; 0 tries one after the other.
	Way         mapping.Way `yaml:"way"`
	Listen      string      `yaml:"listen"`   // TCP address for packages alone; empty: that of legacy.listen
	CoAPURL     string      `yaml:"coap_url"` // scheme and host of the bridge's CoAP, as LwM2M devices have it
	Dir         string      `yaml:"dir"`      // empty: packages, in store.dir
	MaxBytes    Size        `yaml:"max_bytes" min:"1MiB" max:"1048576GiB"`
	MaxPackages int         `yaml:"max_packages" min:"1" max:"1000000"`
	MaxPackage  Size        `yaml:"max_package" min:"1KiB" max:"1024GiB"`
	MaxPush     Size        `yaml:"max_push" min:"1KiB" max:"64MiB"` // written by an LwM2M server itself, in memory meanwhile
	PushRate    Size        `yaml:"push_rate" min:"1KiB" max:"1GiB"` // bytes a second, of a push to an LwM2M device
	MaxPushes   int         `yaml:"max_pushes" min:"1" max:"100000"` // such pushes at once
	// PassThrough stores nothing: devices get the URL that was written.
	PassThrough bool          `yaml:"pass_through"`
	URL         string        `yaml:"url"`                                 // the base, as devices have it; empty: that of legacy.url
	URLLifetime time.Duration `yaml:"url_lifetime" min:"1h" max:"17520h"`  // of a URL that a device is given
	MaxTransfer int           `yaml:"max_transfers" min:"1" max:"1000000"` // to devices, at once
	Allow       AllowFetch    `yaml:"allow"`
	Hosts       []PackageHost `yaml:"hosts" max:"1000"`
	Digests     string        `yaml:"digests"` // a file: what has to come from which URL
	TLS         FetchTLS      `yaml:"tls"`
	Bucket      PackageBucket `yaml:"bucket"`

	AllowDowngrade bool          `yaml:"allow_downgrade"` // redirects from https to http
	StallTimeout   time.Duration `yaml:"stall_timeout" min:"1s" max:"1h"`
	TotalTimeout   time.Duration `yaml:"total_timeout" min:"1s" max:"720h"`
	MaxRedirects   int           `yaml:"max_redirects" min:"1" max:"20"`
	MaxFetches     int           `yaml:"max_fetches" min:"1" max:"1000"`

	digests map[string]delivery.Digest // of Digests
	tls     *tls.Config                // made from TLS; nil is the system's trust
}

// AllowFetch says which servers the bridge may be sent to.
type AllowFetch struct {
	Hosts    []HostPattern `yaml:"hosts" max:"1000" optional:"all"`
	Networks []Network     `yaml:"networks" max:"1000"`
	Ports    []Port        `yaml:"ports" max:"100" optional:"80, 443, 5683, 5684, 8080, 8443"`
}

// HostPattern is a host name or address, *.example.com or *; with :port only
// that port.
type HostPattern string

func (h HostPattern) check() error {
	if h == "" || strings.ContainsAny(string(h), "/@ ") {
		return errors.New("want a host name, *.example.com or *, with :port if need be")
	}
	return nil
}

// Port is a port number; 0 is all.
type Port string

func (p Port) check() error {
	if _, err := strconv.ParseUint(string(p), 10, 16); err != nil {
		return errors.New("want a port of 0 to 65535; 0 is all")
	}
	return nil
}

// FetchTLS is TLS towards package servers. File names are relative to the
// configuration file.
type FetchTLS struct {
	CA           string           `yaml:"ca"`
	Cert         string           `yaml:"cert"`
	Key          string           `yaml:"key"`
	MinVersion   tlsfiles.Version `yaml:"min_version"`
	LegacySuites bool             `yaml:"legacy_suites"`
}

// PackageHost is what is known of package servers.
type PackageHost struct {
	Host       HostPattern   `yaml:"host" required:"a host name, *.example.com or *"`
	User       string        `yaml:"user"` // with Secret: HTTP Basic
	Secret     syncml.Secret `yaml:"secret"`
	SecretFile string        `yaml:"secret_file"`
	Bearer     bool          `yaml:"bearer"` // the secret is a bearer token, without a user
	// LendPlain gives LwM2M devices User and Secret also for http, and over
	// CoAP without security.
	LendPlain bool   `yaml:"lend_plain"`
	Identity  string `yaml:"identity"` // of coaps
	KeyFile   string `yaml:"key_file"` // its pre-shared key, hexadecimal
	// SignedBy has the minisign public keys, one of which must have signed.
	SignedBy []SignKey `yaml:"signed_by" max:"100" optional:"none"`
	Sidecar  bool      `yaml:"sha256"` // the digest is beside the package, at .sha256

	key *dtls.Key // of KeyFile; a pointer, which fmt does not follow
}

// SignKey is a minisign public key.
type SignKey string

func (k SignKey) check() error {
	_, err := delivery.ParsePublicKey(string(k))
	return err
}

func defaultPackages() Packages {
	return Packages{
		Way: mapping.WayDirect, MaxBytes: delivery.DefaultMaxBytes, MaxPackages: delivery.DefaultMaxPackages, MaxPackage: delivery.DefaultMaxPackage,
		MaxPush: 16 << 20, PushRate: 1 << 20, MaxPushes: 64, URLLifetime: 30 * 24 * time.Hour, MaxTransfer: delivery.DefaultMaxTransfers,
		StallTimeout: delivery.DefaultStallTimeout, TotalTimeout: delivery.DefaultTotalTimeout,
		MaxRedirects: delivery.DefaultMaxRedirects, MaxFetches: delivery.DefaultMaxFetches,
	}
}

// FetcherOptions are those that a fetcher needs, without its store.
func (p *Packages) FetcherOptions() delivery.FetcherOptions {
	o := delivery.FetcherOptions{
		Allow: delivery.Allow{Networks: Prefixes(p.Allow.Networks)}, Digests: p.digests, TLS: p.tls, AllowDowngrade: p.AllowDowngrade,
		StallTimeout: p.StallTimeout, TotalTimeout: p.TotalTimeout, MaxRedirects: p.MaxRedirects, MaxFetches: p.MaxFetches,
	}
	for _, h := range p.Allow.Hosts {
		o.Allow.Hosts = append(o.Allow.Hosts, string(h))
	}
	for _, port := range p.Allow.Ports {
		n, _ := strconv.ParseUint(string(port), 10, 16) // it was checked
		o.Allow.Ports = append(o.Allow.Ports, uint16(n))
	}
	for i := range p.Hosts {
		o.Hosts = append(o.Hosts, p.Hosts[i].known())
	}
	return o
}

// known is the host as delivery has it.
func (h *PackageHost) known() delivery.Host {
	d := delivery.Host{Pattern: string(h.Host), LendPlain: h.LendPlain, Identity: h.Identity, Sidecar: h.Sidecar}
	if h.key != nil {
		d.Key = *h.key
	}
	if h.Bearer {
		d.Bearer = delivery.Secret(h.Secret)
	} else {
		d.User, d.Password = h.User, delivery.Secret(h.Secret)
	}
	for _, k := range h.SignedBy {
		if key, err := delivery.ParsePublicKey(string(k)); err == nil { // it was checked
			d.Keys = append(d.Keys, key)
		}
	}
	return d
}

func (p *Packages) check(b *binder) {
	const path = "packages"
	if p.MaxPackage > p.MaxBytes {
		b.failAt(path+".max_package", "%v is more than %s.max_bytes %v", p.MaxPackage, path, p.MaxBytes)
	}
	if p.MaxPush > p.MaxPackage {
		b.failAt(path+".max_push", "%v is more than %s.max_package %v", p.MaxPush, path, p.MaxPackage)
	}
	if p.StallTimeout > p.TotalTimeout {
		b.failAt(path+".stall_timeout", "%v is more than %s.total_timeout %v", p.StallTimeout, path, p.TotalTimeout)
	}
	checkBase(b, path+".url", p.URL)
	p.checkDigests(b, path+".digests")
	p.checkTLS(b, path+".tls")
	p.Bucket.check(b, path+".bucket")
	for i := range p.Hosts {
		p.Hosts[i].check(b, fmt.Sprintf("%s.hosts[%d]", path, i))
	}
}

func (p *Packages) checkTLS(b *binder, path string) {
	t := p.TLS
	if (t == FetchTLS{}) {
		return
	}
	conf, err := tlsfiles.Files{CA: b.given(t.CA), Cert: b.given(t.Cert), Key: b.given(t.Key), Min: t.MinVersion, Legacy: t.LegacySuites}.Client()
	if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
		b.failAt(path+"."+string(wrong.Part), "%v", wrong.Err)
	}
	p.tls = conf
}

func (h *PackageHost) check(b *binder, path string) {
	h.Secret = b.secretOf(path, h.Secret, h.SecretFile)
	secret := h.Secret != "" || h.SecretFile != ""
	switch {
	case h.Bearer && h.User != "":
		b.failAt(path+".user", "has no effect with bearer: true; a token has no user")
	case h.Bearer && !secret:
		b.failAt(path+".bearer", "needs the token, as secret or secret_file")
	case !h.Bearer && secret != (h.User != ""):
		b.failAt(path+".user", "and secret (or secret_file) belong together; one of them is missing")
	}
	if h.LendPlain && h.User == "" {
		b.failAt(path+".lend_plain", "needs a user and its secret: there is nothing else that a device could be lent")
	}
	if (h.Identity == "") != (h.KeyFile == "") {
		b.failAt(path+".identity", "and key_file belong together; one of them is missing")
	} else if h.KeyFile != "" {
		h.key = b.pskFile(path+".key_file", h.KeyFile)
	}
}

// checkBase wants an address before which nothing, and after which a path, can
// stand; empty is allowed.
func checkBase(b *binder, key, text string) {
	if text == "" {
		return
	}
	err := checkURL(text)
	if err == nil && strings.Contains(text, "?") {
		err = errors.New("want no query (?)")
	}
	if err != nil {
		b.failAt(key, "%s", strings.ReplaceAll(err.Error(), "; use account.client", ""))
	}
}

// given is beside for a name that may be empty.
func (b *binder) given(name string) string {
	if name == "" {
		return ""
	}
	return b.beside(name)
}
