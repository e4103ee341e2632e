package fwupdate

import (
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// Get returns the value of a leaf, or the names below an interior node,
// escaped and joined by "/" (RepPro 1.2, "Get"); behind ?prop= a property,
// behind ?list= a sub-tree: 404, 405 for what nobody may read, 406 for a
// property that the node does not have, 414, 425. The items repeat the URI as
// it was asked.
func (t *Tree) Get(who, uri string) ([]syncml.Item, error) {
	at, err := t.found(who, uri, tree.RightGet)
	switch {
	case err != nil:
		return nil, err
	case at.Property != tree.NoProperty:
		return t.getProperty(at)
	case !at.node.access.has(tree.RightGet):
		return nil, refuse(syncml.StatusNotAllowed, uri, errAccess)
	case at.List.Kind != tree.NoList:
		return t.getList(who, at)
	}
	item := syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: at.node.format}}
	if at.node.leaf() {
		item.Meta.Type = at.node.mime()
		item.Data = []byte(t.value(at))
	} else {
		item.Data = []byte(strings.Join(t.names(at), "/"))
	}
	return []syncml.Item{item}, nil
}

// names lists what is there below an existing interior node.
func (t *Tree) names(at place) []string {
	var names []string
	for _, c := range t.children(at) {
		names = append(names, c.Path.Name())
	}
	return names
}

// Copy gives a leaf the value of another, and creates it if need be (RepPro
// 1.2, "Copy"): 403 when the target cannot take the value, 404, 405, 406 for
// interior nodes, 414, 420, 425. It needs the rights to Get the one and to
// Replace or Add the other.
func (t *Tree) Copy(who, from, to string) error {
	source, err := t.existing(who, from, tree.RightGet)
	if err != nil {
		return err
	}
	target, err := t.locate(to)
	switch interior := errors.New("interior nodes are not copied"); {
	case err != nil:
		return err
	case !source.node.leaf():
		return refuse(syncml.StatusUnsupportedFeature, from, interior)
	case target.node != nil && !target.node.leaf():
		return refuse(syncml.StatusUnsupportedFeature, to, interior)
	}
	write := t.Add
	if target.there {
		write = t.Replace
	}
	err = write(who, syncml.Item{
		Target: syncml.Location{URI: to},
		Meta:   syncml.Meta{Format: source.node.format, Type: source.node.mime()},
		Data:   []byte(t.value(source)),
	})
	if refused, ok := errors.AsType[*syncml.StatusError](err); ok && cannotTake[refused.Code] {
		return refuse(syncml.StatusForbidden, to, refused.Err)
	}
	return err
}

// cannotTake are the refusals that mean, for a Copy, that the value is nothing
// for the target.
var cannotTake = map[syncml.Code]bool{syncml.StatusTooLarge: true, syncml.StatusUnsupportedFormat: true}
