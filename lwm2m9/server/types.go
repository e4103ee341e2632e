// Package server is the LwM2M server's side of the LwM2M interfaces over CoAP:
// registrations with their lifetimes, and requests to registered devices. It
// keeps no drive and no file: what must survive is handed to the [Handler],
// and given back with Restore.
//
// # Threads
//
// [Server.Run] owns the CoAP endpoint, with the goroutines that it lists, and
// one goroutine that waits for the next lifetime to end. Calls of the Handler
// run in the goroutine of the request or notification that caused them, one
// after the other for each endpoint name; those of Expired in one of their own,
// at most 64. A registered device that is silent has no goroutine. Server.mu
// guards the tables and is taken before the lock of coap, never after it;
// neither is held while foreign code runs.
//
// # Departures from the specification
//
//   - A lifetime outside the configured bounds is kept at the bound instead of
//     refused; lt=0 is the upper bound (1.1 and later: without end).
//   - A Q in b means queue mode in every version, as some clients of 1.1 say it.
//   - The objects may be missing from a Register; Content-Format too. Parameters
//     that are not known are ignored, sms among them.
//   - Bootstrap (/bs) is answered 4.04, and so is Send (/dp) of a device that
//     cannot be told from others at its address, or to a Handler without Sent.
//   - LwM2M CBOR (11544) of 1.2 is not asked for and not understood.
//   - Registrations without security: whoever knows an endpoint name can take
//     it over, from any address; but not one that has an identity.
//   - An Update or De-register of another identity is answered 4.03, which the
//     specification does not list for them.
package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Registration is what a device said when it registered, and since. It is
// plain data: it is stored and restored as JSON.
type Registration struct {
	Endpoint string         `json:"endpoint"`
	ID       string         `json:"id"`   // the ‹id› of rd/‹id›
	Addr     netip.AddrPort `json:"addr"` // of the last message
	// Identity is what the device's connection has proved when it registered
	// (DTLS); empty without security.
	Identity string `json:"identity,omitempty"`
	// Remote is where the last Register or Update came from when Addr is made
	// up for a connection (DTLS); zero when it is Addr.
	Remote   netip.AddrPort `json:"remote,omitzero"`
	Lifetime time.Duration  `json:"lifetime"`
	Version  string         `json:"version"` // lwm2m=, "1.0" when absent
	Binding  string         `json:"binding"`
	Queue    bool           `json:"queue"` // the device sleeps between its messages
	Root     string         `json:"root"`  // alternate path, such as "/lwm2m", or empty
	Paths    []string       `json:"paths"` // objects and instances as registered: "/9", "/9/0", without Root
	Heard    time.Time      `json:"heard"` // last Register or Update
	Epoch    uint64         `json:"epoch"` // grows with every Register: observations of an older epoch are gone
}

// Expires is the moment at which the lifetime ends.
func (r Registration) Expires() time.Time { return r.Heard.Add(r.Lifetime) }

// Where is the device's real address, for people.
func (r Registration) Where() netip.AddrPort {
	if r.Remote.IsValid() {
		return r.Remote
	}
	return r.Addr
}

// from notes whom a message came from.
func (r *Registration) from(peer, remote netip.AddrPort) {
	r.Addr, r.Remote = peer, netip.AddrPort{}
	if remote != peer {
		r.Remote = remote
	}
}

