package dtls

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// Conn is the server's end of all associations on one socket. Its methods may
// be called from any goroutine.
type Conn struct {
	o        Options
	socket   socket
	suites   []*suite
	signer   *signer // nil without certificates
	sessions *sessions
	start    time.Time
	jobs     chan *handshake
	wake     chan struct{} // the clock: there is a handshake
	done     chan struct{} // closed by Close
	once     sync.Once

	reading sync.Mutex // guards the rest of a datagram
	rest    []delivery

	mu      sync.Mutex // guards everything below
	cookies cookies
	ending  int // how often End was called
	tables
	stats Stats
}

var _ net.PacketConn = (*Conn)(nil)

// readBuffer is what a UDP socket is asked to hold for bursts, of devices that
// begin anew together; the system may give less.
const readBuffer = 4 << 20

// Listen makes the server's end on a UDP socket, which it owns from now on. It
// serves while [Conn.Run] runs and somebody is in [Conn.ReadFrom]. The error
// wraps [ErrOptions].
func Listen(conn net.PacketConn, o Options) (*Conn, error) {
	o.fill()
	c := &Conn{
		o: o, socket: newSocket(conn), start: time.Now(),
		sessions: newSessions(o.MaxSessions, o.MaxPerIdentity, o.SessionLifetime),
		jobs:     make(chan *handshake, o.MaxHandshakes), // each is there once
		wake:     make(chan struct{}, 1), done: make(chan struct{}),
		tables: newTables(),
	}
	if (o.Certificate == nil) != (o.ClientCAs == nil) {
		return nil, fmt.Errorf("%w: Certificate and ClientCAs go together", ErrOptions)
	}
	var err error
	if o.Certificate != nil {
		if c.signer, err = newSigner(o.Certificate); err != nil {
			return nil, err
		}
	}
	if c.suites, err = suitesNamed(o.CipherSuites, o.Keys != nil, c.signer != nil); err != nil {
		return nil, err
	}
	if c.socket.udp != nil {
		c.socket.udp.SetReadBuffer(readBuffer) // less is slower, no more
	}
	return c, nil
}

// Run does the handshakes and ends what is idle, until ctx ends or the
// connection is closed. It returns after its last goroutine has ended, always
// nil. It does not close the connection: associations can be used until [Conn.Close],
// which is for the owner, as a coap.Endpoint, when it has said its last word.
func (c *Conn) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-c.done:
			cancel() // look-ups of keys
		}
	})
	for range 2 * runtime.GOMAXPROCS(0) { // a look-up of a key may wait for a disk
		wg.Go(func() {
			for {
				select {
				case h := <-c.jobs:
					h.run(ctx)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Go(func() { c.runClock(ctx) })
	wg.Wait()
	return nil
}

// Close ends all associations, and tells the clients, and closes the socket.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.mu.Lock()
		var all []*association
		for _, a := range c.byID {
			all = append(all, a)
		}
		c.tables = newTables()
		c.mu.Unlock()
		for _, a := range all {
			c.alert(a, alertCloseNotify)
		}
		c.socket.Close()
	})
	return nil
}

// LocalAddr is the socket's address.
func (c *Conn) LocalAddr() net.Addr { return c.socket.LocalAddr() }

// SetReadDeadline ends a ReadFrom at t.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline is the socket's.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

// SetDeadline is the socket's.
func (c *Conn) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// WriteTo sends a datagram over the association with the made-up address a, of
// any type with an AddrPort method. Errors: [ErrNoAssociation], [ErrTooLarge],
// and the socket's.
func (c *Conn) WriteTo(b []byte, a net.Addr) (int, error) {
	to, ok := addrPort(a)
	if !ok || !IsAssociation(to) {
		return 0, ErrNoAssociation
	}
	if len(b) > MaxPayload {
		return 0, ErrTooLarge
	}
	c.mu.Lock()
	x := c.byID[idOf(to)]
	if x == nil {
		c.mu.Unlock()
		return 0, ErrNoAssociation
	}
	c.order.touch(x, int64(c.now()))
	c.mu.Unlock()
	if err := c.send(x, typeApplicationData, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// buffers are for records that go out, inputs for datagrams that come in.
var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}
	inputs  = sync.Pool{New: func() any { return new([maxDatagram]byte) }}
)

// send seals and writes one record.
func (c *Conn) send(a *association, typ contentType, content []byte) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	a.mu.Lock()
	d, err := a.seal((*buf)[:0], typ, content)
	a.mu.Unlock()
	if err != nil {
		c.end(a, func(*Stats) {})
		return ErrNoAssociation
	}
	*buf = d
	return c.socket.write(d, a.Remote())
}

// alert tells the client why the association ends.
func (c *Conn) alert(a *association, why alert) { c.send(a, typeAlert, why.body()) }

// end removes an association and counts it.
func (c *Conn) end(a *association, count func(*Stats)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ok := c.remove(a)
	if ok {
		count(&c.stats)
	}
	return ok
}

// End ends all associations of an identity, tells the clients, and forgets its
// sessions: its credentials are not good any more. A handshake under way, of
// anybody, fails: it may have looked at the credentials before. It returns how
// many associations there were.
func (c *Conn) End(identity string) int {
	var ended []*association
	c.mu.Lock()
	c.ending++
	for a := c.byIdentity[identity]; a != nil; a = c.byIdentity[identity] {
		c.remove(a)
		ended = append(ended, a)
	}
	c.sessions.forget(identity) // before a handshake that begins now could find one
	c.mu.Unlock()
	for _, a := range ended {
		c.alert(a, alertCloseNotify)
	}
	return len(ended)
}

func (c *Conn) endings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// Stats says what is and what was.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Associations, s.Handshakes, s.Sessions = len(c.byID), len(c.handshakes), c.sessions.len()
	return s
}

func (c *Conn) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}

// now is the time since the connection was made, clock that of the day.
func (c *Conn) now() time.Duration { return time.Since(c.start) }
func (c *Conn) clock() time.Time   { return time.Now() }

// write sends what the client will miss and ask for again if it is lost.
func (c *Conn) write(d []byte, to netip.AddrPort) {
	if err := c.socket.write(d, to); err != nil {
		c.o.Logger.Debug("datagram not sent", "peer", to, "err", err)
	}
}
