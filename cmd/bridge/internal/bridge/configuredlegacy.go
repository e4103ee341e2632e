package bridge

import (
	"context"
	"net/url"
	"path/filepath"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// blockOverhead is what a body may have beside the package in it, in bytes.
const blockOverhead = 64 << 10

// ConfiguredLegacy gives the options of direction B; nil when it is off. The
// listener is the caller's.
func ConfiguredLegacy(c *config.Config) *Legacy {
	l, p := &c.Legacy, &c.Packages
	if l.Listen == "" {
		return nil
	}
	o := &Legacy{
		DM: dmlisten.Options{
			Path: l.Path, URL: l.URL, MaxSessions: l.MaxSessions, Idle: l.IdleTimeout, SessionTimeout: l.SessionTimeout, MessageTimeout: l.MessageTimeout,
			MaxBody: session.MaxReceived(int64(l.MaxMessage)),
			Lockout: session.Lockout{FreeTries: l.Lockout.FreeTries, FirstWait: l.Lockout.FirstWait, MaxWait: l.Lockout.MaxWait},
			Proxies: config.Prefixes(l.Proxies),
		},
		Engine: legacy.Options{
			Directory: legacyDirectory{c}, Policy: l.Campaign.Policy(), Timeline: c.Timeline.Length, MaxDevices: l.MaxDevices,
		},
		Host:     client.Options{MaxBody: int(p.MaxPush) + blockOverhead},
		Schedule: trigger.Schedule{Tries: c.Triggers.Out.Tries, Base: c.Triggers.Out.BackoffMin, Cap: c.Triggers.Out.BackoffMax},
	}
	if s := TriggerSender(&c.Triggers.Out); s != nil {
		o.Triggers = s
	}
	for i := range l.Servers {
		o.Servers = append(o.Servers, shownTo(&l.Servers[i]))
	}
	return o
}

// ConfiguredPackages gives the options of the store of packages, nil when
// nobody needs one, and those of the ways to LwM2M devices, nil when there is
// only the direct one.
func ConfiguredPackages(c *config.Config) (*Packages, *Ways) {
	var w *Ways
	if c.KeepsPackages() {
		w = &Ways{Way: c.Way, CoAP: c.Packages.CoAPURL, HTTP: c.PackagesURL(), Push: true, Lifetime: c.Packages.URLLifetime}
	}
	if w == nil && c.Legacy.Listen == "" {
		return nil, nil
	}
	p := configuredPackages(c)
	return &p, w
}

func configuredPackages(c *config.Config) Packages {
	p := &c.Packages
	o := Packages{
		Store:   delivery.StoreOptions{Dir: p.Dir, MaxBytes: int64(p.MaxBytes), MaxPackages: p.MaxPackages, MaxPackage: int64(p.MaxPackage)},
		Fetcher: p.FetcherOptions(), Server: delivery.ServerOptions{MaxTransfers: p.MaxTransfer},
		Base: p.URL, Lifetime: p.URLLifetime, MaxPush: int(p.MaxPush), MaxPushes: p.MaxPushes, PushRate: c.PushRate, PassThrough: p.PassThrough,
	}
	if o.Store.Dir == "" {
		o.Store.Dir = filepath.Join(c.Store.Dir, "packages")
	}
	if p.Bucket.Given() {
		if b, err := bucket.New(p.Bucket.Options()); err == nil { // it was checked
			o.Store.Remote = b
		}
	}
	if u, err := url.Parse(c.Legacy.URL); o.Base == "" && err == nil {
		o.Base = u.Scheme + "://" + u.Host
	}
	return o
}

// shownTo is an LwM2M server of the configuration.
func shownTo(s *config.LwM2MServer) LwM2MServer {
	all := LwM2MServer{
		Host: s.Address,
		LwM2MServer: legacy.LwM2MServer{
			Name: s.Name, Dialect: s.Dialect.Dialect(), Lifetime: s.Lifetime, Confirmable: s.Confirmable, For: s.Shows,
		},
	}
	for _, v := range s.Versions {
		all.Versions = append(all.Versions, string(v))
	}
	if s.Security != config.SecurityNone {
		all.Security = s.ClientOptions
	}
	return all
}

// legacyDirectory answers the legacy engine from the configuration.
type legacyDirectory struct{ c *config.Config }

// Device implements [legacy.Directory].
func (d legacyDirectory) Device(id string) (legacy.Device, bool) {
	one, err := d.c.LegacyDevice(id)
	return legacy.Device{
		Account: one.Account, LargeObjects: one.LargeObjects, Sequence: one.Sequence,
		Endpoint: one.Endpoint, Adopt: one.Adopted, Address: one.Address,
	}, err == nil
}

// Listed implements [legacy.Directory].
func (d legacyDirectory) Listed() []string { return d.c.LegacyListed() }

// TriggerSender is the gateway of a configuration, with a time-out for each
// try; nil without one.
func TriggerSender(out *config.TriggersOut) trigger.Sender {
	var s trigger.Sender
	switch out.Channel {
	case config.OutUDP:
		s = trigger.UDPSender{}
	case config.OutPAP:
		s = &trigger.PAPSender{URL: out.URL, User: out.User, Secret: out.Secret}
	case config.OutKannel:
		s = &trigger.KannelSender{URL: out.URL, User: out.User, Secret: out.Secret}
	default:
		return nil
	}
	return perTry{s, out.Timeout}
}

// perTry gives every try its own time.
type perTry struct {
	trigger.Sender
	timeout time.Duration
}

// Send implements [trigger.Sender].
func (p perTry) Send(ctx context.Context, to string, package0 []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.Sender.Send(ctx, to, package0)
}
