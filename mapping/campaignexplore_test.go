package mapping

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// The exploration runs a Virtual against a model of a legacy device through
// all orders of events up to a depth: operations of a server at any time,
// sessions that open, end and are cut anywhere, commands carried out, refused
// and lost, statuses lost, alerts lost, repeated and late, deadlines, restarts.

var exploreCampaigns = CampaignPolicy{
	Contact: 60 * time.Second, Final: 60 * time.Second, Doubt: 20 * time.Second,
	Wake: 25 * time.Second, Poll: 25 * time.Second, Retry: 10 * time.Second,
	Tries: 2, MaxCampaigns: 2, MaxInstances: 2,
}

// gadget is the legacy device: what it knows of the packages p1, p2, …
type gadget struct {
	nodes   string // the packages whose nodes are there, "1,2,"
	state   [4]fwupdate.State
	execs   [4]uint8 // Execs carried out
	success [4]bool  // the update took effect
	working int      // package at work, 0 for none
	alerts  string   // "1:200," alerts that wait
}

// legacyWorld is the Virtual and the device, at the time epoch.
type legacyWorld struct {
	v       Virtual
	g       gadget
	asked   Do
	names   int    // campaigns named so far
	allowed string // Execs that may be sent (again): campaigns whose Exec is not sent or was refused
	fail    string // what went wrong, for the check
}

type legacyMove struct {
	name string
	do   func(w legacyWorld) legacyWorld
}

func pkgName(n int) string { return fmt.Sprintf("p%d", n) }

func pkgNumber(name string) int {
	var n int
	fmt.Sscanf(name, "p%d", &n)
	return n
}

// step gives the Virtual an event and takes its actions in.
func (w legacyWorld) step(ev VirtualEvent) legacyWorld { return w.stepAt(epoch, ev) }

func (w legacyWorld) stepAt(t time.Time, ev VirtualEvent) legacyWorld {
	before := w.v
	var out []Action
	w.v, _, out = w.v.Step(t, ev, exploreCampaigns)
	for _, a := range out {
		if d, ok := a.(Do); ok {
			w = w.take(d)
			if _, ok := ev.(Spoken); !ok {
				w.fail = fmt.Sprintf("%T asks something of a device that is not spoken to", ev)
			}
		}
	}
	if w.v.Task == TaskNone {
		w.asked = Do{}
	}
	w = w.check(before)
	if got, want := reports(out), w.ended(before, ev); got != want {
		w.fail = fmt.Sprintf("%T is told %d times, want %d", ev, got, want)
	}
	return w.normal(t)
}

// reports is how many ends an event has told.
func reports(out []Action) (n int) {
	for _, a := range out {
		if _, ok := a.(Report); ok {
			n++
		}
	}
	return n
}

// ended is how many ends there were in an event that somebody wants to be told:
// of packages that did not come, were not tried or not brought to an end when
// they left, and of campaigns; and successes that come late.
func (w legacyWorld) ended(before Virtual, ev VirtualEvent) (n int) {
	for _, s := range before.Slots {
		now, ok := w.v.Slot(s.ID)
		installed := ok && now.Machine.State == lwm2m9.Installed && s.Machine.State != lwm2m9.Installed
		gone := !ok || now.Machine.State == lwm2m9.Initial
		over := s.Campaign.pending() && !now.Campaign.pending()
		_, failed := ev.(FetchFailed)
		switch {
		case failed && s.Machine.State == lwm2m9.DownloadStarted && gone:
			n++
		case s.Package.Notify == "":
		case gone && s.Campaign.Phase != CampaignOver, !gone && (installed || over):
			n++
		}
	}
	return n
}

func (w legacyWorld) take(d Do) legacyWorld {
	w.asked = d
	if d.Task == TaskExec {
		if strings.Contains(w.allowed, "!"+d.Package+",") {
			w.fail = "Exec of " + d.Package + " sent again"
		}
		w.allowed += "!" + d.Package + ","
	}
	return w
}

