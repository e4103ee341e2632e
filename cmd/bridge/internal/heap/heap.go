// Package heap lets a small process gather more garbage before it is collected.
//
// Go collects when the heap has doubled. A bridge with a few thousand devices
// keeps 20 MB alive, so under load it marks them again for every 20 MB that
// messages take, for a tenth of its CPU time. With a floor it waits until the
// heap has that size; a heap of half the floor and more is collected as always.
// What GOGC says is left alone, and GOMEMLIMIT holds as before. An idle bridge
// does not grow: nothing is allocated.
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Usual is the floor of a bridge, in bytes.
const Usual = 96 << 20

// The bounds of what is set, in percent of what is alive. Below the upper one
// the least heap that the runtime knows (4 MiB at 100) stays below Usual.
const (
	leastPercent = 100
	mostPercent  = 800
)

// Floor keeps garbage from being collected while the heap is smaller than so
// many bytes, as far as that can be foreseen: it looks after each collection.
// It does nothing where GOGC is set. stop ends it and sets what was set before.
func Floor(bytes uint64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	f := &floor{bytes: bytes, before: debug.SetGCPercent(leastPercent)}
	f.adjust()
	return f.stop
}

// floor sets the percentage after each collection.
type floor struct {
	bytes  uint64
	before int

	mu      sync.Mutex
	set     int
	stopped bool
}

// sentinel is collected by the next collection. It has a pointer, so that it is
// not put together with other small things that live on.
type sentinel struct{ _ *int }

// adjust sets the percentage for what is alive now, and comes again after the
// next collection.
func (f *floor) adjust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	if p := percent(live(), f.bytes); p != f.set {
		f.set = p
		debug.SetGCPercent(p) // stops the world
	}
	runtime.AddCleanup(new(sentinel), (*floor).adjust, f)
}

func (f *floor) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.stopped = true
		debug.SetGCPercent(f.before)
	}
}

// live is what the last collection has left, in bytes; 0 before the first.
func live() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxUint64 // a runtime without this metric: as always
	}
	return s[0].Value.Uint64()
}

// percent is how much garbage there may be beside so many live bytes.
func percent(live, floor uint64) int {
	switch {
	case live >= floor/2:
		return leastPercent
	case live <= floor/(1+mostPercent/100):
		return mostPercent
	}
	return int((floor - live) * 100 / live)
}
