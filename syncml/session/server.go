package session

import (
	"fmt"

	"github.com/fwbridge/fwbridge/syncml"
)

// ServerConfig is what the server's side of a session knows about the device.
// It does not change in a session.
type ServerConfig struct {
	// Account: DeviceID, ServerID and both Credentials; URL is our own address
	// (SyncHdr Source), MaxMsgSize what we announce. Version and Encoding are
	// the device's choice: those of its first message.
	Account Account
	Nonces  Nonces
	// RespURI is put into every header and names the session in its URL; empty
	// sends none.
	RespURI string
	// MaxObjSize is the longest object in bytes that we take and announce; 0
	// is [DefaultMaxObject].
	MaxObjSize int64
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
	// Batch is how many commands one message has at most; 0 is [DefaultBatch].
	Batch int
	// Judge gives the Status of a client's event: 200 or 202, or 415 for a type
	// that is not known. Nil answers 200.
	Judge func(Event) syncml.Code
}

// Server is the server's side of one DM session with one device. It is not
// safe for use by more than one goroutine and is not stored.
//
// For every message of the device call Receive, then Queue what is to be done
// next, if anything, then Reply.
type Server struct {
	cfg ServerConfig
	id  string // SessionID, that of the first message
}

// NewServer prepares a session; [PeekClient] tells from the first message
// whose account it needs.
func NewServer(cfg ServerConfig) *Server { return &Server{cfg: cfg} }

// Format implements [fmt.Formatter], so that no verb prints the account's
// secrets.
func (s *Server) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "DM server session %s", s.id) }

// Queue adds a command: Add, Replace, Get, Delete, Exec, Copy, an Alert for the
// user, an Atomic or a Sequence. CmdIDs are given here. The Result comes back
// under the key, once, in the step in which the device has answered. Commands
// keep their order.
func (s *Server) Queue(key string, cmd syncml.Command) {}

// Pending are the keys of the commands without a Result, in order.
func (s *Server) Pending() []string { return nil }

// Abort makes the next Reply end the session with an Alert 1223.
func (s *Server) Abort() {}

// Receive takes the body of a device's POST and the value of its
// [HMACHeader], if it has one, and says what was learned. nonce returns 16
// fresh random bytes. The error is a [*syncml.SyntaxError] for a body that is
// no message (HTTP 400); it leaves the session as it was, and there is no
// Reply to it.
func (s *Server) Receive(body []byte, hmac string, nonce func() []byte) (Received, error) {
	return Received{}, nil
}

// Reply is the answer to the message received last.
func (s *Server) Reply() Reply { return Reply{} }
