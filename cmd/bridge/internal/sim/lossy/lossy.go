// Package lossy is a UDP relay between clients and one server that loses,
// repeats, delays and reorders datagrams, by chance with a seed or by number.
// It does not know what is inside them.
package lossy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Way is what happens to the datagrams of one direction. The zero value lets
// all pass.
type Way struct {
	Drop    float64       // share that gets lost, 0 to 1
	Repeat  float64       // share that arrives twice
	Reorder float64       // share that is held until another one has passed; without another it is lost
	Delay   time.Duration // of every datagram
	// DropNth lists datagrams to lose by their number in this direction over
	// all clients, the first being 1.
	DropNth []int
	// Match, when set, limits all of the above to the datagrams for which it
	// is true; only those are numbered. It is called by one goroutine at a
	// time.
	Match func(datagram []byte) bool
}

// Validate reports everything that is wrong with w, at once.
func (w Way) Validate() error {
	var errs []error
	for _, r := range []struct {
		name string
		rate float64
	}{{"drop", w.Drop}, {"repeat", w.Repeat}, {"reorder", w.Reorder}} {
		if !(r.rate >= 0 && r.rate <= 1) {
			errs = append(errs, fmt.Errorf("%s rate %v is not between 0 and 1", r.name, r.rate))
		}
	}
	if w.Delay < 0 {
		errs = append(errs, fmt.Errorf("delay %v is negative", w.Delay))
	}
	return errors.Join(errs...)
}

// fate is what one datagram has to suffer.
type fate uint8

const (
	pass fate = iota
	drop
	repeat
	hold
)

// way is a direction at work: the dice, the count, and the datagram held back.
type way struct {
	Way

	mu   sync.Mutex
	dice *rand.Rand // guarded by mu
	n    int        // datagrams so far; guarded by mu
	held func()     // sends the datagram that waits for another; guarded by mu
}

func newWay(w Way, seed, stream uint64) *way {
	return &way{Way: w, dice: rand.New(rand.NewPCG(seed, stream))}
}

// decide throws the dice for one datagram. All three are thrown for each, so
// that the sequence depends on the seed and the count only.
func (w *way) decide(datagram []byte) fate {
	if w.Match != nil && !w.Match(datagram) {
		return pass
	}
	w.n++
	lost, twice, late := w.dice.Float64() < w.Drop, w.dice.Float64() < w.Repeat, w.dice.Float64() < w.Reorder
	switch {
	case lost || slices.Contains(w.DropNth, w.n):
		return drop
	case twice:
		return repeat
	case late:
		return hold
	}
	return pass
}

// take decides about a datagram and returns what to send now, in order.
func (w *way) take(datagram []byte, send func()) (fate, []func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.decide(datagram)
	var now []func()
	switch f {
	case drop:
		return f, nil
	case hold:
		now, w.held = w.release(), send
		return f, now
	case repeat:
		now = append(now, send, send)
	default:
		now = append(now, send)
	}
	return f, append(now, w.release()...)
}

// release hands over the datagram held back; w.mu is held.
func (w *way) release() []func() {
	if w.held == nil {
		return nil
	}
	held := w.held
	w.held = nil
	return []func(){held}
}
