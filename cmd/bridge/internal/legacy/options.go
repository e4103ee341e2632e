package legacy

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Options of an [Engine]. Store, Directory, Packages and Portraits are
// required; the zero value of the rest stands for its default.
type Options struct {
	Store     store.Store
	Directory Directory
	Packages  Packages
	Portraits Portraits
	// Wake sends a device a trigger with this session id, and tries again by
	// itself for a while. Nil: devices come by themselves.
	Wake func(ctx context.Context, d Device, n session.Nonces, sessionID uint16) error
	// Policy must be whole; its zero value is DefaultCampaignPolicy.
	Policy   mapping.CampaignPolicy
	Timeline int // lines kept per device
	// MaxDevices bounds the devices with a record; a further one is refused as
	// unknown.
	MaxDevices int
	// Lanes is how many devices can have something stored at the same time, at
	// most: a lane waits for the disk.
	Lanes int
	// OnTimeline is told each line that is durable. It must be fast.
	OnTimeline func(Entry)
	Log        *slog.Logger     // nil logs nothing
	Now        func() time.Time // nil is time.Now
}

// Defaults of Options.
const (
	DefaultTimeline   = 64
	DefaultMaxDevices = 100_000
	DefaultLanes      = 1024
)

func (o Options) withDefaults() Options {
	if o.Policy == (mapping.CampaignPolicy{}) {
		o.Policy = mapping.DefaultCampaignPolicy()
	}
	for _, n := range []struct {
		n     *int
		value int
	}{{&o.Timeline, DefaultTimeline}, {&o.MaxDevices, DefaultMaxDevices}, {&o.Lanes, DefaultLanes}} {
		if *n.n <= 0 {
			*n.n = n.value
		}
	}
	if o.OnTimeline == nil {
		o.OnTimeline = func(Entry) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Device is what is configured for one legacy device.
type Device struct {
	Account session.Account // of the server role: DeviceID, ServerID, credentials
	// LargeObjects and Sequence as in [session.ServerConfig].
	LargeObjects, Sequence bool
	// Endpoint is its name towards LwM2M servers.
	Endpoint string
	// Adopt says that the device is not listed: a pattern fits its name, and it
	// becomes known when it has proved who it is.
	Adopt bool
	// Address is where triggers for it go; empty for nowhere.
	Address string
}

// Directory knows the devices by their names in DM sessions. Its methods must
// be fast; they are called from many goroutines.
type Directory interface {
	Device(id string) (Device, bool)
	// Listed are the devices that are known before they ever come.
	Listed() []string
}

// Portraits shows devices to LwM2M servers. Its methods must not call the
// Engine before they return.
type Portraits interface {
	// Show begins to show a device; saved is what keepPortrait was given for it
	// in an earlier life, by server.
	Show(id string, d Device, saved map[string]json.RawMessage)
	// Changed says that resources of these instances have other values; moved,
	// that there are other instances.
	Changed(id string, c Change)
}

// Change is what an LwM2M server may have to be told of a device.
type Change struct {
	Before, After mapping.Virtual
	Moved         bool // there are other instances
	Info          bool // what is known of the device itself changed
}

// Packages is the store of packages. Its methods are called from many
// goroutines; those with a context may take long.
type Packages interface {
	// Fetch brings a package into the store and holds it for the owner. An
	// error that is a *PackageError says what the LwM2M server is told.
	Fetch(ctx context.Context, owner, uri string, progress func(Progress)) (mapping.PackageInfo, error)
	// Put brings a package that a server wrote itself into the store, and holds
	// it for the owner; errors as Fetch.
	Put(ctx context.Context, owner string, body []byte) (mapping.PackageInfo, error)
	// MaxPush is the longest body that Put takes, in bytes.
	MaxPush() int
	// Verify says whether the package in the store is whole.
	Verify(ctx context.Context, digest string) bool
	// Hold keeps a package for an owner, Release gives it up.
	Hold(owner, digest string)
	Release(owner, digest string)
	// Report has the end of a device's update told to where the package's
	// descriptor wants it: by a change that is written with the record, and a
	// call when it is. False where nobody can be told. It must not call the
	// Engine.
	Report(device string, r mapping.Report) (c store.Change, written func(), ok bool)
	// URL is where the device gets the package.
	URL(device string, p mapping.PackageInfo) (string, error)
}

var (
	// ErrStore means that a change could not be stored: nothing has happened.
	ErrStore = errors.New("legacy: not stored")
	// ErrUnknown means that there is no record of such a device.
	ErrUnknown = errors.New("legacy: unknown device")
	// ErrStopped means that the engine does not run (any more).
	ErrStopped = errors.New("legacy: stopped")
	// ErrRecord means that a record cannot be read. It is left alone.
	ErrRecord = errors.New("legacy: record cannot be read")
)
