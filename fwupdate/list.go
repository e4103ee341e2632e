package fwupdate

import (
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// getList answers ?list=. What the server has no right to Get, or nobody may,
// is left out; of a document together with all below it.
func (t *Tree) getList(who string, at place) ([]syncml.Item, error) {
	if at.List.Kind == tree.ListTNDS {
		return t.getTNDS(who, at)
	}
	asked, _, _ := strings.Cut(at.uri, "?")
	var items []syncml.Item
	t.visit(at, func(n place) {
		if !t.readable(who, n) {
			return
		}
		item := syncml.Item{Meta: syncml.Meta{Format: n.node.format}}
		item.Meta.Type, _ = t.property(n, tree.PropType)
		item.Source.URI = asked + strings.TrimPrefix("/"+string(n.Path), under(at.Path))
		if n.Path == at.Path {
			item.Source.URI = asked
		}
		if at.List.Kind == tree.ListStructData && n.node.leaf() {
			item.Data = []byte(t.value(n))
		}
		items = append(items, item)
	})
	return items, nil
}

// under is what the paths below p begin with, after a slash.
func under(p tree.Path) string {
	if p == tree.Root {
		return ""
	}
	return "/" + string(p)
}

func (t *Tree) readable(who string, at place) bool {
	return at.node.access.has(tree.RightGet) && t.allowed(who, tree.RightGet, at.Path)
}

// getTNDS answers ?list=TNDS with one document that begins at the node; the
// root is the nodes below it. It is XML: the session has it travel as WBXML
// where that is wanted.
func (t *Tree) getTNDS(who string, at place) ([]syncml.Item, error) {
	top := t.document(who, at)
	nodes := []*tree.Node{top}
	if at.Path == tree.Root {
		nodes = top.Nodes
	}
	if len(nodes) == 0 {
		return nil, refuse(syncml.StatusPermissionDenied, at.uri, errNoRight)
	}
	text, err := tree.AppendTNDS(nil, nodes, at.List.Attributes)
	if err != nil {
		return nil, refuse(syncml.StatusCommandFailed, at.uri, err)
	}
	return []syncml.Item{{
		Source: syncml.Location{URI: at.uri},
		Meta:   syncml.Meta{Format: formatXML, Type: syncml.XML.TNDS()},
		Data:   text,
	}}, nil
}

// document is a node with all its properties and what is below it.
func (t *Tree) document(who string, at place) *tree.Node {
	n := &tree.Node{Name: at.Path.Name(), Interior: !at.node.leaf(), Properties: map[tree.Property]string{}}
	for p := tree.PropACL; p <= tree.PropVerNo; p++ {
		if v, ok := t.property(at, p); ok {
			n.Properties[p] = v
		}
	}
	if !n.Interior {
		n.Properties[tree.PropValue] = t.value(at)
	}
	for _, c := range t.children(at) {
		if t.readable(who, c) {
			n.Nodes = append(n.Nodes, t.document(who, c))
		}
	}
	return n
}

// planned is one node of a document that came in.
type planned struct {
	path tree.Path
	node *tree.Node
}

// plan reads a document for a target: 405 outside of ./FwUpdate, 412, 413,
// 415. The nodes come in the order of the document, upper ones first.
func plan(at place, item syncml.Item) ([]planned, error) {
	if !at.Path.In(tree.Root.Child(fwUpdate.name)) {
		return nil, refuse(syncml.StatusNotAllowed, at.uri, errAccess)
	}
	text, err := documentText(at.uri, item)
	if err != nil {
		return nil, err
	}
	nodes, err := tree.ReadTNDS(text)
	if err != nil {
		return nil, refuse(syncml.StatusUnsupportedFormat, at.uri, err)
	}
	var list []planned
	for _, n := range nodes {
		p, ok := placed(at.Path, n)
		if list, ok = spread(list, p, n, ok); !ok {
			return nil, refuse(syncml.StatusUnsupportedFormat, at.uri, errors.New("a node without a place"))
		}
	}
	return list, nil
}

// placed is where an outermost node belongs. Servers write the target itself
// or what hangs below it: a node of the target's name, or of none, is the
// target. A Path leads further down.
func placed(target tree.Path, n *tree.Node) (tree.Path, bool) {
	name, ok := tree.Unescape(n.Name)
	if own, _ := tree.Unescape(target.Name()); n.Path == "" && (n.Name == "" || ok && name == own) {
		return target, true
	}
	p := target
	if way := strings.TrimPrefix(n.Path, "./"); way != "" && way != "." {
		for s := range strings.SplitSeq(way, "/") {
			step, good := tree.Unescape(s)
			ok = ok && good
			p = p.Child(step)
		}
	}
	return p.Child(name), ok
}

// spread adds a node and those below it.
func spread(list []planned, p tree.Path, n *tree.Node, ok bool) ([]planned, bool) {
	list = append(list, planned{p, n})
	for _, c := range n.Nodes {
		name, good := tree.Unescape(c.Name)
		list, ok = spread(list, p.Child(name), c, ok && good && c.Path == "")
	}
	return list, ok
}
