package fwupdate

import (
	"maps"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// access is the set of commands that a node supports at all (AccessType of a
// DDF). It is another thing than the rights of a server, and has a bit for
// each of them. Copy has none: leaves that can be read can be copied, to
// leaves that can be written.
type access uint8

const (
	canAdd     access = 1 << tree.RightAdd
	canDelete  access = 1 << tree.RightDelete
	canExec    access = 1 << tree.RightExec
	canGet     access = 1 << tree.RightGet
	canReplace access = 1 << tree.RightReplace
)

// has says whether the node supports the command.
func (a access) has(r tree.Right) bool { return a&(1<<r) != 0 }

// The node formats in use (Format of MetInf and DFFormat of a DDF).
const (
	formatNode = "node"
	formatChr  = "chr"
	formatBool = "bool"
	formatBin  = "bin"
	formatInt  = "int"
)

// The formats that only documents have.
const (
	formatXML = "xml"
	formatB64 = "b64"
)

const (
	mimeText   = "text/plain"
	mimeBinary = "application/octet-stream"
)

// The occurrences in use.
const (
	one        = "One"
	zeroOrOne  = "ZeroOrOne"
	zeroOrMore = "ZeroOrMore"
	oneOrMore  = "OneOrMore"
)

// node defines the nodes of one place in the tree. The table [top] is the one
// source of paths, access checks, formats, limits and the DDF.
type node struct {
	name    string // "" is a name given at run time, such as a package id
	format  string
	access  access
	occurs  string
	dynamic bool
	mo      string // DDFName of an interior node: its management object
	about   string // Description in the DDF
	max     int    // bytes of a value that a server may set
	nodes   []*node

	// names and enter are of nodes without a name: which there are, and what
	// place one of them makes; false when there is none of the name.
	names func(*Tree, place) []string
	enter func(t *Tree, at *place, name string) bool

	// has says whether an optional node is there; nil for always.
	has func(*Tree, place) bool
	// show gives the value of a leaf that does not belong to a package.
	show func(*Tree, place) string
	// slot is where a package keeps the node: nil there is an absent node.
	// State and the package itself have none, they exist with the package.
	slot func(*pkg) **string
	// fixed gives the value of a leaf that exists with its package.
	fixed func(*pkg) string
}

// inPackage is the access of what a server puts into a package.
const inPackage = canGet | canReplace | canAdd | canDelete

// fwUpdate is ./FwUpdate, as the seed has it.
var fwUpdate = &node{
	name: "FwUpdate", format: formatNode, access: canGet, occurs: one,
	about: "Packages that are being downloaded or installed",
	nodes: []*node{{
		format: formatNode, access: canAdd | canDelete | canGet, occurs: zeroOrMore, dynamic: true,
		about: "One package; the name is its identifier, any string",
		names: func(t *Tree, _ place) []string { return slices.Sorted(maps.Keys(t.packages)) },
		enter: func(t *Tree, at *place, id string) bool {
			at.id, at.pkg = id, t.packages[id]
			return at.pkg != nil
		},
		nodes: []*node{
			{
				name: "DownloadAndUpdate", format: formatNode, access: canGet | canExec | canAdd | canDelete, occurs: one, dynamic: true,
				about: "Exec downloads the package and installs it",
				slot:  func(p *pkg) **string { return &p.Update },
				nodes: []*node{{
					name: "PkgURL", format: formatChr, access: inPackage, occurs: one, dynamic: true,
					about: "Where the package is", max: MaxURL,
					slot: func(p *pkg) **string { return &p.URL },
				}},
			},
			{
				name: "PkgName", format: formatChr, access: inPackage, occurs: one, dynamic: true,
				about: "Name of the package for people", max: MaxName,
				slot: func(p *pkg) **string { return &p.Name },
			},
			{
				name: "PkgVersion", format: formatChr, access: inPackage, occurs: one, dynamic: true,
				about: "Version of the package", max: MaxVersion,
				slot: func(p *pkg) **string { return &p.Version },
			},
			stateNode,
		},
	}},
}

// stateNode is ./FwUpdate/x/State.
var stateNode = &node{
	name: "State", format: formatChr, access: canGet, occurs: one, dynamic: true,
	about: "10 idle, 20 download failed, 30 downloading, 40 downloaded, 50 starting update, 80 update failed, 100 update successful",
	fixed: func(p *pkg) string { return p.State.String() },
}

// top holds the objects below the root.
var top = []*node{fwUpdate, devInfo, devDetail, dmAcc, oldDMAcc, vendor}

// root is ".", which holds them.
var root = &node{format: formatNode, access: canGet, occurs: one, nodes: top}

// renamable says whether the node may have another name: one that a server
// gave it.
func (n *node) renamable() bool { return n.name == "" && n.access&canAdd != 0 }

// mime is the type of a leaf's value.
func (n *node) mime() string {
	if n.format == formatBin {
		return mimeBinary
	}
	return mimeText
}

// isThere says whether the node is there when the one above it is.
func (n *node) isThere(t *Tree, at place) bool {
	switch {
	case n.slot != nil:
		return at.pkg != nil && *n.slot(at.pkg) != nil
	case n.has != nil:
		return n.has(t, at)
	}
	return true
}

// leaf says whether the node holds a value.
func (n *node) leaf() bool { return n.format != formatNode }

// child finds the definition for a name below n; nil when the table has none.
func (n *node) child(name string) *node {
	for _, c := range n.nodes {
		if c.name == name || c.name == "" {
			return c
		}
	}
	return nil
}
