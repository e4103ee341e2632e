package fwupdate

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/syncml"
)

// model is what the tests know of the tree without looking into it: the State
// that the drive gave, and the update that runs.
type model struct {
	states  map[string]State
	running string // package of the drive; its life may outlast the package
	orphan  bool
}

// TestAnyOrder: commands of servers and reports of drives in any order. A
// server never moves a State, a drive never brings back a package or touches
// one that was added after its own was deleted, one update runs at a time,
// and the stored tree is the tree.
func TestAnyOrder(t *testing.T) {
	ids := []string{"x", "{y}", "a/b"}
	rapid.Check(t, func(rt *rapid.T) {
		tree := newTree()
		m := model{states: map[string]State{}}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			id := rapid.SampledFrom(ids).Draw(rt, "package")
			step(rt, tree, &m, id)
			check(rt, tree, &m)
		}
	})
}

// step does one thing to the tree and to the model.
func step(rt *rapid.T, tree *Tree, m *model, id string) {
	uri := "./FwUpdate/" + Escape(id)
	_, there := m.states[id]
	mine := m.running == id && !m.orphan
	switch rapid.IntRange(0, 8).Draw(rt, "step") {
	case 0, 1:
		if tree.Add(server, leaf(uri+"/DownloadAndUpdate/PkgURL", "http://p/1")) == nil && !there {
			m.states[id] = StateIdle
		}
	case 2:
		_ = tree.Replace(server, leaf(uri+"/PkgName", "n"))
		_ = tree.Replace(server, leaf(uri+"/State", "100"))
	case 3:
		err := tree.Delete(server, uri)
		if err == nil {
			delete(m.states, id)
			if mine {
				m.orphan = true
				rt.Log(tree.TakeDeletions())
			}
		}
	case 4:
		code, err := tree.Exec(server, uri+"/DownloadAndUpdate", "", nil)
		if accepted := err == nil; accepted != (there && m.running == "") {
			rt.Fatalf("Exec of %s: %d %v with %+v", id, code, err, m)
		}
		if err == nil {
			m.running, m.orphan, m.states[id] = id, false, StateIdle
			if e := tree.TakeExecutions(); len(e) != 1 || e[0].Package != id {
				rt.Fatalf("executions %v", e)
			}
		}
	case 5, 6: // the drive reports
		if m.running == "" {
			return
		}
		s := rapid.SampledFrom([]State{StateDownloading, StateStartingUpdate, StateUpdateFailed}).Draw(rt, "state")
		tree.SetState(m.running, s)
		if !m.orphan {
			m.states[m.running] = s
		}
		tree.SetBusy(m.running, Cancellable)
	case 7: // the drive ends
		if m.running == "" {
			return
		}
		tree.SetBusy(m.running, NotBusy)
		m.running, m.orphan = "", false
	case 8: // an Atomic that fails
		restore := tree.Checkpoint()
		_ = tree.Delete(server, uri)
		_ = tree.Add(server, leaf(uri+"/PkgName", "n"))
		_, _ = tree.Exec(server, uri+"/DownloadAndUpdate", "", nil)
		_ = restore() // of this tree it never fails
	}
}

func check(rt *rapid.T, tree *Tree, m *model) {
	if id, running := tree.Driven(); id != m.running || running != (m.running != "") {
		rt.Fatalf("driven %q %v with %+v", id, running, m)
	}
	got := map[string]State{}
	for _, p := range tree.Packages() {
		got[p.ID] = p.State
		if busy := p.Busy != NotBusy; busy != (m.running == p.ID && !m.orphan) {
			rt.Fatalf("%s busy: %v with %+v", p.ID, busy, m)
		}
	}
	if d := cmp.Diff(m.states, got); d != "" {
		rt.Fatalf("states: %s", d)
	}
	var escaped []string
	for _, id := range slices.Sorted(maps.Keys(m.states)) {
		escaped = append(escaped, Escape(id))
	}
	items, err := tree.Get(server, "./FwUpdate")
	if err != nil || string(items[0].Data) != strings.Join(escaped, "/") {
		rt.Fatalf("list %s %v", items[0].Data, err)
	}
	b, err := json.Marshal(tree)
	if err != nil {
		rt.Fatal(err)
	}
	var again Tree
	if err := json.Unmarshal(b, &again); err != nil {
		rt.Fatal(err)
	}
	if c, err := json.Marshal(&again); err != nil || string(c) != string(b) {
		rt.Fatalf("%s became %s (%v)", b, c, err)
	}
}

// TestAnyURI: no URI breaks the tree, and a refusal says where.
func TestAnyURI(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		uri := rapid.OneOf(
			rapid.StringMatching(`(\./)?(FwUpdate|DevInfo|x|%7B|\.\.|){0,4}(/[a-zA-Z%.{}?=]{0,12}){0,10}`),
			rapid.String(),
		).Draw(rt, "uri")
		tree := withPackage()
		for what, err := range map[string]error{
			"add": tree.Add(server, leaf(uri, "v")), "replace": tree.Replace(server, leaf(uri, "v")),
			"get": get(server, uri)(tree), "delete": tree.Delete(server, uri), "exec": exec(server, uri)(tree),
		} {
			if err == nil {
				continue
			}
			refused, ok := errors.AsType[*syncml.StatusError](err)
			if !ok || refused.Code < 400 || !strings.HasPrefix(uri, refused.URI) {
				rt.Fatalf("%s %q: %v", what, uri, err)
			}
		}
	})
}
