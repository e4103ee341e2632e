package dmserver

import (
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
)

// Phase is how far a campaign is at one device.
type Phase uint8

// The phases.
const (
	Waiting  Phase = iota // the device has not come yet
	Setup                 // commands are going out
	Running               // Exec was accepted
	Cleanup               // the end is known, x is being removed
	Finished              // the end is known
	Failed                // the campaign could not be carried out; Result.Reason says why
)

var phaseWords = []string{
	Waiting: "waiting", Setup: "setup", Running: "running", Cleanup: "cleanup", Finished: "finished", Failed: "failed",
}

// String is the phase's word.
func (p Phase) String() string { return phaseWords[p] }

// Final says whether nothing more will happen.
func (p Phase) Final() bool { return p >= Finished }

// Result is how a campaign went at one device.
type Result struct {
	Device  string
	Package string
	Phase   Phase
	Reason  string // of Failed

	ExecStatus syncml.Code // 0: no answer yet
	Code       int         // result code of the final alert (FUMO 1.0, 5.5), 0 when none came
	Correlator string      // of that alert
	State      int         // the last State read, 0 when none was
	States     []int       // every State read, without immediate repetitions
	// AlertsBefore and AlertsAfter count the final alerts before and after the
	// server answered one with a Status of the 2xx class. AlertsAfter should
	// stay 0.
	AlertsBefore int
	AlertsAfter  int
	// Statuses lists what the device answered, in order.
	Statuses []Answer
}

// OK says whether the device reported success: code 200 to 299, or State 90 or
// 100 for a polling server.
func (r Result) OK() bool {
	if r.Code != 0 {
		return r.Code >= 200 && r.Code < 300
	}
	return r.State == 90 || r.State == 100
}

func (r Result) clone() Result {
	r.States, r.Statuses = slices.Clone(r.States), slices.Clone(r.Statuses)
	return r
}

// Answer is a command of ours and what the device answered.
type Answer struct {
	Cmd    syncml.Name
	URI    string
	Status syncml.Code
	Data   string // of Results
}

// Counts says how often things happened at the server.
type Counts struct {
	Messages   int // received and understood
	Malformed  int // received and not understood
	Repeated   int // received again and answered from memory
	Sessions   int
	Challenges int // 401 and 407 sent
	Unknown    int // messages of devices that are not known
	Refused    int // server credentials refused by a client
}

// EventKind is what happened.
type EventKind uint8

// The events.
const (
	EventSession EventKind = iota // a session begins
	EventRefused                  // the client was refused: Text says why
	EventAnswer                   // the device answered a command
	EventState                    // State was read
	EventAlert                    // the final alert came
	EventPhase                    // a campaign entered a phase
	EventQuirk                    // a quirk struck; Text is the quirk
)

// Event is one thing that happened. Kind decides which fields count.
type Event struct {
	Kind   EventKind
	Device string
	Answer Answer // Answer
	Result Result // State, Alert, Phase: as it is now
	Text   string
}

var eventWords = [...]string{
	EventSession: "session", EventRefused: "refused", EventAnswer: "answer", EventState: "state",
	EventAlert: "alert", EventPhase: "phase", EventQuirk: "quirk",
}

// String is the event's word.
func (k EventKind) String() string { return eventWords[k] }
