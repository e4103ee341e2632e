package client

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// prefix is the dummy prefix (RFC 9780): no packet has such an address. It is
// another one than that of lwm2m9/dtls.
var prefix = netip.MustParsePrefix("100:0:0:1::/64")

// madeUpPort is what made-up addresses have for a port.
const madeUpPort = 5683

// address is the made-up address of a client, as the endpoint sees it. It is
// always the same pointer, so that a datagram costs none.
type address struct{ at netip.AddrPort }

func (a *address) AddrPort() netip.AddrPort { return a.at }
func (a *address) Network() string          { return "lwm2m-client" }
func (a *address) String() string           { return a.at.String() }

// readBuffers is how many datagrams can be read and not yet taken by the
// endpoint; more wait in the sockets. It bounds the memory for reading,
// however many sockets there are.
const readBuffers = 16

// maxDatagram is the largest datagram that UDP has.
const maxDatagram = 1 << 16

// buffer holds one datagram on its way to the endpoint.
type buffer struct {
	from *address // first: the collector looks no further than the last pointer
	n    int
	b    [maxDatagram]byte
}

// fan is a net.PacketConn over the sockets of all clients.
type fan struct {
	free    chan *buffer // cap readBuffers
	arrived chan *buffer // cap readBuffers: writing to it never waits
	ended   chan struct{}
	wg      sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	links   map[netip.AddrPort]*link
	last    uint64 // number of the newest made-up address
	running bool
	closed  bool
	expired chan struct{} // closed when reading ends
}

var _ net.PacketConn = (*fan)(nil)

func newFan() *fan {
	f := &fan{
		free: make(chan *buffer, readBuffers), arrived: make(chan *buffer, readBuffers),
		ended: make(chan struct{}), expired: make(chan struct{}),
		links: make(map[netip.AddrPort]*link),
	}
	for range readBuffers {
		f.free <- nil // made when it is first needed
	}
	return f
}

// start begins to read all sockets, also those to come.
func (f *fan) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = true
	for _, l := range f.links {
		f.wg.Go(func() { l.read(f) })
	}
}

// add takes a socket in, and gives it its address.
func (f *fan) add(l *link) error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		l.close()
		return ErrClosed
	}
	defer f.mu.Unlock()
	f.last++
	b := prefix.Addr().As16()
	binary.BigEndian.PutUint64(b[8:], f.last)
	l.addr.at = netip.AddrPortFrom(netip.AddrFrom16(b), madeUpPort)
	f.links[l.addr.at] = l
	if f.running {
		f.wg.Go(func() { l.read(f) })
	}
	return nil
}

// remove closes a socket, which ends its goroutine.
func (f *fan) remove(l *link) {
	f.mu.Lock()
	delete(f.links, l.addr.at)
	f.mu.Unlock()
	l.close() // what Config.Dial has made may have to wait
}

// take waits for a buffer; nil when the fan has been closed.
func (f *fan) take() *buffer {
	select {
	case <-f.ended:
		return nil
	case b := <-f.free:
		if b == nil {
			b = new(buffer)
		}
		return b
	}
}

// ReadFrom gives the next datagram of any socket.
func (f *fan) ReadFrom(p []byte) (int, net.Addr, error) {
	f.mu.RLock()
	expired := f.expired
	f.mu.RUnlock()
	select {
	case b := <-f.arrived:
		n, from := copy(p, b.b[:b.n]), b.from
		f.free <- b
		return n, from, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-f.ended:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends from the socket that the made-up address stands for.
func (f *fan) WriteTo(p []byte, to net.Addr) (int, error) {
	ap, ok := to.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return 0, net.ErrClosed
	}
	return f.WriteToUDPAddrPort(p, ap.AddrPort())
}

// WriteToUDPAddrPort is WriteTo, without an address made for it.
func (f *fan) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	f.mu.RLock()
	l := f.links[to]
	f.mu.RUnlock()
	if l == nil {
		return 0, net.ErrClosed
	}
	return l.write(p)
}

// Close closes all sockets and waits for their goroutines.
func (f *fan) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	close(f.ended)
	links := f.links
	f.links = nil
	f.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	f.wg.Wait()
	return nil
}

// LocalAddr is no address: every client has one of its own.
func (f *fan) LocalAddr() net.Addr { return new(address) }

// SetReadDeadline ends reading for good when t has passed; it knows no other.
func (f *fan) SetReadDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !t.IsZero() && time.Until(t) <= 0 {
		select {
		case <-f.expired:
		default:
			close(f.expired)
		}
	}
	return nil
}

// SetDeadline is SetReadDeadline: writing never waits.
func (f *fan) SetDeadline(t time.Time) error { return f.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writing never waits.
func (f *fan) SetWriteDeadline(time.Time) error { return nil }
