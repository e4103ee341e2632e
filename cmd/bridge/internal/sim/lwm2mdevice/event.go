package lwm2mdevice

import (
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// EventKind is what happened at the device.
type EventKind uint8

// The events.
const (
	EventBooted       EventKind = iota // a boot begins, on a new port
	EventRegistered                    // the server accepted the registration
	EventUpdated                       // the server accepted an Update
	EventDeregistered                  // the device said good-bye
	EventSlept                         // queue mode: not listening any more
	EventWoke                          // queue mode: listening again
	EventChanged                       // Instance shows a new state, result or activation
	EventDone                          // Op was carried out
	EventRefused                       // Op was answered with Code
	EventObserved                      // Path is observed
	EventForgotten                     // an observation of Path ended: cancelled or reset by the server
	EventNotified                      // a notification of Path goes out; Text is its value, TLV as hex
	EventStep                          // Step was entered
	EventRebooting                     // a boot ends because of a fault
	EventDownloaded                    // a download ended; Text says how
	EventFailed                        // a Register or Update was in vain, and will be tried again; Text says why
	EventUnknown                       // the server does not know the registration any more
)

var eventWords = []string{
	EventBooted: "booted", EventRegistered: "registered", EventUpdated: "updated", EventDeregistered: "deregistered",
	EventSlept: "slept", EventWoke: "woke", EventChanged: "changed", EventDone: "done", EventRefused: "refused",
	EventObserved: "observed", EventForgotten: "forgotten", EventNotified: "notified", EventStep: "step", EventRebooting: "rebooting",
	EventDownloaded: "download-ended", EventFailed: "failed", EventUnknown: "unknown-to-server",
}

// String is the event's word.
func (k EventKind) String() string { return wordOf(eventWords, k) }

// Event is one thing that happened. Kind decides which other fields count.
type Event struct {
	Kind     EventKind
	Endpoint string
	Instance lwm2m9.Instance     // Changed, Step: as the device shows it now
	Op       Op                  // Done, Refused
	Code     lwm2m9.ResponseCode // Refused
	Step     Step                // Step
	Path     string              // Observed, Forgotten, Notified
	Text     string              // what else there is to say
}

// String is a line for people.
func (e Event) String() string {
	switch e.Kind {
	case EventChanged:
		i := e.Instance
		return fmt.Sprintf("%s /9/%d %s, %s, %s", e.Endpoint, i.ID, i.State, i.Result, i.Activation)
	case EventDone:
		return fmt.Sprintf("%s done: %s", e.Endpoint, e.Op)
	case EventRefused:
		return fmt.Sprintf("%s refused: %s, %s", e.Endpoint, e.Op, e.Code)
	case EventStep:
		return fmt.Sprintf("%s step: %s", e.Endpoint, e.Step)
	}
	s := e.Endpoint + " " + e.Kind.String()
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Counts says how often things happened since the device was made, over all
// boots.
type Counts struct {
	Boots         int
	Registers     int // accepted by the server
	Updates       int // accepted by the server
	Downloads     int // begun
	Notifications int // sent
	Datagrams     int // received and understood as CoAP
	Lost          int // datagrams of both directions, by the fault drop
	Repeated      int // datagrams of both directions, by the fault repeat
	// Done counts the requests that were carried out, not those refused or
	// answered from memory.
	Done map[Op]int
	// Refused counts the requests answered with an error.
	Refused map[Op]int
}
