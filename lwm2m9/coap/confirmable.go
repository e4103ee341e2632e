package coap

import (
	"errors"
	"time"
)

// confirmable is one confirmable message of ours until it is acknowledged,
// reset, or given up (RFC 7252, 4.2); or a notification that was sent once and
// may be reset.
type confirmable struct {
	timer
	key  seenKey // our message id towards the peer
	data []byte
	wait instant // until the next retransmission
	sent int     // retransmissions so far
	once bool    // it is not confirmable
	// end is called once, with the lock held: nil when acknowledged,
	// ErrReset, ErrNoAnswer. It may be nil.
	end func(err error)
}

// confirm registers a confirmable message, before it is written for the first
// time.
func (e *Endpoint) confirm(p *peer, mid uint16, data []byte, now instant, end func(error)) *confirmable {
	t := e.o.Transmission
	c := &confirmable{key: seenKey{p, mid}, data: data, end: end}
	c.wait = instant(float64(t.AckTimeout) * (1 + t.Random()*(t.AckRandomFactor-1)))
	if old := e.unacked[c.key]; old != nil {
		e.settle(old, errSuperseded)
	}
	e.unacked[c.key] = c
	p.unacked++
	e.set(&c.timer, c, now+c.wait)
	return c
}

// errSuperseded ends a message whose id is used for another: a fixed exchange
// that was begun a second time, or 65,536 messages within one's lifetime.
var errSuperseded = errors.New("coap: message id used again")

// due retransmits with twice the time-out, MAX_RETRANSMIT times.
func (c *confirmable) due(e *Endpoint, now instant) {
	if c.sent >= e.o.Transmission.MaxRetransmit {
		e.settle(c, ErrNoAnswer)
		return
	}
	c.sent++
	c.wait *= 2
	c.key.p.used = now // its message id is alive
	e.set(&c.timer, c, now+c.wait)
	e.outbox = append(e.outbox, datagram{c.data, c.key.p})
}

// settle ends the message.
func (e *Endpoint) settle(c *confirmable, err error) {
	if e.unacked[c.key] != c {
		return
	}
	delete(e.unacked, c.key)
	if !c.once {
		c.key.p.unacked--
	}
	e.stop(&c.timer)
	if c.end != nil {
		c.end(err)
	}
}

// Transmission holds the parameters of retransmission (RFC 7252, 4.8); they
// are changed for tests and for networks with other delays.
type Transmission struct {
	AckTimeout      time.Duration  // 0 is AckTimeout
	AckRandomFactor float64        // 0 is AckRandomFactor
	MaxRetransmit   int            // 0 is MaxRetransmit, negative none
	Random          func() float64 // in [0,1); nil is math/rand/v2's
}
