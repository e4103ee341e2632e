package session

import (
	"github.com/fwbridge/fwbridge/syncml"
)

// Auth says what a message told about its sender.
type Auth uint8

// What a message tells about its sender.
const (
	AuthUnasked Auth = iota // the account asks for no credentials, or the device has proved itself before
	AuthOK                  // it proves to be the device
	AuthMissing             // it has no credentials: challenged
	AuthStale               // its credentials do not fit a stored nonce, which may be lost: challenged
	AuthWrong               // its credentials are wrong: [Lockout] counts these
)

var authNames = [...]string{"not asked", "authenticated", "credentials missing", "nonce stale", "credentials wrong"}

// String is the finding in words.
func (a Auth) String() string {
	if int(a) < len(authNames) {
		return authNames[a]
	}
	return "unknown finding"
}

// Received is what a message of the device told. Nothing but Auth is told of
// one whose sender has not proved to be the device.
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
	Type       string // Meta Type as it came; Name is without prefix
	Format     string
	Mark       string
	Source     string // LocURI
	Correlator string
	Data       string
}

// Result is what the device answered to a queued command.
type Result struct {
	Key string
	// Code is the device's Status: of several Items the first failure, 0 when
	// the device sent none.
	Code     syncml.Code
	Statuses []*syncml.Status // all that came for this command, Items of user interaction included
	Found    []syncml.Item    // of the Results, put together from their parts, with the Meta that counts
	Parts    []Result         // of the commands in an Atomic or Sequence, in order
	Err      error            // why it was not sent, or not sent to the end; nil otherwise
}

// Reply is the answer to a message.
type Reply struct {
	Send []byte // the body of the HTTP response; nil when there is nothing left to say to this peer
	HMAC string // value of [HMACHeader]; empty when there is none
	// End other than [EndNot] says that no further message is expected. The
	// session is kept a while all the same: a message may be repeated, and after
	// [EndDone] a device may have more to report.
	End End
	Err error // why, for the log, when End is a failure
}
