package session

import (
	"fmt"
	"log/slog"

	"github.com/fwbridge/fwbridge/syncml"
)

// Scheme is a way to authenticate at the SyncML level (DM Security 1.2,
// "Authentication").
type Scheme uint8

// The schemes.
const (
	SchemeNone  Scheme = iota
	SchemeBasic        // syncml:auth-basic
	SchemeMD5          // syncml:auth-md5
	SchemeMAC          // syncml:auth-MAC, in the HTTP header [HMACHeader]
)

// Credentials of one direction. The zero value asks for and presents nothing.
type Credentials struct {
	Scheme Scheme
	User   string
	Secret syncml.Secret
}

// Account is what a device knows about a DM server, and the server about it.
// It does not change in a session.
type Account struct {
	DeviceID string // SyncHdr Source, such as IMEI:…
	ServerID string // the name the tree's access rights know
	URL      string // where package 1 goes; SyncHdr Target
	Version  syncml.Version
	Encoding syncml.Encoding
	Client   Credentials // the device's, towards the server
	Server   Credentials // the server's, checked before any command is carried out
	// MaxMsgSize is the longest message, in bytes, that the peer is told to send;
	// 0 tells it nothing. [MaxReceived] is what we take.
	MaxMsgSize int64
	// MaxObjSize is the same for large objects. We take [DefaultMaxObject] bytes
	// at least.
	MaxObjSize  int64
	Interaction Interaction // what the device's user does
}

// Nonces are the two nonces of an account. They outlive the session and are
// stored with the device; nil means that none was agreed yet. Their JSON form
// is for the store only.
type Nonces struct {
	Client []byte `json:"client,omitempty"` // for our Cred
	Server []byte `json:"server,omitempty"` // for the server's Cred
	// Told is the last nonce that the server knows, when a session ended
	// without telling it the newer Server: it signs its triggers with this one.
	Told []byte `json:"told,omitempty"`
}

// ForTriggers is the nonce that the server signs triggers with; nil when none
// was agreed.
func (n Nonces) ForTriggers() []byte {
	if n.Told != nil {
		return n.Told
	}
	return n.Server
}

// Notification is a Generic Alert (1226) that the session has to deliver.
type Notification struct {
	Key        string // the caller's name for it; comes back in Answer
	Type       string // Meta Type
	Format     string // Meta Format
	Mark       string // Meta Mark; empty sends none
	Source     string // LocURI
	Correlator string // sent if not empty
	Data       string
}

// Answer is the server's Status for one Notification.
type Answer struct {
	Key  string
	Code syncml.Code
}

// End says how a session ended. The zero value is a session that goes on.
type End uint8

// The ends of a session.
const (
	EndNot         End = iota
	EndDone            // both sides had nothing left to say
	EndAborted         // Alert 1223 from the server
	EndRefused         // the server did not accept our credentials
	EndUnknown         // the server does not know this device (404 or 403 for SyncHdr)
	EndServerAuth      // the server's credentials failed
	EndVersion         // no common version (505, 513)
	EndProtocol        // the server's message could not be understood
	EndTooManySent     // the limit on messages in one session was reached
	EndClientAuth      // the device's credentials failed (server role)
	EndLeft            // we gave it up: [Client.Abort]
)

var endNames = [...]string{"running", "done", "aborted by the server", "credentials refused", "device unknown to the server",
	"server credentials wrong", "version not supported", "protocol error", "too many messages", "device credentials wrong", "given up"}

// String is the end in words.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "unknown end"
}

// Format implements [fmt.Formatter]: nonces are not for logs.
func (n Nonces) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "nonces of %d and %d bytes", len(n.Client), len(n.Server))
}

// LogValue implements [slog.LogValuer].
func (n Nonces) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(n)) }

// Output is what one step of a session wants: either a message to send or the
// end.
type Output struct {
	Send     []byte // the message to POST next; nil when there is none
	HMAC     string // goes with it as [HMACHeader]; empty when there is none
	URL      string // where to: RespURI when the server gave one
	End      End
	Err      error    // why, for the log, when End is a failure
	Answers  []Answer // Generic Alerts that the server answered in this step
	Nonces   Nonces   // as of now: durable before Send goes out
	Failures []error  // commands refused in this step, with causes, for the log
	Replayed bool     // the server repeated its message: Send repeats our answer byte for byte, nothing was carried out
	// Supported are the versions that the server speaks by its own account,
	// with [EndVersion]; empty when it did not say.
	Supported []syncml.Version
}

// Tree is what the server's commands act on. Every error is, or wraps, a
// [*syncml.StatusError] whose Code goes on the wire; any other error is
// answered 500. Who is the server id whose rights are checked (425).
type Tree interface {
	// Get returns the Items of the Results: Source, Meta and Data. A serialized
	// sub-tree is XML.
	Get(who, uri string) ([]syncml.Item, error)
	Add(who string, item syncml.Item) error
	Replace(who string, item syncml.Item) error
	Delete(who, uri string) error
	Copy(who, from, to string) error
	// Exec returns 200 (done) or 202 (accepted, a Generic Alert will follow).
	Exec(who, uri, correlator string, data []byte) (syncml.Code, error)
	// Checkpoint remembers the tree; calling restore brings it back whole,
	// also what Exec left behind. Atomic uses it. An error of restore says that
	// what the Atomic did is still there, all or some of it: its commands are
	// answered 516, and the server has to put things right.
	Checkpoint() (restore func() error)
	// DevInfo returns the leaves of ./DevInfo for package 1: Source, Meta, Data.
	DevInfo() []syncml.Item
}
