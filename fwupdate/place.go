package fwupdate

import (
	"errors"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

var (
	errNotFound = errors.New("no such node")
	errNoRight  = errors.New("the server has no right to it")
	errAccess   = errors.New("the node does not support the command")
	errProperty = errors.New("the property does not support the command")
)

// place is what a URI leads to. The node it names need not exist.
type place struct {
	tree.Address
	uri   string
	node  *node     // nil when the tables have no such path
	last  *node     // the deepest node of the path that the tables have
	there bool      // the node exists now
	above tree.Path // the deepest node above it that exists

	id        string // the package on the path
	pkg       *pkg   // nil when that does not exist
	account   *Account
	auth      *AccountAuth // of the direction on the path
	level     string       // and its name
	installed *Installed
}

// isPart says whether the URI names a property or a list, not the node.
func (at place) isPart() bool { return at.Property != tree.NoProperty || at.List.Kind != tree.NoList }

// at is the place of a path.
func (t *Tree) at(p tree.Path) place {
	at := place{Address: tree.Address{Path: tree.Root}, node: root, last: root, there: true, above: tree.Root}
	for path, name := range p.Steps() {
		at = t.step(at, path, name)
	}
	at.uri = p.URI()
	return at
}

// below goes one step down.
func (t *Tree) below(at place, name string) place { return t.step(at, at.Path.Child(name), name) }

// step is below when the path is known.
func (t *Tree) step(at place, path tree.Path, name string) place {
	if at.there {
		at.above = at.Path
	}
	at.Path = path
	if at.node != nil {
		at.node = at.node.child(name)
	}
	if at.node == nil {
		at.there = false
		return at
	}
	at.last = at.node
	if at.node.name == "" {
		return t.entered(at, name)
	}
	at.there = at.there && at.node.isThere(t, at)
	return at
}

// entered is the end of a step to a node without a name of its own. It is apart
// because the place escapes here, and here only.
func (t *Tree) entered(at place, name string) place {
	at.there = at.node.enter(t, &at, name) && at.there
	return at
}

// children are the nodes that are there below an existing one: those with
// names given at run time in their own order, all else in that of the tables.
func (t *Tree) children(at place) []place {
	var list []place
	for _, n := range at.node.nodes {
		names := []string{n.name}
		if n.name == "" {
			names = n.names(t, at)
		}
		for _, name := range names {
			if c := t.below(at, name); c.there {
				c.uri = c.Path.URI()
				list = append(list, c)
			}
		}
	}
	return list
}

// visit calls f for an existing node and all below it, the upper one first.
func (t *Tree) visit(at place, f func(place)) {
	f(at)
	for _, c := range t.children(at) {
		t.visit(c, f)
	}
}

// value is the value of an existing leaf; "" for one that nobody may read,
// since the tree does not hold it.
func (t *Tree) value(at place) string {
	switch n := at.node; {
	case n.show != nil:
		return n.show(t, at)
	case n.fixed != nil:
		return n.fixed(at.pkg)
	case n.slot != nil:
		return text(*n.slot(at.pkg))
	}
	return ""
}

// found finds a node that is there and that who may use with the command, in
// the order of checks of all commands but Add: the URI, existence (404),
// rights (425).
func (t *Tree) found(who, uri string, need tree.Right) (place, error) {
	at, err := t.locate(uri)
	switch {
	case err != nil:
		return place{}, err
	case !at.there:
		return place{}, refuse(syncml.StatusNotFound, uri, errNotFound)
	case !t.allowed(who, need, at.Path):
		return place{}, refuse(syncml.StatusPermissionDenied, uri, errNoRight)
	}
	return at, nil
}

// existing is found for a command on the node itself, which it has to
// support (405).
func (t *Tree) existing(who, uri string, need tree.Right) (place, error) {
	at, err := t.found(who, uri, need)
	switch {
	case err != nil:
		return place{}, err
	case at.isPart():
		return place{}, refuse(syncml.StatusNotAllowed, uri, errProperty)
	case !at.node.access.has(need):
		return place{}, refuse(syncml.StatusNotAllowed, uri, errAccess)
	}
	return at, nil
}

// noting makes a change of what objects show, and then counts it for the
// nodes that it has changed, brought or taken.
func (t *Tree) noting(change func(), objects ...*node) {
	before, after := map[tree.Path]string{}, map[tree.Path]string{}
	t.values(before, objects)
	change()
	t.values(after, objects)
	touched := map[tree.Path]bool{}
	for p, v := range after {
		old, was := before[p]
		switch {
		case !was:
			t.book.Create(p, tree.ACL{})
			touched[p.Parent()] = touched[p.Parent()] || has(before, p.Parent())
		case old != v:
			touched[p] = true
		}
	}
	for p := range before {
		if !has(after, p) {
			t.book.Forget(p)
			touched[p.Parent()] = touched[p.Parent()] || has(after, p.Parent())
		}
	}
	for p, yes := range touched {
		if yes {
			t.book.Touch(p)
		}
	}
}

func has(m map[tree.Path]string, p tree.Path) bool { _, ok := m[p]; return ok || p == tree.Root }

// values collects the values of all nodes of objects.
func (t *Tree) values(into map[tree.Path]string, objects []*node) {
	for _, n := range objects {
		if at := t.at(tree.Root.Child(n.name)); at.there {
			t.visit(at, func(at place) { into[at.Path] = t.value(at) })
		}
	}
}
