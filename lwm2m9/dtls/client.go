package dtls

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	pion "github.com/pion/dtls/v3"
)

// Client is a device's association with one server, over a socket of its own.
// It makes a handshake when there is something to send and none is good, and
// has no goroutine but for the time of a handshake. Its methods may be called
// from any goroutine; somebody must be in [Client.ReadFrom].
type Client struct {
	o      ClientOptions
	suites []*suite
	socket socket
	server netip.AddrPort
	seed   maphash.Seed
	wg     sync.WaitGroup

	mu        sync.Mutex
	addr      *Addr
	memory    *remembered // the session to resume, or nil
	up        *link
	last      [][]byte // our last flight, while the server may miss it
	repeats   int
	shake     *pipe    // the handshake under way
	waiting   [][]byte // what is sent after it
	notBefore time.Time
	backoff   time.Duration
	silence   silence
	stats     ClientStats
	closed    bool
}

var _ net.PacketConn = (*Client)(nil)

// ClientStats count what a client has done.
type ClientStats struct {
	Handshakes, Resumed, Failed int // those that succeeded, of these resumed; failed
	Lost                        int // datagrams dropped because no handshake succeeded
}

// maxWaiting is how many datagrams wait for a handshake; the oldest are lost.
const maxWaiting = 16

// Dial makes a client on a UDP socket, which it owns from now on. It sends
// nothing before there is something to send. The error wraps [ErrOptions].
func Dial(conn net.PacketConn, server netip.AddrPort, o ClientOptions) (*Client, error) {
	o.fill()
	server = netip.AddrPortFrom(server.Addr().Unmap(), server.Port())
	c := &Client{o: o, socket: newSocket(conn), server: server, addr: &Addr{addr: server}, seed: maphash.MakeSeed()}
	var err error
	if err = o.check(); err != nil {
		return nil, err
	}
	if c.suites, err = suitesNamed(o.CipherSuites, o.Key != nil, o.Key == nil); err != nil {
		return nil, err
	}
	return c, nil
}

// WriteTo sends a datagram to the server, after a handshake if there must be
// one: then it returns before the datagram is sent, which is lost if the
// handshake fails. Errors: [ErrNoAssociation] for any other address,
// [ErrTooLarge], [ErrWaiting], [net.ErrClosed], and the socket's.
func (c *Client) WriteTo(b []byte, to net.Addr) (int, error) {
	if a, ok := addrPort(to); !ok || a != c.server {
		return 0, ErrNoAssociation
	}
	if len(b) > MaxPayload {
		return 0, ErrTooLarge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	now := time.Now()
	if c.up != nil && c.silence.sent(maphash.Bytes(c.seed, b), now) >= c.o.Silence {
		c.o.Logger.Debug("server is silent: new handshake", "server", c.server)
		c.up = nil
	}
	switch {
	case c.shake != nil:
	case c.up != nil:
		return len(b), c.sendLocked(b)
	case now.Before(c.notBefore):
		return 0, ErrWaiting
	default:
		c.begin()
	}
	if len(c.waiting) == maxWaiting {
		c.waiting = c.waiting[1:]
		c.stats.Lost++
	}
	c.waiting = append(c.waiting, slices.Clone(b))
	return len(b), nil
}

// sendLocked seals and writes with c.mu held: a UDP write does not wait, and
// so records leave in their order.
func (c *Client) sendLocked(b []byte) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	d, err := c.up.seal((*buf)[:0], typeApplicationData, b)
	if err != nil {
		c.up = nil // its numbers are used up
		return ErrNoAssociation
	}
	*buf = d
	return c.socket.write(d, c.server)
}

// begin starts a handshake.
func (c *Client) begin() {
	p := newPipe(c.socket, c.server, c.memory)
	c.shake = p
	c.wg.Go(func() {
		made, err := c.handshake(p)
		c.mu.Lock()
		if p.refused() && !c.closed { // once more, without the session
			c.memory = nil
			p = newPipe(c.socket, c.server, nil)
			c.shake = p
			c.mu.Unlock()
			made, err = c.handshake(p)
			c.mu.Lock()
		}
		defer c.mu.Unlock()
		c.shake = nil
		if err != nil {
			c.failed(err)
			return
		}
		c.established(made)
	})
}

