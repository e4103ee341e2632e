// Package config is the bridge's configuration file: its keys with their
// defaults and bounds, the check that reports every problem at once, and the
// answer to whose device an endpoint is. It starts nothing and keeps no state.
//
// The file is YAML without anchors, aliases and tags, one document. Unknown
// keys are refused. docs/config.md is the reference for operators.
package config

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Config is a whole configuration. [Default] is the one without a file; the
// zero value is none. The tags give the key and, inclusively, its bounds; a
// tag on a struct holds for the fields in it.
type Config struct {
	CoAP     CoAP           `yaml:"coap"`
	HTTP     HTTP           `yaml:"http"`
	Store    Store          `yaml:"store"`
	Log      Log            `yaml:"log"`
	Drive    mapping.Policy `yaml:"drive" min:"1s" max:"8760h"` // keys are the fields in lower case
	Timeline Timeline       `yaml:"timeline"`
	DM       DM             `yaml:"dm"`
	Triggers Triggers       `yaml:"triggers"`
	Legacy   Legacy         `yaml:"legacy"`
	Packages Packages       `yaml:"packages"`
	// Servers are asked in order: the first that lists an endpoint has it.
	Servers []Server `yaml:"dm_servers" max:"1000"`
	// Devices are asked in order: the first that lists an endpoint decides.
	Devices []DeviceRule `yaml:"devices" max:"10000"`

	// Warnings are what is allowed but probably not meant.
	Warnings []string `yaml:"-"`
}

// CoAP is the side of the LwM2M devices.
type CoAP struct {
	Listen         string        `yaml:"listen"` // UDP address without security; empty has none
	Secure         Secure        `yaml:"secure"`
	MaxDevices     int           `yaml:"max_devices" min:"1" max:"10000000"`  // known at once
	MinLifetime    time.Duration `yaml:"min_lifetime" min:"1s" max:"24h"`     // shorter ones are kept at this
	MaxLifetime    time.Duration `yaml:"max_lifetime" min:"1m" max:"876000h"` // longer ones are kept at this
	RequestTimeout time.Duration `yaml:"request_timeout" min:"1s" max:"10m"`  // of a request to a device that is awake
	AsleepTimeout  time.Duration `yaml:"asleep_timeout" min:"1m" max:"720h"`  // of a request to one in queue mode
	MaxBody        Size          `yaml:"max_body" min:"1KiB" max:"8MiB"`      // of a body put together from blocks
}

// HTTP is the listener for scripts.
type HTTP struct {
	Listen string `yaml:"listen"` // TCP address; empty has no listener
	Cancel bool   `yaml:"cancel"` // updates can be given up there; needs a loopback address
}

// Store is where durable state lives.
type Store struct {
	Dir     string `yaml:"dir"`                             // serve --data goes before it
	Reserve Size   `yaml:"reserve" min:"16MiB" max:"64GiB"` // disk space kept back for a full disk
}

// Log is how the bridge logs.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format LogFormat  `yaml:"format"`
}

// Timeline is what is kept of a device's past.
type Timeline struct {
	Length int `yaml:"length" min:"1" max:"1000"` // lines per device
}

// DM is the side of the legacy DM servers.
type DM struct {
	MaxMessage     Size          `yaml:"max_message" min:"2KiB" max:"1MiB"` // announced as MaxMsgSize
	MaxObject      Size          `yaml:"max_object" min:"1KiB" max:"1MiB"`  // of a large object, announced as MaxObjSize
	MaxSessions    int           `yaml:"max_sessions" min:"1" max:"10000"`  // at once, of all devices
	MessageTimeout time.Duration `yaml:"message_timeout" min:"1s" max:"10m"`
	MessageTries   int           `yaml:"message_tries" min:"1" max:"10"`
	SessionTimeout time.Duration `yaml:"session_timeout" min:"10s" max:"24h"`
	BackoffMin     time.Duration `yaml:"backoff_min" min:"1s" max:"24h"` // after the first failed session; then doubled
	BackoffMax     time.Duration `yaml:"backoff_max" min:"1s" max:"168h"`
}

