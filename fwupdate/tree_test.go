package fwupdate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// state is what the tests look at: the one package and what was left behind.
func state(t *testing.T, tree *Tree) Package {
	t.Helper()
	p, ok := tree.Package("x")
	if !ok {
		t.Fatal("no package x")
	}
	return p
}

func must(t *testing.T, tree *Tree, do ...func(*Tree) error) {
	t.Helper()
	for i, f := range do {
		if err := f(tree); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// TestExecLife: an Exec makes the device busy at once and State 10; one update
// runs at a time; when it is over, the next may begin.
func TestExecLife(t *testing.T) {
	tree := withPackage()
	must(t, tree, add(server, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", "http://p/2")))
	tree.SetState("x", StateUpdateFailed)
	must(t, tree, exec(server, dau))
	if p := state(t, tree); p.Busy != Cancellable || p.State != StateIdle {
		t.Errorf("after Exec: %+v", p)
	}
	for _, uri := range []string{dau, "./FwUpdate/y/DownloadAndUpdate"} {
		if got := codeOf(t, exec(server, uri)(tree)); got != 417 {
			t.Errorf("Exec of %s while an update runs: %d", uri, got)
		}
	}
	must(t, tree, replace(server, leaf(purl, "http://p/new")))
	if e := tree.TakeExecutions(); len(e) != 1 || e[0].URL != "http://p/1" {
		t.Errorf("executions %v, want one with the URL as it was", e)
	}
	tree.SetState("x", StateStartingUpdate)
	tree.SetBusy("x", Committed)
	tree.SetBound("x", 3)
	if p := state(t, tree); p.Busy != Committed || p.State != StateStartingUpdate || p.Bound != 3 || p.URL != "http://p/new" {
		t.Errorf("in the middle: %+v", p)
	}
	tree.SetState("x", StateUpdateSuccessful)
	tree.SetBusy("x", NotBusy)
	must(t, tree, exec(server, "./FwUpdate/y/DownloadAndUpdate"))
	if p := state(t, tree); p.State != StateUpdateSuccessful || p.Busy != NotBusy || p.Bound != 3 {
		t.Errorf("at the end: %+v", p)
	}
}

// TestDeleteWhileRunning: cancellable or committed.
func TestDeleteWhileRunning(t *testing.T) {
	tree := withPackage()
	must(t, tree, exec(server, dau))
	tree.TakeExecutions()
	tree.SetBusy("x", Committed)
	if got := codeOf(t, del(server, x)(tree)); got != 403 {
		t.Errorf("Delete of a committed package: %d", got)
	}
	must(t, tree, del(server, name)) // its nodes are not in use: the drive has a copy
	tree.SetBusy("x", Cancellable)
	must(t, tree, del(server, x))
	if d := cmp.Diff([]string{"x"}, tree.TakeDeletions()); d != "" {
		t.Error(d)
	}
	if got := tree.TakeDeletions(); len(got) != 0 {
		t.Errorf("told twice: %v", got)
	}

	// What the drive reports while it cleans up reaches nobody.
	tree.SetState("x", StateDownloading)
	if got := tree.Packages(); len(got) != 0 {
		t.Errorf("the package is back: %v", got)
	}
	must(t, tree, add(server, leaf(purl, "http://p/2")))
	tree.SetState("x", StateDownloadFailed)
	tree.SetBound("x", 7)
	tree.SetBusy("x", Committed)
	if p := state(t, tree); p.State != StateIdle || p.Busy != NotBusy || p.Bound != 0 {
		t.Errorf("the new package got the old one's news: %+v", p)
	}
	if got := codeOf(t, exec(server, dau)(tree)); got != 417 {
		t.Errorf("Exec while the old drive cleans up: %d", got)
	}
	must(t, tree, del(server, x), add(server, leaf(purl, "http://p/3")))
	if got := tree.TakeDeletions(); len(got) != 0 {
		t.Errorf("deletions %v: the new package had no drive", got)
	}
	tree.SetBusy("x", NotBusy)
	must(t, tree, exec(server, dau))
}

// TestDeleteBeforeStart: an Exec that nobody has taken up is taken back.
func TestDeleteBeforeStart(t *testing.T) {
	tree := withPackage()
	must(t, tree, exec(server, dau), del(server, x), add(server, leaf(purl, "http://p/2")), exec(server, dau))
	if e := tree.TakeExecutions(); len(e) != 1 || e[0].URL != "http://p/2" {
		t.Errorf("executions %v", e)
	}
	if d := tree.TakeDeletions(); len(d) != 0 {
		t.Errorf("deletions %v", d)
	}
}

// TestDeletePart: below a package everything but State can go, and with the
// interior node its children.
func TestDeletePart(t *testing.T) {
	tree := withPackage()
	must(t, tree, del(server, dau), del(server, vers))
	items, err := tree.Get(server, x)
	if err != nil || string(items[0].Data) != "PkgName/State" {
		t.Errorf("%v %v", items, err)
	}
	must(t, tree, add(server, interior(dau)))
	if got := codeOf(t, get(server, purl)(tree)); got != 404 {
		t.Errorf("PkgURL came back: %d", got)
	}
}

// TestNewPackageIsIdle: Delete and Add of the same id start anew.
func TestNewPackageIsIdle(t *testing.T) {
	tree := withPackage()
	tree.SetState("x", StateUpdateSuccessful)
	tree.SetBound("x", 2)
	must(t, tree, del(server, x), add(server, interior(x)))
	if d := cmp.Diff(Package{ID: "x", State: StateIdle}, state(t, tree)); d != "" {
		t.Error(d)
	}
	if d := tree.TakeDeletions(); len(d) != 0 {
		t.Errorf("deletions %v of an idle package", d)
	}
}

// TestCheckpoint: restore brings back everything that commands change.
func TestCheckpoint(t *testing.T) {
	tree := withPackage()
	before := asJSON(t, tree)
	restore := tree.Checkpoint()
	change := []func(*Tree) error{
		replace(server, leaf(name, "m")), exec(server, dau), del(server, x), add(server, leaf("./FwUpdate/y/PkgName", "n")),
	}
	for range 2 { // restore may be called again
		must(t, tree, change...)
		if err := restore(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, asJSON(t, tree)); d != "" {
			t.Fatal(d)
		}
	}
	must(t, tree, exec(server, dau))
	tree.TakeExecutions()
	restore = tree.Checkpoint()
	before = asJSON(t, tree)
	must(t, tree, del(server, x))
	if err := restore(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(before, asJSON(t, tree)); d != "" {
		t.Error(d)
	}
}

func TestZeroTree(t *testing.T) {
	var tree Tree
	if got := codeOf(t, get(server, ".")(&tree)); got != 425 {
		t.Errorf("anybody may use the zero tree: %d", got)
	}
	tree.SetRoles(map[string]Role{server: Manager})
	must(t, &tree, add(server, interior(x)))
}

// TestJSON: full trees come back, roles aside; damaged ones do not.
func TestJSON(t *testing.T) {
	tree := withPackage()
	must(t, tree, add(server, interior("./FwUpdate/%7Ba%2Fb%7D")), exec(server, dau))
	tree.SetBound("x", 4)
	want := asJSON(t, tree)
	var again Tree
	again.SetRoles(map[string]Role{other: OperatorTPS})
	if err := json.Unmarshal([]byte(want), &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, asJSON(t, &again)); d != "" {
		t.Error(d)
	}
	if codeOf(t, get(other, x)(&again)) != 200 || codeOf(t, get(server, x)(&again)) != 425 {
		t.Error("roles were stored or lost")
	}
	if d := cmp.Diff(tree.Packages(), again.Packages()); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{
		`[]`, `{"identity":{},"color":1}`,
		`{"identity":{},"packages":{"x":{"state":10,"size":1}}}`,
		`{"identity":{},"packages":{"x":null}}`,
		`{"identity":{},"packages":{"x":{}}}`,
		`{"identity":{},"packages":{"":{"state":10}}}`,
		`{"identity":{},"packages":{"..":{"state":10}}}`,
		`{"identity":{},"packages":{"x":{"state":10,"pkgURL":"u"}}}`,
		`{"identity":{},"drive":{"package":"x","busy":1}}`,
		`{"identity":{},"drive":{"package":"x"}}`,
		`{"identity":{},"drive":{"package":"x","busy":3,"orphan":true}}`,
	} {
		var got Tree
		err := json.Unmarshal([]byte(bad), &got)
		if err == nil {
			t.Errorf("%s is taken", bad)
		} else if !strings.Contains(err.Error(), "fwupdate: tree: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
