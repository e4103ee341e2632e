package fwupdate

import (
	"maps"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// rootACL is the list of the root until a server changes it (TND 1.2, "The
// Root Node"): everybody may look, and try to extend the tree.
var rootACL = tree.ACL{}.With("*", tree.RightAdd, tree.RightGet)

// holds says whether the role is one of the seed, which maps each to the whole
// of an object.
func (r Role) holds() bool { return r == Manager || r == OperatorTPS }

// SetRoles sets who may do something: server id to role. It is not stored:
// set it after every load. A server without a role gets 425.
func (t *Tree) SetRoles(roles map[string]Role) {
	t.roles = maps.Clone(roles)
	var ids []string
	for id, role := range roles {
		if role.holds() {
			ids = append(ids, id)
		}
	}
	t.granted = tree.Grant(ids, tree.AllRights...)
}

// factory is the list that a node has from the device: an object gives all
// rights to those who hold a role, an account those of Standardized Objects
// 1.2 ("DMAcc") to its own server. It is not stored: roles are configured.
func (t *Tree) factory(p tree.Path) tree.ACL {
	switch {
	case p == tree.Root:
		return rootACL
	case p.Parent() == tree.Root:
		return t.granted
	}
	for _, a := range t.accounts {
		if a.path() == p {
			return tree.Grant([]string{a.ServerID}, tree.RightGet, tree.RightReplace, tree.RightDelete)
		}
	}
	return tree.ACL{}
}

// ownACL is a node's own list: what a server has set, or the factory's.
// Empty inherits.
func (t *Tree) ownACL(p tree.Path) tree.ACL {
	if a := t.book.Of(p).ACL; !a.IsZero() {
		return a
	}
	return t.factory(p)
}

// effectiveACL is the list in force: that of the nearest node with one of its
// own. The root has one always.
func (t *Tree) effectiveACL(p tree.Path) tree.ACL {
	for {
		if a := t.ownACL(p); !a.IsZero() || p == tree.Root {
			return a
		}
		p = p.Parent()
	}
}

// knows says whether the server holds a role. Without one it may nothing,
// whatever the lists say: "*" is everybody who manages this device.
func (t *Tree) knows(who string) bool { return t.roles[who].holds() }

// allowed says whether the server has a right to the node.
func (t *Tree) allowed(who string, r tree.Right, p tree.Path) bool {
	return t.knows(who) && t.effectiveACL(p).Allows(who, r)
}

// mayChangeACL: who may replace the parent may replace the list; of an
// interior node also who may replace the node itself (TND 1.2, "Changing the
// ACL").
func (t *Tree) mayChangeACL(who string, at place) bool {
	return t.allowed(who, tree.RightReplace, at.Path.Parent()) ||
		!at.node.leaf() && t.allowed(who, tree.RightReplace, at.Path)
}

// creatorACL is the list of a new node: empty, to inherit, unless that would
// leave its creator without the right to replace it. Then it is the inherited
// list, with the creator added for what it needs to look after its node.
func (t *Tree) creatorACL(who string, above tree.Path) tree.ACL {
	a := t.effectiveACL(above)
	if a.Allows(who, tree.RightReplace) {
		return tree.ACL{}
	}
	return a.With(who, tree.RightAdd, tree.RightDelete, tree.RightGet, tree.RightReplace)
}

// DropServer takes a server that manages the device no more out of all access
// control lists (TND 1.2, "Deleting a server"). An entry that loses its last
// server goes; in the list of the root it becomes "*".
func (t *Tree) DropServer(id string) { t.book.DropServer(id) }
