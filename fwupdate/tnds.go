package fwupdate

import (
	"errors"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// addTNDS adds a sub-tree of ./FwUpdate, all of it or nothing: what Add says
// of each node, and 418 for a node that was there. A node that comes into
// being by itself, such as State, may be told as it is.
func (t *Tree) addTNDS(who string, at place, item syncml.Item) error {
	return t.whole(who, at, item, func(list []planned) error {
		for _, p := range list {
			if err := t.addPlanned(who, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Tree) addPlanned(who string, p planned) error {
	at := t.at(p.path)
	if at.there && !at.node.access.has(tree.RightAdd) {
		return t.same(at, p)
	}
	return t.Add(who, p.item())
}

// same accepts a node that cannot be changed when it is as the document says.
func (t *Tree) same(at place, p planned) error {
	if value, told := p.node.Properties[tree.PropValue]; at.node.leaf() && told && value != t.value(at) {
		return refuse(syncml.StatusNotAllowed, at.uri, errAccess)
	}
	return nil
}

// replaceTNDS makes a sub-tree of ./FwUpdate like the document, all of it or
// nothing: what is not in it is deleted, the rest added or replaced, with the
// rights and answers of those commands. The access type of an interior node is
// not asked for Replace: nothing of it is replaced but what it holds.
func (t *Tree) replaceTNDS(who string, at place, item syncml.Item) error {
	return t.whole(who, at, item, func(list []planned) error {
		keep := map[tree.Path]bool{}
		for _, p := range list {
			keep[p.path] = true
		}
		if err := t.prune(who, at, keep); err != nil {
			return err
		}
		for _, p := range list {
			if err := t.replacePlanned(who, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// prune deletes what is below a node and not to be kept.
func (t *Tree) prune(who string, at place, keep map[tree.Path]bool) error {
	for _, c := range t.children(at) {
		err := error(nil)
		switch {
		case keep[c.Path]:
			err = t.prune(who, c, keep)
		case c.node.access.has(tree.RightDelete):
			err = t.Delete(who, c.uri)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) replacePlanned(who string, p planned) error {
	at := t.at(p.path)
	switch {
	case !at.there:
		return t.addPlanned(who, p)
	case !at.node.leaf() || !at.node.access.has(tree.RightReplace):
		return t.same(at, p)
	}
	return t.Replace(who, p.item())
}

// planProperties takes the ACL and the Title of a document over; all other
// properties are the device's own.
func (t *Tree) planProperties(who string, p planned) error {
	for _, prop := range []tree.Property{tree.PropTitle, tree.PropACL} {
		value, told := p.node.Properties[prop]
		at := t.at(p.path)
		if now, _ := t.property(at, prop); !told || value == now {
			continue
		}
		at.Property = prop
		if err := t.replaceProperty(who, at, syncml.Item{Data: []byte(value)}); err != nil {
			return err
		}
	}
	return nil
}

// item is the command's item for a node of a document.
func (p planned) item() syncml.Item {
	q := p.node.Properties
	item := syncml.Item{
		Target: syncml.Location{URI: p.path.URI()},
		Meta:   syncml.Meta{Format: q[tree.PropFormat], Type: q[tree.PropType]},
	}
	if value, told := q[tree.PropValue]; told {
		item.Data = []byte(value)
	}
	if p.node.Interior {
		item.Meta.Format = formatNode
	}
	return item
}

// whole carries out a document as one command: it is done, or the tree is as
// before and the error speaks of the target.
func (t *Tree) whole(who string, at place, item syncml.Item, do func([]planned) error) error {
	list, err := plan(at, item)
	if err != nil {
		return err
	}
	before := t.clone()
	err = do(list)
	// Lists come when all nodes are there, and those of upper nodes last: they
	// may take the rights away that the rest needs.
	for _, p := range slices.Backward(list) {
		if err == nil {
			err = t.planProperties(who, p)
		}
	}
	if err == nil {
		return nil
	}
	*t = *before
	if refused, ok := errors.AsType[*syncml.StatusError](err); ok {
		return refuse(refused.Code, at.uri, err)
	}
	return err
}
