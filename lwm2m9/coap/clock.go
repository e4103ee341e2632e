package coap

import (
	"container/heap"
	"context"
	"math"
	"time"
)

// instant is a moment, counted from the Endpoint's start: a third of a
// time.Time, of which there may be hundreds of thousands.
type instant time.Duration

// never is later than everything.
const never instant = math.MaxInt64

// timer is one entry of the Endpoint's only clock, embedded in what it is for.
// The zero value is not set.
type timer struct {
	at    instant
	place int // in the heap, counted from 1; 0 when not set
	owner alarm
}

// alarm is called by the clock, with the lock held, once its timer has run
// out. What it wants written it adds to the outbox.
type alarm interface {
	due(e *Endpoint, now instant)
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.place = len(*h)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.place = 0
	return t
}

// now is the time since the Endpoint was made.
func (e *Endpoint) now() instant { return instant(time.Since(e.start)) }

// set makes t run out at the moment given, instead of what it was set to.
func (e *Endpoint) set(t *timer, owner alarm, at instant) {
	t.at, t.owner = at, owner
	if t.place == 0 {
		heap.Push(&e.timers, t)
	} else {
		heap.Fix(&e.timers, t.place-1)
	}
	e.wakeFor(at)
}

// stop takes t out of the clock.
func (e *Endpoint) stop(t *timer) {
	if t.place != 0 {
		heap.Remove(&e.timers, t.place-1)
	}
}

// wakeFor makes sure that the clock looks at the time given.
func (e *Endpoint) wakeFor(at instant) {
	if at >= e.sleepsTo {
		return
	}
	e.sleepsTo = at
	select {
	case e.wake <- struct{}{}:
	default: // it has been told already
	}
}

// datagram is something to be written once the lock is free.
type datagram struct {
	data []byte
	to   *peer
}

// runClock sleeps until the next timer, without end until ctx ends.
func (e *Endpoint) runClock(ctx context.Context) {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		out, next := e.tick()
		for _, d := range out {
			e.write(d.data, d.to.addr)
		}
		if next != never {
			t.Reset(time.Duration(next) - time.Since(e.start))
		} else {
			t.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-t.C:
		}
	}
}

// tick runs everything that is due; out is what is to be written, next when
// the clock must look again.
func (e *Endpoint) tick() (out []datagram, next instant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	for len(e.timers) > 0 && e.timers[0].at <= now {
		t := heap.Pop(&e.timers).(*timer)
		t.owner.due(e, now)
	}
	e.forgetOld(now)
	out, e.outbox = e.outbox, nil
	next = never
	if len(e.timers) > 0 {
		next = e.timers[0].at
	}
	if e.oldest != nil {
		next = min(next, e.oldest.until)
	}
	e.sleepsTo = next
	return out, next
}
