package mapping

import (
	"slices"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// bench runs one drive by hand: it answers what the drive asks, and keeps
// what came out.
type bench struct {
	t      *testing.T
	d      Drive
	p      Policy
	now    time.Time
	asked  []Request
	notes  []NoteKind
	end    *Finish
	states []fwupdate.State
}

func newBench(t *testing.T, o Order) *bench {
	b := &bench{t: t, p: DefaultPolicy(), now: epoch}
	if o.Execution.URL == "" {
		o.Execution = fwupdate.Execution{Package: "x", URL: "http://h/p", Correlator: "c"}
	}
	d, acts := Start(b.now, o, true, b.p)
	b.take(d, acts)
	return b
}

func (b *bench) take(d Drive, acts []Action) {
	b.d = d
	for _, a := range acts {
		switch a := a.(type) {
		case Request:
			b.asked = append(b.asked, a)
		case Note:
			b.notes = append(b.notes, a.Kind)
		case Finish:
			if b.end != nil {
				b.t.Fatal("a second Finish")
			}
			b.end = &a
		}
	}
	if s := d.View().State; len(b.states) == 0 || b.states[len(b.states)-1] != s {
		b.states = append(b.states, s)
	}
}

func (b *bench) step(ev Event) *bench {
	b.t.Helper()
	b.take(b.d.Step(b.now, ev, b.p))
	return b
}

// want fails unless op is under way.
func (b *bench) want(op Op) *bench {
	b.t.Helper()
	if b.d.Asked != op {
		b.t.Fatalf("%s is under way, want %s; %+v", b.d.Asked, op, b.d)
	}
	return b
}

func (b *bench) answer(a Answer) *bench {
	b.t.Helper()
	a.Seq = b.d.AskedSeq
	if a.Outcome == 0 {
		a.Outcome = Accepted
	}
	if a.Dialect == 0 {
		a.Dialect = lwm2m9.Registered
	}
	return b.step(a)
}

func (b *bench) ok(op Op) *bench { b.t.Helper(); return b.want(op).answer(Answer{}) }

// shows answers a read or survey with one instance.
func (b *bench) shows(s lwm2m9.UpdateState, r lwm2m9.UpdateResult) *bench {
	b.t.Helper()
	if b.d.Asked != OpSurvey {
		b.want(OpRead)
	}
	act := lwm2m9.Disabled
	return b.answer(Answer{Instances: []lwm2m9.Instance{{State: s, Result: r, Activation: act}}})
}

// tick lets time pass until the drive wants to go on.
func (b *bench) tick() *bench {
	b.t.Helper()
	if t := b.d.Deadline(); t.After(b.now) {
		b.now = t
	}
	return b.step(Tick{})
}

// until lets time pass, with readings that show no change, until op is under
// way.
func (b *bench) until(op Op, s lwm2m9.UpdateState, r lwm2m9.UpdateResult) *bench {
	b.t.Helper()
	for range 10 {
		switch b.d.Asked {
		case op:
			return b
		case OpNone:
			b.tick()
		default:
			b.shows(s, r)
		}
	}
	return b.want(op)
}

func (b *bench) ends(s fwupdate.State, c fwupdate.Code) {
	b.t.Helper()
	if b.end == nil {
		b.t.Fatalf("not over: %+v", b.d)
	}
	if b.end.State != s || b.end.Code != c {
		b.t.Errorf("ended with %d/%d, want %d/%d", b.end.State, b.end.Code, s, c)
	}
	if b.d.View().State != s || !b.d.Over() {
		b.t.Errorf("State is %s after the end", b.d.View().State)
	}
}

// written brings a drive to the accepted URI.
func written(t *testing.T) *bench {
	return newBench(t, Order{}).
		shows(lwm2m9.Initial, lwm2m9.ResultInitial).
		ok(OpObserve).
		ok(OpWriteURI)
}

// delivered brings it to the request of Install.
func delivered(t *testing.T) *bench {
	return written(t).shows(lwm2m9.Delivered, lwm2m9.ResultVerified).want(OpInstall)
}

func TestUpdate(t *testing.T) {
	b := written(t).
		shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).
		step(Notified{}).shows(lwm2m9.Downloaded, lwm2m9.ResultInitial).
		step(Notified{}).shows(lwm2m9.Delivered, lwm2m9.ResultVerified).
		ok(OpInstall).shows(lwm2m9.Delivered, lwm2m9.ResultVerified).
		step(Notified{}).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).
		ok(OpActivate).want(OpRead).
		answer(Answer{Instances: []lwm2m9.Instance{{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}}})
	b.ends(fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess)
	if want := []fwupdate.State{10, 30, 40, 50, 100}; !slices.Equal(b.states, want) {
		t.Errorf("the legacy server saw %v, want %v", b.states, want)
	}
	if b.end.Execution.Correlator != "c" {
		t.Errorf("the correlator did not come back: %+v", b.end.Execution)
	}
}

