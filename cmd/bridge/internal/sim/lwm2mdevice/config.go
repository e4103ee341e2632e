package lwm2mdevice

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Versions are the LwM2M versions that the device can register with, the
// newest first: after a 4.12 it tries the next one.
var Versions = []string{"1.2", "1.1", "1.0"}

// Config describes one device. Endpoint and Server must be set.
type Config struct {
	Endpoint string         // endpoint client name, "urn:imei:490154203237518"
	Server   string         // host:port of the LwM2M server
	Listen   string         // local address; "" is any free port of the right family
	Dialect  lwm2m9.Dialect // 0: Registered
	Version  string         // of Versions; "": "1.1"
	Lifetime time.Duration  // in the registration, whole seconds; 0: 60 s
	// UpdateEvery is the longest time between two registration updates, the
	// shortest is an eighth less; 0: half the lifetime.
	UpdateEvery time.Duration
	// RebootEvery makes the device reboot by itself, keeping what it has: each
	// boot lasts half to one and a half of it. 0: never.
	RebootEvery time.Duration
	// StartAfter is how long Run waits before the first boot.
	StartAfter time.Duration
	// DTLS has the credentials of a device that speaks DTLS 1.2; nil: none.
	DTLS *dtls.ClientOptions
	// QueueMode makes the device sleep when it has heard nothing for AwakeFor
	// (0: 100 ms), until its next Update or notification.
	QueueMode bool
	AwakeFor  time.Duration
	// Deregister makes Run say good-bye when its context ends.
	Deregister bool
	// NonConfirmable sends notifications as NON instead of CON.
	NonConfirmable bool
	Root           string     // alternate path of the objects, "/lwm2m"; "": none
	Instances      []Software // of Object 9 at the first boot; nil: one, INITIAL
	MaxInstances   int        // Create beyond it is refused 4.00; 0: 8
	NoObject9      bool       // the device has no Object 9 at all

	Manufacturer, Model, Serial, Firmware string // of /3/0; "": plausible ones

	// Schemes are those of a Package URI that the device fetches from: of http,
	// https and coap; nil: http and https.
	Schemes    []string
	MaxPackage int64  // bytes, more ends with "not enough storage"; 0: 16 MiB
	Timing     Timing // zero fields have defaults
	Seed       uint64 // of every random decision
	Faults     []Fault
	Log        *slog.Logger // nil: none
	// OnEvent is called for each event, in order, from the device's own
	// goroutine. It must not block and must not call Run.
	OnEvent func(Event)
}

// Software is an instance of Object 9 at the start.
type Software struct {
	ID         lwm2m9.InstanceID
	Name       string
	Version    string
	State      lwm2m9.UpdateState // 0: Initial
	Result     lwm2m9.UpdateResult
	Activation lwm2m9.ActivationState
}

// Timing is how long things take. Every zero field has the default given.
type Timing struct {
	Download  time.Duration // between the Write and the request for the package; 2 ms
	Verify    time.Duration // of the check; 2 ms
	Install   time.Duration // 2 ms
	Activate  time.Duration // 2 ms, also Deactivate
	Uninstall time.Duration // 2 ms
	Reboot    time.Duration // between two boots; 10 ms
	Retry     time.Duration // between two attempts to register; 1 s
	Ack       time.Duration // until a CON is repeated: go-coap's wait grows by this much each time; 2 s
	Request   time.Duration // until a request of the device is given up; 10 s
	HTTP      time.Duration // of a whole download; 30 s
}

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Download, 2 * time.Millisecond}, {&t.Verify, 2 * time.Millisecond}, {&t.Install, 2 * time.Millisecond},
		{&t.Activate, 2 * time.Millisecond}, {&t.Uninstall, 2 * time.Millisecond}, {&t.Reboot, 10 * time.Millisecond},
		{&t.Retry, time.Second}, {&t.Ack, 2 * time.Second}, {&t.Request, 10 * time.Second}, {&t.HTTP, 30 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return t
}

func (c Config) withDefaults() Config {
	c.Timing = c.Timing.withDefaults()
	def(&c.Dialect, lwm2m9.Registered)
	def(&c.Version, "1.1")
	def(&c.Lifetime, time.Minute)
	def(&c.UpdateEvery, c.Lifetime/2)
	def(&c.AwakeFor, 100*time.Millisecond)
	def(&c.MaxInstances, 8)
	def(&c.MaxPackage, 16<<20)
	if c.Schemes == nil {
		c.Schemes = []string{"http", "https"}
	}
	def(&c.Manufacturer, "fwbridge")
	def(&c.Model, "simulated device")
	def(&c.Serial, c.Endpoint)
	def(&c.Firmware, "1.0")
	if c.Instances == nil {
		c.Instances = []Software{{}}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	return c
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

var rootForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// Validate reports everything that is wrong with c, at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Endpoint == "" {
		errs = append(errs, errors.New("no endpoint name"))
	}
	if _, _, err := net.SplitHostPort(c.Server); err != nil {
		errs = append(errs, fmt.Errorf("server %q: want host:port", c.Server))
	}
	if !slices.Contains(Versions, c.Version) {
		errs = append(errs, fmt.Errorf("LwM2M version %q: known are %v", c.Version, Versions))
	}
	if c.Lifetime < time.Second {
		errs = append(errs, fmt.Errorf("lifetime %v: LwM2M counts it in whole seconds, the least is 1s", c.Lifetime))
	}
	for _, d := range []time.Duration{c.UpdateEvery, c.RebootEvery, c.StartAfter} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%v: a time must not be negative", d))
		}
	}
	if c.Root != "" && !rootForm.MatchString(c.Root) {
		errs = append(errs, fmt.Errorf("root %q: want a path such as /lwm2m", c.Root))
	}
	if len(c.Instances) > c.MaxInstances {
		errs = append(errs, fmt.Errorf("%d instances of Object 9: the most is %d", len(c.Instances), c.MaxInstances))
	}
	return errors.Join(errs...)
}
