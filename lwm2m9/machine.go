package lwm2m9

// Machine is one instance of Object 9 as a device runs it: the Package
// Installation machine (seed, 5.1) and the Software Activation machine (5.2).
// It is a plain value; a new instance is NewMachine.
type Machine struct {
	State      UpdateState     `json:"state"`
	Result     UpdateResult    `json:"result"`
	Activation ActivationState `json:"activation"`
}

// NewMachine is a machine in INITIAL.
func NewMachine() Machine { return Machine{Initial, ResultInitial, Disabled} }

// Options are the points where the seed says two things (mapping.md, 2). The
// zero value is the default of each.
type Options struct {
	// KeepResult: Uninstall in DELIVERED leaves Update Result unchanged, as
	// the transition table says. Default: reset to initial, as 5.1.2.4 says.
	KeepResult bool
	// InstallFailure: which Update Result a failed install may leave.
	InstallFailure InstallFailureRange
	// Verified: DELIVERED is entered with "downloaded and integrity verified",
	// which the registry has and the seed has not. Default: initial.
	Verified bool
	// WrongState is the answer to a Write or Execute in a state that does not
	// allow it. Zero is 4.05; the seed only says "no effect", and there are
	// devices that answer 2.04 or 4.00.
	WrongState ResponseCode
}

// InstallFailureRange is one reading of what the seed says about a failed
// install.
type InstallFailureRange uint8

// The readings.
const (
	SpecificOrInstallFailure InstallFailureRange = iota // the specific result if one is known, else installation failure
	AlwaysInstallFailure                                // transition table and RID 9
	SpecificOnly                                        // 5.1.2.4: the draft's 3 to 9; device defined error when nothing better is known
)

// Apply carries out an event with the default options. It returns the machine
// unchanged and false for what is not in the table.
func (m Machine) Apply(e Event) (Machine, bool) { return m.ApplyWith(e, Options{}) }

// ApplyWith carries out an event under the given options.
func (m Machine) ApplyWith(e Event, o Options) (Machine, bool) {
	for _, t := range installation {
		if t.on != e.Kind || t.from != m.State || t.when != nil && !t.when(o) {
			continue
		}
		result := t.result(m, e, o)
		if result == ResultUnknown {
			return m, false // a failure with a result that is none
		}
		next := Machine{t.to, result, m.Activation}
		if t.to != t.from { // into INSTALLED as INACTIVE, out of it not alive: DISABLED both
			next.Activation = Disabled
		}
		return next, true
	}
	for _, t := range activation {
		if t.on == e.Kind && t.from == m.Activation && m.State == Installed {
			return Machine{m.State, m.Result, t.to}, true
		}
	}
	return m, false
}

// Answer is the CoAP answer to a Write (2, 3) or Execute (4, 6, 10, 11) of a
// resource in this state: 2.04 or the code for a wrong state; 4.05 for any
// other resource. An Execute is asynchronous: 2.04 means accepted, not done.
func (m Machine) Answer(r ResourceID, o Options) ResponseCode {
	triggers, ok := triggeredBy[r]
	if !ok {
		return CodeMethodNotAllowed
	}
	if m.allows(triggers) {
		return CodeChanged
	}
	if o.WrongState != 0 {
		return o.WrongState
	}
	return CodeMethodNotAllowed
}

// triggeredBy gives the event that a resource starts, for Install that of its
// success.
var triggeredBy = map[ResourceID]EventKind{
	RIDPackage:    EventWrite,
	RIDPackageURI: EventWrite,
	RIDInstall:    EventInstallOK,
	RIDUninstall:  EventUninstall,
	RIDActivate:   EventActivate,
	RIDDeactivate: EventDeactivate,
}

// allows says whether the tables have a row for the event in this state. The
// activation machine allows both its events as long as it is alive: activating
// what is ACTIVE is no error and no transition.
func (m Machine) allows(k EventKind) bool {
	for _, t := range installation {
		if t.on == k && t.from == m.State {
			return true
		}
	}
	for _, t := range activation {
		if t.on == k {
			return m.State == Installed
		}
	}
	return false
}