func TestWithoutActivation(t *testing.T) {
	b := delivered(t)
	b.p.Activate = false
	b.ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	b.ends(100, 200)
}

// Every failing result ends the drive as section 4 says, in both stages.
func TestEveryResult(t *testing.T) {
	for _, row := range ResultRows() {
		if !row.Result.Failed() {
			continue
		}
		t.Run("download/"+row.Result.String(), func(t *testing.T) {
			b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).
				step(Notified{}).shows(lwm2m9.Initial, row.Result)
			b.ends(row.Download.State, row.Download.Code)
		})
		t.Run("install/"+row.Result.String(), func(t *testing.T) {
			b := delivered(t).ok(OpInstall).shows(lwm2m9.Delivered, row.Result).
				ok(OpUninstall).shows(lwm2m9.Initial, lwm2m9.ResultInitial)
			b.ends(row.Install.State, row.Install.Code)
		})
	}
}

func TestInstallFailureKeepsDataWhenUninstallIsRefused(t *testing.T) {
	b := delivered(t).ok(OpInstall).shows(lwm2m9.Delivered, lwm2m9.ResultInstallFailure).
		want(OpUninstall).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed}).
		tick().shows(lwm2m9.Delivered, lwm2m9.ResultInstallFailure)
	b.ends(80, 410)
	if !slices.Contains(b.notes, NoteDataKept) {
		t.Error("the operator is not told that the data was kept")
	}
}

// A failed download shows INITIAL before its error code on many devices.
func TestTornPairs(t *testing.T) {
	b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).
		step(Notified{}).shows(lwm2m9.Initial, lwm2m9.ResultDownloading)
	if b.end != nil {
		t.Fatalf("INITIAL/downloading was believed: %+v", b.end)
	}
	b.tick().shows(lwm2m9.Initial, lwm2m9.ResultInvalidURI).ends(20, 411)
}

// A result outside both tables ends nothing, and nothing is done because of
// it: the deadline decides.
func TestUnknownResult(t *testing.T) {
	b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading)
	for b.end == nil {
		switch b.d.Asked {
		case OpRead:
			b.shows(lwm2m9.Initial, lwm2m9.ResultUnknown)
		case OpNone:
			b.tick()
		default:
			t.Fatalf("%s was asked because of an unknown result", b.d.Asked)
		}
	}
	if took := b.now.Sub(epoch); took != b.p.Download {
		t.Errorf("ended after %v, want %v", took, b.p.Download)
	}
	b.ends(20, 503)
}

// The same error as before may be the old one or the new one: it is believed
// only when it stays.
func TestOldError(t *testing.T) {
	b := newBench(t, Order{}).shows(lwm2m9.Initial, lwm2m9.ResultDeviceError).ok(OpObserve).ok(OpWriteURI).
		shows(lwm2m9.Initial, lwm2m9.ResultDeviceError)
	if b.end != nil {
		t.Fatal("an old error was taken for a new one at once")
	}
	began := b.now
	for b.end == nil && b.now.Before(began.Add(time.Hour)) {
		b.tick()
		if b.d.Asked == OpRead {
			b.shows(lwm2m9.Initial, lwm2m9.ResultDeviceError)
		}
	}
	b.ends(20, 409)
	if took := b.now.Sub(began); took != b.p.Settle {
		t.Errorf("believed after %v, want %v", took, b.p.Settle)
	}
}