// check is what must hold after every event.
func (w legacyWorld) check(before Virtual) legacyWorld {
	v := w.v
	initial := false
	pending := 0
	for i, s := range v.Slots {
		if i > 0 && v.Slots[i-1].ID >= s.ID {
			w.fail = "instances out of order"
		}
		initial = initial || s.Machine.State == lwm2m9.Initial
		if s.Campaign.pending() {
			pending++
			if s.Machine.State != lwm2m9.Delivered {
				w.fail = "a campaign runs in " + s.Machine.State.String()
			}
		}
		if n := pkgNumber(s.Campaign.Package); s.Machine.State == lwm2m9.Installed && (n == 0 || !w.g.success[n]) {
			w.fail = "INSTALLED without success"
		}
	}
	if !initial && len(v.Slots) < int(exploreCampaigns.MaxInstances) {
		w.fail = "no instance in INITIAL"
	}
	if want := pending - len(v.Queue); (v.Active != 0) != (want == 1) || want > 1 || want < 0 {
		w.fail = fmt.Sprintf("%d pending, %d queued, active %d", pending, len(v.Queue), v.Active)
	}
	if v.Active != 0 && v.Task == TaskNone && v.Deadline().IsZero() {
		w.fail = "a campaign without a deadline"
	}
	if !v.Open && v.Task != TaskNone {
		w.fail = "a task without a session"
	}
	for _, s := range before.Slots {
		if now, ok := v.Slot(s.ID); ok && s.Campaign.handed() && now.Campaign.Package != s.Campaign.Package {
			w.fail = "a campaign that was handed over is gone"
		}
	}
	return w
}

// tidy makes empty slices equal.
func tidy(v Virtual) Virtual {
	if len(v.Queue) == 0 {
		v.Queue = nil
	}
	if len(v.Leftovers) == 0 {
		v.Leftovers = nil
	}
	return v
}

// normal moves the world back to epoch and renumbers, so that worlds that
// differ in nothing else are one.
func (w legacyWorld) normal(now time.Time) legacyWorld {
	w.v = tidy(w.v)
	shift := epoch.Sub(now)
	for i := range w.v.Slots {
		c := &w.v.Slots[i].Campaign
		for _, t := range []*time.Time{&c.Next, &c.Ends, &c.Handed} {
			if !t.IsZero() {
				*t = t.Add(shift)
				if t.Before(epoch.Add(-2 * time.Minute)) {
					*t = epoch.Add(-2 * time.Minute)
				}
			}
		}
		if s := &w.v.Slots[i]; s.Fetch != 0 {
			s.Fetch = uint32(10 + i)
		}
	}
	w.v.Seq = 30
	if w.v.Task != TaskNone {
		w.v.TaskSeq, w.asked.Seq = 20, 20
	} else {
		w.v.TaskSeq, w.v.TaskPackage = 0, ""
	}
	return w
}

// carry lets the device carry the task out; it returns the outcome.
func (w legacyWorld) carry() (legacyWorld, Done) {
	n := pkgNumber(w.asked.Package)
	mark := fmt.Sprintf("%d,", n)
	there := strings.Contains(w.g.nodes, mark)
	done := Done{Seq: w.asked.Seq, Status: 200}
	switch {
	case w.asked.Task == TaskOffer: // its Exec was withheld
		w, done.Added = w.add()
	case w.asked.Task == TaskExec && w.asked.Offered && !there:
		done.Status, done.Added = 404, 200
	case w.asked.Task == TaskExec:
		if done.Added = 200; !w.asked.Offered {
			w, done.Added = w.add()
		}
		if done.Status = 202; w.g.working != 0 {
			done.Status = 417
			return w, done
		}
		w.g.execs[n]++
		if w.g.execs[n] > 1 {
			w.fail = "Exec carried out twice"
		}
		w.g.working, w.g.state[n] = n, fwupdate.StateDownloading
	case !there:
		done.Status = 404
	case w.asked.Task == TaskState:
		done.State = w.g.state[n]
	case w.g.working == n:
		done.Status = 403
	default: // TaskDelete
		w.g.nodes = strings.Replace(w.g.nodes, mark, "", 1)
	}
	return w, done
}

// add lets the device carry out the Adds before an Exec, and nothing else.
func (w legacyWorld) add() (legacyWorld, int) {
	n := pkgNumber(w.asked.Package)
	mark := fmt.Sprintf("%d,", n)
	if strings.Contains(w.g.nodes, mark) {
		return w, 418
	}
	w.g.nodes += mark
	w.g.state[n] = fwupdate.StateIdle
	return w, 200
}

// done gives the outcome of the task, in a message that is answered.
func (w legacyWorld) done(d Done) legacyWorld {
	if w.asked.Task == TaskExec && w.asked.Task.Judge(d.Status) != JudgedDone {
		w.allowed = strings.ReplaceAll(w.allowed, "!"+w.asked.Package+",", "") // refused: not carried out
	}
	return w.step(d).step(Spoken{})
}

// withhold leaves the Exec of the task out of the message.
func (w legacyWorld) withhold() legacyWorld {
	w.allowed = strings.ReplaceAll(w.allowed, "!"+w.asked.Package+",", "") // not sent
	w.asked.Task = TaskOffer
	return w.step(Withheld{w.asked.Seq})
}

// visit is a session that opens.
func (w legacyWorld) visit() legacyWorld { return w.step(Opened{}).step(Spoken{}) }

