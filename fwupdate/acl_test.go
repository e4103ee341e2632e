package fwupdate

import (
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// third holds a role, but no list names it.
const third = "third"

// withACLs is a tree of three servers with lists where a row wants them.
func withACLs(t *testing.T, lists map[string]string) *Tree {
	t.Helper()
	tr := full()
	tr.SetRoles(map[string]Role{server: Manager, other: OperatorTPS, third: Manager})
	for uri, text := range lists {
		at, err := tr.locate(uri)
		acl, bad := tree.ParseACL(text)
		if err != nil || bad != nil {
			t.Fatal(err, bad)
		}
		tr.book.SetACL(at.Path, acl)
	}
	return tr
}

// TestACL is section 8.3 of oma-dm.md, rule for rule: what a server may, with
// which lists.
func TestACL(t *testing.T) {
	lists := func(s ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(s); i += 2 {
			m[s[i]] = s[i+1]
		}
		return m
	}
	acl := func(who, uri, v string) func(*Tree) error { return setProp(who, uri, "ACL", v) }
	for _, tt := range []struct {
		name  string
		lists map[string]string
		do    func(*Tree) error
		want  syncml.Code
	}{
		{"inherited from the parent", lists(x, "Get="+server), get(server, name), 200},
		{"inherited, others not", lists(x, "Get="+server), get(other, name), 425},
		{"inherited from far above", lists("./FwUpdate", "Get="+other), get(other, purl), 200},
		{"own list overrides", lists(x, "Get="+server, name, "Get="+other), get(other, name), 200},
		{"own list shuts out", lists(x, "Get="+server, name, "Get="+other), get(server, name), 425},
		{"all or nothing: other commands are not inherited", lists(x, "Get=*&Replace=*", name, "Get=*"), replace(server, leaf(name, "v")), 425},
		{"everybody", lists(x, "Get=*"), get(third, name), 200},
		{"everybody with a role", lists(x, "Get=*"), get(stranger, name), 425},
		{"everybody overrides the list", lists(x, "Get="+other+"+*"), get(third, name), 200},
		{"the root's list", lists("./FwUpdate", "Get="+other), get(third, "."), 200},

		{"Add needs Add on the parent", lists("./FwUpdate", "Add="+server), add(server, interior("./FwUpdate/y")), 200},
		{"Add without", lists("./FwUpdate", "Get=*&Replace=*"), add(server, interior("./FwUpdate/y")), 425},
		{"Add of a leaf", lists(x, "Add="+server), func(tr *Tree) error {
			delete(tr.packages, "y")
			return tr.Add(server, leaf("./FwUpdate/y/PkgName", "n"))
		}, 200},
		{"implicit Add needs it where it begins", lists("./FwUpdate", "Get=*"), add(server, leaf("./FwUpdate/y/PkgName", "n")), 425},
		{"Replace needs Replace on the node", lists(name, "Replace="+server), replace(server, leaf(name, "v")), 200},
		{"Replace on the parent is not enough", lists(x, "Replace=*", name, "Get=*"), replace(server, leaf(name, "v")), 425},
		{"Delete needs Delete on the node", lists(x, "Delete="+server), del(server, x), 200},
		{"Delete without", lists(x, "Get=*"), del(server, x), 425},
		{"Delete takes protected nodes along", lists(name, "Get="+other), del(server, x), 200},
		{"Exec needs Exec", lists(x, "Exec="+other), exec(other, dau), 202},
		{"Exec without", lists(x, "Get=*"), exec(server, dau), 425},
		{"Copy needs Get on the source", lists(name, "Replace=*"), func(tr *Tree) error { return tr.Copy(server, name, vers) }, 425},
		{"Copy needs Replace on the target", lists(vers, "Get=*"), func(tr *Tree) error { return tr.Copy(server, name, vers) }, 425},
		{"Copy with both", lists(name, "Get=*", vers, "Replace=*"), func(tr *Tree) error { return tr.Copy(server, name, vers) }, 200},

		{"rights come before access types", lists(st, "Get=*"), replace(server, leaf(st, "10")), 425},
		{"access types after rights", lists(st, "Replace=*"), replace(server, leaf(st, "10")), 405},
		{"existence comes before rights", lists("./FwUpdate", "Get="+other), get(server, "./FwUpdate/y"), 404},

		{"list of an interior node: Replace on it", lists("./FwUpdate", "Get=*", x, "Replace="+server), acl(server, x, "Get=*"), 200},
		{"list of an interior node: Replace on the parent", lists("./FwUpdate", "Replace="+server, x, "Get=*"), acl(server, x, "Get=*"), 200},
		{"list of an interior node: neither", lists("./FwUpdate", "Get=*", x, "Get=*"), acl(server, x, "Get=*"), 425},
		{"list of a leaf: Replace on it is not enough", lists(x, "Get=*", name, "Replace=*"), acl(server, name, "Get=*"), 425},
		{"list of a leaf: Replace on the parent", lists(x, "Replace="+server, name, "Get="+other), acl(server, name, "Get=*"), 200},
		{"list of another's account", nil, acl(other, "./DMAcc/a/AppAddr", "Get=*"), 425},
		{"list of the own account", nil, acl(server, "./DMAcc/a", "Get=*"), 200},
		{"list of the root", nil, acl(server, ".", "Add=*&Get="+server), 425},
		{"list of the root with the right", lists(".", "Add=*&Get=*&Replace="+server), acl(server, ".", "Add=*&Get="+server), 200},
		{"the Add of the root stays", lists(".", "Add=*&Get=*&Replace="+server), acl(server, ".", "Get=*"), 405},
		{"and is nobody's alone", lists(".", "Add=*&Get=*&Replace="+server), acl(server, ".", "Add="+server+"&Get=*"), 405},
		{"nor is the root's list empty", lists(".", "Add=*&Get=*&Replace="+server), acl(server, ".", ""), 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do(withACLs(t, tt.lists))
			got := codeOf(t, err)
			if got == 200 && tt.want == 202 {
				got = 202 // exec has checked it
			}
			if got != tt.want {
				t.Errorf("%d (%v), want %d", got, err, tt.want)
			}
		})
	}
}

