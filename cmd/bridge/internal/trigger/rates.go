package trigger

import (
	"net/netip"
	"time"
)

// Limits of what comes in.
const (
	// DefaultRate is how many triggers one peer may send in a minute: a push
	// gateway sends those of all devices.
	DefaultRate = 6000
	// maxPeers is how many peers are told apart; all further ones share the
	// rate of one.
	maxPeers = 4096
	// maxWaiting is how many triggers of one channel may wait for the engine;
	// further ones are dropped, or refused for now.
	maxWaiting = 64
)

// rates are token buckets, one a peer. The zero value has no rate.
type rates struct {
	perMinute int
	peers     map[netip.Prefix]*bucket
	others    bucket
}

// bucket has tokens for one minute at most.
type bucket struct {
	used float64 // tokens taken and not grown again
	at   time.Time
}

// take takes a token of a peer; false when there is none. Addresses of one
// IPv6 network of 64 bits are one peer.
func (r *rates) take(now time.Time, peer netip.Addr) bool {
	peer = peer.Unmap()
	bits := peer.BitLen()
	if peer.Is6() {
		bits = 64
	}
	name, _ := peer.WithZone("").Prefix(bits) // the invalid prefix for an invalid address
	b := r.peers[name]
	if b == nil {
		b = r.enter(now, name)
	}
	r.grow(b, now)
	if b.used+1 > float64(r.perMinute) {
		return false
	}
	b.used++
	return true
}

func (r *rates) grow(b *bucket, now time.Time) {
	b.used = max(0, b.used-now.Sub(b.at).Minutes()*float64(r.perMinute))
	b.at = now
}

// enter makes a bucket for a new peer, in the place of those that are full
// again if need be.
func (r *rates) enter(now time.Time, name netip.Prefix) *bucket {
	if r.peers == nil {
		r.peers = map[netip.Prefix]*bucket{}
	}
	if len(r.peers) >= maxPeers && now.Sub(r.others.at) >= time.Second {
		for n, b := range r.peers {
			if now.Sub(b.at) >= time.Minute {
				delete(r.peers, n)
			}
		}
	}
	if len(r.peers) >= maxPeers {
		return &r.others
	}
	b := &bucket{at: now}
	r.peers[name] = b
	return b
}
