package coap

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// Observing is what a request wants of an observation (RFC 7641, 2).
type Observing uint8

// The values of Observing.
const (
	NotObserving   Observing = iota // no Observe option
	StartObserving                  // Observe 0
	StopObserving                   // Observe 1
)

// Token ties a response to its request: 0 to 8 bytes (RFC 7252, 5.3.1). It is
// comparable.
type Token struct {
	n uint8
	b [8]byte
}

// MakeToken copies up to 8 bytes into a Token.
func MakeToken(b []byte) Token {
	var t Token
	t.n = uint8(copy(t.b[:], b))
	return t
}

// Bytes is a copy of the token's bytes.
func (t Token) Bytes() []byte { return append([]byte(nil), t.b[:t.n]...) }

// Request is a request, to be sent or received. Format and Accept are NoFormat
// for none; their zero value is text/plain.
type Request struct {
	Method  Code
	Host    string   // which of the peer's hosts is asked, Uri-Host; "" for none. At most 255 bytes
	Path    []string // segments
	Query   []string
	Format  Format // of the payload
	Accept  Format
	Observe Observing
	// ETag is that of a body that who asks has already: 2.03 says that it is
	// still the same (RFC 7252, 5.10.6.2). Of several received it is the last.
	ETag []byte
	// Payload is the whole body, up to MaxBody when received.
	Payload []byte
	// Body, when set on a request to be sent, is read in place of Payload, a
	// block at a time: what is sent need not be in memory.
	Body *Body
	// Sink, when set on a GET to be sent, takes the body of the response, a
	// block at a time: what is received need not be in memory.
	Sink *Sink

	// Exchange, when set on a request to be sent, fixes message id and token
	// of its first message, so that the peer knows it as a duplicate of an
	// earlier one (RFC 7252, 4.5).
	Exchange *Exchange

	// Identity is who sent a request received, as its connection proved it (a
	// DTLS identity); "" on a connection without security.
	Identity string
	// Peer and Token are set on a request received; of a request to be sent
	// they are not looked at.
	Peer  netip.AddrPort
	Token Token
	// Remote is where a request received came from. It is Peer unless that is
	// made up for a connection whose far end may move (DTLS).
	Remote netip.AddrPort
	// Confirmable says how the request received was sent.
	Confirmable bool

	// block1 and block2 are what this one message carries.
	block1, block2 block
	size1          uint32
	asksSize       bool  // Size2 is asked for (RFC 7959, 4)
	szx            uint8 // of the endpoint that has received it: its largest block
}

// Body is what is sent block by block without being in memory. It is read from
// one goroutine at a time.
type Body struct {
	io.ReaderAt
	Size int64 // bytes, at most MaxBodySize
	// Pace, if set, waits before each block until its n bytes may go, or for the
	// end of ctx. An error ends the request: [ErrNotSent] before the first
	// block, else [ErrNoAnswer]. Nothing else goes to the peer meanwhile.
	Pace func(ctx context.Context, n int) error
}

// MaxBodySize is the longest body that blocks can number, in bytes, with blocks
// of MaxBlockSize (RFC 7959, 2.2).
const MaxBodySize = maxBlockNum * MaxBlockSize

// Part says that a response's Payload is only a part of its body.
type Part struct {
	Offset, Total int64 // bytes
}

// Wanted is the part of the response's body that this request asks for. A
// Handler that has large bodies reads just that and answers with a [Part]; it
// is asked for each block, so nothing is kept between two of them.
func (r *Request) Wanted() (offset int64, size int) {
	if r.block2.set { // a smaller block than asked for begins where that one would
		return int64(r.block2.num) << (r.block2.szx + 4), 1 << (min(r.block2.szx, r.szx) + 4)
	}
	return 0, 1 << (r.szx + 4)
}

// Response is a response or a notification, to be sent or received.
type Response struct {
	Code     Code
	Format   Format // NoFormat when there is none
	Location []string
	ETag     []byte // up to 8 bytes
	// MaxAge is how long the response is fresh, and of 5.03 when to come again
	// (RFC 7252, 5.10.5 and 5.9.3.4), in seconds; 0 for no such option.
	MaxAge uint32
	// Observed says whether the Observe option is there: the request has
	// started an observation, or this is a notification. Sequence is its
	// value, 24 bit.
	Observed bool
	Sequence uint32
	// Peer, Remote and Identity are who sent a notification received, as in
	// [Request].
	Peer, Remote netip.AddrPort
	Identity     string
	// Repeated says of a response received that the message it answers went
	// out more than once. A peer that does not recognize duplicates may have
	// carried out the first copy, and answer the second.
	Repeated bool
	// Payload is the whole body. Of a response to be sent it must not be
	// changed afterwards: a large one is kept and served block by block.
	Payload []byte
	// Part, when set on a response that a Handler returns or a [Sink] gets, says that Payload is
	// the part that [Request.Wanted] names, or less at the end. A Handler must set
	// ETag, to tell one body from another (RFC 7959, 2.4).
	Part *Part

	// Sent, when set on a response that a Handler returns, is called once
	// after the first datagram of it has been handed to the socket.
	Sent func()

	block1, block2 block
	size1, size2   uint32
	malformed      bool // an option that must be understood was not
}

// Handler answers requests. It is called in a goroutine of its own, which ends
// with it; ctx ends when the Endpoint stops. A request that takes longer than a
// second is acknowledged meanwhile and answered separately (RFC 7252, 5.2.2).
type Handler func(ctx context.Context, r *Request) Response

// Exchange fixes message id and token of a request.
type Exchange struct {
	MessageID uint16
	Token     Token
}

// Transmission parameters (RFC 7252, 4.8).
const (
	AckTimeout      = 2 * time.Second
	AckRandomFactor = 1.5
	MaxRetransmit   = 4
	// MaxTransmitWait is the longest that retransmission takes until it is
	// given up.
	MaxTransmitWait = 93 * time.Second
	// ExchangeLifetime is how long a message id stays in use.
	ExchangeLifetime = 247 * time.Second
)

const (
	// ackDelay is how long a handler may take before the request is
	// acknowledged without its response: less than AckTimeout, so that the
	// peer does not send again (PROCESSING_DELAY is left to the peer).
	ackDelay = time.Second
	// observeReorder is the age at which the order of notifications is taken
	// from their arrival (RFC 7641, 3.4).
	observeReorder = 128 * time.Second
)
