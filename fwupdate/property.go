package fwupdate

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// property is a property of an existing node; false when it has none such.
func (t *Tree) property(at place, p tree.Property) (string, bool) {
	q, n := t.book.Of(at.Path), at.node
	switch p {
	case tree.PropACL:
		return t.ownACL(at.Path).String(), true
	case tree.PropFormat:
		return n.format, true
	case tree.PropName:
		return at.Path.Name(), true
	case tree.PropSize:
		// The size of a secret says something about it.
		return strconv.Itoa(len(t.value(at))), n.leaf() && n.access.has(tree.RightGet)
	case tree.PropTitle:
		return q.Title, true
	case tree.PropTStamp:
		return q.Stamp.Format(tree.StampFormat), !q.Stamp.IsZero()
	case tree.PropType:
		if n.leaf() {
			return n.mime(), true
		}
		return n.mo, true
	case tree.PropVerNo:
		return strconv.Itoa(int(q.VerNo)), true
	}
	return "", false
}

// getProperty answers ?prop=, without Meta: all properties are text (TND 1.2,
// "Property values").
func (t *Tree) getProperty(at place) ([]syncml.Item, error) {
	value, ok := t.property(at, at.Property)
	if !ok {
		return nil, refuse(syncml.StatusUnsupportedFeature, at.uri, errors.New("the node does not have the property"))
	}
	return []syncml.Item{{Source: syncml.Location{URI: at.uri}, Data: []byte(value)}}, nil
}

// replaceProperty carries out a Replace of ?prop=: 405 for properties that the
// device keeps and for the name of a node that has to have it, 412, 413, 414,
// 415, 418 when the new name is taken, 425; 403 to rename a package whose
// drive runs.
func (t *Tree) replaceProperty(who string, at place, item syncml.Item) error {
	uri, value := at.uri, string(item.Data)
	switch {
	case at.Property == tree.PropACL && !t.mayChangeACL(who, at),
		at.Property != tree.PropACL && !t.allowed(who, tree.RightReplace, at.Path):
		return refuse(syncml.StatusPermissionDenied, uri, errNoRight)
	case !at.Property.Replaceable():
		return refuse(syncml.StatusNotAllowed, uri, errProperty)
	case at.Property == tree.PropACL:
		return t.replaceACL(at, value) // without data it is emptied
	case at.Property == tree.PropName && !at.node.renamable():
		return refuse(syncml.StatusNotAllowed, uri, errors.New("the node has to have its name"))
	case item.Data == nil:
		return refuse(syncml.StatusIncomplete, uri, errors.New("no data"))
	case at.Property == tree.PropName:
		return t.rename(at, value)
	case len(value) > tree.MaxTitle:
		return refuse(syncml.StatusTooLarge, uri, fmt.Errorf("a title of %d bytes, at most %d", len(value), tree.MaxTitle))
	case !tree.IsValue(value):
		return refuse(syncml.StatusUnsupportedFormat, uri, errors.New("not text"))
	}
	t.book.SetTitle(at.Path, value)
	return nil
}

// replaceACL replaces a node's own list as a whole. Nobody may shut servers
// out from extending the tree: the Add of the root stays (TND 1.2, "The Root
// Node").
func (t *Tree) replaceACL(at place, value string) error {
	a, err := tree.ParseACL(value)
	switch old := t.ownACL(at.Path); {
	case len(value) > tree.MaxACL:
		return refuse(syncml.StatusTooLarge, at.uri, fmt.Errorf("a list of %d bytes, at most %d", len(value), tree.MaxACL))
	case err != nil:
		return refuse(syncml.StatusUnsupportedFormat, at.uri, err)
	case at.Path == tree.Root && a.Entry(tree.RightAdd) != old.Entry(tree.RightAdd):
		return refuse(syncml.StatusNotAllowed, at.uri, errors.New("the right to add to the root stays"))
	}
	t.book.SetACL(at.Path, a)
	return nil
}

// rename gives a package another id. The name may be escaped, as everywhere.
func (t *Tree) rename(at place, value string) error {
	id, ok := tree.Unescape(value)
	switch lim := t.limits().MaxSegmentLength; {
	case !ok:
		return refuse(syncml.StatusUnsupportedFormat, at.uri, errors.New("no name that a node can have"))
	case len(value) > lim || len(Escape(id)) > lim:
		return refuse(syncml.StatusURITooLong, at.uri, fmt.Errorf("a name over %d bytes", lim))
	case id == at.id:
		return nil
	case t.packages[id] != nil:
		return refuse(syncml.StatusAlreadyExists, at.uri, errors.New("there is a node of that name"))
	case t.drives(at.id):
		// The drive reports to the package, and to the server, by its name.
		return refuse(syncml.StatusForbidden, at.uri, errors.New("an update of the package runs"))
	}
	t.packages[id] = at.pkg
	delete(t.packages, at.id)
	t.book.Rename(at.Path, packagePath(id))
	t.book.Touch(packagePath(id))
	t.book.Touch(at.Path.Parent())
	return nil
}
