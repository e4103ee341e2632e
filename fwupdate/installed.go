package fwupdate

import (
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// Installed is a package that the device has, whoever brought it there.
type Installed struct {
	ID      string `json:"id"` // the name of its node
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// SetInstalled replaces what ./Vendor/MSFT/ROMPackage shows. Entries with an
// ID that no node can have, or that was there before, are left out.
func (t *Tree) SetInstalled(list []Installed) {
	var kept []Installed
	for _, r := range list {
		if isName(r.ID) && !slices.ContainsFunc(kept, func(k Installed) bool { return k.ID == r.ID }) {
			kept = append(kept, r)
		}
	}
	if !slices.Equal(kept, t.installed) {
		t.noting(func() { t.installed = kept }, vendor)
	}
}

// vendor is ./Vendor with ./Vendor/MSFT/ROMPackage, which servers of Windows
// Mobile read before they send a package.
var vendor = &node{
	name: "Vendor", format: formatNode, access: canGet, occurs: one, about: "Objects of vendors",
	nodes: []*node{{
		name: "MSFT", format: formatNode, access: canGet, occurs: one, about: "Objects of Windows Mobile",
		nodes: []*node{{
			name: "ROMPackage", format: formatNode, access: canGet, occurs: one, about: "Packages that are installed",
			nodes: []*node{romPackage},
		}},
	}},
}

var romPackage = &node{
	format: formatNode, access: canGet, occurs: zeroOrMore, dynamic: true, about: "One installed package",
	names: func(t *Tree, _ place) []string {
		var ids []string
		for _, r := range t.installed {
			ids = append(ids, r.ID)
		}
		return ids
	},
	enter: func(t *Tree, at *place, id string) bool {
		i := slices.IndexFunc(t.installed, func(r Installed) bool { return r.ID == id })
		if i >= 0 {
			at.installed = &t.installed[i]
		}
		return i >= 0
	},
	nodes: []*node{
		ofInstalled("PkgName", "Name of the package for people", func(r *Installed) string { return r.Name }),
		ofInstalled("PkgVersion", "Version of the package", func(r *Installed) string { return r.Version }),
	},
}

func ofInstalled(name, about string, value func(*Installed) string) *node {
	return &node{
		name: name, format: formatChr, access: canGet, occurs: one, dynamic: true, about: about,
		show: func(_ *Tree, at place) string { return printable(value(at.installed)) },
	}
}

// Installed returns the packages that ./Vendor/MSFT/ROMPackage shows.
func (t *Tree) Installed() []Installed { return slices.Clone(t.installed) }

// NodeView is a node as an operator sees it, whatever rights servers have.
type NodeView struct {
	URI      string
	Interior bool
	Value    string
	Secret   bool // a leaf that nobody may read; Value is empty
}

// Nodes returns the whole tree, the root first.
func (t *Tree) Nodes() []NodeView {
	var list []NodeView
	t.visit(t.at(tree.Root), func(at place) {
		v := NodeView{URI: at.Path.URI(), Interior: !at.node.leaf(), Secret: !at.node.access.has(tree.RightGet)}
		if !v.Interior {
			v.Value = t.value(at)
		}
		list = append(list, v)
	})
	return list
}
