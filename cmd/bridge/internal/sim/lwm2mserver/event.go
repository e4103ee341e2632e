package lwm2mserver

import (
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// EventKind is what happened.
type EventKind uint8

// The events.
const (
	EventRegistered   EventKind = iota // also when it was registered before
	EventUpdated                       // the registration
	EventDeregistered                  // the device said good-bye
	EventExpired                       // its lifetime ended
	EventStep                          // a step of the script begins; Text is the step
	EventAnswered                      // a request was answered; Text is what and how
	EventNoAnswer                      // a request got no answer; Text is what and why
	EventShown                         // Instance shows something new
	EventPolling                       // the device does not take observations
	EventEnded                         // the script is over; Text is empty, or why it failed
)

var eventWords = [...]string{
	EventRegistered: "registered", EventUpdated: "updated", EventDeregistered: "deregistered", EventExpired: "expired", EventStep: "step",
	EventAnswered: "answered", EventNoAnswer: "no-answer", EventShown: "shows", EventPolling: "polling", EventEnded: "ended",
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
	Kind     EventKind
	Endpoint string
	Instance lwm2m9.Instance // Shown
	Text     string
}

// String is a line for people.
func (e Event) String() string {
	switch e.Kind {
	case EventShown:
		i := e.Instance
		return fmt.Sprintf("%s /9/%d %s, %s, %s", e.Endpoint, i.ID, i.State, i.Result, i.Activation)
	case EventEnded:
		if e.Text == "" {
			return e.Endpoint + " ended as expected"
		}
	}
	s := e.Endpoint + " " + e.Kind.String()
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Result is how the script went at one device.
type Result struct {
	Endpoint string
	Step     string // that failed, or the last one
	Err      error  // nil: it ended as expected
}

// OK says whether the device ended as the script expects.
func (r Result) OK() bool { return r.Err == nil }