// Server is a legacy DM server and which devices belong to it.
type Server struct {
	Name     string          `yaml:"name" required:"a name for people, such as operator-a"`
	URL      string          `yaml:"url" required:"where package 1 is posted, such as http://dm.example.com/oma"`
	ServerID string          `yaml:"server_id" required:"the server's id as DMAcc calls it"`
	Version  Version         `yaml:"version"`
	Encoding syncml.Encoding `yaml:"encoding"`
	// Poll is the time between two sessions of a device; 0 has none on schedule.
	Poll time.Duration `yaml:"poll" max:"8760h"`
	Role fwupdate.Role `yaml:"role"`
	// Interaction is how the absent user of a device answers the server's alerts.
	Interaction session.Interaction `yaml:"interaction"`
	Devices     []Pattern           `yaml:"devices" max:"1000" required:"the endpoint patterns of its devices, such as urn:imei:*"`
	Account     Account             `yaml:"account"`
	// ContentType is the family of media types that is sent.
	ContentType dmhttp.Family `yaml:"content_type"`
	TLS         TLS           `yaml:"tls"`
	Proxy       Proxy         `yaml:"proxy"`

	accounts *accountBook // of ModeFile
	tls      *tls.Config  // made from TLS
}

func (s *Server) setDefaults() {
	s.Version = Version(syncml.DM12)
	s.Poll = time.Hour
	s.Role = fwupdate.Manager
	s.Interaction = session.InteractAccept
	s.Account.DeviceID = "{id}"
	s.Account.MSISDN = "{msisdn}"
}

// Account says under which names and secrets a device and a server know each
// other.
type Account struct {
	Mode     Mode        `yaml:"mode"`
	DeviceID Template    `yaml:"device_id"`
	Client   Credentials `yaml:"client"` // the device towards the server
	Server   Credentials `yaml:"server"` // the server towards the device
	MSISDN   Template    `yaml:"msisdn"` // by which triggers find the device
	File     string      `yaml:"file"`   // CSV, of ModeFile; relative to the configuration file
}

// Credentials of one direction. With SchemeNone none are asked or given.
type Credentials struct {
	Scheme     session.Scheme `yaml:"scheme"`
	User       Template       `yaml:"user"`
	Secret     syncml.Secret  `yaml:"secret"`
	SecretFile string         `yaml:"secret_file"` // read once; its last line end is no part of the secret
}

// DeviceRule overrides what is found out about devices.
type DeviceRule struct {
	Match   []Pattern      `yaml:"match" max:"1000" required:"endpoint patterns, such as urn:imei:35*"`
	Dialect lwm2m9.Dialect `yaml:"dialect"` // DialectUnknown: found out
	// Activate overrides Drive.Activate unless it is nil.
	Activate *bool `yaml:"activate"`
	// Way overrides Packages.Way, PushRate Packages.PushRate unless it is 0.
	Way      RuleWay `yaml:"way"`
	PushRate Size    `yaml:"push_rate" min:"1KiB" max:"1GiB"`
}

// Default is the configuration of a bridge without a file.
func Default() *Config {
	return &Config{
		CoAP: CoAP{
			Secure:         defaultSecure(),
			MaxDevices:     100_000,
			MinLifetime:    time.Second,
			MaxLifetime:    366 * 24 * time.Hour,
			RequestTimeout: 93 * time.Second, // MAX_TRANSMIT_WAIT (RFC 7252, 4.8.2)
			AsleepTimeout:  24 * time.Hour,
			MaxBody:        64 << 10,
		},
		HTTP:     HTTP{Listen: "127.0.0.1:8080"},
		Store:    Store{Dir: "data", Reserve: 64 << 20},
		Log:      Log{Level: slog.LevelInfo, Format: LogText},
		Drive:    mapping.DefaultPolicy(),
		Timeline: Timeline{Length: 64},
		DM: DM{
			MaxMessage:     64 << 10,
			MaxObject:      session.DefaultMaxObject,
			MaxSessions:    64,
			MessageTimeout: time.Minute,
			MessageTries:   3,
			SessionTimeout: 30 * time.Minute,
			BackoffMin:     30 * time.Second,
			BackoffMax:     6 * time.Hour,
		},
		Triggers: defaultTriggers(),
		Legacy:   defaultLegacy(),
		Packages: defaultPackages(),
	}
}
