package fwupdate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// noon is the time of the tests.
var noon = time.Date(2024, 1, 31, 12, 0, 0, 0, time.UTC)

// stamped is full at noon.
func stamped() *Tree {
	t := full()
	t.SetTime(noon)
	return t
}

func setProp(who, uri, prop, v string) func(*Tree) error {
	return replace(who, syncml.Item{Target: syncml.Location{URI: uri + "?prop=" + prop}, Data: []byte(v)})
}

// TestGetProperty has a row for every property of every kind of node.
func TestGetProperty(t *testing.T) {
	const factory = "Add=dmserver+operator&Delete=dmserver+operator&Exec=dmserver+operator&Get=dmserver+operator&Replace=dmserver+operator"
	for _, tt := range []struct{ uri, prop, want string }{
		{".", "ACL", "Add=*&Get=*"}, {"./FwUpdate", "ACL", factory}, {"./DevInfo", "ACL", factory}, {x, "ACL", ""}, {name, "ACL", ""},
		{"./DMAcc/a", "ACL", "Get=dmserver&Replace=dmserver&Delete=dmserver"},
		{"./FwUpdate", "Format", "node"}, {name, "Format", "chr"}, {"./DevDetail/LrgObj", "Format", "bool"},
		{"./SyncML/DMAcc/old/PortNbr", "Format", "int"}, {"./SyncML/DMAcc/old/ClientNonce", "Format", "bin"},
		{".", "Name", ""}, {x, "Name", "x"}, {name, "Name", "PkgName"}, {"./FwUpdate/{a b}", "Name", "%7Ba%20b%7D"},
		{name, "Size", "1"}, {purl, "Size", "10"}, {st, "Size", "2"},
		{name, "Title", ""}, {x, "TStamp", "20240131T120000Z"}, {st, "TStamp", "20240131T120000Z"},
		{name, "Type", "text/plain"}, {"./FwUpdate", "Type", ""}, {"./DevInfo", "Type", "urn:oma:mo:oma-dm-devinfo:1.0"},
		{"./DMAcc/a", "Type", "urn:oma:mo:oma-dm-dmacc:1.0"},
		{name, "VerNo", "0"}, {"./FwUpdate", "VerNo", "2"},
	} {
		tree := stamped()
		must(t, tree, add(server, interior("./FwUpdate/{a b}")))
		uri := tt.uri + "?prop=" + tt.prop
		items, err := tree.Get(server, uri)
		want := []syncml.Item{{Source: syncml.Location{URI: uri}, Data: []byte(tt.want)}}
		if d := cmp.Diff(want, items); d != "" || err != nil {
			t.Errorf("%s: %v %s", uri, err, d)
		}
	}
}

