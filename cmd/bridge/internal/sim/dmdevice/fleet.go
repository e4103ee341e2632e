package dmdevice

import (
	"container/heap"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
)

// Fleet is the devices of one process. Make it with [New].
type Fleet struct {
	cfg      Config
	devices  []*Device
	byID     map[string]*Device
	byNumber map[string]*Device
	http     *dmhttp.Client
	packages *http.Transport
	way      string // of dmhttp
	wake     chan struct{}

	mu      sync.Mutex
	queue   queue             // of devices that wait; guarded by mu
	waits   map[*Device]*wait // guarded by mu
	counts  Counts            // guarded by mu
	results []Result          // guarded by mu
	changed chan struct{}     // closed and replaced with each result; guarded by mu
}

// wait is a device that waits, or whose turn it is.
type wait struct {
	d     *Device
	at    time.Time
	place int  // in the queue; -1: its turn, or nothing to wait for
	busy  bool // its turn
	again bool // it was called in its turn
}

// New makes a fleet. The error lists everything wrong with the configuration.
func New(cfg Config) (*Fleet, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("dm device: %w", err)
	}
	cfg = cfg.withDefaults()
	f := &Fleet{
		cfg: cfg, byID: make(map[string]*Device, cfg.Count), byNumber: make(map[string]*Device, cfg.Count), way: "dm",
		wake: make(chan struct{}, 1), waits: make(map[*Device]*wait, cfg.Count), changed: make(chan struct{}),
		packages: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: cfg.Workers, IdleConnTimeout: 30 * time.Second},
	}
	server := dmhttp.Server{Proxy: dmhttp.Proxy{Direct: true}}
	if slices.Contains(cfg.Quirks, SyncMLType) {
		server.Family = dmhttp.FamilySyncML
	}
	f.http = dmhttp.New(dmhttp.Options{Timeout: cfg.Timing.HTTP, Servers: map[string]dmhttp.Server{f.way: server}})
	for n := 1; n <= cfg.Count; n++ {
		d := newDevice(f, n)
		f.devices = append(f.devices, d)
		f.byID[keyOf(d.ID())], f.byNumber[d.number] = d, d
		f.waits[d] = &wait{d: d, place: -1}
	}
	return f, nil
}

// Run lets the devices live until ctx ends, and returns after the last
// goroutine has ended, always nil. It must be called once.
func (f *Fleet) Run(ctx context.Context) error {
	defer f.packages.CloseIdleConnections()
	defer f.http.Close()
	var turns sync.WaitGroup
	defer turns.Wait()
	now := time.Now()
	for _, d := range f.devices {
		if !f.cfg.Quiet {
			d.scheduled = now
			f.put(d, now)
		}
	}
	places := make(chan struct{}, f.cfg.Workers)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for d := f.due(); d != nil; d = f.due() {
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			turns.Go(func() {
				defer func() { <-places }()
				next := d.turn(ctx)
				if ctx.Err() == nil {
					f.put(d, next)
				}
			})
		}
		timer.Reset(f.pause())
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-timer.C:
		}
	}
}

// longest bounds the sleep of the loop.
const longest = time.Hour

// pause is how long nothing is due.
func (f *Fleet) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		return longest
	}
	return min(max(time.Until(f.queue[0].at), 0), longest)
}

// due takes a device out of the queue whose time has come; nil: none.
func (f *Fleet) due() *Device {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 || time.Now().Before(f.queue[0].at) {
		return nil
	}
	w := heap.Pop(&f.queue).(*wait)
	w.busy = true
	return w.d
}

// put ends a turn: the next one is at that time, or never when it is zero.
func (f *Fleet) put(d *Device, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.waits[d]
	w.busy = false
	if w.again {
		w.again, at = false, time.Now()
	}
	if !at.IsZero() {
		w.at = at
		heap.Push(&f.queue, w)
		f.poke()
	}
}

// call gives a device a turn soon.
func (f *Fleet) call(d *Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.waits[d]
	now := time.Now()
	switch {
	case w.busy:
		w.again = true
	case w.place < 0:
		w.at = now
		heap.Push(&f.queue, w)
	case w.at.After(now):
		w.at = now
		heap.Fix(&f.queue, w.place)
	}
	f.poke()
}

// poke wakes the loop.
func (f *Fleet) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Fleet) count(add func(*Counts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add(&f.counts)
}

// over notes the end of an update.
func (f *Fleet) over(r Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results = append(f.results, r)
	f.counts.Over++
	if !r.Code.Success() {
		f.counts.Failed++
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// Counts is a copy of the counters.
func (f *Fleet) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// Results is every update that is over, in that order.
func (f *Fleet) Results() []Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.results)
}

// Wait returns nil when n updates are over, and the context's error before
// that.
func (f *Fleet) Wait(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		over, changed := len(f.results), f.changed
		f.mu.Unlock()
		if over >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// queue is a heap of devices by time.
type queue []*wait

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i]; q[i].place, q[j].place = i, j }

// Push implements [heap.Interface].
func (q *queue) Push(x any) {
	w := x.(*wait)
	w.place = len(*q)
	*q = append(*q, w)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	old := *q
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	w.place = -1
	return w
}
