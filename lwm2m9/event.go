package lwm2m9

import "fmt"

// EventKind names an event of the two machines (seed, 5.1.1 and 5.2).
type EventKind uint8

// The events. Install comes in two parts: Execute 4 only starts it, and its
// outcome, EventInstallOK or EventInstallFailed, comes later.
const (
	EventNone           EventKind = iota
	EventWrite                    // Package or Package URI was written
	EventDownloadFailed           // Event.Result says why
	EventWritten                  // the package is complete
	EventIntegrityOK              //
	EventIntegrityKO              //
	EventInstallOK                //
	EventInstallFailed            // Event.Result says why; ResultUnknown when nobody knows
	EventUninstall                // Execute 6
	EventActivate                 // Execute 10
	EventDeactivate               // Execute 11
)

var eventNames = [...]string{
	EventNone:           "none",
	EventWrite:          "write",
	EventDownloadFailed: "download failed",
	EventWritten:        "package written",
	EventIntegrityOK:    "integrity ok",
	EventIntegrityKO:    "integrity ko",
	EventInstallOK:      "install ok",
	EventInstallFailed:  "install failed",
	EventUninstall:      "uninstall",
	EventActivate:       "activate",
	EventDeactivate:     "deactivate",
}

// String is the event in words.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is one event, with the result that it brings if it is a failure.
type Event struct {
	Kind   EventKind
	Result UpdateResult
}

// String is the event in words, with its result if it has one.
func (e Event) String() string {
	if e.Result == ResultUnknown {
		return e.Kind.String()
	}
	return e.Kind.String() + " (" + e.Result.String() + ")"
}
