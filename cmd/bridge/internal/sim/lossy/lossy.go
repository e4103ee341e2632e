// Package lossy is a UDP relay between clients and one server that loses,
// repeats, delays and reorders datagrams, by chance with a seed or by number.
// It does not know what is inside them.
package lossy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Way is what happens to the datagrams of one direction. The zero value lets
// all pass.
type Way struct {
	Drop    float64       // share that gets lost, 0 to 1
	Repeat  float64       // share that arrives twice
	Reorder float64       // share that is held until the next one has passed
	Delay   time.Duration // of every datagram
	// DropNth lists datagrams to lose by their number in this direction over
	// all clients, the first being 1.
	DropNth []int
	// Match, when set, limits all of the above to the datagrams for which it
	// is true. It is called from one goroutine at a time per client.
	Match func(datagram []byte) bool
}

// Config describes a relay.
type Config struct {
	Listen   string // address for clients; "": 127.0.0.1, any port
	Upstream string // host:port of the server
	Up, Down Way    // to the server, to the clients
	Seed     uint64
}

// Stats counts datagrams, both directions together.
type Stats struct {
	Received, Sent, Dropped, Repeated, Reordered int64
}

// Relay is an open relay: the port is taken from [Listen] on, datagrams flow
// while [Relay.Run] runs.
type Relay struct {
	cfg      Config
	conn     *net.UDPConn
	upstream netip.AddrPort
	up, down *way

	received, sent, dropped, repeated, reordered atomic.Int64
}

// Listen takes the port. The caller must call Run, or Close.
func Listen(cfg Config) (*Relay, error) { return nil, errors.New("lossy: not yet") }

// Addr is where clients send to.
func (r *Relay) Addr() netip.AddrPort { return r.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Run relays until ctx ends, closes the port and returns after the last
// goroutine has ended.
func (r *Relay) Run(ctx context.Context) error { return nil }

// Close gives the port back without Run.
func (r *Relay) Close() error { return r.conn.Close() }

// Stats is a snapshot of the counters.
func (r *Relay) Stats() Stats {
	return Stats{r.received.Load(), r.sent.Load(), r.dropped.Load(), r.repeated.Load(), r.reordered.Load()}
}

type way struct{}

var _ = fmt.Sprint
