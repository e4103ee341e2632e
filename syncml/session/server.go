package session

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// ServerConfig is what the server's side of a session knows about the device.
// It does not change in a session.
type ServerConfig struct {
	// Account: DeviceID, ServerID and both Credentials; URL is our own address
	// (SyncHdr Source), MaxMsgSize and MaxObjSize what we announce in bytes.
	// Version and Encoding are the device's choice: those of its first message.
	Account Account
	Nonces  Nonces
	// RespURI is put into every header and names the session in its URL; empty
	// sends none.
	RespURI string
	// LargeObjects says that the device takes objects in parts. Its LrgObj is
	// not to be trusted (legacy-clients.md); without this, what does not fit
	// one message is not sent.
	LargeObjects bool
	// Sequence says that the device takes Sequence. To all others its commands
	// go one by one, in order.
	Sequence bool
	// DefaultNonce says that the session was triggered with the default nonce,
	// because the nonces were lost (DM Notification 1.2): the device may use it
	// once. A session of any other kind refuses it, as it can be replayed.
	DefaultNonce bool
	// Batch is how many commands one message has at most, those in an Atomic
	// not counted; 0 is [DefaultBatch].
	Batch int
	// Judge gives the Status of a device's event: 200 or 202, or 415 for a type
	// that is not known; only those with 2xx are told. Nil answers 200.
	Judge func(Event) syncml.Code
}

// Limits of a session in the server role, next to those of the [Client].
const (
	// DefaultBatch keeps what a device has to answer to one message below the
	// size that devices can build.
	DefaultBatch = 32
	// MaxServerSend is the longest message in bytes, whatever the device
	// announces: there are devices that drop more than 40,000 bytes.
	MaxServerSend = 32 << 10
	// DefaultServerSend is the same for devices that announce nothing.
	DefaultServerSend = 16 << 10
	// MaxHeld is how many bytes of Results are kept for commands that are not
	// completely answered.
	MaxHeld = 4 << 20
	// MaxEvents is how many different events one session tells.
	MaxEvents = 1000
)

// Server is the server's side of one DM session with one device. It is not
// safe for use by more than one goroutine and is not stored.
//
// For every message of the device call Receive, then Queue what is to be done
// next, if anything, then Reply.
type Server struct {
	cfg  ServerConfig // with what the device has chosen, and the Nonces that may be stored
	id   string       // SessionID, that of the first message
	us   ours
	them theirs

	maxMsg, maxObj int64 // of the device, in bytes; maxObj 0 has no limit

	begun   bool
	sent    int // messages sent: our MsgID
	repeats int // answers sent once more
	refused int // messages refused for their header
	last    string
	lastSum [sha256.Size]byte // of the body with that MsgID
	kind    syncml.AlertCode
	seen    map[[sha256.Size]byte]bool // events; nil before the first
	held    int                        // bytes of Results

	jobs    []*job          // without a Result, in order
	units   []*unit         // to be sent, in order
	flight  []*unit         // sent, and not answered
	places  map[place]*step // of what is in flight; nil for nothing
	large   *largeObject    // under way to the device
	objects assembler       // under way from the device
	answers []syncml.Command
	unsent  []Result
	abort   bool

	in    arrival // once it has its Reply, no more than sum
	due   bool    // the message in has no Reply yet
	reply Reply
}

// arrival is a message being answered.
type arrival struct {
	m    *syncml.Message
	sum  [sha256.Size]byte
	head *syncml.Status // for its SyncHdr
	got  Received
	// refused says that nothing but Statuses may go out.
	refused bool
	end     End
	err     error
}