func TestAccessToInstances(t *testing.T) {
	inst := func(id lwm2m9.InstanceID, name string, s lwm2m9.UpdateState) lwm2m9.Instance {
		return lwm2m9.Instance{ID: id, Name: name, State: s, Result: lwm2m9.ResultInitial}
	}
	order := func(bound uint32) Order {
		return Order{Execution: fwupdate.Execution{Package: "x", Name: "radio", URL: "u"}, Bound: bound}
	}
	for _, tt := range []struct {
		name  string
		order Order
		have  []lwm2m9.Instance
		want  lwm2m9.InstanceID
	}{
		{"bound before named", order(3), []lwm2m9.Instance{inst(0, "", lwm2m9.Initial), inst(1, "radio", lwm2m9.Initial), inst(2, "", lwm2m9.Installed)}, 2},
		{"named before free", order(0), []lwm2m9.Instance{inst(0, "", lwm2m9.Initial), inst(1, "radio", lwm2m9.Installed)}, 1},
		{"free", order(0), []lwm2m9.Instance{inst(0, "other", lwm2m9.Installed), inst(4, "", lwm2m9.Initial)}, 4},
		{"bound is gone", order(9), []lwm2m9.Instance{inst(0, "", lwm2m9.Initial)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.order).want(OpSurvey).answer(Answer{Instances: tt.have})
			if got, ok := b.d.Instance(); !ok || got != tt.want {
				t.Errorf("chose %d %v, want %d", got, ok, tt.want)
			}
		})
	}
	t.Run("none, created", func(t *testing.T) {
		newBench(t, order(0)).want(OpSurvey).answer(Answer{Instances: []lwm2m9.Instance{inst(0, "other", lwm2m9.Installed)}}).ok(OpCreate).want(OpSurvey)
	})
	t.Run("none, Create refused", func(t *testing.T) {
		b := newBench(t, order(0)).want(OpSurvey).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeNotFound}).
			want(OpCreate).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed}).
			want(OpSurvey).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeNotFound})
		b.ends(20, 408)
	})
}

// Undecided pairs are not acted on: a new instance decides.
func TestUndecidedDialect(t *testing.T) {
	ask := func(b *bench, is ...lwm2m9.Instance) *bench {
		b.t.Helper()
		return b.want(OpSurvey).step(Answer{Seq: b.d.AskedSeq, Outcome: Accepted, Instances: is})
	}
	b := ask(newBench(t, Order{}), lwm2m9.Instance{ID: 0, RawState: 3})
	b.want(OpCreate).step(Answer{Seq: b.d.AskedSeq, Outcome: Accepted, Created: 1})
	b.want(OpSurvey).answer(Answer{Dialect: lwm2m9.Draft, Instances: []lwm2m9.Instance{
		{ID: 0, State: lwm2m9.Downloaded, Result: lwm2m9.ResultInitial},
		{ID: 1, State: lwm2m9.Initial, Result: lwm2m9.ResultInitial},
	}})
	if got, _ := b.d.Instance(); got != 1 {
		t.Errorf("chose %d, want the new instance", got)
	}
}

func TestUninstallArgument(t *testing.T) {
	for _, tt := range []struct {
		name    string
		state   lwm2m9.UpdateState
		dialect lwm2m9.Dialect
		want    bool
	}{
		{"installed, registered", lwm2m9.Installed, lwm2m9.Registered, true},
		{"installed, draft", lwm2m9.Installed, lwm2m9.Draft, false},
		{"delivered, registered", lwm2m9.Delivered, lwm2m9.Registered, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Order{Bound: 1}).want(OpSurvey).
				answer(Answer{Dialect: tt.dialect, Instances: []lwm2m9.Instance{{State: tt.state}}}).
				want(OpObserve).answer(Answer{Dialect: tt.dialect}).want(OpUninstall)
			if got := b.asked[len(b.asked)-1].ForUpdate; got != tt.want {
				t.Errorf("ForUpdate %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("argument refused", func(t *testing.T) {
		b := newBench(t, Order{Bound: 1}).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).ok(OpObserve).
			want(OpUninstall).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeBadRequest}).
			shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpUninstall)
		if b.asked[len(b.asked)-1].ForUpdate {
			t.Error("asked again with the argument that was refused")
		}
	})
}

func TestURILength(t *testing.T) {
	long := func(n int) Order {
		return Order{Execution: fwupdate.Execution{Package: "x", URL: string(make([]byte, n))}}
	}
	if b := newBench(t, long(lwm2m9.MaxURI)); b.end != nil {
		t.Error("a URI of 255 bytes was refused")
	}
	newBench(t, long(lwm2m9.MaxURI+1)).ends(20, 411)
}

