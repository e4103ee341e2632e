package mapping

import (
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Policy is what the operator decides about drives. Every duration must be
// positive; DefaultPolicy gives the defaults.
type Policy struct {
	Activate bool // the update counts as successful only when it is ACTIVE

	// Deadlines of the waits. They stand still while the device is absent.
	Room       time.Duration // choosing an instance and freeing it
	Download   time.Duration // from the accepted URI to DELIVERED
	Install    time.Duration // from Install to INSTALLED
	Activation time.Duration // from INSTALLED to ENABLED
	Cleanup    time.Duration // removing what a failed or cancelled drive left
	Absent     time.Duration // a device that is gone

	Poll   time.Duration // between two readings while nothing is heard
	Settle time.Duration // how long a reading that may be torn or stale is doubted
	Retry  time.Duration // before a request that was not answered is made again
}

// DefaultPolicy is the policy of a bridge without configuration.
func DefaultPolicy() Policy {
	return Policy{
		Activate:   true,
		Room:       30 * time.Minute,
		Download:   2 * time.Hour,
		Install:    time.Hour,
		Activation: 15 * time.Minute,
		Cleanup:    15 * time.Minute,
		Absent:     7 * 24 * time.Hour,
		Poll:       time.Minute,
		Settle:     10 * time.Second,
		Retry:      30 * time.Second,
	}
}

// Order is what an Exec asks for: the drive's own copy.
type Order struct {
	Execution fwupdate.Execution `json:"execution"`
	// Bound is the instance that an earlier drive of the same package used,
	// plus one; 0 is none.
	Bound uint32 `json:"bound,omitempty"`
	// Route is how the package may get to the device.
	Route Route `json:"route,omitzero"`
}

// Op is what a drive asks of a device.
type Op uint8

// The operations. All but Install may be repeated without harm.
const (
	OpNone      Op = iota
	OpSurvey       // read all instances of Object 9; Answer.Instances
	OpRead         // read one instance; Answer.Instances has it, or none when 4.04
	OpObserve      // observe 7, 9 and 12 of the instance, or all of it
	OpCreate       // create an instance; Answer.Created
	OpWriteURI     // write Package URI (3)
	OpClearURI     // write an empty Package URI: an attempt to stop a pull
	OpInstall      // execute 4
	OpUninstall    // execute 6; ForUpdate adds the argument of the registered dialect
	OpActivate     // execute 10
	OpFetch        // bring the package into the bridge's store; no request to the device
	OpPush         // write Package (2), block by block, from the store
)

// Action is what a step wants done: a [Request], a [Finish] or a [Note].
type Action interface{ action() }

// Request is one operation on the device. The engine answers it with exactly
// one [Answer] of the same Seq, sooner or later, unless the bridge restarts.
type Request struct {
	Seq      uint32
	Op       Op
	Instance lwm2m9.InstanceID
	URI      string // OpWriteURI, OpFetch: the server's
	Way      Way    // OpWriteURI, OpPush: a proxy's URI is the bridge's own for URI
	// ForUpdate asks for the Uninstall argument "1" (registered dialect).
	ForUpdate bool
	// Resume is only set for Install: the exchange with this Seq was begun
	// before a restart and its outcome is not known. The engine sends the same
	// exchange again if the device must take it for a duplicate of the first,
	// and answers NoAnswer if that is no longer sure. It never begins another.
	Resume bool
}

// Finish ends the drive, once. Code goes into the final notification.
type Finish struct {
	Execution fwupdate.Execution
	State     fwupdate.State
	Code      fwupdate.Code
}

// Note is something the operator should see in the time line.
type Note struct {
	Kind   NoteKind
	Detail string // a number or a name, never a secret
}

func (Request) action() {}
func (Finish) action()  {}
func (Note) action()    {}

// Event is what happened: [Tick], [Answer], [Notified], [Arrived], [Heard],
// [Left], [Resumed], [Deleted] or [Cancelled].
type Event interface{ event() }

// Tick says that the time of Drive.Deadline has come (or just passes time).
type Tick struct{}

// Outcome is how a request went.
type Outcome uint8

// The outcomes. Three failures of a device are three facts: it said no, it
// said nothing, it spoke nonsense.
const (
	Accepted Outcome = iota + 1
	Refused          // Answer.Code says how; 5.03 means later, not failed
	NoAnswer         // it may or may not have been carried out
	Garbage          // the answer could not be understood
	NotSent          // it did not go out: the device was not registered or asleep for too long
)

// Answer is the outcome of a request.
type Answer struct {
	Seq       uint32
	Outcome   Outcome
	Code      lwm2m9.ResponseCode // of Refused
	Instances []lwm2m9.Instance   // OpSurvey, OpRead
	Created   lwm2m9.InstanceID   // OpCreate
	// Torn says that state and result of the Instances did not come in one
	// response.
	Torn bool
	// Dialect is the device's, as decided when the answer came in.
	Dialect lwm2m9.Dialect
	// Fault, or else Result, is why OpFetch failed for good; with neither it is
	// tried again.
	Fault  Fault
	Result lwm2m9.UpdateResult
}

// Notified says that an observation of the instance reported something.
type Notified struct{ Instance lwm2m9.InstanceID }

// Arrived says that the device registered: it may have rebooted, and its
// observations are gone.
type Arrived struct{}

// Heard says that the device sent an Update: it is there and awake.
type Heard struct{}

// Left says that the device de-registered or its lifetime ended.
type Left struct{}

// Resumed says that the bridge restarted with this drive in its store: the
// outcome of a request under way will never be known.
type Resumed struct{}

// Deleted says that the legacy server deleted the package. The tree lets it
// happen only while the drive is Cancellable.
type Deleted struct{}

// Cancelled says that the operator gave the drive up.
type Cancelled struct{}

func (Tick) event()      {}
func (Answer) event()    {}
func (Notified) event()  {}
func (Arrived) event()   {}
func (Heard) event()     {}
func (Left) event()      {}
func (Resumed) event()   {}
func (Deleted) event()   {}
func (Cancelled) event() {}

// View is what both sides see of a drive: one line of the time line.
type View struct {
	Phase      Phase
	State      fwupdate.State
	Object     lwm2m9.UpdateState
	Result     lwm2m9.UpdateResult
	Activation lwm2m9.ActivationState
}

// NoteKind names a Note.
type NoteKind uint8

// Phase is the step of the drive (mapping.md, 5.2).
type Phase uint8
