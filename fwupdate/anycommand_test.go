package fwupdate

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

var (
	anyURI = rapid.SampledFrom([]string{
		".", "./FwUpdate", x, "./FwUpdate/y", "./FwUpdate/{z}", name, vers, purl, dau, st, "./FwUpdate/y/PkgName", "./FwUpdate/{z}/DownloadAndUpdate/PkgURL",
		"./DevInfo", "./DevInfo/Man", "./DMAcc/a", "./DMAcc/a/AppAuth/CLCRED/AAuthSecret", "./SyncML/DMAcc/old/Addr", "./Vendor/MSFT/ROMPackage/9.0",
	})
	anyACL = rapid.SampledFrom([]string{"", "Get=*", "Add=*&Get=*", "Add=*&Get=*&Replace=dmserver", "Get=dmserver&Replace=operator+third", "Replace=*&Delete=*&Add=*&Get=*"})
	anyWho = rapid.SampledFrom([]string{server, other, third, stranger})
)

// anyCommand is one command of any server on any node, or something that the
// device does itself.
func anyCommand(rt *rapid.T) (name string, do func(*Tree) error) {
	who, uri, value := anyWho.Draw(rt, "who"), anyURI.Draw(rt, "uri"), rapid.SampledFrom([]string{"", "v", "w"}).Draw(rt, "value")
	pkg := rapid.SampledFrom([]string{x, "./FwUpdate/y"}).Draw(rt, "package")
	quietly := func(f func(*Tree)) func(*Tree) error { return func(t *Tree) error { f(t); return nil } }
	commands := []struct {
		name string
		do   func(*Tree) error
	}{
		{"Add", add(who, leaf(uri, value))},
		{"Add", add(who, interior(uri))},
		{"Replace", replace(who, leaf(uri, value))},
		{"Delete", del(who, uri)},
		{"Exec", exec(who, pkg+"/DownloadAndUpdate")},
		{"ACL", setProp(who, uri, "ACL", anyACL.Draw(rt, "ACL"))},
		{"Title", setProp(who, uri, "Title", value)},
		{"rename", setProp(who, pkg, "Name", rapid.SampledFrom([]string{"x", "y", "{z}"}).Draw(rt, "name"))},
		{"Copy", func(t *Tree) error { return t.Copy(who, pkg+"/PkgName", anyURI.Draw(rt, "to")) }},
		{"Add TNDS", add(who, doc(pkg, whole("")))},
		{"Replace TNDS", replace(who, doc(pkg, whole("")))},
		{"drop", quietly(func(t *Tree) { t.DropServer(who) })},
		{"accounts", quietly(func(t *Tree) { t.SetAccounts(t.Accounts()[:rapid.IntRange(0, len(t.accounts)).Draw(rt, "accounts")]) })},
		{"installed", quietly(func(t *Tree) { t.SetInstalled([]Installed{{ID: "9.0", Version: value}, {ID: "9." + value}}) })},
		{"drive", quietly(func(t *Tree) { t.SetState("x", StateDownloading); t.SetBusy("x", NotBusy) })},
	}
	c := rapid.SampledFrom(commands).Draw(rt, "command")
	return c.name, c.do
}

// TestInvariants: whatever is commanded, every node has a list in force, only
// an accepted command changes anything, a Replace counts as exactly one change
// of one node, the tree that was stored is the tree, and a rollback brings it
// back to the byte.
func TestInvariants(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		tr := full()
		tr.SetRoles(map[string]Role{server: Manager, other: OperatorTPS, third: Manager})
		for i := range rapid.IntRange(1, 15).Draw(rt, "steps") {
			tr.SetTime(noon.Add(time.Duration(i) * time.Minute))
			before, was := inJSON(rt, tr), numbers(tr)
			command, do := anyCommand(rt)
			restore := tr.Checkpoint()
			err := do(tr)
			after := inJSON(rt, tr)
			if err == nil {
				accepted++
			} else if d := cmp.Diff(before, after); d != "" {
				rt.Fatalf("%s: %v, and yet: %s", command, err, d)
			}
			if command == "Replace" || command == "Title" || command == "ACL" {
				if grown := changes(rt, was, numbers(tr)); grown > 1 || err == nil && grown != 1 {
					rt.Fatalf("%s: %d changes (%v)", command, grown, err)
				}
			}
			inForce(rt, tr)
			if rapid.IntRange(0, 3).Draw(rt, "rollback") == 0 {
				restore()
				if d := cmp.Diff(before, inJSON(rt, tr)); d != "" {
					rt.Fatalf("not rolled back: %s", d)
				}
			}
		}
	})
	if accepted < 100 {
		t.Errorf("only %d commands were accepted: the test shows nothing", accepted)
	}
}

// inJSON stores the tree and checks that it is read back as it was.
func inJSON(rt *rapid.T, tr *Tree) string {
	b, err := json.Marshal(tr)
	mustIn(rt, err)
	var again Tree
	mustIn(rt, json.Unmarshal(b, &again))
	c, err := json.Marshal(&again)
	mustIn(rt, err)
	if d := cmp.Diff(string(b), string(c)); d != "" {
		rt.Fatalf("read back: %s", d)
	}
	return string(b)
}

// inForce: no node is without a list, and the root is open for extension.
func inForce(rt *rapid.T, tr *Tree) {
	tr.visit(tr.at(tree.Root), func(at place) {
		if tr.effectiveACL(at.Path).IsZero() {
			rt.Fatalf("%s has no list in force", at.uri)
		}
	})
	if got := tr.ownACL(tree.Root).Entry(tree.RightAdd); got != "*" {
		rt.Fatalf("Add of the root is %q", got)
	}
}

// numbers are the VerNo of all nodes.
func numbers(tr *Tree) map[string]int {
	m := map[string]int{}
	tr.visit(tr.at(tree.Root), func(at place) {
		v, _ := tr.property(at, tree.PropVerNo)
		m[at.uri], _ = strconv.Atoi(v)
	})
	return m
}

// changes counts them; none may be a step of more than one.
func changes(rt *rapid.T, before, after map[string]int) (n int) {
	for uri, v := range after {
		if d := v - before[uri]; d == 1 {
			n++
		} else if d != 0 {
			rt.Fatalf("%s went from %d to %d", uri, before[uri], v)
		}
	}
	return n
}

// TestDamagedProperties: trees that no commands lead to are not read.
func TestDamagedProperties(t *testing.T) {
	good := asJSON(t, stamped())
	for name, bad := range map[string]string{
		"another version":         strings.Replace(good, `{"v":2,`, `{"v":3,`, 1),
		"an account twice":        strings.Replace(good, `"id":"old"`, `"id":"a"`, 1),
		"an account without name": strings.Replace(good, `"id":"old"`, `"id":""`, 1),
		"a package without name":  strings.Replace(good, `"id":"9.0"`, `"id":"."`, 1),
		"properties of nothing":   strings.Replace(good, `"FwUpdate/x/PkgName":{`, `"FwUpdate/y/PkgName":{`, 1),
	} {
		var got Tree
		if err := json.Unmarshal([]byte(bad), &got); err == nil || bad == good {
			t.Errorf("%s is taken: %v", name, err)
		}
	}
	twice := strings.Replace(good, `"installed":[`, `"installed":[{"id":"9.0"},`, 1)
	if err := json.Unmarshal([]byte(twice), &Tree{}); err == nil || twice == good {
		t.Error("a package twice is taken")
	}
}
