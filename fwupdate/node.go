package fwupdate

// access is the set of commands that a node supports at all (AccessType of a
// DDF). Copy is in no set: no node supports it.
type access uint8

const (
	canAdd access = 1 << iota
	canDelete
	canExec
	canGet
	canReplace
)

// accessNames is in the order in which a DDF lists them.
var accessNames = []struct {
	bit  access
	name string
}{
	{canAdd, "Add"}, {canDelete, "Delete"}, {canExec, "Exec"}, {canGet, "Get"}, {canReplace, "Replace"},
}

// The node formats in use (Format of MetInf and DFFormat of a DDF).
const (
	formatNode = "node"
	formatChr  = "chr"
	formatBool = "bool"
)

const mimeText = "text/plain"

// The occurrences in use.
const (
	one        = "One"
	zeroOrMore = "ZeroOrMore"
)

// node defines the nodes of one place in the tree. The table [top] is the one
// source of paths, access checks, formats, limits and the DDF.
type node struct {
	name    string // "" is any name: the package id
	format  string
	access  access
	occurs  string
	dynamic bool
	mo      string // DDFName of an interior node: its management object
	about   string // Description in the DDF
	max     int    // bytes of a value that a server may set
	nodes   []*node

	// show gives the value of a leaf that does not belong to a package.
	show func(*Tree) string
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
			{
				name: "State", format: formatChr, access: canGet, occurs: one, dynamic: true,
				about: "10 idle, 20 download failed, 30 downloading, 40 downloaded, 50 starting update, 80 update failed, 100 update successful",
				fixed: func(p *pkg) string { return p.State.String() },
			},
		},
	}},
}

// top holds the objects below the root.
var top = []*node{fwUpdate, devInfo, devDetail}

// root is ".", which holds them.
var root = &node{format: formatNode, access: canGet, occurs: one, nodes: top}

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
