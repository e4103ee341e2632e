package coap

import (
	"context"
	"fmt"
	"net/netip"
)

// Do sends a request and waits for its response: the whole body, put together
// from blocks where need be, after those that were asked of the same peer
// before. A response of any class is no error. It waits no longer than ctx and
// than retransmission goes on; errors: [ErrNoAnswer], [ErrReset], [ErrNotSent],
// [ErrTooLarge], [ErrGarbage], [ErrMessage], [ErrClosed], and with a [Sink]
// [ErrChanged].
func (e *Endpoint) Do(ctx context.Context, to netip.AddrPort, r Request) (Response, error) {
	return e.transact(ctx, to, r, nil)
}

// transact takes the peer's slot, sends the request block by block, and
// fetches the response block by block. o is the observation that the request
// begins or ends, or nil.
func (e *Endpoint) transact(ctx context.Context, to netip.AddrPort, r Request, o *Observation) (Response, error) {
	if ctx.Err() != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrNotSent, context.Cause(ctx))
	}
	if r.Sink != nil {
		if err := e.sinking(&r); err != nil {
			return Response{}, err
		}
	}
	p, err := e.acquire(ctx, to)
	if err != nil {
		return Response{}, err
	}
	defer e.release(p)
	// One token for all blocks: RFC 7959 does not ask for it, but some peers
	// (go-coap) put bodies together by token.
	switch {
	case o != nil:
		r.Token = o.token
	case r.Exchange != nil:
		r.Token = r.Exchange.Token
	default:
		r.Token = newToken()
	}
	resp, err := e.upload(ctx, p, r, o)
	switch {
	case err != nil:
	case r.Sink != nil:
		resp, err = e.stream(ctx, p, r, resp)
	default:
		if o != nil { // whose token is for notifications only from now on
			r.Token = newToken()
		}
		resp, err = e.download(ctx, p, r, resp)
	}
	if err != nil {
		return Response{}, err
	}
	return *resp, nil
}

// call is a request of ours until its response has come.
type call struct {
	timer // ends it when the response does not follow the acknowledgement
	key   callKey
	con   *confirmable
	obs   *Observation // the one it begins
	ended chan ending  // of one
}

type callKey struct {
	p     *peer
	token Token
}

type ending struct {
	r   *Response
	err error
}

// exchange sends one message and waits for what answers it.
func (e *Endpoint) exchange(ctx context.Context, p *peer, r *Request, chunk []byte, o *Observation) (*Response, error) {
	k, data, err := e.begin(p, r, chunk, o)
	if err != nil {
		return nil, err
	}
	e.write(data, p.addr)
	var end ending
	select {
	case end = <-k.ended:
	case <-ctx.Done():
		end = e.abandon(k, fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx)))
	case <-e.done:
		end = e.abandon(k, fmt.Errorf("%w: %w", ErrNoAnswer, ErrClosed))
	}
	if end.err == nil && end.r.malformed {
		end.err = ErrGarbage
	}
	return end.r, end.err
}

// begin registers the call and encodes its message.
func (e *Endpoint) begin(p *peer, r *Request, chunk []byte, o *Observation) (*call, []byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, ErrClosed
	}
	now := e.now()
	k := &call{key: callKey{p, r.Token}, ended: make(chan ending, 1)}
	var mid uint16
	if r.Exchange != nil {
		mid, p.used = r.Exchange.MessageID, now
	} else {
		mid = p.nextMID(now)
	}
	if o != nil && r.Observe == StartObserving {
		k.obs = o
	}
	m := r.packet(mid, k.key.token, chunk, e.sending)
	data, err := m.encode()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if old := e.calls[k.key]; old != nil {
		e.finish(old, nil, errSuperseded)
	}
	e.calls[k.key] = k
	p.calls++
	k.con = e.confirm(p, mid, data, now, func(err error) { e.settled(k, err) })
	return k, data, nil
}

// settled is told that the message of a call was acknowledged or has failed.
func (e *Endpoint) settled(k *call, err error) {
	switch {
	case err != nil:
		e.finish(k, nil, err)
	case e.calls[k.key] == k: // the response follows separately
		e.set(&k.timer, k, e.now()+instant(e.o.ResponseTimeout))
	}
}

// due ends a call whose response has not come.
func (k *call) due(e *Endpoint, _ instant) { e.finish(k, nil, ErrNoAnswer) }

// finish ends a call, once.
func (e *Endpoint) finish(k *call, r *Response, err error) {
	if e.calls[k.key] != k {
		return
	}
	delete(e.calls, k.key)
	k.key.p.calls--
	// A response also acknowledges, when the acknowledgement was lost (RFC
	// 7252, 5.2.2).
	e.settle(k.con, nil)
	e.stop(&k.timer)
	if r != nil {
		r.Repeated = k.con.sent > 0
	}
	if k.obs != nil && err == nil {
		e.begun(k.obs, r)
	}
	k.ended <- ending{r, err}
}

// abandon ends a call unless it has just ended.
func (e *Endpoint) abandon(k *call, err error) ending {
	e.mu.Lock()
	e.finish(k, nil, err)
	e.mu.Unlock()
	return <-k.ended
}
