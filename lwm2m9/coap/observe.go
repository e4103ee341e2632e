package coap

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

const (
	// maxSequence is the largest value of the Observe option: 24 bits.
	maxSequence = 1<<24 - 1
	// maxNotices bounds the notifications of one observation that wait for
	// their receiver; the newest are kept, they tell the state.
	maxNotices = 16
)

// Observation is an observation that a peer has accepted.
type Observation struct {
	e       *Endpoint
	token   Token
	request Request
	notify  func(context.Context, Response)

	// Guarded by Endpoint.mu.
	seq     uint32
	at      instant // when seq came
	notices []notice
	running bool // someone delivers
}

// notice is a notification that waits; its peer has the rest of its blocks.
type notice struct {
	from netip.AddrPort
	r    *Response
}

// Observe is Do for a request that starts an observation. notify is called for
// each fresh notification (RFC 7641, 3.4), one at a time, in a goroutine that
// the read loop does not wait for; never again after one whose Observed is
// false, with which the peer ends the observation. The Observation is nil when
// the peer answers without starting one.
func (e *Endpoint) Observe(ctx context.Context, to netip.AddrPort, r Request, notify func(context.Context, Response)) (*Observation, Response, error) {
	r.Observe = StartObserving
	o := &Observation{e: e, token: newToken(), request: r, notify: notify}
	if r.Exchange != nil {
		o.token = r.Exchange.Token
	}
	resp, err := e.transact(ctx, to, r, o)
	if err != nil || !resp.Observed {
		o.Forget()
		return nil, resp, err
	}
	return o, resp, nil
}

// Cancel asks the peer to end the observation and forgets it, whatever the
// answer (RFC 7641, 3.6).
func (o *Observation) Cancel(ctx context.Context, at netip.AddrPort) (Response, error) {
	o.Forget()
	r := o.request
	r.Exchange, r.Observe = nil, StopObserving
	return o.e.transact(ctx, at, r, o)
}

// Forget ends the observation on this side: the next notification is answered
// with Reset, which ends it on the other.
func (o *Observation) Forget() {
	o.e.mu.Lock()
	defer o.e.mu.Unlock()
	o.e.drop(o)
	o.notices = nil
}

// drop makes the token unknown.
func (e *Endpoint) drop(o *Observation) {
	if e.observations[o.token] == o {
		delete(e.observations, o.token)
	}
}

// begun enters an observation with the response to its request.
func (e *Endpoint) begun(o *Observation, r *Response) {
	if !r.Observed || r.Code.Class() != 2 {
		return
	}
	o.seq, o.at = r.Sequence, e.now()
	e.observations[o.token] = o
}

// notified takes in a notification on the read loop.
func (e *Endpoint) notified(ctx context.Context, o *Observation, from *peer, r *Response, now instant) {
	switch {
	case !r.Observed || r.Code.Class() != 2:
		r.Observed = false
		e.drop(o)
	case !fresher(o.seq, o.at, r.Sequence, now):
		return
	default:
		o.seq, o.at = r.Sequence, now
	}
	if len(o.notices) == maxNotices {
		o.notices = o.notices[1:]
	}
	o.notices = append(o.notices, notice{from.addr, r})
	if !o.running {
		o.running = true
		e.wg.Go(func() { e.deliver(ctx, o) })
	}
}

// fresher says whether a notification is newer than the last (RFC 7641, 3.4).
func fresher(seq1 uint32, at1 instant, seq2 uint32, at2 instant) bool {
	const half = 1 << 23
	return seq1 < seq2 && seq2-seq1 < half ||
		seq1 > seq2 && seq1-seq2 > half ||
		at2 > at1+instant(observeReorder)
}

// deliver hands the waiting notifications over, in order, until none is left.
func (e *Endpoint) deliver(ctx context.Context, o *Observation) {
	for {
		e.mu.Lock()
		if len(o.notices) == 0 {
			o.running, o.notices = false, nil
			e.mu.Unlock()
			return
		}
		n := o.notices[0]
		o.notices = o.notices[1:]
		e.mu.Unlock()
		r, err := e.rest(ctx, o, n)
		if err != nil {
			e.o.Logger.Info("notification lost", "peer", n.from, "err", err)
			continue
		}
		o.notify(ctx, r)
	}
}

// restTimeout bounds the fetching of one notification's further blocks, in
// which its successors wait.
const restTimeout = MaxTransmitWait + 30*time.Second

// rest fetches the further blocks of a notification.
func (e *Endpoint) rest(ctx context.Context, o *Observation, n notice) (Response, error) {
	if n.r.malformed {
		return Response{}, fmt.Errorf("%w: an option", ErrGarbage)
	}
	if !n.r.block2.more {
		return *n.r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, restTimeout)
	defer cancel()
	p, err := e.acquire(ctx, n.from)
	if err != nil {
		return Response{}, err
	}
	defer e.release(p)
	request := o.request
	request.Token = newToken()
	r, err := e.download(ctx, p, request, n.r)
	if err != nil {
		return Response{}, err
	}
	if r != n.r && r.Code.Class() != 2 {
		return Response{}, fmt.Errorf("%w: %v for a further block", ErrGarbage, r.Code)
	}
	r.Peer, r.Remote, r.Identity = n.r.Peer, n.r.Remote, n.r.Identity
	return *r, nil
}
