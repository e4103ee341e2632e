package dmdevice

import (
	"fmt"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// EventKind is what happened at a device.
type EventKind uint8

// The events.
const (
	EventTriggered EventKind = iota // a trigger came; Text is the session that it asks for
	EventSession                    // a session begins; Text is its id and why
	EventEnded                      // a session is over; Text says how
	EventRefused                    // a command of the server was refused; Text says which
	EventExecuted                   // DownloadAndUpdate of Package was accepted
	EventState                      // Package shows State
	EventDownload                   // a request of the download; Text is it with its answer
	EventDeleted                    // Package was deleted under its update
	EventAlert                      // the final alert with Code goes out
	EventAnswered                   // the final alert was answered with Status
	EventOver                       // the update is over, and the server knows
	EventFault                      // a fault or a quirk strikes; Text is which
	EventBooted                     // the device is up again
)

var eventWords = [...]string{
	EventTriggered: "triggered", EventSession: "session", EventEnded: "session-ended", EventRefused: "refused", EventExecuted: "executed",
	EventState: "state", EventDownload: "download", EventDeleted: "deleted", EventAlert: "alert", EventAnswered: "answered", EventOver: "over",
	EventFault: "fault", EventBooted: "booted",
}

// String is the event's word.
func (k EventKind) String() string {
	if int(k) < len(eventWords) {
		return eventWords[k]
	}
	return "?"
}

// Event is one thing that happened. Kind decides which fields count.
type Event struct {
	Kind       EventKind
	Device     string
	Package    string // the x of ./FwUpdate/x
	State      fwupdate.State
	Code       fwupdate.Code // Alert, Answered, Over
	Status     syncml.Code   // Answered
	Correlator string        // Executed, Alert
	Text       string
}

// String is a line for people.
func (e Event) String() string {
	switch e.Kind {
	case EventState:
		return fmt.Sprintf("%s ./FwUpdate/%s State %d %s", e.Device, e.Package, e.State, e.State.Name())
	case EventExecuted:
		return fmt.Sprintf("%s ./FwUpdate/%s Exec DownloadAndUpdate, correlator %q", e.Device, e.Package, e.Correlator)
	case EventAlert:
		return fmt.Sprintf("%s ./FwUpdate/%s Generic Alert 1226: %d %s, correlator %q", e.Device, e.Package, e.Code, e.Code.Name(), e.Correlator)
	case EventAnswered:
		return fmt.Sprintf("%s ./FwUpdate/%s Generic Alert answered %d %s", e.Device, e.Package, e.Status, e.Status.Name())
	case EventOver:
		return fmt.Sprintf("%s ./FwUpdate/%s over: %d %s", e.Device, e.Package, e.Code, e.Code.Name())
	}
	s := e.Device + " " + e.Kind.String()
	if e.Package != "" {
		s += " ./FwUpdate/" + e.Package
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Result is an update that is over: its alert was answered, or there is none
// to be sent.
type Result struct {
	Device  string
	Package string
	State   fwupdate.State
	Code    fwupdate.Code
}

// Counts says how often things happened in the whole fleet.
type Counts struct {
	Triggers       int // that reached a device and were good
	Sessions       int // begun
	SessionsFailed int // of these: not ended as they should
	Messages       int // posted
	Executions     int // accepted
	Requests       int // for packages, HEAD included
	Bytes          int64
	Alerts         int // messages with a final alert
	Answered       int // final alerts answered 2xx
	Over, Failed   int // updates; of these without success
	Crashes        int // by quirks
}
