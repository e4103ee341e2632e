package lwm2m9

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grid is mapping.md 1, "pair read says", drawn out: a line for each state, a
// letter for each result from 0. D draft, R registered, a dot nothing.
var grid = []string{
	0: strings.Repeat("R", 61),
	1: "DR." + strings.Repeat("D", 7) + strings.Repeat(".", 40) + strings.Repeat("R", 11),
	2: "RD" + strings.Repeat(".", 48) + strings.Repeat("R", 11),
	3: "...R" + strings.Repeat(".", 46) + strings.Repeat("R", 11),
	4: "D.R" + strings.Repeat("D", 8) + strings.Repeat(".", 39) + strings.Repeat("R", 11),
	5: strings.Repeat("D", 50) + strings.Repeat(".", 11), // (5, any) against (any, >= 50): two rows that differ
	6: strings.Repeat(".", 50) + strings.Repeat("R", 11),
}

func TestEvidenceOfAllPairs(t *testing.T) {
	letters := map[byte]Dialect{'D': Draft, 'R': Registered, '.': DialectUnknown}
	for state, line := range grid {
		if len(line) != 61 {
			t.Fatalf("the line of state %d has %d results", state, len(line))
		}
		for result := range line {
			p := Pair{State: int64(state), Result: int64(result)}
			want := letters[line[result]]
			if got := p.dialect(); got != want {
				t.Errorf("(%d, %d) says %v, want %v", state, result, got, want)
			}
			d, f := Detector{}.Observe(p, true)
			if d.Dialect() != want || f.Decided != want || f.Overturned {
				t.Errorf("(%d, %d) decides %v (%+v), want %v", state, result, d.Dialect(), f, want)
			}
		}
	}
	for _, p := range []Pair{{State: -1}, {State: 1, Result: -1}, {State: 255, Result: 49}} {
		if got := p.dialect(); got != DialectUnknown {
			t.Errorf("(%d, %d) says %v", p.State, p.Result, got)
		}
	}
}

func TestTornPairsCountTheSecondTime(t *testing.T) {
	p, other := Pair{State: 1, Result: 0}, Pair{State: 2, Result: 1}
	elsewhere := Pair{Instance: 1, State: 1, Result: 0}
	steps := func(pairs ...any) Dialect {
		var d Detector
		for _, step := range pairs {
			switch s := step.(type) {
			case Pair:
				d, _ = d.Observe(s, false)
			case string:
				d = d.Wrote()
			}
		}
		return d.Dialect()
	}
	for _, tt := range []struct {
		name  string
		steps []any
		want  Dialect
	}{
		{"once", []any{p}, DialectUnknown},
		{"twice", []any{p, p}, Draft},
		{"twice, written in between", []any{p, "wrote", p}, DialectUnknown},
		{"twice after a write", []any{p, "wrote", p, p}, Draft},
		{"another in between", []any{p, other, p}, DialectUnknown},
		{"the same of another instance", []any{p, elsewhere}, DialectUnknown},
		{"two instances read in turn", []any{p, elsewhere, p}, Draft},
	} {
		if got := steps(tt.steps...); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPendingIsLimited(t *testing.T) {
	var d Detector
	for id := range InstanceID(maxPending + 1) {
		d, _ = d.Observe(Pair{Instance: id, State: 3}, false)
		if want := min(int(id)+1, maxPending); len(d.Pending) != want {
			t.Fatalf("%d pending after %d, want %d", len(d.Pending), id+1, want)
		}
	}
	if d.Pending[0].Instance != 1 {
		t.Errorf("the oldest left is of instance %d, want 1", d.Pending[0].Instance)
	}
}

func TestOverturn(t *testing.T) {
	var (
		draft    = Pair{State: 1, Result: 0}
		draft2   = Pair{State: 2, Result: 1}
		nothing  = Pair{State: 3, Result: 0}
		official = Pair{State: 0, Result: 0}
	)
	if OverturnAfter != 3 {
		t.Fatal("the rows below are written for 3")
	}
	for _, tt := range []struct {
		name       string
		pairs      []Pair
		want       Dialect
		overturned int
	}{
		{"one", []Pair{draft}, Registered, 0},
		{"one less", []Pair{draft, draft}, Registered, 0},
		{"enough", []Pair{draft, draft, draft}, Draft, 1},
		{"enough, with one that says nothing", []Pair{draft, nothing, draft, nothing, draft}, Draft, 1},
		{"with one in favour", []Pair{draft, draft, official, draft, draft}, Registered, 0},
		{"different ones", []Pair{draft, draft2, draft, draft2, draft}, Registered, 0},
		{"only ones in favour", []Pair{official, official, official, official}, Registered, 0},
		{"and back", []Pair{draft, draft, draft, official, official, official}, Registered, 2},
		{"and not back", []Pair{draft, draft, draft, official, official}, Draft, 1},
	} {
		d, _ := Detector{}.Observe(official, true)
		overturned := 0
		for _, p := range tt.pairs {
			var f Finding
			if d, f = d.Observe(p, true); f.Overturned {
				overturned++
			}
			if f.Overturned != (f.Decided != DialectUnknown) || f.Overturned && f.Decided != d.Detected {
				t.Errorf("%s: finding %+v with %v detected", tt.name, f, d.Detected)
			}
		}
		if d.Dialect() != tt.want || overturned != tt.overturned {
			t.Errorf("%s: %v, overturned %d times; want %v, %d", tt.name, d.Dialect(), overturned, tt.want, tt.overturned)
		}
	}
}

func TestConfiguredWins(t *testing.T) {
	d := Detector{Configured: Draft}
	for range 2 * OverturnAfter {
		if d, _ = d.Observe(Pair{State: 0, Result: 0}, true); d.Dialect() != Draft {
			t.Fatalf("%v although draft is configured", d.Dialect())
		}
	}
	if d.Detected != Registered {
		t.Errorf("detected %v behind it, want registered", d.Detected)
	}
}

func TestUnknownNumbersAreToldOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    Detector
		p    Pair
		want bool
	}{
		{"known to one", Detector{}, Pair{State: 3, Result: 10}, false},
		{"undecided, state", Detector{}, Pair{State: 6, Result: 0}, true},
		{"undecided, negative", Detector{}, Pair{State: -1, Result: 0}, true},
		{"undecided, result", Detector{}, Pair{State: 3, Result: 11}, true},
		{"gap in the registry", Detector{Detected: Registered}, Pair{State: 3, Result: 55}, true},
		{"of the other dialect", Detector{Detected: Registered}, Pair{State: 3, Result: 10}, true},
		{"state of the other dialect", Detector{Configured: Draft}, Pair{State: 0, Result: 0}, true},
		{"known", Detector{Configured: Draft}, Pair{State: 5, Result: 2}, false},
	} {
		for _, whole := range []bool{true, false} {
			d, f := tt.d.Observe(tt.p, whole)
			if f.UnknownNumbers != tt.want {
				t.Errorf("%s: told %v, want %v", tt.name, f.UnknownNumbers, tt.want)
			}
			if _, f := d.Observe(Pair{State: 77, Result: 77}, whole); f.UnknownNumbers == tt.want {
				t.Errorf("%s: told %v the second time", tt.name, f.UnknownNumbers)
			}
		}
	}
}

