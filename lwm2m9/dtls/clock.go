package dtls

import (
	"context"
	"time"
)

// The clock looks at handshakes every tick while there are any, and at idle
// associations every sweep.
const (
	tick  = 250 * time.Millisecond
	sweep = 30 * time.Second
)

// runClock repeats flights, and ends what takes too long or is idle.
func (c *Conn) runClock(ctx context.Context) {
	timer := time.NewTimer(sweep)
	defer timer.Stop()
	for swept := c.now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		now := c.now()
		busy := c.lookAtHandshakes(now)
		if now-swept >= sweep {
			swept = now
			c.sweep(now)
		}
		if busy {
			timer.Reset(tick)
		} else {
			timer.Reset(swept + sweep - now)
		}
	}
}

// lookAtHandshakes tells whether there are any.
func (c *Conn) lookAtHandshakes(now time.Duration) bool {
	var due []*handshake
	c.mu.Lock()
	kept := c.queue[:0]
	for _, h := range c.queue {
		switch {
		case c.handshakes[h.remote] != h:
			continue
		case time.Since(h.began) >= c.o.HandshakeTimeout:
			c.drop(h)
			c.stats.Failed++
			continue
		}
		kept = append(kept, h)
		if at := h.resends.Load(); at != 0 && now >= time.Duration(at) {
			h.resends.Store(0)
			due = append(due, h)
		}
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.mu.Unlock()
	for _, h := range due {
		c.hand(h, nil)
	}
	return len(kept) > 0
}

// sweep ends the associations that are idle.
func (c *Conn) sweep(now time.Duration) {
	var idle []*association
	c.mu.Lock()
	for a := c.order.oldest; a != nil && now-time.Duration(a.used) >= c.o.IdleTimeout; a = c.order.oldest {
		c.remove(a)
		c.stats.Idle++
		idle = append(idle, a)
	}
	c.mu.Unlock()
	for _, a := range idle {
		c.alert(a, alertCloseNotify)
		c.o.Logger.Debug("association ended: idle", "identity", a.identity, "peer", a.Remote())
	}
}
