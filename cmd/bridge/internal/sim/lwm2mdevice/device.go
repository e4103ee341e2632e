package lwm2mdevice

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lossy"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Device is one simulated device. Make it with [New].
type Device struct {
	cfg    Config
	faults *faults
	plan   *schedule
	line   *lossy.Line // nil without the faults that need it

	// Owned by the goroutine of Run.
	soft  map[lwm2m9.InstanceID]*software
	seq   uint32 // of the Observe option; goes on over boots
	inUse string // LwM2M version of the last registration

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
	d := &Device{
		cfg:    cfg,
		faults: newFaults(cfg.Faults),
		plan:   newSchedule(cfg),
		soft:   map[lwm2m9.InstanceID]*software{},
		inUse:  cfg.Version,
		counts: Counts{Done: map[Op]int{}, Refused: map[Op]int{}},
	}
	var err error
	if d.line, err = newLine(cfg); err != nil {
		return nil, fmt.Errorf("lwm2m device: %w", err)
	}
	if !cfg.NoObject9 {
		for _, s := range cfg.Instances {
			d.soft[s.ID] = newSoftware(s)
		}
	}
	d.publish()
	return d, nil
}

// Counts is a copy of the counters.
func (d *Device) Counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.counts
	c.Done, c.Refused = maps.Clone(c.Done), maps.Clone(c.Refused)
	if d.line != nil {
		s := d.line.Stats()
		c.Lost, c.Repeated = int(s.Dropped), int(s.Repeated)
	}
	return c
}

// Instances is what the instances of Object 9 show now, by id.
func (d *Device) Instances() []lwm2m9.Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.shown)
}

// Run lives through the device's boots until ctx ends, and returns after its
// last goroutine has ended. It returns nil when ctx ended, and an error when
// no socket could be had. It must be called once.
func (d *Device) Run(ctx context.Context) error {
	wait(ctx, d.cfg.StartAfter)
	if ctx.Err() != nil {
		return nil
	}
	server, stop, err := d.delay(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var last *boot
	for ctx.Err() == nil {
		b, err := d.newBoot(ctx, server, last)
		if err != nil {
			return err
		}
		b.run()
		if b.end == endReboot {
			d.afterReboot(ctx, b.memory)
		}
		last = b
	}
	return nil
}

// afterReboot forgets what the reboot forgets, and waits until the device is
// up again.
func (d *Device) afterReboot(ctx context.Context, m Memory) {
	if m == Lose {
		for _, s := range d.soft {
			*s = *newSoftware(Software{ID: s.id})
		}
		d.publish()
	}
	wait(ctx, d.cfg.Timing.Reboot)
}

// publish makes what the instances show visible to Instances.
func (d *Device) publish() {
	list := make([]lwm2m9.Instance, 0, len(d.soft))
	for _, id := range d.instanceIDs() {
		list = append(list, d.soft[id].instance(d.cfg.Dialect))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shown = list
}

func (d *Device) instanceIDs() []lwm2m9.InstanceID { return slices.Sorted(maps.Keys(d.soft)) }

// event reports an event; it runs in the goroutine of Run.
func (d *Device) event(e Event) {
	e.Endpoint = d.cfg.Endpoint
	d.cfg.Log.Debug("device", "event", e.String())
	d.cfg.OnEvent(e)
}

func (d *Device) count(f func(*Counts)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.counts)
}
