package mapping

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// The exploration runs the drive against a model of a device through all
// orders of events up to a depth: requests lost, answered, refused, answered
// with nonsense or with the answer lost; the device making progress, failing,
// rebooting, leaving; notifications at any time or never; the bridge
// restarting; Deletes and cancels; deadlines.

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	explorePolicy = Policy{
		Activate: true,
		Room:     25 * time.Second, Download: 35 * time.Second, Install: 35 * time.Second,
		Activation: 25 * time.Second, Cleanup: 25 * time.Second, Absent: 50 * time.Second,
		Poll: 10 * time.Second, Settle: 4 * time.Second, Retry: 5 * time.Second,
	}
)

// world is the drive and the device, at the time epoch. It is comparable: the
// exploration visits each world once.
type world struct {
	d       Drive
	m       lwm2m9.Machine
	lag     lwm2m9.UpdateResult // the result before the last change: what a torn reading shows
	exists  bool                // the instance is there
	working bool                // an install was accepted and has not ended

	asked    Request // the request under way, if d.Asked says so
	cut      bool    // a reboot has cut it off
	seen     bool    // the device remembers the exchange of Install
	refused  bool    // and that it refused it
	installs uint8   // Installs carried out
	reached  bool    // the device was INSTALLED at some time
	finishes uint8
}

// move is one thing that can happen in a world.
type move struct {
	name string
	do   func(w world) world
}

// drive steps the drive and takes its actions in.
func (w world) drive(t time.Time, ev Event) world {
	var acts []Action
	w.d, acts = w.d.Step(t, ev, explorePolicy)
	return w.act(acts).normal(t)
}

func (w world) act(acts []Action) world {
	for _, a := range acts {
		switch a := a.(type) {
		case Request:
			w.asked, w.cut = a, false
		case Finish:
			w.finishes++
		}
	}
	if w.d.Asked == OpNone {
		w.asked, w.cut = Request{}, false
	}
	return w
}

// normal moves the world back to epoch, so that worlds that differ only in
// the time of day are one. Sequence numbers are normalised too.
func (w world) normal(now time.Time) world {
	shift := epoch.Sub(now)
	for _, t := range []*time.Time{&w.d.Next, &w.d.Ends, &w.d.Doubt, &w.d.Left, &w.d.Gone} {
		if !t.IsZero() {
			*t = t.Add(shift)
			if t.Before(epoch.Add(-time.Minute)) {
				*t = epoch.Add(-time.Minute) // long ago is long ago
			}
		}
	}
	resume := w.asked.Resume
	w.d.Seq = 2
	if w.d.InstallSeq != 0 {
		w.d.InstallSeq = 1
	}
	if w.d.Asked != OpNone {
		if w.d.Asked == OpInstall {
			w.d.AskedSeq = 1
		} else {
			w.d.AskedSeq = 2
		}
		w.asked.Seq, w.asked.Resume = w.d.AskedSeq, resume
	} else {
		w.d.AskedSeq = 0
	}
	return w
}

func (w world) instance() lwm2m9.Instance {
	return lwm2m9.Instance{ID: 0, State: w.m.State, Result: w.m.Result, Activation: w.m.Activation}
}

// change applies an event to the device.
func (w world) change(e lwm2m9.Event) world {
	lag := w.m.Result
	var ok bool
	if w.m, ok = w.m.Apply(e); ok && w.m.Result != lag {
		w.lag = lag
	}
	if w.m.State != lwm2m9.Delivered {
		w.working = false
	}
	w.reached = w.reached || w.m.State == lwm2m9.Installed
	return w
}

// carry lets the device carry the request out, and gives its answer.
func (w world) carry() (world, Answer) {
	a := Answer{Seq: w.asked.Seq, Outcome: Accepted, Dialect: lwm2m9.Registered}
	refuse := func(c lwm2m9.ResponseCode) { a.Outcome, a.Code = Refused, c }
	execute := func(r lwm2m9.ResourceID, k lwm2m9.EventKind) {
		if !w.exists {
			refuse(lwm2m9.CodeNotFound)
		} else if code := w.m.Answer(r, lwm2m9.Options{}); code.Success() {
			w = w.change(lwm2m9.Event{Kind: k})
		} else {
			refuse(code)
		}
	}
	switch w.asked.Op {
	case OpSurvey, OpRead:
		if w.exists {
			a.Instances = []lwm2m9.Instance{w.instance()}
		}
	case OpObserve:
	case OpCreate:
		w.exists, w.m = true, lwm2m9.NewMachine()
	case OpWriteURI:
		execute(lwm2m9.RIDPackageURI, lwm2m9.EventWrite)
	case OpPush:
		execute(lwm2m9.RIDPackage, lwm2m9.EventWrite)
	case OpFetch:
	case OpClearURI:
		refuse(lwm2m9.CodeBadRequest)
	case OpUninstall:
		execute(lwm2m9.RIDUninstall, lwm2m9.EventUninstall)
	case OpActivate:
		execute(lwm2m9.RIDActivate, lwm2m9.EventActivate)
	case OpInstall:
		return w.install(a)
	}
	return w, a
}

