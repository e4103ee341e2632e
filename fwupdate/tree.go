package fwupdate

import (
	"maps"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// Tree is the management tree of one device. The zero value is an empty tree
// that nobody may use; [Tree.SetRoles] lets servers in. Its JSON form is for
// the store. A Tree is not safe for use by more than one goroutine.
type Tree struct {
	identity   Identity
	roles      map[string]Role
	granted    tree.ACL // of an object, by the roles
	accounts   []Account
	installed  []Installed
	packages   map[string]*pkg // by id, unescaped
	book       tree.Book       // properties of nodes
	drive      driven
	executions []Execution
	deletions  []string
}

// pkg is one ./FwUpdate/x. A nil string is an absent node.
type pkg struct {
	Update  *string `json:"downloadAndUpdate,omitempty"` // interior, so "" when it is there
	URL     *string `json:"pkgURL,omitempty"`
	Name    *string `json:"pkgName,omitempty"`
	Version *string `json:"pkgVersion,omitempty"`
	State   State   `json:"state"`
	Bound   uint32  `json:"bound,omitempty"`
}

// driven is the package whose drive runs; there is at most one in a device.
type driven struct {
	Package string `json:"package,omitempty"`
	Busy    Busy   `json:"busy,omitempty"`
	// Orphan says that the package was deleted under its drive. The drive is
	// not done before it has cleaned up, and nothing it reports concerns a
	// package that was added under the same name since.
	Orphan bool `json:"orphan,omitempty"`
}

// Package is a copy of one ./FwUpdate/x.
type Package struct {
	ID      string // the x, unescaped
	Name    string
	Version string
	URL     string
	State   State
	Busy    Busy
	Bound   uint32 // the Object 9 instance of an earlier drive, plus one; 0 is none
}

// NewTree returns a tree without packages.
func NewTree(id Identity) *Tree { return &Tree{identity: id} }

// Identity returns what ./DevInfo and ./DevDetail show.
func (t *Tree) Identity() Identity { return t.identity }

// SetIdentity replaces what ./DevInfo and ./DevDetail show.
func (t *Tree) SetIdentity(id Identity) {
	if id != t.identity {
		t.noting(func() { t.identity = id }, devInfo, devDetail)
	}
}

// SetTime says what time it is, for TStamp of the changes that follow. A tree
// that never heard of a time has no TStamp (406).
func (t *Tree) SetTime(now time.Time) { t.book.SetTime(now) }

// Packages returns the packages, in order of their ids.
func (t *Tree) Packages() []Package {
	list := make([]Package, 0, len(t.packages))
	for _, id := range slices.Sorted(maps.Keys(t.packages)) {
		p, _ := t.Package(id)
		list = append(list, p)
	}
	return list
}

// Package returns one package; false when there is none of that id.
func (t *Tree) Package(id string) (Package, bool) {
	p, ok := t.packages[id]
	if !ok {
		return Package{}, false
	}
	view := Package{ID: id, Name: text(p.Name), Version: text(p.Version), URL: text(p.URL), State: p.State, Bound: p.Bound}
	if t.drives(id) {
		view.Busy = t.drive.Busy
	}
	return view, true
}

// TakeExecutions returns the accepted Execs since the last call.
func (t *Tree) TakeExecutions() []Execution {
	taken := t.executions
	t.executions = nil
	return taken
}

// TakeDeletions returns the packages that were deleted while their drive ran,
// since the last call. An Exec that was deleted before [Tree.TakeExecutions]
// saw it is in neither list.
func (t *Tree) TakeDeletions() []string {
	taken := t.deletions
	t.deletions = nil
	return taken
}

// SetState sets ./FwUpdate/x/State on behalf of the drive of pkg. It does
// nothing when that package was deleted, even if it was added again.
func (t *Tree) SetState(id string, s State) {
	if p := t.reached(id); p != nil && p.State != s {
		p.State = s
		t.book.Touch(packagePath(id).Child(stateNode.name))
	}
}

// SetBusy says how far the drive of pkg is. NotBusy ends it: call it also for
// a drive whose package was deleted, since until then every Exec is answered
// 417. Call SetState and SetBound before SetBusy(pkg, NotBusy).
func (t *Tree) SetBusy(id string, b Busy) {
	switch {
	case b == NotBusy && t.drive.Package == id:
		t.drive = driven{}
	case b == NotBusy:
	case t.drive.Busy != NotBusy && t.drive.Package == id:
		t.drive.Busy = b
	default:
		// A drive that the tree does not know of, as after a restore from an
		// older record: the drive is right.
		_, exists := t.packages[id]
		t.drive = driven{Package: id, Busy: b, Orphan: !exists}
	}
}

// Driven returns the package whose drive runs, also when it was deleted under
// its drive; false when none does. Whoever loads a tree can compare it with
// the drive that was stored beside it.
func (t *Tree) Driven() (id string, running bool) {
	return t.drive.Package, t.drive.Busy != NotBusy
}

// SetBound notes the instance that the drive of pkg uses, plus one. Like
// [Tree.SetState] it does not reach a package that was deleted meanwhile.
func (t *Tree) SetBound(id string, bound uint32) {
	if p := t.reached(id); p != nil {
		p.Bound = bound
	}
}

// reached is the package that a drive of that id may change.
func (t *Tree) reached(id string) *pkg {
	if t.drive.Package == id && t.drive.Orphan {
		return nil
	}
	return t.packages[id]
}

// drives says whether the running drive is that of the package as it is now.
func (t *Tree) drives(id string) bool {
	return t.drive.Busy != NotBusy && t.drive.Package == id && !t.drive.Orphan
}

// Checkpoint remembers the tree; calling restore brings it back whole, also
// what Exec and Delete left behind, as often as it is called. An Atomic that
// fails uses it. The error is for other trees; this one is always nil.
func (t *Tree) Checkpoint() (restore func() error) {
	saved := t.clone()
	return func() error {
		*t = *saved.clone()
		return nil
	}
}

// clone copies everything a command can change.
func (t *Tree) clone() *Tree {
	c := *t
	c.executions = slices.Clone(t.executions)
	c.deletions = slices.Clone(t.deletions)
	c.accounts = slices.Clone(t.accounts)
	c.installed = slices.Clone(t.installed)
	c.book = t.book.Clone()
	if t.packages != nil {
		c.packages = make(map[string]*pkg, len(t.packages))
		for id, p := range t.packages {
			copied := *p // the strings behind the pointers are never written to
			c.packages[id] = &copied
		}
	}
	return &c
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