// A Detector is a value: what it was stays what it was, and it survives JSON.
func TestDetectorIsAValue(t *testing.T) {
	var d Detector
	for _, p := range []Pair{{State: 3}, {Instance: 1, State: 3}, {Instance: 2, State: 3}} {
		d, _ = d.Observe(p, false)
	}
	d, _ = d.Observe(Pair{State: 0}, true)
	d, _ = d.Observe(Pair{State: 1}, true)
	d.Pending = append(d.Pending, Pair{Instance: 4})[:len(d.Pending)] // room that a careless append would write to
	before, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := d.Observe(Pair{Instance: 7, State: 3}, false)
	b, _ := d.Observe(Pair{Instance: 8, State: 3}, false)
	if a.Pending[len(a.Pending)-1].Instance != 7 || b.Pending[len(b.Pending)-1].Instance != 8 {
		t.Error("two detectors of one origin share their pending pairs")
	}
	d.Wrote()
	after, _ := json.Marshal(d)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the detector changed (-before +after):\n%s", diff)
	}
	var again Detector
	if err := json.Unmarshal(before, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("through JSON (-want +got):\n%s", diff)
	}
	if zero, _ := json.Marshal(Detector{}); string(zero) != "{}" {
		t.Errorf("an empty detector is stored as %s", zero)
	}
}

// TestChanged: after the device has changed, the decision stands until the next
// pair that tells, and that one decides; one that confirms it ends the doubt.
func TestChanged(t *testing.T) {
	registered, draft := Pair{State: 0, Result: 0}, Pair{State: 5, Result: 2}
	d, _ := Detector{}.Observe(registered, true)
	d = d.Changed()
	if d.Dialect() != Registered {
		t.Fatalf("the decision is gone: %v", d.Dialect())
	}
	if over, f := d.Observe(draft, true); over.Dialect() != Draft || !f.Overturned || over.Doubted {
		t.Errorf("a pair of the other dialect: %+v, %+v", over, f)
	}
	if torn, f := d.Observe(draft, false); torn.Dialect() != Registered || f.Overturned {
		t.Errorf("a torn pair: %+v, %+v", torn, f)
	}
	d, _ = d.Observe(registered, true)
	if d, f := d.Observe(draft, true); d.Dialect() != Registered || f.Overturned {
		t.Errorf("after it was confirmed: %+v, %+v", d, f)
	}
	if d := (Detector{}).Changed(); d.Doubted {
		t.Error("a doubt about nothing")
	}
}
