package coap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/fwbridge/fwbridge/lwm2m9/internal/crew"
)

// Options configure an [Endpoint]. Every zero value is usable.
type Options struct {
	// Handler answers requests; nil answers 4.04 to all.
	Handler Handler
	// Logger gets what nobody is told. Nil logs nothing.
	Logger *slog.Logger
	// MaxBody bounds a body put together from blocks, in bytes: 4.13 for a
	// request received, ErrTooLarge for a response. 0 is DefaultMaxBody.
	MaxBody int
	// BlockSize is the block size used for sending and asked for, rounded down
	// to a power of two from 16 to MaxBlockSize; the peer can make it smaller.
	// 0 is MaxBlockSize.
	BlockSize int
	// ResponseTimeout bounds the time between the acknowledgement of a request
	// and its response. 0 is MaxTransmitWait.
	ResponseTimeout time.Duration
	Transmission    Transmission

	// MaxHandlers and MaxHandlersPerPeer bound the requests being handled.
	// One more is answered 5.03 if it is confirmable and dropped if not. 0 is
	// DefaultMaxHandlers and DefaultMaxHandlersPerPeer.
	MaxHandlers, MaxHandlersPerPeer int
	// MaxSeen and MaxSeenPerPeer bound the messages remembered for duplicate
	// detection, MaxSeenBytes the replies kept with them; the oldest go
	// first. 0 is DefaultMaxSeen and so on.
	MaxSeen, MaxSeenPerPeer, MaxSeenBytes int
	// MaxArrivingBytes bounds the request bodies being put together, of all
	// peers: 5.03 beyond. 0 is DefaultMaxArrivingBytes.
	MaxArrivingBytes int
}

// Defaults of Options.
const (
	DefaultMaxBody            = 64 << 10
	DefaultMaxHandlers        = 8192
	DefaultMaxHandlersPerPeer = 8
	DefaultMaxSeen            = 1 << 17
	DefaultMaxSeenPerPeer     = 256
	DefaultMaxSeenBytes       = 32 << 20
	DefaultMaxArrivingBytes   = 32 << 20
)