// Instances lists the instances of Object 9 that the registration names.
func (r Registration) Instances() []lwm2m9.InstanceID {
	var ids []lwm2m9.InstanceID
	for _, p := range r.Paths {
		var id lwm2m9.InstanceID
		if n, err := fmt.Sscanf(p, "/9/%d", &id); n == 1 && err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// Handler is told what devices do. Each call runs in a goroutine of its own,
// never on the read loop; calls for one endpoint come one after the other. The
// device is answered when the call returns: 2.xx for nil; the code of a
// [*Refused]; 5.00 for any other error.
type Handler interface {
	Register(ctx context.Context, r Registration) error
	Update(ctx context.Context, r Registration) error
	Deregister(ctx context.Context, r Registration) error
	// Expired is called when a lifetime has ended without an Update.
	Expired(ctx context.Context, r Registration)
	// Notified is called for a fresh notification of an observation; older
	// ones (RFC 7641, 3.4) and unknown tokens never arrive here.
	Notified(ctx context.Context, n Notification)
}

// SendHandler is a [Handler] that also takes what devices send unasked (Send,
// LwM2M 1.1 Core, 6.4.5). Sent is called and answered as the calls of Handler.
type SendHandler interface {
	Sent(ctx context.Context, s Sent) error
}

// Sent is what a registered device sent unasked.
type Sent struct {
	Endpoint string
	// Entries have the types of the wire; see [wire.Value.As].
	Entries []wire.Entry
}

// Notification is one notification of an observed path.
type Notification struct {
	Endpoint string
	Path     string // "/" of a composite observation
	Format   ContentFormat
	Payload  []byte
	Sequence uint32 // the Observe option
}

// ContentFormat is a CoAP Content-Format number.
type ContentFormat int32

// The formats of LwM2M. NoFormat sends no option.
const (
	NoFormat     ContentFormat = -1
	TextPlain    ContentFormat = 0
	LinkFormat   ContentFormat = 40
	OctetStream  ContentFormat = 42
	CBOR         ContentFormat = 60
	SenMLJSON    ContentFormat = 110
	SenMLCBOR    ContentFormat = 112
	TLV          ContentFormat = 11542
	LwM2MJSON    ContentFormat = 11543
	OldTLV       ContentFormat = 1542
	OldLwM2MJSON ContentFormat = 1543
)

// Method is a CoAP request code.
type Method uint8

// The methods.
const (
	GET    Method = 1
	POST   Method = 2
	PUT    Method = 3
	DELETE Method = 4
	FETCH  Method = 5
	IPATCH Method = 7
)

// Request is one request to a device.
type Request struct {
	Method  Method
	Path    string // "/9/0/7"; the registration's Root is put before it
	Query   []string
	Format  ContentFormat // of Payload
	Accept  ContentFormat
	Payload []byte
	// Body, when set, is read in place of Payload, block by block: a package
	// that is pushed need not be in memory.
	Body *Body
	// Observe starts (true) or cancels (false) an observation of Path.
	Observe *bool
	// Exchange, when set, fixes message id and token: a request that is sent
	// again with the same Exchange within ExchangeLifetime is a duplicate to
	// the device, which answers it without carrying it out twice (RFC 7252,
	// 4.5). NewExchange makes one, so that it can be stored before it is used.
	Exchange *Exchange
}

// Exchange identifies one CoAP exchange.
type Exchange struct {
	MessageID uint16         `json:"mid"`
	Token     []byte         `json:"token"`
	Addr      netip.AddrPort `json:"addr"` // the device's address: elsewhere it is another exchange
	Begun     time.Time      `json:"begun"`
}

// ExchangeLifetime is how long a message id stays tied to its exchange (RFC
// 7252, 4.8.2), less the 93 s that the last repetition may take.
const ExchangeLifetime = 150 * time.Second

// Response is what the device answered.
type Response struct {
	Code     lwm2m9.ResponseCode
	Format   ContentFormat // NoFormat when the option was absent
	Payload  []byte
	Location string // Location-Path of a Create, "/9/1"
	Observed bool   // the device has taken the observation that the request began
}

// Refused is a response of class 4 or 5: the device said no.
type Refused struct {
	Code lwm2m9.ResponseCode
	// Repeated says that the request went out more than once: a device that
	// does not recognize duplicates may have carried it out, and refuse the
	// copy because of that.
	Repeated bool
}

func (e *Refused) Error() string { return "lwm2m: the device answered " + e.Code.String() }

var (
	// ErrNoAnswer means that the device said nothing until the deadline; what
	// was asked may or may not have been carried out.
	ErrNoAnswer = errors.New("lwm2m: no answer from the device")
	// ErrNotRegistered means that no such endpoint is registered.
	ErrNotRegistered = errors.New("lwm2m: endpoint not registered")
	// ErrGarbage means that the answer could not be understood.
	ErrGarbage = errors.New("lwm2m: the answer makes no sense")
	// ErrClosed means that the server has stopped.
	ErrClosed = errors.New("lwm2m: server closed")
)
