// Package fleet is many simulated LwM2M devices in one process: how they get
// their names, keys and seeds, when each starts, and what became of them all
// together. What one device does is in lwm2mdevice; nothing here speaks a
// protocol.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
)

// MaxDevices bounds a fleet: each device has a UDP port of its own, and Linux
// has 28,232 to give by default (net.ipv4.ip_local_port_range), which others
// use too.
const MaxDevices = 25_000

// Number is what stands for a device's number, counted from 1, in endpoint
// names and file names.
const Number = "%d"

// Config describes a fleet. Device, Count and Out must be set.
type Config struct {
	// Device is what all have in common. Number in Endpoint is replaced; the
	// seed of device n is Seed + n - 1.
	Device lwm2mdevice.Config
	Count  int // 1 to MaxDevices
	// Ramp is how long it takes until the last device starts: they start at
	// equal distances. 0 starts all at once.
	Ramp        time.Duration
	Credentials Credentials   // nil: no DTLS
	Narrate     bool          // a line for each event instead of counted lines
	Every       time.Duration // between two counted lines; 0: DefaultEvery
	Out         io.Writer
}

// DefaultEvery is the time between two counted lines.
const DefaultEvery = 5 * time.Second

// Fleet is a fleet ready to Run.
type Fleet struct {
	cfg     Config
	devices []*lwm2mdevice.Device
	tally   tally
	out     sync.Mutex // a line at a time
}

// New makes a fleet. The error says what is wrong with the configuration.
func New(cfg Config) (*Fleet, error) {
	switch {
	case cfg.Count < 1 || cfg.Count > MaxDevices:
		return nil, fmt.Errorf("%d devices: must be 1 to %d", cfg.Count, MaxDevices)
	case cfg.Count > 1 && !strings.Contains(cfg.Device.Endpoint, Number):
		return nil, fmt.Errorf("endpoint %q: the names of several devices must hold %s, the device's number", cfg.Device.Endpoint, Number)
	case cfg.Ramp < 0 || cfg.Every < 0:
		return nil, errors.New("a time must not be negative")
	case cfg.Every == 0:
		cfg.Every = DefaultEvery
	}
	f := &Fleet{cfg: cfg, devices: make([]*lwm2mdevice.Device, cfg.Count)}
	f.tally.of = int64(cfg.Count)
	for i := range f.devices {
		c, err := f.config(i)
		if err != nil {
			return nil, err
		}
		if f.devices[i], err = lwm2mdevice.New(c); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// config is the configuration of the device with index i.
func (f *Fleet) config(i int) (lwm2mdevice.Config, error) {
	c := f.cfg.Device
	c.Endpoint = Numbered(c.Endpoint, i+1)
	c.Seed += uint64(i)
	c.StartAfter = f.cfg.Ramp * time.Duration(i) / time.Duration(f.cfg.Count)
	watch, other := f.tally.watch(), c.OnEvent
	c.OnEvent = func(e lwm2mdevice.Event) {
		watch(e)
		f.narrate(e)
		if other != nil {
			other(e)
		}
	}
	if f.cfg.Credentials == nil {
		return c, nil
	}
	var err error
	c.DTLS, err = f.cfg.Credentials.For(c.Endpoint, i+1)
	return c, err
}

// Numbered puts a device's number where the text says Number.
func Numbered(text string, n int) string { return strings.ReplaceAll(text, Number, strconv.Itoa(n)) }

// narrate prints what a person would want to know of a few devices.
func (f *Fleet) narrate(e lwm2mdevice.Event) {
	if f.cfg.Narrate && e.Kind != lwm2mdevice.EventNotified && e.Kind != lwm2mdevice.EventStep {
		f.print(e.String())
	}
}

func (f *Fleet) print(line string) {
	f.out.Lock()
	defer f.out.Unlock()
	fmt.Fprintf(f.cfg.Out, "%s %s\n", time.Now().Format("15:04:05.000"), line)
}

// Run lives through all devices until ctx ends, and returns after the last
// goroutine has ended. It returns nil when ctx ended, and what the first device
// said that could not go on, for example because there are no sockets left.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.tally.begin(time.Now())
	var all sync.WaitGroup
	for _, d := range f.devices {
		all.Go(func() {
			if err := d.Run(ctx); err != nil {
				cancel(err) // the others would not fare better
			}
		})
	}
	if !f.cfg.Narrate {
		all.Go(func() { f.progress(ctx) })
	}
	<-ctx.Done()
	last := f.Counts() // before they say good-bye
	all.Wait()
	if !f.cfg.Narrate {
		f.print("end: " + last.String())
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// progress prints a counted line from time to time, while anything changes, and
// one when all are registered.
func (f *Fleet) progress(ctx context.Context) {
	tick := time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	f.tally.mu.Lock()
	all := f.tally.all
	f.tally.mu.Unlock()
	var before Counts
	for {
		select {
		case <-ctx.Done():
			return
		case <-all:
			all = nil
			f.print(fmt.Sprintf("all %d devices registered after %.1f s", f.cfg.Count, f.Counts().AllAfter.Seconds()))
		case <-tick.C:
			now := f.Counts()
			if line := now.since(before); line != "" {
				f.print(line)
			}
			before = now
		}
	}
}

// Counts is what has become of the fleet so far.
func (f *Fleet) Counts() Counts { return f.tally.counts(time.Now()) }
