package mapping

import (
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// InstallRequest is what became of the one Install of a drive.
type InstallRequest uint8

// The fates of Install.
const (
	InstallNotSent  InstallRequest = iota // never requested, or refused: it may be requested
	InstallSent                           // under way
	InstallAccepted                       // 2.04: the device has taken it on
	InstallUnknown                        // the answer is lost: never requested again
)

// Reading is the last reading of the instance.
type Reading struct {
	State      lwm2m9.UpdateState     `json:"state,omitempty"`
	Result     lwm2m9.UpdateResult    `json:"result,omitempty"`
	Activation lwm2m9.ActivationState `json:"activation,omitempty"`
	Torn       bool                   `json:"torn,omitempty"` // state and result came in two responses
}

// Drive is one DownloadAndUpdate on its way through Object 9: a plain,
// comparable value, stored as JSON. Its fields are exported for the store and
// the console; only Start and Step change them.
//
// How it works: an event changes what is known (take.go); then, when no
// request is under way, the phase looks at what is known and asks for the next
// thing, or waits (plan.go). So the same code goes on after a lost answer, a
// reboot or a restart: what is known is out of date, and is read first.
type Drive struct {
	Order   Order   `json:"order"`
	Phase   Phase   `json:"phase"`
	Verdict Verdict `json:"verdict,omitzero"` // decided in Cleanup, final when Over

	// The request under way.
	Seq      uint32 `json:"seq"` // of the newest request
	Asked    Op     `json:"asked,omitempty"`
	AskedSeq uint32 `json:"asked_seq,omitempty"`

	// The instance, and what is known of it.
	Chosen   bool              `json:"chosen,omitempty"`
	ID       lwm2m9.InstanceID `json:"id,omitempty"`
	Dialect  lwm2m9.Dialect    `json:"dialect,omitempty"`
	Reading  Reading           `json:"reading,omitzero"`
	Fresh    bool              `json:"fresh,omitempty"`  // nothing has happened since Reading
	Again    bool              `json:"again,omitempty"`  // something happened while a request was under way
	Silent   bool              `json:"silent,omitempty"` // the last request was not answered
	Watched  bool              `json:"watched,omitempty"`
	Watches  uint8             `json:"watches,omitempty"`  // attempts to observe
	Avoid    uint32            `json:"avoid,omitempty"`    // instance that could not be freed, plus one
	Chooses  uint8             `json:"chooses,omitempty"`  // times an instance was chosen
	Creates  uint8             `json:"creates,omitempty"`  // instances created or refused
	NoCreate bool              `json:"nocreate,omitempty"` // Create was refused

	// The delivery.
	Writes   uint8               `json:"writes,omitempty"` // URI writes that may have been carried out
	Baseline lwm2m9.UpdateResult `json:"baseline,omitempty"`
	Moved    bool                `json:"moved,omitempty"`    // left INITIAL since the last write
	Loaded   bool                `json:"loaded,omitempty"`   // the package was seen complete since then
	Rebooted bool                `json:"rebooted,omitempty"` // registered anew since the last write
	Refusal  lwm2m9.ResponseCode `json:"refusal,omitempty"`  // of the last write
	Way      Way                 `json:"way,omitempty"`      // that is being tried, or was the last
	Tried    Ways                `json:"tried,omitempty"`    // and those before
	Stored   bool                `json:"stored,omitempty"`   // the package is in the bridge's store

	// The install.
	Install    InstallRequest `json:"install,omitempty"`
	InstallSeq uint32         `json:"install_seq,omitempty"`
	Resumable  bool           `json:"resumable,omitempty"` // a restart cut Install off
	Resumed    bool           `json:"resumed,omitempty"`   // the exchange was taken up again
	Looked     bool           `json:"looked,omitempty"`    // ENABLED was looked for once more at the deadline
	Denials    uint8          `json:"denials,omitempty"`   // times Install was refused

	// The phase.
	Refusals uint8          `json:"refusals,omitempty"`
	Sent     bool           `json:"sent,omitempty"`   // its operation was accepted, its effect not seen yet
	Taken    bool           `json:"taken,omitempty"`  // it was accepted, or perhaps: a refusal may mean that the device is busy with it
	Plain    bool           `json:"plain,omitempty"`  // Uninstall goes without the argument
	Undone   bool           `json:"undone,omitempty"` // Cleanup has asked the device to let go
	Held     fwupdate.State `json:"held,omitempty"`   // State shown during Cleanup

	// Times; zero is never.
	Next    time.Time     `json:"next,omitzero"`    // nothing is asked before
	Ends    time.Time     `json:"ends,omitzero"`    // deadline of the phase
	Doubt   time.Time     `json:"doubt,omitzero"`   // first of the unclear readings in a row
	Left    time.Time     `json:"left,omitzero"`    // the device is absent since
	Gone    time.Time     `json:"gone,omitzero"`    // when an absent device is given up
	Remains time.Duration `json:"remains,omitzero"` // of the phase, while the device is absent
}

// How often a drive tries what may be tried again.
const (
	maxWrites   = 3 // Package URI
	maxRefusals = 3 // of one operation, in a phase
	maxWatches  = 3 // Observe, between two registrations
	maxChooses  = 3 // instances chosen
	maxCreates  = 3 // instances created
)

// Start begins a drive for an accepted Exec. connected says whether the
// device is registered now. A URL longer than Object 9 can hold (255 bytes)
// ends the drive at once, unless the Route has another way than to write it.
func Start(now time.Time, o Order, connected bool, p Policy) (Drive, []Action) {
	d := Drive{Order: o}
	s := step{Drive: &d, now: stamp(now), p: p}
	if !s.nextWay() {
		v, _ := FromResult(lwm2m9.ResultInvalidURI, DownloadStage)
		s.finish(v)
		return d, s.out
	}
	s.enter(PhaseChoose)
	if !connected {
		s.take(Left{})
	}
	s.run()
	return d, s.out
}

// Step is the whole machine: an event and a time in, the next state and the
// actions out, to be performed in order after the state is durable. A drive
// that is over does not change any more.
func (d Drive) Step(now time.Time, ev Event, p Policy) (Drive, []Action) {
	if d.Over() {
		return d, nil
	}
	s := step{Drive: &d, now: stamp(now), p: p}
	s.take(ev)
	s.run()
	return d, s.out
}

// stamp makes times comparable: no monotonic clock, no location.
func stamp(t time.Time) time.Time { return t.Round(0).UTC() }

// Over says that Finish was emitted.
func (d Drive) Over() bool { return d.Phase == PhaseOver }

// Deadline is when the drive wants its next Tick; zero for never.
func (d Drive) Deadline() time.Time {
	if d.Over() {
		return time.Time{}
	}
	switch {
	case d.absent() && d.Phase != PhaseCleanup:
		return d.Gone
	case d.absent() || d.Asked != OpNone:
		return d.Ends
	}
	return earliest(d.Ends, d.Next)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Busy says what the tree may allow while the drive runs: from Install on, a
// Delete is refused.
func (d Drive) Busy() fwupdate.Busy {
	switch {
	case d.Over():
		return fwupdate.NotBusy
	case d.stage() == InstallStage:
		return fwupdate.Committed
	}
	return fwupdate.Cancellable
}

// Instance is the instance in use; false until one was chosen.
func (d Drive) Instance() (lwm2m9.InstanceID, bool) { return d.ID, d.Chosen }

// View is what the tree, the time line and the console show.
func (d Drive) View() View {
	return View{
		Phase:      d.Phase,
		State:      d.state(),
		Object:     d.Reading.State,
		Result:     d.Reading.Result,
		Activation: d.Reading.Activation,
	}
}

// state is the State node (mapping.md, 3).
func (d Drive) state() fwupdate.State {
	switch d.Phase {
	case PhaseOver:
		return d.Verdict.State
	case PhaseCleanup:
		return d.Held
	case PhaseActivate:
		return fwupdate.StateStartingUpdate
	case PhaseInstall:
		if d.Install == InstallAccepted || d.Install == InstallUnknown {
			return fwupdate.StateStartingUpdate
		}
		return fwupdate.StateDownloadComplete
	case PhaseDownload:
		if d.Loaded { // also while it is doubted that INITIAL is the end
			return fwupdate.StateDownloadComplete
		}
		return fwupdate.StateDownloading
	}
	return fwupdate.StateIdle
}

// stage is InstallStage from the moment Install is sent.
func (d Drive) stage() Stage {
	if d.Install != InstallNotSent || d.Phase == PhaseActivate {
		return InstallStage
	}
	return DownloadStage
}

func (d Drive) absent() bool { return !d.Left.IsZero() }
