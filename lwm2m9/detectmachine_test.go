package lwm2m9

import (
	"encoding/json"
	"fmt"
	"testing"
)

// allOptions are the readings of the seed that change a machine's numbers.
func allOptions() []Options {
	var list []Options
	for _, keep := range []bool{false, true} {
		for _, verified := range []bool{false, true} {
			for r := SpecificOrInstallFailure; r <= SpecificOnly; r++ {
				list = append(list, Options{KeepResult: keep, Verified: verified, InstallFailure: r})
			}
		}
	}
	return list
}

// allEvents are all events with all results they could bring, and some that
// do not exist.
func allEvents() []Event {
	var list []Event
	for k := EventNone; k <= EventDeactivate+1; k++ {
		for r := ResultUnknown; r <= lastResult+1; r++ {
			list = append(list, Event{k, r})
		}
	}
	return list
}

// A world is a device, what the server asked of it and it has not done yet, the
// detector that watches it, and the state that was read when the result is
// still to come.
type world struct {
	machine Machine
	asked   ResourceID // 0 for nothing
	half    bool
	read    int64
	seen    string // the detector as JSON: it has a slice, and is no map key
}

// requests are what a server can ask for, by the event that follows sooner or
// later if the device accepts. A failed install follows from the same request
// as one that succeeds.
var requests = map[EventKind]ResourceID{
	EventWrite:         RIDPackageURI,
	EventInstallOK:     RIDInstall,
	EventInstallFailed: RIDInstall,
	EventUninstall:     RIDUninstall,
	EventActivate:      RIDActivate,
	EventDeactivate:    RIDDeactivate,
}

// Whatever a device of either dialect does, under every option, read in
// whatever moments, in one response or number by number: the detector never
// decides for the other dialect. All worlds that can be reached are visited.
func TestDetectorIsNeverWrong(t *testing.T) {
	for _, d := range []Dialect{Draft, Registered} {
		visited, decided := 0, 0
		for _, o := range allOptions() {
			if d == Draft && o.Verified {
				continue // the draft has no such result
			}
			v, n := explore(t, d, o)
			visited, decided = visited+v, decided+n
		}
		t.Logf("%v: visited %d worlds, in %d of them the dialect was decided", d, visited, decided)
		if decided == 0 || decided == visited {
			t.Errorf("%v: %d of %d worlds decided: the walk does not reach both", d, decided, visited)
		}
	}
}

func explore(t *testing.T, d Dialect, o Options) (visited, decided int) {
	t.Helper()
	start := world{machine: NewMachine(), seen: "{}"}
	queue, known := []world{start}, map[world]bool{start: true}
	parent := map[world]world{}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		var det Detector
		if err := json.Unmarshal([]byte(w.seen), &det); err != nil {
			t.Fatal(err)
		}
		switch det.Dialect() {
		case d:
			decided++
		case DialectUnknown:
		default:
			t.Fatalf("%v, %+v: decided %v in\n%s", d, o, det.Dialect(), trace(parent, w))
		}
		for _, next := range successors(t, w, det, d, o) {
			if !known[next] {
				known[next] = true
				parent[next] = w
				queue = append(queue, next)
			}
		}
	}
	return len(known), decided
}

// trace is the way to a world, first step first.
func trace(parent map[world]world, w world) string {
	line := fmt.Sprintf("%v, %v (asked: %v; half: %v %d) %s\n", w.machine.State, w.machine.Result, w.asked, w.half, w.read, w.seen)
	if before, ok := parent[w]; ok {
		return trace(parent, before) + line
	}
	return line
}

// successors are all worlds one step on: a request, an event, a reading of
// both numbers at once, or of one of them.
func successors(t *testing.T, w world, det Detector, d Dialect, o Options) []world {
	t.Helper()
	var next []world
	add := func(w world, det Detector) {
		det.Told = false // what was reported is no part of this
		b, err := json.Marshal(det)
		if err != nil {
			t.Fatal(err)
		}
		w.seen = string(b)
		next = append(next, w)
	}
	for _, asked := range requests {
		if w.machine.Answer(asked, o) != CodeChanged {
			asked = 0 // refused, and over
		}
		add(world{machine: w.machine, asked: asked}, det.Wrote()) // a reading begun before is not finished
	}
	for _, e := range allEvents() {
		asked, isAsked := requests[e.Kind]
		m, effect := w.machine.ApplyWith(e, o)
		switch {
		case !effect || isAsked && asked != w.asked:
		case isAsked:
			add(world{m, 0, w.half, w.read, ""}, det)
		default:
			add(world{m, w.asked, w.half, w.read, ""}, det)
		}
	}
	state, ok1 := w.machine.State.Number(d)
	result, ok2 := w.machine.Result.Number(d)
	if !ok1 || !ok2 {
		t.Fatalf("%+v has no numbers in %v", w.machine, d)
	}
	whole, _ := det.Observe(Pair{State: state, Result: result}, true)
	add(w, whole)
	if !w.half {
		add(world{w.machine, w.asked, true, state, ""}, det)
		return next
	}
	torn, _ := det.Observe(Pair{State: w.read, Result: result}, false)
	add(world{w.machine, w.asked, false, 0, ""}, torn)
	return next
}

// A device that writes state and result one after the other shows the new
// state with the old result for a moment, which can mean the other dialect.
// Read less than OverturnAfter times each, with the settled pair after them,
// such pairs never overturn what was decided.
func TestPassingPairsDoNotOverturn(t *testing.T) {
	type watched struct {
		machine Machine
		against Contradiction
	}
	for _, d := range []Dialect{Draft, Registered} {
		for _, o := range allOptions() {
			if d == Draft && o.Verified {
				continue
			}
			contradicted := false
			start := watched{machine: NewMachine()}
			queue, known := []watched{start}, map[watched]bool{start: true}
			for len(queue) > 0 {
				w := queue[0]
				queue = queue[1:]
				for _, e := range allEvents() {
					m, effect := w.machine.ApplyWith(e, o)
					if !effect {
						continue
					}
					det := Detector{Detected: d, Against: w.against}
					for range OverturnAfter - 1 {
						det, _ = det.Observe(numbers(d, m.State, w.machine.Result), true)
						contradicted = contradicted || det.Against.Times > 0
					}
					det, _ = det.Observe(numbers(d, m.State, m.Result), true)
					if det.Dialect() != d {
						t.Fatalf("%v, %+v: %v in %+v overturned it", d, o, e, w)
					}
					if next := (watched{m, det.Against}); !known[next] {
						known[next] = true
						queue = append(queue, next)
					}
				}
			}
			if !contradicted {
				t.Errorf("%v, %+v: no pair ever contradicted: nothing was tested", d, o)
			}
		}
	}
}

// numbers is the pair of a state and a result in a dialect that has both.
func numbers(d Dialect, s UpdateState, r UpdateResult) Pair {
	state, _ := s.Number(d)
	result, _ := r.Number(d)
	return Pair{State: state, Result: result}
}
