package lwm2mserver

import (
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Limits and defaults of a [Script].
const (
	maxScript      = 1 << 20 // bytes
	maxSteps       = 1000
	DefaultTimeout = 30 * time.Second // of a wait
	DefaultRetries = 3                // of a request without an answer
)

// Script is what the server does with a device.
type Script struct {
	// Devices is the pattern of endpoint names that the script is for, as in
	// path.Match; "": all. The others are registered and left alone.
	Devices string `yaml:"devices"`
	// Dialect is the numbering that the server speaks: registered or draft; "":
	// registered.
	Dialect string `yaml:"dialect"`
	// Eager has the server execute Install at every notification of DELIVERED,
	// as a widely used one does.
	Eager bool `yaml:"eager"`
	// Timeout is that of a wait which has none; 0: DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
	// Retries is how often a request is repeated that got no answer; 0:
	// DefaultRetries, negative: never.
	Retries int    `yaml:"retries"`
	Steps   []Step `yaml:"steps"`
}

// LoadScript reads a script from YAML or JSON:
//
//	devices: "urn:imei:*"
//	steps:
//	  - observe 7 9 12
//	  - write 3 http://127.0.0.1:8090/ok/radio-2.0.pkg
//	  - wait state=DELIVERED timeout=1m
//	  - install
//	  - wait installed|failed
//	  - expect result=installed
//
// Unknown keys are refused with their line; the error lists everything that is
// wrong.
func LoadScript(r io.Reader) (Script, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err != nil {
		return Script{}, fmt.Errorf("script: %w", err)
	}
	if len(b) > maxScript {
		return Script{}, fmt.Errorf("script: over %d bytes", maxScript)
	}
	var s Script
	if err := yaml.Load(b, &s, yaml.WithKnownFields()); err != nil {
		return Script{}, fmt.Errorf("script: %w", err)
	}
	if err := s.Validate(); err != nil {
		return Script{}, fmt.Errorf("script: %w", err)
	}
	return s, nil
}

// defaultSteps are a whole update.
var defaultSteps = []string{"observe 7 9 12", "write 3", "wait state=DELIVERED|failed", "expect state=DELIVERED", "install",
	"wait installed|failed", "expect installed", "activate", "wait active"}

// DefaultScript is a whole update with the package URL of the [Config].
func DefaultScript() Script {
	var s Script
	for _, text := range defaultSteps {
		step, err := ParseStep(text)
		if err != nil {
			panic(err) // of a text in this file
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

// Validate reports everything that is wrong with s, at once.
func (s Script) Validate() error {
	var errs []error
	if _, err := path.Match(s.Devices, ""); err != nil {
		errs = append(errs, fmt.Errorf("devices %q: %w", s.Devices, err))
	}
	if s.dialect() == lwm2m9.DialectUnknown {
		errs = append(errs, fmt.Errorf("dialect %q: must be registered or draft", s.Dialect))
	}
	if s.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout %v: must not be negative", s.Timeout))
	}
	if n := len(s.Steps); n == 0 || n > maxSteps {
		errs = append(errs, fmt.Errorf("%d steps: must be 1 to %d", n, maxSteps))
	}
	return errors.Join(errs...)
}

func (s Script) dialect() lwm2m9.Dialect {
	switch s.Dialect {
	case "", lwm2m9.Registered.String():
		return lwm2m9.Registered
	case lwm2m9.Draft.String():
		return lwm2m9.Draft
	}
	return lwm2m9.DialectUnknown
}

// isFor says whether the script is for an endpoint.
func (s Script) isFor(endpoint string) bool {
	ok, err := path.Match(s.Devices, endpoint)
	return s.Devices == "" || ok && err == nil
}
