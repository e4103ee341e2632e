package engine

import (
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate"
)

// viewer is the name under which the tree is read for display. It is a role
// within this process; no DM server has this name.
const viewer = "\x00viewer"

// nodes reads the whole tree as the DM server sees it.
func nodes(tree *fwupdate.Tree) []Node {
	tree.SetRoles(map[string]fwupdate.Role{viewer: fwupdate.Manager})
	return walk(tree, []Node{}, ".")
}

// walk adds a node and what is below it. An interior node says the names of
// its children, escaped, with slashes between them.
func walk(tree *fwupdate.Tree, list []Node, uri string) []Node {
	items, err := tree.Get(viewer, uri)
	if err != nil || len(items) != 1 {
		return list
	}
	if items[0].Meta.Format != "node" {
		value := withoutUser(string(items[0].Data))
		return append(list, Node{URI: uri, Value: &value})
	}
	list = append(list, Node{URI: uri})
	for _, name := range children(string(items[0].Data)) {
		list = walk(tree, list, uri+"/"+name)
	}
	return list
}

func children(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, "/")
}

// withoutUser hides the password of a URL that has one.
func withoutUser(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		return u.Redacted()
	}
	return s
}