// install knows a duplicate of an exchange, and counts what it carries out.
func (w world) install(a Answer) (world, Answer) {
	if !w.seen || !w.asked.Resume {
		w.seen = true
		w.refused = !w.exists || w.m.State != lwm2m9.Delivered
		if !w.refused {
			w.installs++
			w.working = true
		}
	}
	if w.refused {
		a.Outcome, a.Code = Refused, lwm2m9.CodeMethodNotAllowed
	}
	return w, a
}

// moves lists all that can happen.
func (w world) moves() []move {
	var ms []move
	add := func(name string, do func(w world) world) { ms = append(ms, move{name, do}) }
	answer := func(name string, a Answer) {
		add(name, func(w world) world { a.Seq = w.asked.Seq; return w.drive(epoch, a) })
	}
	if w.d.Asked != OpNone {
		op := w.d.Asked
		answer(op.String()+" lost", Answer{Outcome: NoAnswer})
		if !w.cut {
			w.answers(add, answer)
		}
	}
	w.progress(add)
	for name, ev := range map[string]Event{"notified": Notified{}, "heard": Heard{}, "left": Left{}, "cancelled": Cancelled{}} {
		add(name, func(w world) world { return w.drive(epoch, ev) })
	}
	add("bridge restarts", func(w world) world { return w.drive(epoch, Resumed{}) })
	add("device reboots", func(w world) world { return w.reboot(false) })
	add("device reboots and loses the package", func(w world) world { return w.reboot(true) })
	if w.d.Busy() == fwupdate.Cancellable {
		add("deleted", func(w world) world { return w.drive(epoch, Deleted{}) })
	}
	if t := w.d.Deadline(); !t.IsZero() {
		add("time passes", func(w world) world { return w.drive(t, Tick{}) })
	}
	return ms
}

func (w world) reboot(lose bool) world {
	w.cut = w.d.Asked == OpInstall // the server drops what it was repeating
	w.seen, w.working = false, false
	if lose && w.m.State != lwm2m9.Installed {
		w.m, w.lag = lwm2m9.NewMachine(), lwm2m9.ResultInitial
	}
	cut := w.cut
	w = w.drive(epoch, Arrived{})
	w.cut = cut && w.d.Asked == OpInstall
	return w
}

func (w world) answers(add func(string, func(world) world), answer func(string, Answer)) {
	op := w.d.Asked
	add(op.String()+" answered", func(w world) world {
		w, a := w.carry()
		return w.drive(epoch, a)
	})
	add(op.String()+" carried out, answer lost", func(w world) world {
		w, a := w.carry()
		return w.drive(epoch, Answer{Seq: a.Seq, Outcome: NoAnswer})
	})
	add(op.String()+" carried out, answer is garbage", func(w world) world {
		w, a := w.carry()
		return w.drive(epoch, Answer{Seq: a.Seq, Outcome: Garbage})
	})
	add(op.String()+" carried out, then the bridge restarts", func(w world) world {
		w, _ = w.carry()
		return w.drive(epoch, Resumed{})
	})
	if op != OpInstall || !w.seen || w.asked.Resume {
		answer(op.String()+" not sent", Answer{Outcome: NotSent})
	}
	if op != OpInstall || !w.seen {
		for _, c := range []lwm2m9.ResponseCode{lwm2m9.CodeBadRequest, lwm2m9.CodeMethodNotAllowed, lwm2m9.CodeUnavailable} {
			answer(op.String()+" refused "+c.String(), Answer{Outcome: Refused, Code: c})
		}
	}
	if op != OpRead && op != OpSurvey || !w.exists {
		return
	}
	if op == OpFetch {
		answer("the package is not there", Answer{Outcome: Refused, Fault: FaultPackageRefused})
	}
	odd := func(name string, change func(*lwm2m9.Instance), torn bool, dialect lwm2m9.Dialect) {
		add(op.String()+" shows "+name, func(w world) world {
			i := w.instance()
			change(&i)
			return w.drive(epoch, Answer{Seq: w.asked.Seq, Outcome: Accepted, Instances: []lwm2m9.Instance{i}, Torn: torn, Dialect: dialect})
		})
	}
	odd("the result before", func(i *lwm2m9.Instance) { i.Result = w.lag }, true, lwm2m9.Registered)
	odd("an unknown state", func(i *lwm2m9.Instance) { i.State, i.Result = 0, 0 }, false, lwm2m9.DialectUnknown)
	odd("an unknown result", func(i *lwm2m9.Instance) { i.Result = 0 }, false, lwm2m9.Registered)
	answer(op.String()+" shows nothing", Answer{Outcome: Accepted})
}

