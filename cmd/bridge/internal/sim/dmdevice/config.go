package dmdevice

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Limits and defaults of a [Config].
const (
	MaxDevices        = 100_000
	DefaultWorkers    = 64
	DefaultMaxPackage = 64 << 20   // bytes
	DefaultServerID   = "fwbridge" // that of a bridge whose file says nothing else
	// maxMsgSize is announced, in bytes, as deployed devices do; longer messages
	// are taken all the same.
	maxMsgSize = 16384
)

// Config describes a fleet. DeviceID and Server must be set; "%d" in texts
// that say so is the number of the device, from 1.
type Config struct {
	DeviceID string // Source of every message, "IMEI:%d"; %d
	Count    int    // how many devices; 0: 1
	Server   string // URL of the DM server
	ServerID string // "": DefaultServerID

	Auth, ServerAuth session.Scheme // what the device proves, and the server
	User             string         // of the device at the server; "": the device id; %d
	Secret           syncml.Secret  // of the device; %d
	// ServerSecret is the server's. Without one triggers are taken unsigned.
	ServerSecret syncml.Secret

	Version  syncml.Version  // zero: DM 1.2
	Encoding syncml.Encoding // zero: XML
	// Every is the time between sessions of the device's own accord; 0: only the
	// one at the start. With Quiet there is none at the start.
	Every time.Duration
	Quiet bool

	Number                        string // telephone number, for triggers by SMS; "": the device id; %d
	Manufacturer, Model, Firmware string // "": plausible ones

	Timing     Timing
	MaxPackage int64 // bytes, more is result 501; 0: DefaultMaxPackage
	Workers    int   // turns at one time; 0: DefaultWorkers
	Quirks     []Quirk
	Faults     []Fault // of each device
	Seed       uint64  // of every random decision, with the device's number
	Log        *slog.Logger
	// OnEvent is called for each event, for one device in order, for several
	// at once. It must not block.
	OnEvent func(Event)
}

// Timing is how long things take. Every zero field has the default given.
type Timing struct {
	Begin    time.Duration // from the Exec to State 30; 2 ms
	Download time.Duration // in State 30 before the first request; 2 ms
	Chunk    time.Duration // between two requests of a download; 0
	Verify   time.Duration // in State 40; 2 ms
	Install  time.Duration // in State 50; 2 ms
	Report   time.Duration // from the end of the update to the alert; 2 ms
	Reboot   time.Duration // 10 ms
	// Retry is the wait after a session that failed; it doubles up to 32 times
	// that. 1 s
	Retry time.Duration
	HTTP  time.Duration // of one request with its answer; 30 s
}

func (t Timing) withDefaults() Timing {
	const short = 2 * time.Millisecond
	t.Begin, t.Download, t.Verify = cmp.Or(t.Begin, short), cmp.Or(t.Download, short), cmp.Or(t.Verify, short)
	t.Install, t.Report = cmp.Or(t.Install, short), cmp.Or(t.Report, short)
	t.Reboot, t.Retry = cmp.Or(t.Reboot, 10*time.Millisecond), cmp.Or(t.Retry, time.Second)
	t.HTTP = cmp.Or(t.HTTP, 30*time.Second)
	return t
}

func (c Config) withDefaults() Config {
	c.Count, c.Workers = cmp.Or(c.Count, 1), cmp.Or(c.Workers, DefaultWorkers)
	c.ServerID, c.Version = cmp.Or(c.ServerID, DefaultServerID), cmp.Or(c.Version, syncml.DM12)
	c.Manufacturer, c.Model = cmp.Or(c.Manufacturer, "fwbridge"), cmp.Or(c.Model, "simulated device")
	c.Firmware, c.MaxPackage = cmp.Or(c.Firmware, "1.0"), cmp.Or(c.MaxPackage, DefaultMaxPackage)
	c.Timing = c.Timing.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	return c
}

// Validate reports everything that is wrong with c, at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.DeviceID == "" {
		fail("no device id")
	}
	if c.Count < 1 || c.Count > MaxDevices {
		fail("%d devices: must be 1 to %d", c.Count, MaxDevices)
	}
	if c.Count > 1 && !strings.Contains(c.DeviceID, "%d") {
		fail("device id %q: for several devices it must hold %%d, the device's number", c.DeviceID)
	}
	if c.Count > 1 && c.Number != "" && !strings.Contains(c.Number, "%d") {
		fail("number %q: for several devices it must hold %%d, the device's number", c.Number)
	}
	if u, err := url.Parse(c.Server); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		fail("server %q: want a URL such as http://127.0.0.1:8080/dm", c.Server)
	}
	if c.Auth != session.SchemeNone && c.Secret == "" {
		fail("the device has to prove itself and has no secret")
	}
	if c.ServerAuth != session.SchemeNone && c.ServerSecret == "" {
		fail("the server has to prove itself and has no secret")
	}
	if c.Every < 0 || c.Workers < 1 || c.MaxPackage < 1 {
		fail("times and limits must not be negative")
	}
	mac := c.Auth == session.SchemeMAC || c.ServerAuth == session.SchemeMAC
	for _, q := range c.Quirks {
		if mac && q.rewrites() {
			fail("quirk %s changes messages after they are signed: not together with mac", q)
		}
	}
	return errors.Join(errs...)
}

// numbered puts a device's number into a text.
func numbered(text string, n int) string { return strings.ReplaceAll(text, "%d", strconv.Itoa(n)) }

// account is that of the device with a number.
func (c Config) account(n int) session.Account {
	a := session.Account{
		DeviceID: numbered(c.DeviceID, n), ServerID: c.ServerID, URL: c.Server, Version: c.Version, Encoding: c.Encoding, MaxMsgSize: maxMsgSize,
	}
	if c.Auth != session.SchemeNone {
		user := cmp.Or(numbered(c.User, n), a.DeviceID)
		a.Client = session.Credentials{Scheme: c.Auth, User: user, Secret: syncml.Secret(numbered(string(c.Secret), n))}
	}
	if c.ServerAuth != session.SchemeNone {
		a.Server = session.Credentials{Scheme: c.ServerAuth, User: c.ServerID, Secret: c.ServerSecret}
	}
	return a
}

// identity is what ./DevInfo and ./DevDetail show.
func (c Config) identity(deviceID string) fwupdate.Identity {
	v := "1.2"
	if c.Version == syncml.DM112 {
		v = "1.1.2"
	}
	return fwupdate.Identity{DeviceID: deviceID, Manufacturer: c.Manufacturer, Model: c.Model, Language: "en", DeviceType: "phone", OEM: c.Manufacturer,
		FirmwareVersion: c.Firmware, SoftwareVersion: c.Firmware, HardwareVersion: "1", DMVersion: v}
}
