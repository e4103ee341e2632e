package fwupdate

import (
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

var (
	errNotFound = errors.New("no such node")
	errNoRight  = errors.New("the server holds no role")
	errAccess   = errors.New("the node does not support the command")
)

// place is what a URI leads to. The node it names need not exist.
type place struct {
	uri  string
	node *node  // nil when the tables have no such path
	last *node  // the deepest node of the path that the tables have
	id   string // the package on the path
	pkg  *pkg   // nil when that does not exist
}

// locate finds the place that a URI names. The error is about the URI itself:
// 404, 406 or 414.
func (t *Tree) locate(uri string) (place, error) {
	segments, err := t.parse(uri)
	if err != nil {
		return place{}, err
	}
	at := place{uri: uri, node: root, last: root}
	for _, s := range segments {
		at.node = at.node.child(s)
		if at.node == nil {
			return at, nil
		}
		at.last = at.node
		if at.node.name == "" {
			at.id, at.pkg = s, t.packages[s]
		}
	}
	return at, nil
}

// exists says whether the node is there now.
func (at place) exists() bool {
	switch {
	case at.node == nil:
		return false
	case at.id == "":
		return true // permanent
	case at.pkg == nil:
		return false
	}
	return at.node.slot == nil || *at.node.slot(at.pkg) != nil
}

// existing finds a node that is there and that who may use with the command,
// in the order of checks of all commands but Add: the URI, existence (404),
// rights (425), access type (405).
func (t *Tree) existing(who, uri string, need access) (place, error) {
	at, err := t.locate(uri)
	switch {
	case err != nil:
		return place{}, err
	case !at.exists():
		return place{}, refuse(syncml.StatusNotFound, uri, errNotFound)
	case !t.allowed(who):
		return place{}, refuse(syncml.StatusPermissionDenied, uri, errNoRight)
	case at.node.access&need == 0:
		return place{}, refuse(syncml.StatusNotAllowed, uri, errAccess)
	}
	return at, nil
}

// allowed says whether the server holds one of the roles of the seed, which
// give every right that the access types leave.
func (t *Tree) allowed(who string) bool {
	switch t.roles[who] {
	case Manager, OperatorTPS:
		return true
	}
	return false
}

// Get returns the value of a leaf or the names below an interior node,
// escaped and joined by "/" (RepPro 1.2, "Get"): 404, 406 for ?prop= and
// ?list=, 414, 425. The item repeats the URI as it was asked.
func (t *Tree) Get(who, uri string) ([]syncml.Item, error) {
	at, err := t.existing(who, uri, canGet)
	if err != nil {
		return nil, err
	}
	item := syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: at.node.format}}
	if at.node.leaf() {
		item.Meta.Type = mimeText
		item.Data = []byte(t.value(at))
	} else {
		item.Data = []byte(strings.Join(t.names(at), "/"))
	}
	return []syncml.Item{item}, nil
}

// value is the value of an existing leaf.
func (t *Tree) value(at place) string {
	switch n := at.node; {
	case n.show != nil:
		return n.show(t)
	case n.fixed != nil:
		return n.fixed(at.pkg)
	default:
		return text(*n.slot(at.pkg))
	}
}

// names lists what is there below an existing interior node: packages in
// order of their ids, all else in the order of the tables.
func (t *Tree) names(at place) []string {
	var names []string
	for _, n := range at.node.nodes {
		if n.name == "" {
			for _, p := range t.Packages() {
				names = append(names, Escape(p.ID))
			}
			continue
		}
		if (place{node: n, id: at.id, pkg: at.pkg}).exists() {
			names = append(names, n.name)
		}
	}
	return names
}

// Copy answers 406: no node of this tree can be copied.
func (t *Tree) Copy(_, from, _ string) error {
	return refuse(syncml.StatusUnsupportedFeature, from, errors.New("copy is not supported"))
}
