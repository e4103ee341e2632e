package client

import (
	"context"
	"net/netip"
	"sync"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// Host holds clients. Its methods may be called from any goroutine.
type Host struct {
	o    Options
	fan  *fan
	ep   *coap.Endpoint
	wake chan struct{} // the clock: look again
	done chan struct{} // closed when Run ends

	mu      sync.Mutex // guards what follows, and the place of clients in it
	clients map[netip.AddrPort]*Client
	lanes   map[netip.AddrPort]*lane
	telling []*Client // those with notifications to send
	timers  timers
	closed  bool
}

// New makes a host; [Host.Run] starts it.
func New(o Options) *Host {
	o.fill()
	h := &Host{
		o: o, fan: newFan(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		clients: make(map[netip.AddrPort]*Client),
		lanes:   make(map[netip.AddrPort]*lane),
	}
	h.ep = coap.New(h.fan, coap.Options{
		Handler: h.serve, Logger: o.Logger, MaxBody: o.MaxBody,
		Transmission: coap.Transmission{AckTimeout: o.AckTimeout},
	})
	return h
}

// Run serves until ctx ends, and returns after the last goroutine has ended. It
// de-registers nobody. It closes all sockets and is called once.
func (h *Host) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var clock sync.WaitGroup
	clock.Go(func() { h.runClock(ctx) })
	h.fan.start()
	err := h.ep.Run(ctx)
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	cancel()
	close(h.done)
	clock.Wait()
	h.fan.Close()
	return err
}

// Add makes a client for a device with these objects, and registers it once the
// host runs. Object 1 is the client's own and must not be among them. The error
// wraps [ErrConfig] or [ErrClosed], or is that of Config.Dial.
func (h *Host) Add(cfg Config, objects ...Object) (*Client, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c, err := newClient(h, &cfg, objects)
	if err != nil {
		return nil, err
	}
	if c.link, err = dial(&cfg); err != nil {
		return nil, err
	}
	if err := h.fan.add(c.link); err != nil {
		return nil, err
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		h.fan.remove(c.link)
		return nil, ErrClosed
	}
	h.clients[c.link.addr.at] = c
	h.mu.Unlock()
	c.step(event{kind: evStart})
	return c, nil
}

// Len is the number of clients.
func (h *Host) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

// forget takes a client out of every table.
func (h *Host) forget(c *Client) {
	h.mu.Lock()
	delete(h.clients, c.link.addr.at)
	h.drop(c)
	h.mu.Unlock()
	h.fan.remove(c.link)
}

// serve answers a request of a server.
func (h *Host) serve(ctx context.Context, r *coap.Request) coap.Response {
	h.mu.Lock()
	c := h.clients[r.Peer]
	h.mu.Unlock()
	if c == nil { // removed meanwhile
		return answer(lwm2m9.CodeNotFound)
	}
	return c.serve(ctx, r)
}
