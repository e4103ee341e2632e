package coap

import (
	"context"
	"time"
)

// nonLifetime is how long the Reset of a non-confirmable message may take:
// NON_LIFETIME (RFC 7252, 4.8.2).
const nonLifetime = 145 * time.Second

// Notify sends a notification to the one who made the observe request r (RFC
// 7641, 4.2), confirmable if con says so. That one is waited for: nil when it was acknowledged,
// [ErrReset] when the observer has forgotten its request, [ErrNoAnswer]. One
// that is not confirmable is not waited for: if it is answered with Reset, the
// next call for the same r sends nothing and returns [ErrReset] (RFC 7641, 3.6).
// Calls for one r come one after the other.
func (e *Endpoint) Notify(ctx context.Context, r *Request, resp Response, con bool) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	if r.forgotten {
		e.mu.Unlock()
		return ErrReset
	}
	if r.told != nil { // an older one need not be heard of
		e.settle(r.told, nil)
	}
	now := e.now()
	to := e.peer(r.Peer)
	first := &resp
	if len(resp.Payload) > e.o.BlockSize {
		first = e.firstBlock(to, &Request{Method: r.Method, Path: r.Path, Query: r.Query, Accept: r.Accept}, &resp, now)
	}
	p := first.packet(r.Token, first.Payload, e.sending)
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
		e.hear(r, to, p.mid, now)
		e.mu.Unlock()
		e.write(data, r.Peer)
		return nil
	}
	ended := make(chan error, 1)
	c := e.confirm(to, p.mid, data, now, func(err error) { ended <- err })
	e.mu.Unlock()
	e.write(data, r.Peer)
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
func (e *Endpoint) hear(r *Request, p *peer, mid uint16, now instant) {
	if r.told == nil {
		r.told = &confirmable{
			once: true, sent: e.o.Transmission.MaxRetransmit,
			end: func(err error) { r.forgotten = err == ErrReset },
		}
	}
	c := r.told
	c.key = seenKey{p, mid}
	if old := e.unacked[c.key]; old != nil {
		e.settle(old, errSuperseded)
	}
	e.unacked[c.key] = c
	e.set(&c.timer, c, now+instant(nonLifetime))
}