func TestURIRefused(t *testing.T) {
	refused := func(c lwm2m9.ResponseCode) *bench {
		return newBench(t, Order{}).shows(lwm2m9.Initial, lwm2m9.ResultInitial).ok(OpObserve).
			want(OpWriteURI).answer(Answer{Outcome: Refused, Code: c})
	}
	refused(lwm2m9.CodeBadRequest).shows(lwm2m9.Initial, lwm2m9.ResultInitial).ends(20, 411)
	refused(lwm2m9.CodeBadRequest).shows(lwm2m9.Initial, lwm2m9.ResultUnsupportedType).ends(20, 405)
	refused(lwm2m9.CodeTooLarge).shows(lwm2m9.Initial, lwm2m9.ResultInitial).ends(20, 501)
	b := refused(lwm2m9.CodeUnavailable) // later, not failed
	if b.end != nil || b.d.Asked != OpNone {
		t.Fatalf("5.03 was not waited out: %+v", b.d)
	}
	b.tick().shows(lwm2m9.Initial, lwm2m9.ResultInitial).want(OpWriteURI)
}

// A device that refuses the URI for no reason of the URI's gets time between
// the tries, and three of them.
func TestURIRefusedThreeTimes(t *testing.T) {
	b := newBench(t, Order{}).shows(lwm2m9.Initial, lwm2m9.ResultInitial).ok(OpObserve)
	for range maxRefusals {
		asked := b.now
		b.want(OpWriteURI).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed})
		b.tick().want(OpRead)
		if got := b.now.Sub(asked); got != b.p.Retry {
			t.Errorf("looked again after %v, want %v", got, b.p.Retry)
		}
		b.shows(lwm2m9.Initial, lwm2m9.ResultInitial)
	}
	b.ends(20, 409)
}

// INITIAL with a result that no table knows, after Install: nothing is
// concluded from it before the deadline.
func TestUnknownResultAfterInstall(t *testing.T) {
	b := delivered(t).ok(OpInstall)
	began := b.now
	for b.end == nil {
		if b.d.Asked == OpRead {
			b.shows(lwm2m9.Initial, lwm2m9.ResultUnknown)
		} else {
			b.tick()
		}
	}
	if took := b.now.Sub(began); took < b.p.Install {
		t.Errorf("ended after %v, before the deadline %v", took, b.p.Install)
	}
	b.ends(80, 410)
}

// The install worked although its answer was lost.
func TestInstallAnswerLost(t *testing.T) {
	b := delivered(t).answer(Answer{Outcome: NoAnswer}).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpActivate)
	if n := count(b.asked, OpInstall); n != 1 {
		t.Errorf("Install requested %d times", n)
	}
}

// An Install whose answer is lost is never requested again, whatever happens.
func TestInstallNeverRepeated(t *testing.T) {
	b := delivered(t).answer(Answer{Outcome: NoAnswer})
	for b.end == nil {
		switch b.d.Asked {
		case OpRead:
			b.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
		case OpUninstall:
			b.answer(Answer{Outcome: NoAnswer})
		case OpNone:
			b.tick()
		default:
			b.t.Fatalf("%s requested", b.d.Asked)
		}
	}
	b.ends(80, 410)
}

func TestRestartResumesTheExchangeOnly(t *testing.T) {
	b := delivered(t).step(Resumed{}).ok(OpObserve).shows(lwm2m9.Delivered, lwm2m9.ResultVerified).want(OpInstall)
	first, again := b.asked[len(b.asked)-4], b.asked[len(b.asked)-1]
	if !again.Resume || again.Seq != first.Seq || first.Op != OpInstall {
		t.Errorf("asked %+v after %+v; want the same exchange resumed", again, first)
	}
	b.ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpActivate)
}

func TestRebootInTheMiddle(t *testing.T) {
	b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).step(Arrived{}).
		ok(OpObserve).shows(lwm2m9.Initial, lwm2m9.ResultInitial)
	for b.d.Asked != OpWriteURI { // doubted for Settle, then written again
		b.tick()
		if b.d.Asked == OpRead {
			b.shows(lwm2m9.Initial, lwm2m9.ResultInitial)
		}
	}
	if !slices.Contains(b.notes, NoteRewrite) {
		t.Error("the operator is not told")
	}
	b.ok(OpWriteURI).shows(lwm2m9.Delivered, lwm2m9.ResultInitial).want(OpInstall)
}

// A registration cuts off what is under way: the drive looks at once, and not
// after the pause for a device that does not answer.
func TestRegistrationCutsOff(t *testing.T) {
	b := written(t).want(OpRead).step(Arrived{}).answer(Answer{Outcome: NoAnswer}).want(OpObserve)
	b.ok(OpObserve).want(OpRead).answer(Answer{Outcome: NoAnswer})
	if b.d.Asked != OpNone || b.d.Next.Sub(b.now) != b.p.Retry {
		t.Errorf("a second silence was not waited out: %+v", b.d)
	}
}