// NewServer prepares a session; [PeekClient] tells from the first message
// whose account it needs.
func NewServer(cfg ServerConfig) *Server {
	s := &Server{cfg: cfg, maxMsg: DefaultServerSend}
	// A device that finds no credentials gives up, so they are sent unasked.
	s.us = ours{scheme: s.cfg.Account.Server.Scheme, nonce: cfg.Nonces.Server, asked: true}
	s.them = theirs{nonce: cfg.Nonces.Client, lost: cfg.DefaultNonce}
	if cfg.DefaultNonce {
		s.us.nonce = DefaultNonces()[0]
	}
	s.objects.max = max(s.cfg.Account.MaxObjSize, DefaultMaxObject)
	return s
}

// Format implements [fmt.Formatter], so that no verb prints the account's
// secrets.
func (s *Server) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "DM server session %s", s.id) }

// Abort makes the next Reply end the session with an Alert 1223. There are
// devices that do not understand it and go on; they get no answer.
func (s *Server) Abort() { s.abort = true }

// IsLast says whether a body is that of the message received last, byte for
// byte.
func (s *Server) IsLast(body []byte) bool { return s.begun && s.in.sum == sha256.Sum256(body) }

// Receive takes the body of a device's POST and the value of its
// [HMACHeader], if it has one, and says what was learned. nonce returns 16
// fresh random bytes. The error is a [*syncml.SyntaxError] for a body that is
// no message (HTTP 400); it leaves the session as it was, and there is no
// Reply to it.
func (s *Server) Receive(body []byte, hmac string, nonce func() []byte) (Received, error) {
	m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
	if err != nil {
		return Received{Nonces: s.cfg.Nonces}, err
	}
	return s.ReceiveMessage(m, enc, body, hmac, nonce), nil
}

// ReceiveMessage is Receive for a body that has been decoded already: m and enc
// are what [syncml.Decode] has made of it. m is the session's from then on.
func (s *Server) ReceiveMessage(m *syncml.Message, enc syncml.Encoding, body []byte, hmac string, nonce func() []byte) Received {
	sum := sha256.Sum256(body)
	if s.begun && m.Header.MsgID == s.last && sum == s.lastSum {
		s.again()
		return Received{Nonces: s.cfg.Nonces, Replayed: true}
	}
	if s.over() {
		s.reply = Reply{End: s.reply.End, Err: s.reply.Err}
		return Received{Nonces: s.cfg.Nonces, Replayed: true}
	}
	if !s.begun {
		s.begin(m.Header, enc)
	}
	s.due, s.in = true, arrival{m: m, sum: sum}
	if err := s.checkHeader(m.Header); err != nil {
		s.refuseHeader(err)
	} else {
		s.last, s.lastSum = strings.Clone(m.Header.MsgID), sum
		s.hear(evidence{m.Header.Cred, hmac, body}, nonce)
	}
	s.in.got.Nonces = s.cfg.Nonces
	return s.in.got
}

// hear takes what a message says, if its sender proves to be the device.
func (s *Server) hear(e evidence, nonce func() []byte) {
	m := s.in.m
	if !s.authenticate(e, nonce) {
		return
	}
	s.learn(m.Header)
	s.statuses(m)
	for _, cmd := range m.Body {
		s.hearCommand(cmd)
	}
	s.settle(m.Final)
}

// over says that the session has ended and that nothing can be said any more.
func (s *Server) over() bool { return s.reply.End != EndNot && s.reply.End != EndDone }

// again answers a message that was answered before with the same bytes.
func (s *Server) again() {
	s.repeats++
	if s.sent+s.repeats > MaxMessages {
		s.reply = Reply{End: EndTooManySent, Err: fmt.Errorf("the device repeats itself: %d messages", s.sent+s.repeats)}
	}
}

// Reply is the answer to the message received last, of which nothing is kept
// then: a session waits for minutes for its next message, or for a message to be
// repeated.
func (s *Server) Reply() Reply {
	if s.due {
		s.due = false
		s.reply = s.compose()
		s.withdraw()
		s.reply.Unsent, s.unsent = s.unsent, nil
		s.in = arrival{sum: s.in.sum}
		return s.reply
	}
	s.reply.Unsent = nil
	return s.reply
}