// ends ends what the device works at.
func (w legacyWorld) ends(st fwupdate.State, c fwupdate.Code) legacyWorld {
	n := w.g.working
	w.g.working = 0
	w.g.state[n] = st
	w.g.success[n] = w.g.success[n] || st == fwupdate.StateUpdateSuccessful
	w.g.alerts += fmt.Sprintf("%d:%d,", n, c)
	return w
}

// alert is the first alert that waits.
func (w legacyWorld) alert() (n int, c fwupdate.Code, rest string) {
	first, rest, _ := strings.Cut(w.g.alerts, ",")
	fmt.Sscanf(first, "%d:%d", &n, &c)
	return n, c, rest
}

func (w legacyWorld) later(d time.Duration) legacyWorld {
	return w.stepAt(epoch.Add(d), Tick{})
}

// moves are all that can happen in the world.
func (w legacyWorld) moves() []legacyMove {
	var all []legacyMove
	add := func(name string, do func(legacyWorld) legacyWorld) { all = append(all, legacyMove{name, do}) }
	server := func(name string, ev VirtualEvent) {
		add(name, func(w legacyWorld) legacyWorld { return w.step(ev) })
	}
	for _, s := range w.v.Slots {
		id := s.ID
		server(fmt.Sprint("uninstall ", id), UninstallAsked{id})
		server(fmt.Sprint("delete ", id), DeleteAsked{id})
		server(fmt.Sprint("write ", id), WroteURI{id, "http://h/p"})
		if s.Machine.State == lwm2m9.Delivered && w.names < 3 {
			add(fmt.Sprint("install ", id), func(w legacyWorld) legacyWorld {
				w.names++
				return w.step(InstallAsked{id, pkgName(w.names), "c" + pkgName(w.names)})
			})
		}
		if s.Fetch != 0 && s.Machine.State == lwm2m9.DownloadStarted {
			server(fmt.Sprint("received ", id), Received{id, s.Fetch, PackageInfo{Digest: "d", Notify: "n"}})
			server(fmt.Sprint("fetch fails ", id), FetchFailed{id, s.Fetch, lwm2m9.ResultConnectionLost, "x", "n"})
		}
		if s.Fetch != 0 && s.Machine.State == lwm2m9.Downloaded {
			server(fmt.Sprint("verified ", id), Verified{id, s.Fetch, true})
			server(fmt.Sprint("not verified ", id), Verified{id, s.Fetch, false})
		}
	}
	w.deviceMoves(add)
	add("restart", func(w legacyWorld) legacyWorld { return w.step(Resumed{}) })
	if at := w.v.Deadline(); !at.IsZero() {
		add("deadline", func(w legacyWorld) legacyWorld { return w.later(max(0, w.v.Deadline().Sub(epoch))) })
	}
	add("time", func(w legacyWorld) legacyWorld { return w.later(61 * time.Second) })
	return all
}

func (w legacyWorld) deviceMoves(add func(string, func(legacyWorld) legacyWorld)) {
	add("session", legacyWorld.visit)
	if w.v.Open {
		add("message", func(w legacyWorld) legacyWorld { return w.step(Spoken{}) })
		add("end", func(w legacyWorld) legacyWorld { return w.step(Closed{}) })
	}
	if w.v.Task != TaskNone {
		add("carried out", func(w legacyWorld) legacyWorld {
			w, d := w.carry()
			return w.done(d)
		})
		add("carried out, answer lost", func(w legacyWorld) legacyWorld {
			w, _ = w.carry()
			return w.step(Closed{})
		})
		for _, status := range []int{404, 420, 425, 500} {
			add(fmt.Sprint("refused ", status), func(w legacyWorld) legacyWorld {
				return w.done(Done{Seq: w.asked.Seq, Status: status, Added: 200})
			})
		}
	}
	if w.v.Task == TaskExec {
		add("Exec withheld", legacyWorld.withhold)
	}
	if w.v.Task == TaskExec && !w.asked.Offered {
		add("nodes added, the rest lost", func(w legacyWorld) legacyWorld {
			w, _ = w.add()
			return w.step(Closed{})
		})
		for _, status := range []int{405, 420, 500} {
			add(fmt.Sprint("Add refused ", status), func(w legacyWorld) legacyWorld {
				return w.done(Done{Seq: w.asked.Seq, Status: 404, Added: status})
			})
		}
	}
	if w.g.working != 0 {
		add("succeeds", func(w legacyWorld) legacyWorld {
			return w.ends(fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess)
		})
		add("fails", func(w legacyWorld) legacyWorld {
			return w.ends(fwupdate.StateUpdateFailed, fwupdate.CodeUpdateFailed)
		})
	}
	if w.g.alerts != "" {
		deliver := func(w legacyWorld, keep, named bool) legacyWorld {
			n, c, rest := w.alert()
			if !keep {
				w.g.alerts = rest
			}
			a := Alerted{Package: pkgName(n), Code: c}
			if named {
				a.Correlator = "c" + pkgName(n)
			}
			return w.step(a)
		}
		add("alert", func(w legacyWorld) legacyWorld { return deliver(w, false, true) })
		add("alert twice", func(w legacyWorld) legacyWorld { return deliver(deliver(w, true, true), false, true) })
		add("alert without correlator", func(w legacyWorld) legacyWorld { return deliver(w, false, false) })
		add("alert lost", func(w legacyWorld) legacyWorld { _, _, w.g.alerts = w.alert(); return w })
	}
}

