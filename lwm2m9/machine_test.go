package lwm2m9

import (
	"slices"
	"testing"
)

// want is the seed once more, written state by state from 5.1.2 and 5.1.3
// instead of row by row from 5.1.1, as the table in transitions.go is.
func want(m Machine, e Event, o Options) (Machine, bool) {
	initial := func(r UpdateResult) (Machine, bool) { return Machine{Initial, r, Disabled}, true }
	downloadRange := map[UpdateResult]bool{ // "range from 3 to 9" of the draft
		ResultNotEnoughStorage: true, ResultOutOfMemory: true, ResultConnectionLost: true, ResultIntegrityFailure: true,
		ResultUnsupportedType: true, ResultInvalidURI: true, ResultDeviceError: true,
	}
	switch m.State {
	case Initial: // 5.1.2.1
		if e.Kind == EventWrite {
			return Machine{DownloadStarted, ResultDownloading, Disabled}, true
		}
	case DownloadStarted: // 5.1.2.2
		if e.Kind == EventWritten {
			return Machine{Downloaded, ResultInitial, Disabled}, true
		}
		if e.Kind == EventDownloadFailed && downloadRange[e.Result] {
			return initial(e.Result)
		}
	case Downloaded: // 5.1.2.3
		if e.Kind == EventIntegrityOK && o.Verified {
			return Machine{Delivered, ResultVerified, Disabled}, true
		}
		if e.Kind == EventIntegrityOK {
			return Machine{Delivered, ResultInitial, Disabled}, true
		}
		if e.Kind == EventIntegrityKO {
			return initial(ResultIntegrityFailure)
		}
	case Delivered: // 5.1.2.4
		switch e.Kind {
		case EventInstallOK:
			return Machine{Installed, ResultInstalled, Disabled}, true // INACTIVE
		case EventInstallFailed:
			return wantInstallFailed(m, e.Result, downloadRange[e.Result], o)
		case EventUninstall:
			if o.KeepResult {
				return initial(m.Result)
			}
			return initial(ResultInitial)
		}
	case Installed: // 5.1.2.5 and 5.2
		switch {
		case e.Kind == EventUninstall:
			return initial(ResultInitial)
		case e.Kind == EventActivate && m.Activation == Disabled:
			return Machine{Installed, m.Result, Enabled}, true
		case e.Kind == EventDeactivate && m.Activation == Enabled:
			return Machine{Installed, m.Result, Disabled}, true
		}
	}
	return m, false
}

func wantInstallFailed(m Machine, r UpdateResult, inRange bool, o Options) (Machine, bool) {
	generic := r == ResultUnknown || r == ResultInstallFailure
	if !inRange && !generic {
		return m, false
	}
	switch o.InstallFailure {
	case AlwaysInstallFailure:
		r = ResultInstallFailure
	case SpecificOnly:
		if generic {
			r = ResultDeviceError
		}
	default:
		if generic {
			r = ResultInstallFailure
		}
	}
	return Machine{Delivered, r, m.Activation}, true
}