// What was seen in effect at the deadline is a success, although another
// reading was wanted.
func TestSeenBeforeTheDeadline(t *testing.T) {
	b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).ok(OpActivate).want(OpRead).step(Notified{}).
		answer(Answer{Instances: []lwm2m9.Instance{{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}}})
	for b.end == nil {
		if b.d.Asked == OpRead {
			b.answer(Answer{Outcome: NoAnswer})
		} else {
			b.tick()
		}
	}
	b.ends(100, 200)
}

// The last notification may have been lost: the deadline of the activation
// looks once more.
func TestLastLook(t *testing.T) {
	silent := func(t *testing.T) *bench {
		b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
		began := b.now
		b.ok(OpActivate).shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
		for b.now.Sub(began) < b.p.Activation {
			switch b.d.Asked {
			case OpNone:
				b.tick()
			default:
				b.answer(Answer{Outcome: NoAnswer})
			}
		}
		return b.want(OpRead)
	}
	b := silent(t)
	b.answer(Answer{Instances: []lwm2m9.Instance{{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}}})
	b.ends(100, 200)
	b = silent(t).answer(Answer{Outcome: NoAnswer})
	for b.end == nil {
		b.tick()
		if b.d.Asked != OpNone {
			b.answer(Answer{Outcome: NoAnswer})
		}
	}
	b.ends(80, 410)
}

// An uninstallation failure that stood there before is no answer to our
// Uninstall; one that comes after it is.
func TestOldUninstallFailure(t *testing.T) {
	b := newBench(t, Order{Bound: 1}).shows(lwm2m9.Installed, lwm2m9.ResultUninstallFailure).ok(OpObserve).ok(OpUninstall).
		shows(lwm2m9.Installed, lwm2m9.ResultUninstallFailure)
	if id, ok := b.d.Instance(); !ok || id != 0 {
		t.Fatalf("an old failure made the drive leave the instance: %+v", b.d)
	}
	b = newBench(t, Order{Bound: 1}).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).ok(OpObserve).ok(OpUninstall).
		shows(lwm2m9.Installed, lwm2m9.ResultUninstallFailure)
	if _, ok := b.d.Instance(); ok {
		t.Error("the instance that cannot be freed is kept")
	}
}

// The State does not go back while an error after DOWNLOADED is in doubt.
func TestStateDoesNotGoBack(t *testing.T) {
	b := written(t).shows(lwm2m9.Downloaded, lwm2m9.ResultInitial).step(Notified{}).
		shows(lwm2m9.Initial, lwm2m9.ResultDownloading).tick().shows(lwm2m9.Initial, lwm2m9.ResultIntegrityFailure)
	b.ends(80, 402)
	if want := []fwupdate.State{10, 30, 40, 80}; !slices.Equal(b.states, want) {
		t.Errorf("the legacy server saw %v, want %v", b.states, want)
	}
}

func TestAbsentDevice(t *testing.T) {
	t.Run("before install", func(t *testing.T) {
		b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).step(Left{})
		if b.d.View().State != fwupdate.StateDownloading {
			t.Errorf("State %s while the device is away", b.d.View().State)
		}
		b.tick()
		if got := b.now.Sub(epoch); got != b.p.Absent {
			t.Errorf("given up after %v, want %v", got, b.p.Absent)
		}
		b.ends(20, 503)
	})
	t.Run("after install", func(t *testing.T) {
		delivered(t).ok(OpInstall).step(Left{}).tick().ends(80, 410)
	})
	t.Run("the clock of the phase stands still", func(t *testing.T) {
		b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).step(Left{})
		b.now = b.now.Add(b.p.Absent - time.Minute)
		b.step(Heard{})
		if b.end != nil || b.d.Deadline().Before(b.now) {
			t.Fatalf("the deadline ran on: %+v", b.d)
		}
	})
}

func TestDelete(t *testing.T) {
	t.Run("before anything was written", func(t *testing.T) {
		newBench(t, Order{}).step(Deleted{}).ends(20, 401)
	})
	t.Run("while it downloads", func(t *testing.T) {
		b := written(t).shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).step(Deleted{}).
			shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading).
			want(OpClearURI).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeBadRequest}).
			tick().shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading)
		b.ends(20, 401)
	})
	t.Run("delivered", func(t *testing.T) {
		b := written(t).step(Deleted{}).shows(lwm2m9.Delivered, lwm2m9.ResultInitial).
			ok(OpUninstall).shows(lwm2m9.Initial, lwm2m9.ResultInitial)
		b.ends(20, 401)
	})
	t.Run("not after Install", func(t *testing.T) {
		if got := delivered(t).d.Busy(); got != fwupdate.Committed {
			t.Errorf("Busy is %d once Install is sent", got)
		}
	})
}