// progress is what the device does by itself.
func (w world) progress(add func(string, func(world) world)) {
	event := func(name string, e lwm2m9.Event) {
		add(name, func(w world) world {
			w.working = false
			return w.change(e)
		})
	}
	switch w.m.State {
	case lwm2m9.DownloadStarted:
		event("downloaded", lwm2m9.Event{Kind: lwm2m9.EventWritten})
		for _, r := range []lwm2m9.UpdateResult{lwm2m9.ResultConnectionLost, lwm2m9.ResultInvalidURI} {
			event("download fails: "+r.String(), lwm2m9.Event{Kind: lwm2m9.EventDownloadFailed, Result: r})
		}
	case lwm2m9.Downloaded:
		event("verified", lwm2m9.Event{Kind: lwm2m9.EventIntegrityOK})
		event("corrupted", lwm2m9.Event{Kind: lwm2m9.EventIntegrityKO})
	case lwm2m9.Delivered:
		if w.working {
			event("installed", lwm2m9.Event{Kind: lwm2m9.EventInstallOK})
			event("install fails", lwm2m9.Event{Kind: lwm2m9.EventInstallFailed, Result: lwm2m9.ResultInstallFailure})
		} else {
			event("installed by somebody else", lwm2m9.Event{Kind: lwm2m9.EventInstallOK})
		}
	}
}

// broken says which promise of the package a world breaks.
func (w world) broken() string {
	switch over := w.d.Over(); {
	case w.finishes > 1:
		return "more than one final notification"
	case over != (w.finishes == 1):
		return "over without Finish, or the other way round"
	case w.installs > 1:
		return "Install carried out twice"
	case over && w.d.Verdict.Success() && (!w.reached || w.d.Reading.State != lwm2m9.Installed):
		return "success without INSTALLED"
	case over && !w.d.View().State.Final():
		return "over in a State that is not final"
	case over != (w.d.Busy() == fwupdate.NotBusy):
		return "a second Exec would be accepted, or the next one refused"
	case !over && w.installs > 0 && w.d.Busy() != fwupdate.Committed:
		return "a Delete would be accepted after Install"
	case !over && !w.d.Deadline().After(epoch):
		return "not over, and no time at which anything happens"
	case !over && w.d.Asked == OpNone && !w.d.absent() && !w.d.Next.After(epoch):
		return "nothing asked, nothing waited for"
	}
	return ""
}

// silent is the next world when nobody ever answers; helpful the next when
// the device does all that is asked of it.
func (w world) silent() world {
	if w.d.Asked != OpNone {
		return w.drive(epoch, Answer{Seq: w.asked.Seq, Outcome: NoAnswer})
	}
	return w.drive(w.d.Deadline(), Tick{})
}

func (w world) helpful() world {
	kinds := map[lwm2m9.UpdateState]lwm2m9.EventKind{
		lwm2m9.DownloadStarted: lwm2m9.EventWritten,
		lwm2m9.Downloaded:      lwm2m9.EventIntegrityOK,
	}
	if k, ok := kinds[w.m.State]; ok {
		w = w.change(lwm2m9.Event{Kind: k})
	}
	if w.working {
		w = w.change(lwm2m9.Event{Kind: lwm2m9.EventInstallOK})
	}
	switch {
	case w.d.absent():
		return w.drive(epoch, Heard{})
	case w.cut:
		return w.drive(epoch, Answer{Seq: w.asked.Seq, Outcome: NoAnswer})
	case w.d.Asked != OpNone:
		w, a := w.carry()
		return w.drive(epoch, a)
	}
	return w.drive(w.d.Deadline(), Tick{})
}

// ends follows one continuation until the drive is over; known remembers the
// worlds from which that is certain.
func ends(w world, next func(world) world, known map[world]bool) bool {
	const tooLong = 2000
	var path []world
	for range tooLong {
		if w.d.Over() || known[w] {
			for _, p := range path {
				known[p] = true
			}
			return true
		}
		path = append(path, w)
		w = next(w)
	}
	return false
}

