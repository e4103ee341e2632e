package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options configure a [Server]. Every zero value but those of Conn and Handler
// is usable.
type Options struct {
	// Conn carries the datagrams in both directions. Required; Run closes it.
	Conn net.PacketConn
	// Handler is told what devices do. Required.
	Handler Handler
	// Logger gets what nobody else is told: refused registrations, garbage,
	// failed handlers. Nil logs nothing.
	Logger *slog.Logger
	// MaxRegistrations bounds the devices registered at once; a further one
	// is answered 5.03. 0 is DefaultMaxRegistrations.
	MaxRegistrations int
	// MinLifetime and MaxLifetime bound what a device asks for with lt; what
	// is outside is kept at the bound. 0 is DefaultMinLifetime and
	// DefaultMaxLifetime.
	MinLifetime, MaxLifetime time.Duration
	// MaxBody bounds a body put together from blocks, in bytes, in both
	// directions of arrival: 4.13 for a device's request, [ErrGarbage] for its
	// answer. 0 is DefaultMaxBody.
	MaxBody int
	// Timeout bounds one exchange after it was acknowledged; until then the
	// retransmissions of RFC 7252 bound it (93 s at most). 0 is
	// DefaultTimeout. The context of Do can only shorten it.
	Timeout time.Duration
	// AwakeWindow is how long a device in queue mode listens after its last
	// message. 0 is DefaultAwakeWindow.
	AwakeWindow time.Duration
}

// Defaults of Options.
const (
	DefaultMaxRegistrations = 100_000
	DefaultMinLifetime      = time.Second
	DefaultMaxLifetime      = 366 * 24 * time.Hour
	DefaultMaxBody          = 64 << 10
	DefaultTimeout          = 93 * time.Second // MAX_TRANSMIT_WAIT (RFC 7252, 4.8.2)
	DefaultAwakeWindow      = 93 * time.Second // LwM2M 1.1 Transport, 6.5: MAX_TRANSMIT_WAIT
)

var (
	// ErrNotSent means that there was no answer because the request was never
	// sent: it has certainly not been carried out. It is an [ErrNoAnswer].
	ErrNotSent = fmt.Errorf("%w: it was never sent", ErrNoAnswer)
	// ErrAsleep means that the device, in queue mode, did not wake up before
	// the context ended. It is an [ErrNotSent].
	ErrAsleep = fmt.Errorf("%w: the device sleeps", ErrNotSent)
	// ErrStaleExchange means that a [Request] with an Exchange was not sent,
	// because the exchange is older than [ExchangeLifetime] or the device has
	// another address by now: the device would not know it as a duplicate. It
	// is an [ErrNotSent] as far as this call goes.
	ErrStaleExchange = fmt.Errorf("%w: the exchange is too old or for another address", ErrNotSent)
)

// Server holds the registrations of devices and speaks to them. Its methods
// may be called from any goroutine.
type Server struct{}

// New makes a server; [Server.Run] starts it.
func New(o Options) *Server { return &Server{} }

// Run serves until ctx ends, and returns after the last goroutine has ended:
// nil when ctx ended it, otherwise why the connection failed. It closes the
// connection. Run is called once.
func (s *Server) Run(ctx context.Context) error { return nil }

// Addr is the local address.
func (s *Server) Addr() net.Addr { return nil }

// Restore takes back a registration that a Handler was given, with its ID,
// address and epoch. It is called before Run; one whose lifetime has ended
// meanwhile expires when Run starts.
func (s *Server) Restore(r Registration) error { return nil }

// Lookup is the registration of an endpoint.
func (s *Server) Lookup(endpoint string) (Registration, bool) { return Registration{}, false }

// Registrations is every registration, in no order.
func (s *Server) Registrations() []Registration { return nil }

// Do sends one request to a device and waits for the answer: one request at a
// time goes to one device, others wait their turn in the order of their calls;
// for a device in queue mode all wait until it is heard from. It waits no
// longer than ctx.
//
// A response of class 4 or 5 is a [*Refused], with the Response beside it. A
// device that says nothing until retransmission or ctx ends is [ErrNoAnswer]
// (with [ErrNotSent] when nothing went out), an answer that cannot be understood
// or is larger than MaxBody [ErrGarbage]; [ErrNotRegistered] and [ErrClosed]
// are sent to nobody.
//
// Called while Handler.Register runs for that endpoint, Do waits until the
// device has been answered; so Handler must not wait for it.
func (s *Server) Do(ctx context.Context, endpoint string, r Request) (Response, error) {
	return Response{}, ErrClosed
}

// NewExchange reserves a message id and token for a request to the endpoint,
// at its address of now.
func (s *Server) NewExchange(endpoint string) (Exchange, error) { return Exchange{}, ErrClosed }

// CancelObservations forgets every observation of the endpoint; the device is
// told by the Reset that answers its next notification (RFC 7641, 3.6).
func (s *Server) CancelObservations(endpoint string) {}
