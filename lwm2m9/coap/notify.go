package coap

import (
	"context"
	"net/netip"
	"time"
)

// nonLifetime is how long the Reset of a non-confirmable message may take:
// NON_LIFETIME (RFC 7252, 4.8.2).
const nonLifetime = 145 * time.Second

// Observer is the one who made an observe request: what is kept of the request,
// for [Endpoint.Notify].
type Observer struct {
	peer  netip.AddrPort
	token Token
	key   string // of its block-wise transfers

	// Guarded by Endpoint.mu: the last notification that was not confirmable,
	// and that one was reset.
	told      *confirmable
	forgotten bool
}

// Observer is the one who made this request, which was received.
func (r *Request) Observer() *Observer {
	return &Observer{peer: r.Peer, token: r.Token, key: r.transferKey()}
}

// Token is that of the request, and of every notification.
func (o *Observer) Token() Token { return o.token }

// Notify sends a notification to the one who made an observe request (RFC
// 7641, 4.2), confirmable if con says so. That one is waited for: nil when it was acknowledged,
// [ErrReset] when the observer has forgotten its request, [ErrNoAnswer]. One
// that is not confirmable is not waited for: if it is answered with Reset, the
// next call for the same o sends nothing and returns [ErrReset] (RFC 7641, 3.6).
// Calls for one o come one after the other.
func (e *Endpoint) Notify(ctx context.Context, o *Observer, resp Response, con bool) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	if o.forgotten {
		e.mu.Unlock()
		return ErrReset
	}
	if o.told != nil { // an older one need not be heard of
		e.settle(o.told, nil)
	}
	now := e.now()
	to := e.peer(o.peer)
	first := &resp
	if len(resp.Payload) > e.o.BlockSize {
		first = e.keepFor(to, o.key, &resp, 0, szxOf(e.o.BlockSize), now)
	}
	p := first.packet(o.token, first.Payload, e.sending)
	p.typ, p.mid = typeNON, to.nextMID(now)
	if con {
		p.typ = typeCON
	}
	data, err := p.encode()
	if err != nil {
		e.mu.Unlock()
		return ErrMessage
	}
	if !con {
		e.hear(o, to, p.mid, now)
		e.mu.Unlock()
		e.write(data, o.peer)
		return nil
	}
	ended := make(chan error, 1)
	c := e.confirm(to, p.mid, data, now, func(err error) { ended <- err })
	e.mu.Unlock()
	e.write(data, o.peer)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-e.done:
		err = ErrClosed
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settle(c, err)
	return <-ended
}

// hear listens for the Reset of a notification that is not confirmable, in place
// of the one before, which has been settled.
func (e *Endpoint) hear(o *Observer, p *peer, mid uint16, now instant) {
	if o.told == nil {
		o.told = &confirmable{
			once: true, sent: e.o.Transmission.MaxRetransmit,
			end: func(err error) { o.forgotten = err == ErrReset },
		}
	}
	c := o.told
	c.key = seenKey{p, mid}
	if old := e.unacked[c.key]; old != nil {
		e.settle(old, errSuperseded)
	}
	e.unacked[c.key] = c
	e.set(&c.timer, c, now+instant(nonLifetime))
}