func TestSomebodyElseInstalled(t *testing.T) {
	b := written(t).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpActivate)
	if !slices.Contains(b.notes, NoteForeignInstall) || count(b.asked, OpInstall) != 0 {
		t.Errorf("notes %v, Install requested %d times", b.notes, count(b.asked, OpInstall))
	}
}

func TestRefusedActivation(t *testing.T) {
	b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	for range maxRefusals {
		b.want(OpActivate).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed}).tick().shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	}
	b.ends(80, 410)
	if !slices.Contains(b.notes, NoteLeftInstalled) {
		t.Error("the operator is not told that the software stays")
	}
}

// A device that is busy with the Activate of before a restart refuses another
// one, and is ACTIVE soon after.
func TestRefusedBecauseBusy(t *testing.T) {
	b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	began := b.now
	b.want(OpActivate).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed}).tick().want(OpRead).
		answer(Answer{Instances: []lwm2m9.Instance{{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}}})
	b.ends(100, 200)
	if got := b.now.Sub(began); got != b.p.Retry {
		t.Errorf("looked again after %v, want %v", got, b.p.Retry)
	}
}

// A device that works on an Activate for long refuses a second one, and a
// third: what it has accepted, or perhaps accepted, only its state or the
// deadline ends.
func TestRefusedWhileAtWork(t *testing.T) {
	for name, first := range map[string]Answer{
		"accepted":  {Outcome: Accepted},
		"no answer": {Outcome: NoAnswer},
		"garbage":   {Outcome: Garbage},
	} {
		t.Run("Activate "+name, func(t *testing.T) {
			b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpActivate).answer(first)
			for range maxRefusals + 1 {
				b.until(OpActivate, lwm2m9.Installed, lwm2m9.ResultInstalled).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed})
			}
			b.tick().want(OpRead).
				answer(Answer{Instances: []lwm2m9.Instance{{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}}})
			b.ends(100, 200)
		})
		t.Run("Uninstall "+name, func(t *testing.T) {
			b := newBench(t, Order{Bound: 1}).shows(lwm2m9.Delivered, lwm2m9.ResultInitial).ok(OpObserve).want(OpUninstall).answer(first)
			for range 2 {
				b.until(OpUninstall, lwm2m9.Delivered, lwm2m9.ResultInitial).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed})
			}
			b.tick().shows(lwm2m9.Initial, lwm2m9.ResultInitial).want(OpWriteURI)
		})
	}
	t.Run("after a restart", func(t *testing.T) {
		b := delivered(t).ok(OpInstall).shows(lwm2m9.Installed, lwm2m9.ResultInstalled).want(OpActivate).step(Resumed{}).ok(OpObserve)
		for range maxRefusals + 1 {
			b.until(OpActivate, lwm2m9.Installed, lwm2m9.ResultInstalled).answer(Answer{Outcome: Refused, Code: lwm2m9.CodeMethodNotAllowed})
		}
		if b.end != nil {
			t.Errorf("given up: %+v", b.end)
		}
	})
}

// A late answer to a request that was given up is not believed.
func TestStaleAnswer(t *testing.T) {
	b := written(t)
	before := b.d
	b.step(Answer{Seq: b.d.AskedSeq - 1, Outcome: Accepted})
	if b.d != before {
		t.Errorf("a stale answer changed the drive: %+v", b.d)
	}
}

func count(rs []Request, op Op) (n int) {
	for _, r := range rs {
		if r.Op == op {
			n++
		}
	}
	return n
}

func BenchmarkStep(b *testing.B) {
	p := DefaultPolicy()
	d, _ := Start(epoch, Order{Execution: fwupdate.Execution{Package: "x", URL: "http://h/p"}}, true, p)
	ev := Answer{Seq: d.AskedSeq, Outcome: Accepted, Dialect: lwm2m9.Registered,
		Instances: []lwm2m9.Instance{{State: lwm2m9.Initial, Result: lwm2m9.ResultInitial}}}
	b.ReportAllocs()
	for b.Loop() {
		d.Step(epoch, ev, p)
	}
}