// TestACLProperty: Get shows the node's own list, as it was written; empty is
// inherited, and for an object the factory's again.
func TestACLProperty(t *testing.T) {
	tree := withACLs(t, nil)
	for _, step := range []struct{ uri, set, want string }{
		{x, "Get=b+a&Add=*&Replace=" + server, "Get=b+a&Add=*&Replace=" + server},
		{name, "Get=*", "Get=*"},
		{name, "", ""},
		{"./FwUpdate", "Get=*&Replace=*", "Get=*&Replace=*"},
		{"./DevInfo", "", "Add=dmserver+operator+third&Delete=dmserver+operator+third&Exec=dmserver+operator+third&Get=dmserver+operator+third&Replace=dmserver+operator+third"},
	} {
		must(t, tree, setProp(server, step.uri, "ACL", step.set))
		if got := mustProperty(t, tree, step.uri, "ACL"); got != step.want {
			t.Errorf("%s: %q, want %q", step.uri, got, step.want)
		}
	}
}

// TestCreator: who may only Add looks after what it has added; the others keep
// the rights that they would have inherited.
func TestCreator(t *testing.T) {
	tree := withACLs(t, map[string]string{"./FwUpdate": "Add=*&Get=" + other})
	must(t, tree, add(third, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", "u")))
	if got := mustProperty(t, tree, "./FwUpdate/y", "ACL"); got != "Add=*&Get=operator+third&Delete=third&Replace=third" {
		t.Errorf("list of the new node: %q", got)
	}
	if got := mustProperty(t, tree, "./FwUpdate/y/DownloadAndUpdate/PkgURL", "ACL"); got != "" {
		t.Errorf("what came along inherits, but: %q", got)
	}
	must(t, tree, add(third, leaf("./FwUpdate/y/PkgName", "n")), replace(third, leaf("./FwUpdate/y/PkgName", "m")), get(other, "./FwUpdate/y/PkgName"))
	if got := mustProperty(t, tree, "./FwUpdate/y/PkgName", "ACL"); got != "" {
		t.Errorf("what it may replace inherits, but: %q", got)
	}
	if got := codeOf(t, replace(other, leaf("./FwUpdate/y/PkgName", "o"))(tree)); got != 425 {
		t.Errorf("another replaces it: %d", got)
	}
	must(t, tree, del(third, "./FwUpdate/y"))
}

// TestAccountGone: with its account a server loses its place in all lists.
func TestAccountGone(t *testing.T) {
	tree := withACLs(t, map[string]string{x: "Get=" + server + "+" + other + "&Delete=" + server, ".": "Add=*&Get=" + server})
	accounts := tree.Accounts()
	tree.SetAccounts(accounts[1:]) // the other account is of the same server
	if got := mustProperty(t, tree, x, "ACL"); got != "Get=dmserver+operator&Delete=dmserver" {
		t.Errorf("%q", got)
	}
	tree.SetAccounts(nil)
	if got := mustProperty(t, tree, x, "ACL"); got != "Get=operator" {
		t.Errorf("%q", got)
	}
	if got := mustProperty(t, tree, ".", "ACL"); got != "Add=*&Get=*" {
		t.Errorf("of the root: %q", got)
	}
}

// TestRoles: the roles of the seed, and none.
func TestRoles(t *testing.T) {
	tree := full()
	tree.SetRoles(map[string]Role{"m": Manager, "o p": OperatorTPS, "n": NoRole, "later": Role(9)})
	for who, want := range map[string]syncml.Code{"m": 200, "o p": 200, "n": 425, "later": 425, "": 425, "*": 425} {
		if got := codeOf(t, replace(who, leaf(name, "v"))(tree)); got != want {
			t.Errorf("%q: %d, want %d", who, got, want)
		}
	}
}