// TestPropertyCommands: what a command on a property is answered.
func TestPropertyCommands(t *testing.T) {
	prop := func(p string) string { return name + "?prop=" + p }
	for _, tt := range []struct {
		name string
		do   func(*Tree) error
		want syncml.Code
	}{
		{"Get an unknown property", get(server, prop("Colour")), 406},
		{"Get Size of an interior node", get(server, x+"?prop=Size"), 406},
		{"Get a property of nothing", get(server, "./FwUpdate/y?prop=ACL"), 404},
		{"Get a property without rights", get(stranger, prop("ACL")), 425},
		{"Get a property of a secret", get(server, "./SyncML/DMAcc/old/ClientPW?prop=Format"), 200},
		{"Replace Format", setProp(server, name, "Format", "chr"), 405},
		{"Replace Size", setProp(server, name, "Size", "1"), 405},
		{"Replace TStamp", setProp(server, name, "TStamp", "20240131T120000Z"), 405},
		{"Replace Type", setProp(server, name, "Type", "text/plain"), 405},
		{"Replace VerNo", setProp(server, name, "VerNo", "1"), 405},
		{"Replace an unknown property", setProp(server, name, "Colour", "red"), 406},
		{"Replace a property of nothing", setProp(server, "./FwUpdate/y", "Title", "t"), 404},
		{"Replace a property without rights", setProp(stranger, name, "Title", "t"), 425},
		{"Replace VerNo without rights", setProp(stranger, name, "VerNo", "1"), 425},
		{"Replace a list", setProp(server, name+"?list=Struct", "ACL", ""), 406},
		{"Replace at a list", replace(server, leaf(name+"?list=Struct", "v")), 405},
		{"Add at a list", add(server, leaf("./FwUpdate/y?list=Struct", "v")), 405},
		{"Delete a property", del(server, prop("Title")), 405},
		{"Exec a property", exec(server, dau+"?prop=ACL"), 405},
		{"Copy a property", func(t *Tree) error { return t.Copy(server, prop("Title"), vers) }, 405},

		{"Title", setProp(server, name, "Title", "t"), 200},
		{"Title of the device's node", setProp(server, "./DevInfo/Man", "Title", "t"), 200},
		{"Title at the limit", setProp(server, x, "Title", strings.Repeat("t", tree.MaxTitle)), 200},
		{"Title over the limit", setProp(server, x, "Title", strings.Repeat("t", tree.MaxTitle+1)), 413},
		{"Title that is not text", setProp(server, x, "Title", "\x01"), 415},
		{"Title without data", replace(server, syncml.Item{Target: syncml.Location{URI: x + "?prop=Title"}}), 412},

		{"rename", setProp(server, x, "Name", "y"), 200},
		{"rename to itself", setProp(server, x, "Name", "x"), 200},
		{"rename with an escape", setProp(server, x, "Name", "%7By%7D"), 200},
		{"rename to what exists", func(t *Tree) error {
			_ = t.Add(server, interior("./FwUpdate/y"))
			return t.Replace(server, syncml.Item{Target: syncml.Location{URI: x + "?prop=Name"}, Data: []byte("y")})
		}, 418},
		{"rename a permanent node", setProp(server, "./FwUpdate", "Name", "y"), 405},
		{"rename the root", setProp(server, ".", "Name", "y"), 425},
		{"rename a fixed name", setProp(server, name, "Name", "y"), 405},
		{"rename an account", setProp(server, "./DMAcc/a", "Name", "y"), 405},
		{"rename to nothing", setProp(server, x, "Name", ""), 415},
		{"rename to dots", setProp(server, x, "Name", ".."), 415},
		{"rename without data", replace(server, syncml.Item{Target: syncml.Location{URI: x + "?prop=Name"}}), 412},
		{"rename at the limit", setProp(server, x, "Name", strings.Repeat("y", MaxSegmentLength)), 200},
		{"rename over the limit", setProp(server, x, "Name", strings.Repeat("y", MaxSegmentLength+1)), 414},
		{"rename escaped over the limit", setProp(server, x, "Name", strings.Repeat("{", MaxSegmentLength/3+1)), 414},

		{"ACL", setProp(server, name, "ACL", "Get=*"), 200},
		{"ACL without data", replace(server, syncml.Item{Target: syncml.Location{URI: name + "?prop=ACL"}}), 200},
		{"ACL that is none", setProp(server, name, "ACL", "Copy=*"), 415},
		{"ACL at the limit", setProp(server, name, "ACL", "Get="+strings.Repeat("s", tree.MaxACL-4)), 200},
		{"ACL over the limit", setProp(server, name, "ACL", "Get="+strings.Repeat("s", tree.MaxACL-3)), 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := stamped()
			before := asJSON(t, tree)
			err := tt.do(tree)
			if got := codeOf(t, err); got != tt.want {
				t.Errorf("%d (%v), want %d", got, err, tt.want)
			}
			if d := cmp.Diff(before, asJSON(t, tree)); err != nil && d != "" && tt.want != 418 {
				t.Errorf("a refused command changed the tree: %s", d)
			}
		})
	}
}

// TestRename: everything moves with the name, the drive keeps a package where
// it is.
func TestRename(t *testing.T) {
	tree := stamped()
	tree.SetBound("x", 3)
	must(t, tree, setProp(server, name, "Title", "t"), setProp(server, x, "Name", "{y}"))
	if d := cmp.Diff([]Package{{ID: "{y}", Name: "n", Version: "1", URL: "http://p/1", State: StateIdle, Bound: 3}}, tree.Packages()); d != "" {
		t.Error(d)
	}
	if got := value(t, tree, server, "./FwUpdate/{y}/PkgName?prop=Title"); got != "t" {
		t.Errorf("title %q", got)
	}
	must(t, tree, exec(server, "./FwUpdate/{y}/DownloadAndUpdate"))
	if got := codeOf(t, setProp(server, "./FwUpdate/{y}", "Name", "z")(tree)); got != 403 {
		t.Errorf("renamed under its drive: %d", got)
	}
	tree.SetBusy("{y}", NotBusy)
	must(t, tree, setProp(server, "./FwUpdate/{y}", "Name", "z"))
}

