// Package coaptest is a packet network in memory for tests of CoAP peers. It
// can lose, repeat, delay, reorder and corrupt every single datagram, and
// records all of them with the time at which they were sent. It waits on
// channels and timers only, so testing/synctest can fake its time. It knows the
// header of a CoAP message and no more.
package coaptest

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// queue is how many datagrams wait for one reader; more are lost, as on a
// socket.
const queue = 256

// Net connects the Conns that listen on it. Its zero value is not usable.
type Net struct {
	start time.Time

	mu    sync.Mutex
	conns map[netip.AddrPort]*Conn
	rule  Rule
	sent  []Packet
	count map[[2]netip.AddrPort]int
}

// New makes a network on which everything arrives at once.
func New() *Net {
	return &Net{
		start: time.Now(),
		conns: make(map[netip.AddrPort]*Conn),
		rule:  Deliver,
		count: make(map[[2]netip.AddrPort]int),
	}
}

// Packet is one datagram as it was sent.
type Packet struct {
	At       time.Duration // since New
	From, To netip.AddrPort
	N        int // of those from From to To, counted from 1
	Data     []byte
}

// Arrival is one arrival of a datagram.
type Arrival struct {
	After time.Duration
	Data  []byte
}

// Rule decides what becomes of a datagram: its arrivals, none when it is
// lost. It is called under a lock and must not use the network.
type Rule func(p Packet) []Arrival

// SetRule changes what becomes of the datagrams sent from now on.
func (n *Net) SetRule(r Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rule = r
}

// Sent is every datagram sent so far.
func (n *Net) Sent() []Packet {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.sent)
}

// Forget empties the record of what was sent, and the numbers of datagrams
// begin anew.
func (n *Net) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = nil
	clear(n.count)
}

// Listen makes a connection with the given address, "ip:port". It panics on an
// address that is no such thing or taken.
func (n *Net) Listen(addr string) *Conn {
	a := netip.MustParseAddrPort(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[a] != nil {
		panic("coaptest: address in use: " + addr)
	}
	c := &Conn{n: n, addr: a, in: make(chan arrived, queue), closed: make(chan struct{}), expired: make(chan struct{})}
	n.conns[a] = c
	return c
}

func (n *Net) send(from, to netip.AddrPort, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	way := [2]netip.AddrPort{from, to}
	n.count[way]++
	p := Packet{At: time.Since(n.start), From: from, To: to, N: n.count[way], Data: slices.Clone(data)}
	n.sent = append(n.sent, p)
	for _, a := range n.rule(p) {
		d := arrived{from, slices.Clone(a.Data)}
		if a.After <= 0 {
			n.arrive(to, d)
			continue
		}
		time.AfterFunc(a.After, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.arrive(to, d)
		})
	}
}

// Inject makes a datagram arrive at once that from has never sent.
func (n *Net) Inject(from, to netip.AddrPort, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arrive(to, arrived{from, slices.Clone(data)})
}

func (n *Net) arrive(to netip.AddrPort, d arrived) {
	if c := n.conns[to]; c != nil {
		select {
		case c.in <- d:
		default:
		}
	}
}

type arrived struct {
	from netip.AddrPort
	data []byte
}

// Conn is one socket on a Net: a net.PacketConn with addresses of type
// *net.UDPAddr.
type Conn struct {
	n      *Net
	addr   netip.AddrPort
	in     chan arrived
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed once the read deadline has passed
	timer   *time.Timer
}

var _ net.PacketConn = (*Conn)(nil)

// ReadFrom reads the next datagram.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	expired := c.expired
	c.mu.Unlock()
	select {
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case d := <-c.in:
		return copy(b, d.data), net.UDPAddrFromAddrPort(d.from), nil
	}
}

// WriteTo sends a datagram; addr must be a *net.UDPAddr.
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	to := addr.(*net.UDPAddr).AddrPort()
	c.n.send(c.addr, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), b)
	return len(b), nil
}

// Send is WriteTo with an address of the other kind.
func (c *Conn) Send(to netip.AddrPort, b []byte) { c.WriteTo(b, net.UDPAddrFromAddrPort(to)) }

// AddrPort is the connection's address.
func (c *Conn) AddrPort() netip.AddrPort { return c.addr }

// LocalAddr is the connection's address.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// Close frees the address and ends a ReadFrom.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.n.mu.Lock()
		defer c.n.mu.Unlock()
		delete(c.n.conns, c.addr)
	})
	return nil
}

// SetReadDeadline ends a ReadFrom at t, also one under way when t has passed;
// the zero time ends none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	select {
	case <-c.expired:
		c.expired = make(chan struct{})
	default:
	}
	expired := c.expired
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(expired)
	default:
		c.timer = time.AfterFunc(wait, func() { close(expired) })
	}
	return nil
}

// SetDeadline is SetReadDeadline: writes never wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes never wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }
