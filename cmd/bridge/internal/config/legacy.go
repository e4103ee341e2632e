package config

import (
	"crypto/tls"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Legacy is direction B: legacy DM devices that LwM2M servers update. Without
// Listen it is off.
type Legacy struct {
	Listen   string `yaml:"listen"` // TCP address of the DM server and of the packages; empty has none
	Path     string `yaml:"path"`   // where devices post
	URL      string `yaml:"url"`    // that address as devices have it; empty: as each request says
	ServerID string `yaml:"server_id"`

	TLS ListenerTLS `yaml:"tls"`

	MaxDevices     int           `yaml:"max_devices" min:"1" max:"10000000"` // with a record
	MaxSessions    int           `yaml:"max_sessions" min:"1" max:"1000000"` // at once, those that have ended lately included
	MessageTimeout time.Duration `yaml:"message_timeout" min:"1s" max:"10m"`
	SessionTimeout time.Duration `yaml:"session_timeout" min:"10s" max:"24h"`
	IdleTimeout    time.Duration `yaml:"idle_timeout" min:"1s" max:"1h"` // of a session without a message
	MaxMessage     Size          `yaml:"max_message" min:"2KiB" max:"1MiB"`
	Lockout        Lockout       `yaml:"lockout"`
	Proxies        []Network     `yaml:"proxies" max:"1000" optional:"none"` // reverse proxies before us

	// Groups are asked in order for devices that are nowhere listed by name.
	Groups   []LegacyGroup  `yaml:"groups" max:"1000"`
	Campaign CampaignPolicy `yaml:"campaign"`
	// Servers are all those that devices are shown to.
	Servers []LwM2MServer `yaml:"lwm2m_servers" max:"100"`

	tls     *tls.Config // made from TLS; nil speaks in the clear
	devices legacyIndex // of Groups
}

// ListenerTLS is TLS of a listener. File names are relative to the
// configuration file; without a certificate there is no TLS.
type ListenerTLS struct {
	Cert         string           `yaml:"cert"`      // PEM; ours
	Key          string           `yaml:"key"`       // PEM; of Cert
	ClientCA     string           `yaml:"client_ca"` // PEM; whom a client's certificate must lead to
	MinVersion   tlsfiles.Version `yaml:"min_version"`
	LegacySuites bool             `yaml:"legacy_suites"` // RSA key exchange and 3DES too
}

// Lockout is for those who guess passwords of devices.
type Lockout struct {
	FreeTries int           `yaml:"free_tries" min:"1" max:"1000"` // before there is a wait
	FirstWait time.Duration `yaml:"first_wait" min:"1s" max:"1h"`  // then doubled
	MaxWait   time.Duration `yaml:"max_wait" min:"1s" max:"24h"`
}

// LegacyGroup is devices that are treated alike. A device is in it by name: in
// Devices, or in the account file. A pattern in Devices takes in devices that
// nobody has listed, which Adopt has to allow.
type LegacyGroup struct {
	Name    string        `yaml:"name" required:"a name for people, such as phones"`
	Devices []Pattern     `yaml:"devices" max:"100000" optional:"none"` // names in DM sessions, such as IMEI:*
	Adopt   bool          `yaml:"adopt"`
	Account LegacyAccount `yaml:"account"`
	// Endpoint is the name towards LwM2M servers, Address where triggers go.
	Endpoint Template `yaml:"endpoint"`
	Address  Template `yaml:"address"`
	// LargeObjects and Sequence say what the devices can do.
	LargeObjects bool `yaml:"large_objects"`
	Sequence     bool `yaml:"sequence"`
}

func (g *LegacyGroup) setDefaults() { g.Endpoint = "{endpoint}" }

// LegacyAccount says how a device and the bridge know each other. The variables
// of its templates are those of the endpoint name; {id} is the device's own.
type LegacyAccount struct {
	Mode   Mode        `yaml:"mode"`
	Client Credentials `yaml:"client"` // the device towards the bridge
	Server Credentials `yaml:"server"` // the bridge towards the device; its user is Legacy.ServerID unless given
	File   string      `yaml:"file"`   // CSV, of ModeFile
}

// CampaignPolicy is how an update is carried to a device.
type CampaignPolicy struct {
	Contact      time.Duration `yaml:"contact" min:"1s" max:"8760h"`
	Final        time.Duration `yaml:"final" min:"1s" max:"8760h"`
	Doubt        time.Duration `yaml:"doubt" min:"1s" max:"8760h"`
	Wake         time.Duration `yaml:"wake" min:"1s" max:"8760h"`
	Poll         time.Duration `yaml:"poll" min:"1s" max:"8760h"`
	Retry        time.Duration `yaml:"retry" min:"1s" max:"8760h"`
	Tries        int           `yaml:"tries" min:"1" max:"255"`
	MaxCampaigns int           `yaml:"max_campaigns" min:"1" max:"255"` // of one package, that may fail
	MaxInstances int           `yaml:"max_instances" min:"1" max:"255"` // of Object 9, of one device
	Deactivate   Deactivate    `yaml:"deactivate"`
}

// Deactivate is what becomes of an Execute of Deactivate: the firmware runs on
// in any case.
type Deactivate uint8

// What can become of it.
const (
	DeactivateRefuse Deactivate = iota // 4.05
	DeactivateRecord                   // 2.04, and the state says so
)

// Policy is the policy as the campaigns have it.
func (p *CampaignPolicy) Policy() mapping.CampaignPolicy {
	d := mapping.DefaultCampaignPolicy()
	return mapping.CampaignPolicy{
		Contact: p.Contact, Final: p.Final, Doubt: p.Doubt, Wake: p.Wake, Poll: p.Poll, Retry: p.Retry,
		Tries: uint8(p.Tries), MaxCampaigns: uint8(p.MaxCampaigns), MaxInstances: uint8(p.MaxInstances),
		Object9: d.Object9, RecordDeactivate: p.Deactivate == DeactivateRecord,
	}
}

func defaultLegacy() Legacy {
	d := mapping.DefaultCampaignPolicy()
	return Legacy{
		Path: "/dm", ServerID: "fwbridge", MaxDevices: 100_000, MaxSessions: 10_000,
		MessageTimeout: time.Minute, SessionTimeout: 30 * time.Minute, IdleTimeout: 2 * time.Minute, MaxMessage: 64 << 10,
		Lockout: Lockout{FreeTries: session.DefaultFreeTries, FirstWait: session.DefaultFirstWait, MaxWait: session.DefaultMaxWait},
		Campaign: CampaignPolicy{
			Contact: d.Contact, Final: d.Final, Doubt: d.Doubt, Wake: d.Wake, Poll: d.Poll, Retry: d.Retry,
			Tries: int(d.Tries), MaxCampaigns: int(d.MaxCampaigns), MaxInstances: int(d.MaxInstances),
		},
	}
}

// TLSConfig is that of the listener; nil speaks in the clear.
func (l *Legacy) TLSConfig() *tls.Config { return l.tls }