// Every state, result and activation, with every event, under every option.
func TestMachineIsTheSeed(t *testing.T) {
	n, effects := 0, 0
	for _, o := range allOptions() {
		for s := StateUnknown; s <= lastState+1; s++ {
			for r := ResultInitial; r <= lastResult; r++ {
				for _, a := range []ActivationState{Disabled, Enabled} {
					if a == Enabled && s != Installed {
						continue // TestMachineInvariants: cannot be
					}
					for _, e := range allEvents() {
						m := Machine{s, r, a}
						n++
						next, effect := m.ApplyWith(e, o)
						wantNext, wantEffect := want(m, e, o)
						if next != wantNext || effect != wantEffect {
							t.Fatalf("%v in %+v under %+v: %+v, %v; want %+v, %v", e, m, o, next, effect, wantNext, wantEffect)
						}
						if effect {
							effects++
						}
						if byDefault, had := m.Apply(e); o == (Options{}) && (byDefault != next || had != effect) {
							t.Fatalf("%v in %+v: Apply differs from the default options", e, m)
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations, %d with an effect", n, effects)
}

// In all machines that can be reached: ENABLED only in INSTALLED, results as
// 5.1.2 says for each state, and a zero Machine stays one.
func TestMachineInvariants(t *testing.T) {
	results := map[UpdateState]func(UpdateResult) bool{
		Initial:         func(r UpdateResult) bool { return r != ResultDownloading && r != ResultInstalled },
		DownloadStarted: func(r UpdateResult) bool { return r == ResultDownloading },
		Downloaded:      func(r UpdateResult) bool { return r == ResultInitial },
		Delivered:       func(r UpdateResult) bool { return r == ResultInitial || r == ResultVerified || r.Failed() },
		Installed:       func(r UpdateResult) bool { return r == ResultInstalled },
	}
	for _, o := range allOptions() {
		queue, known := []Machine{NewMachine()}, map[Machine]bool{NewMachine(): true}
		for len(queue) > 0 {
			m := queue[0]
			queue = queue[1:]
			if m.Activation != Disabled && m.State != Installed {
				t.Errorf("%+v: activation outside INSTALLED", m)
			}
			if allowed := results[m.State]; allowed == nil || !allowed(m.Result) {
				t.Errorf("%+v: a result that the state does not have", m)
			}
			for _, e := range allEvents() {
				if next, effect := m.ApplyWith(e, o); effect && !known[next] {
					known[next] = true
					queue = append(queue, next)
				}
			}
		}
		if !known[Machine{Installed, ResultInstalled, Enabled}] {
			t.Errorf("under %+v ACTIVE is never reached", o)
		}
	}
	for _, e := range allEvents() {
		if next, effect := (Machine{}).Apply(e); effect || next != (Machine{}) {
			t.Errorf("%v moves a machine that is none", e)
		}
	}
}

// mapping.md, 2 and 6: what is not possible in a state is answered 4.05.
func TestAnswers(t *testing.T) {
	allowed := map[ResourceID][]UpdateState{
		RIDPackage: {Initial}, RIDPackageURI: {Initial}, RIDInstall: {Delivered},
		RIDUninstall: {Delivered, Installed}, RIDActivate: {Installed}, RIDDeactivate: {Installed},
	}
	for _, wrong := range []ResponseCode{0, CodeChanged, CodeBadRequest, CodeInternal} {
		for s := StateUnknown; s <= lastState; s++ {
			for _, a := range []ActivationState{Disabled, Enabled} {
				for r := RIDPkgName; r <= RIDSoftwareComponentLength+1; r++ {
					wantCode := CodeMethodNotAllowed
					if allowed[r] != nil && wrong != 0 {
						wantCode = wrong
					}
					if slices.Contains(allowed[r], s) {
						wantCode = CodeChanged
					}
					m := Machine{s, ResultInitial, a}
					if got := m.Answer(r, Options{WrongState: wrong}); got != wantCode {
						t.Errorf("resource %d in %+v, wrong state %v: %v, want %v", r, m, wrong, got, wantCode)
					}
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Event{Kind: EventWrite}.String(), "write"},
		{Event{EventDownloadFailed, ResultInvalidURI}.String(), "download failed (invalid URI)"},
		{EventKind(200).String(), "EventKind(200)"},
		{Delivered.String(), "DELIVERED"},
		{UpdateState(200).String(), "UpdateState(200)"},
		{ResultVerified.String(), "downloaded and integrity verified"},
		{UpdateResult(200).String(), "UpdateResult(200)"},
		{Enabled.String(), "ENABLED"},
		{Draft.String(), "draft"}, {Registered.String(), "registered"}, {DialectUnknown.String(), "undecided"},
		{CodeMethodNotAllowed.String(), "4.05"}, {CodeContinue.String(), "2.31"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if !CodeChanged.Success() || CodeBadRequest.Success() || CodeInternal.Success() {
		t.Error("Success is not class 2")
	}
	for r := ResultUnknown; r <= lastResult; r++ {
		if want := r >= ResultNotEnoughStorage; r.Failed() != want {
			t.Errorf("%v: Failed %v", r, r.Failed())
		}
	}
}
