package coap

import (
	"context"
	"errors"
	"net/netip"
)

// receive takes one datagram in and returns what answers it at once, or nil.
// It runs on the read loop and never waits.
func (e *Endpoint) receive(ctx context.Context, data []byte, from sender) []byte {
	p, err := decode(data, e.opts)
	if errors.Is(err, errIgnore) {
		return nil
	}
	if err != nil {
		e.o.Logger.Debug("malformed message", "peer", from.remote, "bytes", len(data))
		return rejection(&p)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.forgetOld(now)
	switch {
	case p.typ == typeACK:
		e.acknowledged(from.at, &p)
	case p.typ == typeRST:
		if c := e.unackedBy(from.at, p.mid); c != nil && p.code == Empty {
			e.settle(c, ErrReset)
		}
	case p.code == Empty:
		return rejection(&p) // a ping (RFC 7252, 4.3)
	case p.code.isRequest():
		return e.requested(ctx, from, &p, now)
	default:
		return e.responded(ctx, from, &p, now)
	}
	return nil
}

// rejection is the Reset for a confirmable message, nil for others.
func rejection(p *packet) []byte {
	if p.typ != typeCON {
		return nil
	}
	return empty(typeRST, p.mid)
}

// unackedBy finds the message of ours that the peer means.
func (e *Endpoint) unackedBy(from netip.AddrPort, mid uint16) *confirmable {
	if p := e.peers[from]; p != nil {
		return e.unacked[seenKey{p, mid}]
	}
	return nil
}

// acknowledged takes in an acknowledgement, empty or with the response.
func (e *Endpoint) acknowledged(from netip.AddrPort, p *packet) {
	c := e.unackedBy(from, p.mid)
	switch {
	case c == nil:
	case p.code == Empty:
		e.settle(c, nil)
	case p.code.isResponse():
		// With another token it answers something else: not ours.
		if k := e.calls[callKey{c.key.p, p.token}]; k != nil && k.con == c {
			e.finish(k, p.response(), nil)
		}
	}
}

// responded takes in a separate response or a notification.
func (e *Endpoint) responded(ctx context.Context, from sender, p *packet, now instant) []byte {
	peer := e.peers[from.at]
	var k *call
	if peer != nil {
		if s := e.seen[seenKey{peer, p.mid}]; s != nil {
			return s.reply
		}
		k = e.calls[callKey{peer, p.token}]
	}
	o := e.observations[p.token]
	if k == nil && o == nil {
		return empty(typeRST, p.mid) // also for a NON (RFC 7641, 3.6)
	}
	peer = e.peer(from.at)
	s := e.remember(peer, p.mid, now)
	if p.typ == typeCON {
		e.setReply(s, empty(typeACK, p.mid))
	}
	if k != nil {
		e.finish(k, p.response(), nil)
	} else {
		r := p.response()
		r.Peer, r.Remote, r.Identity = from.at, from.remote, from.identity
		e.notified(ctx, o, peer, r, now)
	}
	return s.reply
}

// requested takes in a request.
func (e *Endpoint) requested(ctx context.Context, from sender, p *packet, now instant) []byte {
	peer := e.peers[from.at]
	if peer != nil {
		if s := e.seen[seenKey{peer, p.mid}]; s != nil {
			return e.repeated(s, p)
		}
	}
	if e.handlers >= e.o.MaxHandlers || peer != nil && peer.running >= e.o.MaxHandlersPerPeer {
		return refusal(p, ServiceUnavailable) // not remembered: a repetition may find room
	}
	r, code := p.request()
	if code != 0 {
		return refusal(p, code)
	}
	r.Peer, r.Remote, r.Identity, r.szx = from.at, from.remote, from.identity, szxOf(e.o.BlockSize)
	peer = e.peer(from.at)
	a := &asked{p: peer, mid: p.mid, confirmable: p.typ == typeCON, seen: e.remember(peer, p.mid, now)}
	if resp := e.blockwise(peer, r, now); resp != nil {
		return e.reply(a, r, resp, now)
	}
	e.handlers++
	peer.running++
	if a.confirmable {
		a.seen.asked = a
		e.set(&a.timer, a, now+instant(ackDelay))
	}
	e.wg.Go(func() { e.serve(ctx, a, r) })
	return nil
}

// refusal is the piggybacked error for a confirmable request, nil for others.
func refusal(p *packet, code Code) []byte {
	if p.typ != typeCON {
		return nil
	}
	a := packet{typ: typeACK, code: code, mid: p.mid, token: p.token}
	data, _ := a.encode() // no options: it cannot fail
	return data
}

// repeated answers a duplicate as the first one was answered (RFC 7252, 4.5).
func (e *Endpoint) repeated(s *seen, p *packet) []byte {
	switch {
	case p.typ != typeCON:
		return nil
	case s.reply == nil && s.asked != nil:
		e.acknowledge(s.asked)
	}
	return s.reply
}