// TestChangesCount: VerNo and TStamp of each node after each command.
func TestChangesCount(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*Tree) error
		want map[string]string // uri to VerNo; all others are as before
	}{
		{"Replace", replace(server, leaf(name, "m")), map[string]string{name: "1"}},
		{"Replace by the same", replace(server, leaf(name, "n")), map[string]string{name: "1"}},
		{"Title", setProp(server, x, "Title", "t"), map[string]string{x: "4"}},
		{"ACL", setProp(server, name, "ACL", "Get=*"), map[string]string{name: "1"}},
		{"Add", add(server, interior("./FwUpdate/y")), map[string]string{"./FwUpdate": "2", "./FwUpdate/y": "0", "./FwUpdate/y/State": "0"}},
		{"implicit Add", add(server, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", "u")), map[string]string{
			"./FwUpdate": "2", "./FwUpdate/y": "0", "./FwUpdate/y/State": "0", "./FwUpdate/y/DownloadAndUpdate": "0", "./FwUpdate/y/DownloadAndUpdate/PkgURL": "0"}},
		{"Delete of a leaf", del(server, name), map[string]string{x: "4"}},
		{"Delete", del(server, x), map[string]string{"./FwUpdate": "2"}},
		{"rename", setProp(server, x, "Name", "y"), map[string]string{"./FwUpdate": "2", "./FwUpdate/y": "4", "./FwUpdate/y/State": "0",
			"./FwUpdate/y/DownloadAndUpdate": "0", "./FwUpdate/y/DownloadAndUpdate/PkgURL": "0", "./FwUpdate/y/PkgName": "0", "./FwUpdate/y/PkgVersion": "0"}},
		{"Copy", func(t *Tree) error { return t.Copy(server, vers, name) }, map[string]string{name: "1"}},
		{"Exec", exec(server, dau), map[string]string{}},
		{"refused", setProp(server, x, "VerNo", "9"), map[string]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := NewTree(Identity{})
			tree.SetTime(noon)
			tree.SetRoles(map[string]Role{server: Manager})
			must(t, tree, add(server, interior(x)), add(server, leaf(name, "n")), add(server, leaf(vers, "1")), add(server, leaf(purl, "u")))
			before := versions(t, tree)
			tree.SetTime(noon.Add(time.Hour))
			_ = tt.do(tree)
			got := map[string]string{}
			for uri, v := range versions(t, tree) {
				if old, was := before[uri]; was && old == v {
					continue
				}
				got[uri] = v
				moved := tt.name == "rename" && v == "0"
				if s := mustProperty(t, tree, uri, "TStamp"); s != "20240131T130000Z" && !moved && !strings.HasSuffix(uri, "/State") {
					t.Errorf("%s changed at %s", uri, s)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNoTime: a tree that never heard of a time does not invent one.
func TestNoTime(t *testing.T) {
	if got := codeOf(t, get(server, x+"?prop=TStamp")(withPackage())); got != 406 {
		t.Errorf("%d", got)
	}
}

// TestCopy: leaves to leaves, with the rights of both ends.
func TestCopy(t *testing.T) {
	long := strings.Repeat("n", MaxVersion+1)
	for _, tt := range []struct {
		name, from, to string
		who            string
		want           syncml.Code
	}{
		{"over a value", name, vers, server, 200},
		{"onto itself", name, name, server, 200},
		{"to a new leaf", name, "./FwUpdate/y/PkgName", server, 200},
		{"from the device", "./DevDetail/FwV", vers, server, 200},
		{"what is missing", "./FwUpdate/y/PkgName", vers, server, 404},
		{"to nowhere", name, "./SyncDS", server, 404},
		{"to what is not defined", name, x + "/PkgSize", server, 405},
		{"to State", name, st, server, 405},
		{"to the device", name, "./DevInfo/Man", server, 405},
		{"an interior node", x, "./FwUpdate/y", server, 406},
		{"to an interior node", name, "./FwUpdate/y", server, 406},
		{"another format", "./DevDetail/LrgObj", name, server, 403},
		{"too long a value", purl, vers, server, 403},
		{"a secret", "./DMAcc/a/AppAuth/CLCRED/AAuthSecret", name, server, 405},
		{"without rights", name, vers, stranger, 425},
		{"another's account", "./DMAcc/a/ServerID", name, other, 425},
		{"malformed", name, "./FwUpdate//x", server, 404},
		{"malformed source", "", name, server, 404},
	} {
		tree := full()
		must(t, tree, replace(server, leaf(purl, long)))
		if got := codeOf(t, tree.Copy(tt.who, tt.from, tt.to)); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		} else if got == 200 && value(t, tree, server, tt.to) != value(t, tree, server, tt.from) {
			t.Errorf("%s: %s", tt.name, value(t, tree, server, tt.to))
		}
	}
}
