package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// Options configure a [Server]. Every zero value but those of Conn and Handler
// is usable.
type Options struct {
	// Conn carries the datagrams in both directions. Required; Run closes it.
	Conn net.PacketConn
	// Handler is told what devices do. Required.
	Handler Handler
	// Authorize says whether who has proved an identity ("" without security)
	// may register under an endpoint name; the error is answered as that of a
	// Handler, [ErrIdentity] with 4.03. It is called in the request's goroutine
	// and may look things up. Nil is [OwnName].
	Authorize func(ctx context.Context, identity, endpoint string) error
	// OnImpostor is told of every message that was refused because of who sent
	// it, in that message's goroutine. Nil tells nobody but the Logger.
	OnImpostor func(Impostor)
	// Logger gets what nobody else is told: refused registrations, garbage,
	// failed handlers. Nil logs nothing.
	Logger *slog.Logger
	// Packages finds the package that a device asks for under
	// /p/‹token›, see [PackagePath]; identity is as DTLS has proved it, "" without. It is asked for each
	// block, by any number of devices at once. ErrNoPackage is 4.04, any other
	// error 5.03. Nil has no packages.
	Packages func(ctx context.Context, token, identity string) (Package, error)
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
	// Timeout bounds one exchange after it was acknowledged; until then its
	// retransmissions bound it (see AckTimeout; 93 s at most by default). 0 is
	// DefaultTimeout. The context of Do can only shorten both.
	Timeout time.Duration
	// AckTimeout is the first time-out of retransmission, randomly up to half
	// longer; a request is given up after 31 times that (RFC 7252, 4.8). 0 is
	// DefaultAckTimeout; less is for networks known to be fast.
	AckTimeout time.Duration
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
	DefaultAckTimeout       = coap.AckTimeout
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
	// because the exchange was older than [ExchangeLifetime] when its turn
	// came, or the device had another address: it would not know it as a
	// duplicate. It is an [ErrNotSent] as far as this call goes; an earlier
	// one with the same Exchange may have sent it.
	ErrStaleExchange = fmt.Errorf("%w: the exchange is too old or for another address", ErrNotSent)
)

// fill puts the defaults where nothing was said.
func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Authorize == nil {
		o.Authorize = OwnName
	}
	if o.OnImpostor == nil {
		o.OnImpostor = func(Impostor) {}
	}
	o.MaxRegistrations = cmp.Or(o.MaxRegistrations, DefaultMaxRegistrations)
	o.MinLifetime = cmp.Or(o.MinLifetime, DefaultMinLifetime)
	o.MaxLifetime = max(cmp.Or(o.MaxLifetime, DefaultMaxLifetime), o.MinLifetime)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.AckTimeout = cmp.Or(o.AckTimeout, DefaultAckTimeout)
	o.AwakeWindow = cmp.Or(o.AwakeWindow, DefaultAwakeWindow)
}
