package coap

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// peer is what is known of an address that has been spoken with lately. It is
// dropped when nothing of it is under way and its message ids may be used anew.
type peer struct {
	timer // looks whether the peer can be dropped
	addr  netip.AddrPort
	mid   uint16  // of our next message
	used  instant // when a message id was last taken

	oldest, youngest *seen
	seenCount        int

	busy    bool            // the slot of NSTART is taken
	waiting []chan struct{} // those that wait for it, first come first served
	unacked int             // confirmable messages of ours under way
	calls   int             // requests of ours without a response
	running int             // handlers at work

	arriving []*arriving // bodies being put together
	serving  []*serving  // bodies being handed out
}

// peer finds or makes the state of an address.
func (e *Endpoint) peer(addr netip.AddrPort) *peer {
	if p := e.peers[addr]; p != nil {
		return p
	}
	var b [2]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	now := e.now()
	p := &peer{addr: addr, mid: binary.BigEndian.Uint16(b[:]), used: now}
	e.peers[addr] = p
	e.set(&p.timer, p, now+instant(ExchangeLifetime))
	return p
}

// due drops the peer if it is idle, and looks again later if it is not.
func (p *peer) due(e *Endpoint, now instant) {
	if p.idle() && now-p.used >= instant(ExchangeLifetime) {
		delete(e.peers, p.addr)
		return
	}
	e.set(&p.timer, p, max(now, p.used)+instant(ExchangeLifetime))
}

func (p *peer) idle() bool {
	return p.seenCount == 0 && !p.busy && p.unacked == 0 && p.calls == 0 && p.running == 0 &&
		len(p.arriving) == 0 && len(p.serving) == 0
}

// nextMID takes a message id. A pair may start 65,536 exchanges within
// EXCHANGE_LIFETIME; the slot of NSTART keeps far below that on any network.
func (p *peer) nextMID(now instant) uint16 {
	p.used = now
	p.mid++
	return p.mid - 1
}

// acquire waits for the slot of NSTART and takes it.
func (e *Endpoint) acquire(ctx context.Context, addr netip.AddrPort) (*peer, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	p := e.peer(addr)
	if !p.busy {
		p.busy = true
		e.mu.Unlock()
		return p, nil
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	e.mu.Unlock()

	var err error
	select {
	case <-turn:
		return p, nil
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", ErrNotSent, context.Cause(ctx))
	case <-e.done:
		err = ErrClosed
	}
	e.mu.Lock()
	i := slices.Index(p.waiting, turn)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	e.mu.Unlock()
	if i < 0 { // it was given to us at the same moment
		e.release(p)
	}
	return nil, err
}

// release gives the slot to the next one waiting.
func (e *Endpoint) release(p *peer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(p.waiting) == 0 {
		p.busy = false
		return
	}
	close(p.waiting[0])
	p.waiting = slices.Delete(p.waiting, 0, 1)
}

// NewExchange takes a message id of the peer's and a token, for a request to
// be sent later.
func (e *Endpoint) NewExchange(addr netip.AddrPort) (Exchange, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return Exchange{}, ErrClosed
	}
	return Exchange{MessageID: e.peer(addr).nextMID(e.now()), Token: newToken()}, nil
}

func newToken() Token {
	t := Token{n: 8}
	rand.Read(t.b[:])
	return t
}
