package client

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Options configure a [Host]. Every zero value is usable.
type Options struct {
	// Logger gets what nobody is told. Nil logs nothing.
	Logger *slog.Logger
	// MaxBody bounds a body put together from blocks, in bytes: 4.13 beyond. 0
	// is coap.DefaultMaxBody. See also [Limiter].
	MaxBody int
	// MaxRegistering bounds the Registers and Updates under way at once with
	// one server; others wait. 0 is DefaultMaxRegistering.
	MaxRegistering int
	// AckTimeout is the first time-out of retransmission (RFC 7252, 4.8). 0 is
	// coap.AckTimeout.
	AckTimeout time.Duration
	// Random gives numbers in [0,1) for jitter. Nil is math/rand/v2's. It is
	// called from several goroutines.
	Random func() float64
}

// DefaultMaxRegistering is few enough for a server to keep up, and enough for
// thousands to register within seconds.
const DefaultMaxRegistering = 64

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxBody = cmp.Or(o.MaxBody, coap.DefaultMaxBody)
	o.MaxRegistering = cmp.Or(o.MaxRegistering, DefaultMaxRegistering)
	if o.Random == nil {
		o.Random = rand.Float64
	}
}

// Config is one client: a device at a server. Endpoint and Server must be set.
type Config struct {
	Endpoint string         // the endpoint name, "urn:imei:…"
	Server   netip.AddrPort // the server's address
	// ShortID is the server's short id, 1 to 65534 (Object 1, resource 0). 0 is 1.
	ShortID uint16
	// Lifetime is that of the registration, in whole seconds, until the server
	// writes another one to Object 1. 0 is DefaultLifetime.
	Lifetime time.Duration
	// Queue registers in queue mode. The client listens all the same.
	Queue bool
	// Versions are those of LwM2M to register with, best first: the next one
	// is tried after 4.12. Nil is 1.2, 1.1, 1.0.
	Versions []string
	// Confirmable makes every notification confirmable. Otherwise those are
	// whose attribute con says so, and one in 24 hours (RFC 7641, 4.5).
	Confirmable bool
	// NoDisable leaves out Disable and Disable Timeout of Object 1.
	NoDisable bool
	// KeepRegistration makes Remove leave the registration to its lifetime.
	KeepRegistration bool
	// MinBackoff and MaxBackoff bound the pause after a failed Register or
	// Update: it doubles from the one to the other, and a random part of up
	// to its half is taken away. 0 is DefaultMinBackoff and DefaultMaxBackoff.
	MinBackoff, MaxBackoff time.Duration
	// Dial makes the connection to the server: over DTLS, or on a network of
	// a test. It reads datagrams of up to 2 KiB, and those whose address has
	// not the AddrPort of the server are dropped. Nil is a UDP socket.
	Dial func(server netip.AddrPort) (net.PacketConn, error)
	// State is that of an earlier life of the client.
	State State
	// Keep is called with the State whenever it has changed, before the server
	// is told that a Write was done. Calls come one after the other. It must not
	// call the client, except for State. May be nil.
	Keep func(State) error
}

// Defaults and bounds of Config.
const (
	DefaultLifetime   = time.Hour
	DefaultMinBackoff = 2 * time.Second
	DefaultMaxBackoff = 30 * time.Minute
	// MaxEndpointName is the longest endpoint name, in bytes.
	MaxEndpointName = 200
	maxLifetime     = (1<<31 - 1) * time.Second
)

// versions are the versions of LwM2M there are, best first.
var versions = []string{"1.2", "1.1", "1.0"}

func (c *Config) fill() {
	c.ShortID = cmp.Or(c.ShortID, 1)
	c.Lifetime = cmp.Or(c.Lifetime, DefaultLifetime)
	c.MinBackoff = cmp.Or(c.MinBackoff, DefaultMinBackoff)
	c.MaxBackoff = max(cmp.Or(c.MaxBackoff, DefaultMaxBackoff), c.MinBackoff)
	if c.Versions == nil {
		c.Versions = versions
	}
}

// check gives an error that wraps ErrConfig.
func (c *Config) check() error {
	reason := ""
	switch {
	case c.Endpoint == "" || len(c.Endpoint) > MaxEndpointName:
		reason = fmt.Sprintf("endpoint name of %d bytes, not 1 to %d", len(c.Endpoint), MaxEndpointName)
	case !c.Server.IsValid() || c.Server.Port() == 0:
		reason = "no server address"
	case c.ShortID == wire.NoInstance:
		reason = "short id 65535 is reserved"
	case c.Lifetime < time.Second || c.Lifetime > maxLifetime:
		reason = fmt.Sprintf("lifetime %v, not 1 s to %v", c.Lifetime, maxLifetime)
	case len(c.Versions) == 0 || slices.ContainsFunc(c.Versions, func(v string) bool { return !slices.Contains(versions, v) }):
		reason = "versions other than 1.0, 1.1, 1.2"
	}
	if reason == "" {
		return nil
	}
	return fmt.Errorf("%w: %q: %s", ErrConfig, c.Endpoint, reason)
}

// State is what of a client must survive a restart: plain data, stored as
// JSON. A new life registers again, with the version that worked and what the
// server has written to Object 1; observations end with the registration.
type State struct {
	Server   netip.AddrPort `json:"server,omitzero"`    // of the registration
	Location []string       `json:"location,omitempty"` // of the registration, ["rd", ‹id›]; empty when not registered
	Version  string         `json:"version,omitempty"`  // the last one that worked
	Account  Account        `json:"account"`
}

// Account is what a server can write to its instance of Object 1. Zero is
// what the Config says.
type Account struct {
	Lifetime       int64  `json:"lifetime,omitempty"`  // seconds
	MinPeriod      int64  `json:"minPeriod,omitempty"` // seconds, default of pmin
	MaxPeriod      int64  `json:"maxPeriod,omitempty"` // seconds, default of pmax; 0 for none
	DisableTimeout int64  `json:"disableTimeout,omitempty"`
	Binding        string `json:"binding,omitempty"` // "U" or "UQ"
	Discard        bool   `json:"discard,omitempty"` // Notification Storing is off
	Mute           bool   `json:"mute,omitempty"`    // no Send
}

func (s State) equal(t State) bool {
	return s.Server == t.Server && slices.Equal(s.Location, t.Location) && s.Version == t.Version && s.Account == t.Account
}