// failed sets the time before which none is tried again.
func (c *Client) failed(err error) {
	c.memory = nil
	c.stats.Failed++
	c.stats.Lost += len(c.waiting)
	c.waiting, c.up = nil, nil
	c.backoff = min(max(2*c.backoff, c.o.MinBackoff), c.o.MaxBackoff)
	pause := c.backoff - time.Duration(rand.Float64()*float64(c.backoff)/4)
	c.notBefore = time.Now().Add(pause)
	if !c.closed {
		c.o.Logger.Info("handshake failed", "server", c.server, "err", err, "pause", pause.Round(time.Millisecond))
	}
}

// established takes the new association, and sends what waits for it.
func (c *Client) established(m *made) {
	c.stats.Handshakes++
	if m.resumed {
		c.stats.Resumed++
	} else {
		c.addr = &Addr{addr: c.server, identity: m.session.identity}
		c.memory = nil
		if len(m.session.id) > 0 && !c.o.NoResumption {
			c.memory = &m.session
		}
	}
	c.up, c.last, c.repeats = m.link, m.last, 0
	c.backoff, c.notBefore, c.silence = 0, time.Time{}, silence{}
	waiting := c.waiting
	c.waiting = nil
	for _, b := range waiting {
		if c.up == nil || c.sendLocked(b) != nil {
			c.stats.Lost++
		}
	}
}

// Reset makes the next datagram begin a new handshake: the caller has reason to
// think that the server forgot the association.
func (c *Client) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = nil
}

// Stats says what was.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Close tells the server, ends a handshake, and closes the socket. It returns
// after the last goroutine has ended.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	if c.up != nil {
		if d, err := c.up.seal(nil, typeAlert, alertCloseNotify.body()); err == nil {
			c.socket.write(d, c.server) // best effort
		}
		c.up = nil
	}
	if c.shake != nil {
		c.shake.Close()
	}
	c.mu.Unlock()
	err := c.socket.Close()
	c.wg.Wait()
	return err
}

// LocalAddr is the socket's address.
func (c *Client) LocalAddr() net.Addr { return c.socket.LocalAddr() }

// SetReadDeadline ends a ReadFrom at t.
func (c *Client) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline is the socket's.
func (c *Client) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

// SetDeadline is the socket's.
func (c *Client) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// silence measures how long the same datagram has been repeated without any
// answer: that, and not quiet alone, says that the server does not hear.
type silence struct {
	hash  uint64
	times int
	since time.Time
}

// minTimes is how often a datagram must be sent to count as repeated.
const minTimes = 3

// sent notes a datagram and returns for how long it has been in vain.
func (s *silence) sent(hash uint64, now time.Time) time.Duration {
	if s.times == 0 || hash != s.hash && s.times == 1 {
		*s = silence{hash, 1, now}
		return 0
	}
	if hash == s.hash {
		s.times++
	}
	if s.times < minTimes {
		return 0
	}
	return now.Sub(s.since)
}

// errTimeout is a handshake that took too long.
var errTimeout = errors.New("dtls: no answer in time")

// handshake makes one, and takes the keys out of pion's connection.
func (c *Client) handshake(p *pipe) (*made, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), c.o.HandshakeTimeout, errTimeout)
	defer cancel()
	defer p.Close()
	conn, err := pion.ClientWithOptions(p, net.UDPAddrFromAddrPort(c.server), c.options(p.offered)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	err = conn.HandshakeContext(ctx)
	last, session := p.detach() // before pion says close_notify
	defer conn.Close()
	switch state, ok := conn.ConnectionState(); {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case !ok:
		return nil, errState
	default:
		m, err := extract(&state)
		if err != nil {
			return nil, err
		}
		m.last, m.session.id, m.resumed = last, session, p.offered != nil
		return m, nil
	}
}
