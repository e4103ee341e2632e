package session

import (
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// Auth says what a message told about its sender.
type Auth uint8

// What a message tells about its sender.
const (
	AuthUnasked Auth = iota // the account asks for no credentials, or the device has proved itself before
	AuthOK                  // it proves to be the device
	AuthMissing             // it has no credentials of the scheme that is wanted: challenged
	AuthStale               // its credentials do not fit the stored nonce, which may be lost: challenged
	AuthWrong               // its credentials are wrong: [Lockout] counts these
)

var authNames = [...]string{"not asked", "authenticated", "missing", "stale nonce", "wrong"}

// String is the finding in words.
func (a Auth) String() string {
	if int(a) < len(authNames) {
		return authNames[a]
	}
	return "unknown finding"
}

// Received is what a message of the device told. Nothing but Auth and Failures
// is told of one whose sender has not proved to be the device.
type Received struct {
	Auth     Auth
	Kind     syncml.AlertCode  // 1200 or 1201, in the step in which the device says so
	DevInfo  map[string]string // URI, such as "./DevInfo/Mod", to value, in the step in which it comes
	Events   []Event           // each once in a session, however often the device repeats it
	Results  []Result          // of the queued commands that are answered now
	Nonces   Nonces            // as of now: durable before the Reply goes out
	Failures []error           // what was refused in this message, for the log
	Replayed bool              // the message came before: Reply repeats its answer, nothing was acted on
}

// Event is a client event (1224) or a Generic Alert (1226).
type Event struct {
	Code       syncml.AlertCode
	Type       string // Meta Type as it came
	Format     string
	Mark       string
	Source     string // LocURI
	Correlator string
	Data       string
}

func eventOf(a *syncml.Alert, item syncml.Item) Event {
	return Event{Code: a.Code, Type: item.Meta.Type, Format: item.Meta.Format, Mark: item.Meta.Mark,
		Source: item.Source.URI, Correlator: a.Correlator, Data: string(item.Data)}
}

// Name is the type without the prefix that says how it is to be read, which
// deployed devices leave out (oma-dm.md 4.4).
func (e Event) Name() string {
	prefix, name, found := strings.Cut(e.Type, ":")
	if found && (strings.EqualFold(prefix, "Reversed-Domain-Name") || strings.EqualFold(prefix, "Content-Type")) {
		return strings.TrimSpace(name)
	}
	return e.Type
}

// Result is what the device answered to a queued command.
type Result struct {
	Key string
	// Code is the device's Status: of several the first failure. An Atomic or
	// Sequence without a Status of its own has that of its parts. 0 says that
	// the device sent none, or sent 0.
	Code     syncml.Code
	Statuses []*syncml.Status // all that came for this command, with what a user has entered
	Found    []syncml.Item    // of the Results, put together, with the Meta that counts
	Parts    []Result         // of the commands in an Atomic or Sequence, in order
	Err      error            // why it was not sent, or not to its end; nil otherwise
}

// OK says whether the device has carried the command out, all of it, or will
// (202).
func (r Result) OK() bool { return r.Err == nil && executed(r.Code) }

// Reply is the answer to a message.
type Reply struct {
	Send []byte // the body of the HTTP response; nil when there is nothing left to say to this peer
	HMAC string // goes with it as [HMACHeader]; empty when there is none
	// End other than [EndNot] says that no further message is expected. The
	// session is kept a while all the same: a message may be repeated, and after
	// [EndDone] a device may have more to report.
	End    End
	Err    error    // why, for the log, when End is a failure
	Unsent []Result // of commands that cannot be sent to this device: see their Err
}

// SameSession says whether a device's SessionID is the one that a trigger gave
// it: hexadecimal, of either case and padding, or with its bytes swapped, as
// some devices have it (oma-dm.md 12).
func SameSession(id string, notified uint16) bool {
	var n uint32
	if len(id) == 0 || len(id) > 8 {
		return false
	}
	for _, c := range []byte(strings.ToLower(id)) {
		d := strings.IndexByte("0123456789abcdef", c)
		if d < 0 {
			return false
		}
		n = n<<4 | uint32(d)
	}
	return n == uint32(notified) || n == uint32(notified>>8|notified<<8)
}