func starts() map[string]world {
	begin := func(m lwm2m9.Machine, exists bool, bound uint32, ways ...Way) world {
		o := Order{Execution: fwupdate.Execution{Package: "x", URL: "http://u"}, Bound: bound, Route: Route{Can: WaysOf(ways...)}}
		d, acts := Start(epoch, o, true, explorePolicy)
		w := world{d: d, m: m, lag: m.Result, exists: exists, reached: m.State == lwm2m9.Installed}
		return w.act(acts).normal(epoch)
	}
	at := func(s lwm2m9.UpdateState, r lwm2m9.UpdateResult) lwm2m9.Machine {
		return lwm2m9.Machine{State: s, Result: r, Activation: lwm2m9.Disabled}
	}
	return map[string]world{
		"free":               begin(lwm2m9.NewMachine(), true, 0),
		"free, an old error": begin(at(lwm2m9.Initial, lwm2m9.ResultConnectionLost), true, 0),
		"delivered before":   begin(at(lwm2m9.Delivered, lwm2m9.ResultInstallFailure), true, 1),
		"installed before":   begin(at(lwm2m9.Installed, lwm2m9.ResultInstalled), true, 1),
		"no instance":        begin(lwm2m9.NewMachine(), false, 0),
		"any way":            begin(lwm2m9.NewMachine(), true, 0, WayDirect, WayProxyCoAP, WayPush),
		"busy":               begin(at(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading), true, 1),
	}
}

// exploreDepth is how many events in a row are tried in all orders, from every
// step of an update that goes well.
var exploreDepth = 5 - slower

func TestAllOrders(t *testing.T) {
	total := 0
	for name, first := range starts() {
		t.Run(name, func(t *testing.T) {
			path := goodPath(t, first)
			e := newExploration(t)
			for _, w := range path {
				e.from(w, exploreDepth)
			}
			t.Logf("%d worlds visited, all orders of %d events from each of %d steps; %d ends, %d of them successes, %d after Install was carried out",
				len(e.came), exploreDepth, len(path), e.ends, e.successes, e.installs)
			if e.ends == 0 || e.successes == 0 || e.installs == 0 {
				t.Error("the exploration missed an ending")
			}
			total += len(e.came)
		})
	}
	t.Logf("%d worlds visited in all", total)
}

// goodPath is every world of an update in which the device does what it is
// asked; it must end in success.
func goodPath(t *testing.T, w world) []world {
	t.Helper()
	path := []world{w}
	for range 200 {
		if w.d.Over() {
			if !w.d.Verdict.Success() {
				t.Fatalf("a helpful device got %+v", w.d.Verdict)
			}
			return path
		}
		w = w.helpful()
		path = append(path, w)
	}
	t.Fatal("a helpful device never got to the end")
	return nil
}

type trace struct {
	from world
	name string
}

// exploration remembers the worlds visited, how each was reached, and how
// many events were left when it was.
type exploration struct {
	t                         *testing.T
	came                      map[world]trace
	left                      map[world]int
	silent, helpful           map[world]bool
	ends, successes, installs int
}

func newExploration(t *testing.T) *exploration {
	return &exploration{t: t, came: map[world]trace{}, left: map[world]int{}, silent: map[world]bool{}, helpful: map[world]bool{}}
}

func (e *exploration) from(first world, depth int) {
	e.visit(first, trace{})
	level := []world{first}
	for ; depth > 0; depth-- {
		var next []world
		for _, w := range level {
			if w.d.Over() || e.left[w] >= depth {
				continue
			}
			e.left[w] = depth
			for _, m := range w.moves() {
				n := m.do(w)
				e.visit(n, trace{w, m.name})
				if e.left[n] < depth-1 {
					next = append(next, n)
				}
			}
		}
		level = next
	}
}

func (e *exploration) visit(w world, how trace) {
	if _, old := e.came[w]; old {
		return
	}
	e.came[w] = how
	if w.d.Over() {
		e.ends++
		if w.d.Verdict.Success() {
			e.successes++
		}
		if w.installs > 0 {
			e.installs++
		}
	}
	check(e.t, w, e.came, e.silent, e.helpful)
}

func check(t *testing.T, w world, came map[world]trace, silent, helpful map[world]bool) {
	t.Helper()
	why := w.broken()
	if why == "" && !ends(w, world.silent, silent) {
		why = "never ends when nobody answers"
	}
	if why == "" && !ends(w, world.helpful, helpful) {
		why = "never ends although the device does what it is asked"
	}
	if why == "" && len(came)%64 == 0 {
		why = notStored(w.d)
	}
	if why == "" {
		return
	}
	var lines []string
	for at := w; came[at].name != ""; at = came[at].from {
		lines = append(lines, came[at].name)
	}
	msg := why + "\n"
	for i := len(lines) - 1; i >= 0; i-- {
		msg += "  " + lines[i] + "\n"
	}
	t.Fatalf("%sdrive %+v\ndevice %+v working %v", msg, w.d, w.m, w.working)
}

// notStored says how a drive differs after a stay in the store.
func notStored(d Drive) string {
	b, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	var back Drive
	if err := json.Unmarshal(b, &back); err != nil {
		return err.Error()
	}
	if back != d {
		return fmt.Sprintf("stored as %s", b)
	}
	return ""
}
