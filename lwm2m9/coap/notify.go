package coap

import "context"

// Notify sends a notification to the one who made the observe request r (RFC
// 7641, 4.2), confirmable if con says so. That one is waited for: nil when it was acknowledged,
// [ErrReset] when the observer has forgotten its request, [ErrNoAnswer].
func (e *Endpoint) Notify(ctx context.Context, r *Request, resp Response, con bool) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	now := e.now()
	to := e.peer(r.Peer)
	first := e.firstBlock(to, &Request{Method: r.Method, Path: r.Path, Query: r.Query, Accept: r.Accept}, &resp, now)
	p := first.packet(r.Token, first.Payload)
	p.typ, p.mid = typeNON, to.nextMID(now)
	if con {
		p.typ = typeCON
	}
	data, err := p.encode()
	if err != nil {
		e.mu.Unlock()
		return ErrMessage
	}
	ended := make(chan error, 1)
	var c *confirmable
	if con {
		c = e.confirm(to, p.mid, data, now, func(err error) { ended <- err })
	}
	e.mu.Unlock()
	e.write(data, r.Peer)
	if !con {
		return nil
	}
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