func (w legacyWorld) key() string { return fmt.Sprintf("%+v", w) }

// start is a world in which the package of instance 0 has come as far as the
// names say.
func startLegacy(t *testing.T, steps ...string) legacyWorld {
	t.Helper()
	w := legacyWorld{v: NewVirtual()}.normal(epoch)
	for _, name := range steps {
		found := false
		for _, m := range w.moves() {
			if m.name == name {
				w, found = m.do(w), true
				break
			}
		}
		if !found || w.fail != "" {
			t.Fatalf("%s: %v %s", name, found, w.fail)
		}
	}
	return w
}

var (
	toDelivered = []string{"write 0", "received 0", "verified 0"}
	toContact   = append(toDelivered[:3:3], "install 0")
	toExec      = append(toContact[:4:4], "session")
	toWithheld  = append(toExec[:5:5], "Exec withheld", "carried out")
	toRunning   = append(toExec[:5:5], "carried out")
	toDone      = append(toRunning[:6:6], "succeeds")
	toUnknown   = append(toExec[:5:5], "carried out, answer lost")
	toOverdue   = append(toRunning[:6:6], "end", "deadline", "deadline", "deadline")
	toTwo       = append(toRunning[:6:6], "write 1", "received 1", "verified 1", "install 1")
)

// TestAllOrdersOfCampaigns explores from every step, and continues every world
// twice: with a device that never comes again, and with one that does all it
// is told. Both must come to an end.
func TestAllOrdersOfCampaigns(t *testing.T) {
	const depth = 5 - slower
	total := 0
	for _, steps := range [][]string{nil, toDelivered, toContact, toExec, toWithheld, toRunning, toDone, toUnknown, toOverdue, toTwo} {
		seen := make(map[string]bool)
		worlds := []legacyWorld{startLegacy(t, steps...)}
		for range depth {
			var next []legacyWorld
			for _, w := range worlds {
				for _, m := range w.moves() {
					n := m.do(w)
					if n.fail != "" {
						t.Fatalf("after %q, %q: %s\n%+v\n%+v", steps, m.name, n.fail, w.v, n.v)
					}
					if k := n.key(); !seen[k] {
						seen[k] = true
						next = append(next, n)
						n.mustStore(t)
						n.mustEnd(t)
					}
				}
			}
			worlds = next
		}
		total += len(seen)
	}
	t.Logf("%d worlds", total)
}

// mustStore checks the stored form.
func (w legacyWorld) mustStore(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(w.v)
	var back Virtual
	if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(tidy(back), w.v) {
		t.Fatalf("the stored form is another one: %s\n%+v", text, w.v)
	}
}

// mustEnd continues the world to its end.
func (w legacyWorld) mustEnd(t *testing.T) {
	t.Helper()
	silent := w
	if silent.v.Open {
		silent = silent.step(Closed{})
	}
	for n := 0; silent.v.Active != 0; n++ {
		if silent = silent.later(max(0, silent.v.Deadline().Sub(epoch))); n > 40 || silent.fail != "" {
			t.Fatalf("a silent device: %s\n%+v", silent.fail, silent.v)
		}
	}
	helpful := w
	for n := 0; helpful.v.Active != 0 || len(helpful.v.Leftovers) > 0; n++ {
		if n > 60 || helpful.fail != "" {
			t.Fatalf("a helpful device: %s\n%+v\nfrom %+v", helpful.fail, helpful.v, w.v)
		}
		helpful = helpful.help()
	}
}

// help lets the device do the next thing it is told, or comes to it.
func (w legacyWorld) help() legacyWorld {
	switch {
	case w.v.Task != TaskNone:
		w, d := w.carry()
		return w.done(d)
	case w.g.working != 0:
		return w.ends(fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess)
	case w.g.alerts != "":
		n, c, rest := w.alert()
		w.g.alerts = rest
		return w.step(Alerted{Package: pkgName(n), Correlator: "c" + pkgName(n), Code: c})
	case w.v.Open:
		return w.step(Closed{})
	}
	return w.later(11 * time.Second).visit()
}