// fill puts the defaults where nothing was said.
func (o *Options) fill() {
	if o.Handler == nil {
		o.Handler = func(context.Context, *Request) Response { return Response{Code: NotFound, Format: NoFormat} }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.BlockSize = 1 << (szxOf(cmp.Or(o.BlockSize, MaxBlockSize)) + 4)
	o.ResponseTimeout = cmp.Or(o.ResponseTimeout, MaxTransmitWait)
	o.MaxHandlers = cmp.Or(o.MaxHandlers, DefaultMaxHandlers)
	o.MaxHandlersPerPeer = cmp.Or(o.MaxHandlersPerPeer, DefaultMaxHandlersPerPeer)
	o.MaxSeen = cmp.Or(o.MaxSeen, DefaultMaxSeen)
	o.MaxSeenPerPeer = cmp.Or(o.MaxSeenPerPeer, DefaultMaxSeenPerPeer)
	o.MaxSeenBytes = cmp.Or(o.MaxSeenBytes, DefaultMaxSeenBytes)
	o.MaxArrivingBytes = cmp.Or(o.MaxArrivingBytes, DefaultMaxArrivingBytes)
	t := &o.Transmission
	t.AckTimeout = cmp.Or(t.AckTimeout, AckTimeout)
	t.AckRandomFactor = cmp.Or(t.AckRandomFactor, AckRandomFactor)
	t.MaxRetransmit = cmp.Or(t.MaxRetransmit, MaxRetransmit)
	if t.Random == nil {
		t.Random = rand.Float64
	}
}

// Endpoint speaks CoAP with any number of peers over one packet connection. Its
// methods may be called from any goroutine.
type Endpoint struct {
	o     Options
	conn  net.PacketConn
	udp   *net.UDPConn   // conn, if it is one: its calls need no allocation
	to    addrPortWriter // conn, if it is one
	start time.Time
	wake  chan struct{} // the clock: look again
	done  chan struct{} // closed when the endpoint stops
	wg    crew.Crew
	opts  message.Options // scratch of the read loop

	mu           sync.Mutex // guards everything below, and all peers
	closed       bool
	peers        map[netip.AddrPort]*peer
	seen         map[seenKey]*seen
	oldest       *seen
	youngest     *seen
	seenBytes    int
	unacked      map[seenKey]*confirmable
	calls        map[callKey]*call
	observations map[Token]*Observation
	handlers     int // at work
	arriving     int // bytes in all bodies being put together
	servings     int // bodies kept for further blocks
	timers       timerHeap
	sleepsTo     instant
	outbox       []datagram      // what alarms want written
	sending      message.Options // scratch of a message being encoded
}

// addrPortWriter sends without a net.Addr made for it, as *net.UDPConn does.
type addrPortWriter interface {
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// New makes an endpoint, which owns conn from now on. [Endpoint.Run] starts it.
// The addresses of conn must have an AddrPort method, as *net.UDPAddr has; if
// they have Identity() string and Remote() netip.AddrPort, too, requests carry
// what they say.
func New(conn net.PacketConn, o Options) *Endpoint {
	o.fill()
	e := &Endpoint{
		o: o, conn: conn, start: time.Now(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		opts:         make(message.Options, 0, maxOptions),
		sending:      make(message.Options, 0, maxOptions),
		peers:        make(map[netip.AddrPort]*peer),
		seen:         make(map[seenKey]*seen),
		unacked:      make(map[seenKey]*confirmable),
		calls:        make(map[callKey]*call),
		observations: make(map[Token]*Observation),
		sleepsTo:     never,
	}
	e.to, _ = conn.(addrPortWriter)
	if e.udp, _ = conn.(*net.UDPConn); e.udp != nil {
		_ = e.udp.SetReadBuffer(readBuffer) // the system may cut it
	}
	return e
}

// readBuffer is what the socket is asked to hold while the read loop is busy,
// in bytes: the system's default is full with 200 devices that ask at once, and
// each datagram lost costs its device two seconds.
const readBuffer = 4 << 20

// LocalAddr is the address of the connection.
func (e *Endpoint) LocalAddr() net.Addr { return e.conn.LocalAddr() }

// Run serves until ctx ends and returns after the last goroutine has ended:
// nil when ctx ended it, else why the connection could not be read. Handlers
// under way get their context cancelled and may still answer. It closes the
// connection and is called once.
func (e *Endpoint) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A deadline in the past ends the read; writing goes on until all is done.
	unblock := context.AfterFunc(ctx, func() { e.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer unblock()
	var clock sync.WaitGroup
	clock.Go(func() { e.runClock(ctx) })

	err := e.read(ctx)
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	close(e.done)
	cancel()
	e.wg.Wait()
	clock.Wait()
	e.conn.Close()
	return err
}

// maxReadErrors is how many reads may fail in a row, pauseAfterError apart,
// before Run gives up: a socket reports some errors of the network once.
const (
	maxReadErrors   = 100
	pauseAfterError = 10 * time.Millisecond
)

func (e *Endpoint) read(ctx context.Context) error {
	buf := make([]byte, maxDatagram)
	for failed := 0; ; {
		n, from, err := e.readFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failed = 0
			if reply := e.receive(ctx, buf[:n], from); reply != nil {
				e.write(reply, from.at)
			}
		case errors.Is(err, net.ErrClosed) || failed == maxReadErrors:
			return err
		default:
			failed++
			select {
			case <-ctx.Done():
			case <-time.After(pauseAfterError):
			}
		}
	}
}

// sender is who sent a datagram.
type sender struct {
	at       netip.AddrPort
	remote   netip.AddrPort // where it came from: at, unless that is made up
	identity string         // what the connection knows of it; "" without security
}

// readFrom reads a datagram.
func (e *Endpoint) readFrom(buf []byte) (n int, from sender, err error) {
	if e.udp != nil {
		n, from.at, err = e.udp.ReadFromUDPAddrPort(buf)
	} else {
		var a net.Addr
		if n, a, err = e.conn.ReadFrom(buf); err == nil {
			ap, ok := a.(interface{ AddrPort() netip.AddrPort })
			if !ok {
				return 0, from, fmt.Errorf("coap: %T has no AddrPort", a)
			}
			from.at = ap.AddrPort()
			if known, ok := a.(interface{ Identity() string }); ok {
				from.identity = known.Identity()
			}
			if real, ok := a.(interface{ Remote() netip.AddrPort }); ok {
				from.remote = real.Remote()
			}
		}
	}
	// An IPv4 peer has one key, also on a socket of both families.
	from.at = netip.AddrPortFrom(from.at.Addr().Unmap(), from.at.Port())
	if !from.remote.IsValid() {
		from.remote = from.at
	}
	return n, from, err
}

// write sends a datagram. What cannot be sent counts as lost on the way:
// retransmission is the answer to both.
func (e *Endpoint) write(data []byte, to netip.AddrPort) {
	var err error
	if e.to != nil {
		_, err = e.to.WriteToUDPAddrPort(data, to)
	} else {
		_, err = e.conn.WriteTo(data, net.UDPAddrFromAddrPort(to))
	}
	if err != nil {
		e.o.Logger.Debug("datagram not sent", "peer", to, "err", err)
	}
}
