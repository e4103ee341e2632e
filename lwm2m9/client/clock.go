package client

import (
	"container/heap"
	"context"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/internal/crew"
)

// lane is what goes to one server: Registers and Updates, so many at a time.
type lane struct {
	running int
	// urgent are Updates and De-registers: their registration may end.
	urgent, queue []*Client
}

// next is the client whose turn it is; nil when there is none.
func (l *lane) next() *Client {
	for _, q := range [...]*[]*Client{&l.urgent, &l.queue} {
		if len(*q) > 0 {
			c := (*q)[0]
			(*q)[0] = nil
			*q = (*q)[1:]
			return c
		}
	}
	return nil
}

// enqueue lines a client up for an exchange with its server.
func (h *Host) enqueue(c *Client, urgent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lanes[c.link.server]
	if l == nil {
		l = &lane{}
		h.lanes[c.link.server] = l
	}
	if urgent {
		l.urgent = append(l.urgent, c)
	} else {
		l.queue = append(l.queue, c)
	}
	h.look()
}

// tell lines a client up that has notifications to send.
func (h *Host) tell(c *Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.telling = append(h.telling, c)
	h.look()
}

// look wakes the clock.
func (h *Host) look() {
	select {
	case h.wake <- struct{}{}:
	default: // told already
	}
}

// set makes the clock call c.tick at the time given; the zero time never.
func (h *Host) set(c *Client, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at.IsZero() {
		h.drop(c)
		return
	}
	c.at = at
	if c.place == 0 {
		heap.Push(&h.timers, c)
	} else {
		heap.Fix(&h.timers, c.place-1)
	}
	if c.place == 1 {
		h.look()
	}
}

func (h *Host) drop(c *Client) {
	if c.place != 0 {
		heap.Remove(&h.timers, c.place-1)
	}
}

// idleCheck is how long the clock sleeps when nothing is due.
const idleCheck = time.Hour

// runClock starts what is due until ctx ends, and waits for what it started.
func (h *Host) runClock(ctx context.Context) {
	var work crew.Crew
	defer work.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
		now := time.Now()
		for _, c := range h.due(now) {
			c.tick(now)
		}
		h.startAll(ctx, &work)
		timer.Reset(h.sleep())
	}
}

// due takes the clients whose time has come off the heap.
func (h *Host) due(now time.Time) []*Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*Client
	for len(h.timers) > 0 && !now.Before(h.timers[0].at) {
		all = append(all, heap.Pop(&h.timers).(*Client))
	}
	return all
}

// startAll begins exchanges and notifications as far as there is room.
func (h *Host) startAll(ctx context.Context, work *crew.Crew) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.telling {
		work.Go(func() { c.tell(ctx) })
	}
	h.telling = nil
	for at, l := range h.lanes {
		for l.running < h.o.MaxRegistering {
			c := l.next()
			if c == nil {
				break
			}
			l.running++
			work.Go(func() {
				c.transact(ctx)
				h.mu.Lock()
				defer h.mu.Unlock()
				l.running--
				h.look()
			})
		}
		if l.running == 0 && len(l.urgent)+len(l.queue) == 0 {
			delete(h.lanes, at)
		}
	}
}

// sleep is the time until something is due.
func (h *Host) sleep() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.timers) == 0 {
		return idleCheck
	}
	return max(0, time.Until(h.timers[0].at))
}

// timers is a heap of clients, the one that is due next first.
type timers []*Client

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i+1, j+1
}
func (t *timers) Push(x any) {
	c := x.(*Client)
	*t = append(*t, c)
	c.place = len(*t)
}
func (t *timers) Pop() any {
	old := *t
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	c.place = 0
	return c
}
