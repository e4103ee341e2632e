package lossy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// MaxClients bounds the clients of one relay: each has a port of its own
// towards the server. Datagrams of further ones are dropped.
const MaxClients = 4096

// maxDatagram is the largest datagram that UDP can carry, in bytes.
const maxDatagram = 65535

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
	conn     *net.UDPConn
	upstream netip.AddrPort
	up, down *way

	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn // guarded by mu; nil after the end

	wg sync.WaitGroup // all goroutines of Run

	received, sent, dropped, repeated, reordered atomic.Int64
}

// Listen takes the port. The caller must call Run, or Close.
func Listen(cfg Config) (*Relay, error) {
	if err := errors.Join(cfg.Up.Validate(), cfg.Down.Validate()); err != nil {
		return nil, fmt.Errorf("lossy: %w", err)
	}
	upstream, err := net.ResolveUDPAddr("udp", cfg.Upstream)
	if err != nil {
		return nil, fmt.Errorf("lossy: upstream %q: %w", cfg.Upstream, err)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	local, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("lossy: listen %q: %w", cfg.Listen, err)
	}
	conn, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("lossy: %w", err)
	}
	return &Relay{
		conn:     conn,
		upstream: unmap(upstream.AddrPort()),
		up:       newWay(cfg.Up, cfg.Seed, 1),
		down:     newWay(cfg.Down, cfg.Seed, 2),
		clients:  map[netip.AddrPort]*net.UDPConn{},
	}, nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Addr is where clients send to.
func (r *Relay) Addr() netip.AddrPort { return unmap(r.conn.LocalAddr().(*net.UDPAddr).AddrPort()) }

// Close gives the port back without Run.
func (r *Relay) Close() error { return r.conn.Close() }

// Stats is a snapshot of the counters.
func (r *Relay) Stats() Stats {
	return Stats{r.received.Load(), r.sent.Load(), r.dropped.Load(), r.repeated.Load(), r.reordered.Load()}
}

// Run relays until ctx ends, closes the port and returns after the last
// goroutine has ended. It returns nil when ctx ended.
func (r *Relay) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	r.wg.Go(func() {
		<-ctx.Done()
		r.closeAll()
	})
	err := r.serve(ctx)
	cancel()
	r.wg.Wait()
	return err
}

func (r *Relay) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn.Close()
	for _, c := range r.clients {
		c.Close()
	}
	r.clients = nil
}

func (r *Relay) serve(ctx context.Context) error {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("lossy: %w", err)
		}
		if out := r.client(ctx, from); out != nil {
			datagram := append([]byte(nil), buf[:n]...)
			r.forward(ctx, r.up, datagram, func() { r.send(out, datagram, r.upstream) })
		}
	}
}

// client is the socket towards the server that belongs to a client; nil when
// there is none to be had.
func (r *Relay) client(ctx context.Context, addr netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.clients[addr]; ok || r.clients == nil || len(r.clients) >= MaxClients {
		return c
	}
	// Not connected: an ICMP error from a server that restarts must not end it.
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil
	}
	r.clients[addr] = c
	r.wg.Go(func() { r.back(ctx, c, addr) })
	return c
}

// back relays what the server answers to one client.
func (r *Relay) back(ctx context.Context, c *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed by closeAll
		}
		if unmap(from) != r.upstream {
			continue
		}
		datagram := append([]byte(nil), buf[:n]...)
		r.forward(ctx, r.down, datagram, func() { r.send(r.conn, datagram, client) })
	}
}

func (r *Relay) forward(ctx context.Context, w *way, datagram []byte, send func()) {
	r.received.Add(1)
	f, now := w.take(datagram, send)
	switch f {
	case drop:
		r.dropped.Add(1)
	case repeat:
		r.repeated.Add(1)
	case hold:
		r.reordered.Add(1)
	}
	if len(now) == 0 {
		return
	}
	if w.Delay == 0 {
		for _, send := range now {
			send()
		}
		return
	}
	r.wg.Go(func() {
		t := time.NewTimer(w.Delay)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
			for _, send := range now {
				send()
			}
		}
	})
}

// send gives a datagram to the network. An error is a lost datagram: that is
// what UDP promises.
func (r *Relay) send(c *net.UDPConn, datagram []byte, to netip.AddrPort) {
	r.sent.Add(1)
	_, _ = c.WriteToUDPAddrPort(datagram, to)
}
