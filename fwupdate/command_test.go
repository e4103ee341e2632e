package fwupdate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

const (
	server   = "dmserver"
	stranger = "nobody"
	other    = "operator"

	x    = "./FwUpdate/x"
	name = x + "/PkgName"
	vers = x + "/PkgVersion"
	dau  = x + "/DownloadAndUpdate"
	purl = dau + "/PkgURL"
	st   = x + "/State"
)

func newTree() *Tree {
	t := NewTree(Identity{DeviceID: "IMEI:1", Manufacturer: "Acme", Model: "R2", DMVersion: "1.2", Language: "en",
		FirmwareVersion: "1.0", SoftwareVersion: "s", HardwareVersion: "h", DeviceType: "phone", OEM: "o"})
	t.SetRoles(map[string]Role{server: Manager, other: OperatorTPS, "none": NoRole})
	return t
}

// withPackage holds x with all of its nodes.
func withPackage() *Tree {
	t := newTree()
	for uri, v := range map[string]string{purl: "http://p/1", name: "n", vers: "1"} {
		if err := t.Add(server, leaf(uri, v)); err != nil {
			panic(err)
		}
	}
	return t
}

func leaf(uri, value string) syncml.Item {
	return syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "chr"}, Data: []byte(value)}
}

func interior(uri string) syncml.Item {
	return syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "node"}, Data: []byte{}}
}

// codeOf is the status of an error, 200 for none.
func codeOf(t *testing.T, err error) syncml.Code {
	t.Helper()
	if err == nil {
		return syncml.StatusOK
	}
	refused, ok := errors.AsType[*syncml.StatusError](err)
	if !ok {
		t.Fatalf("not a StatusError: %v", err)
	}
	if refused.Err == nil {
		t.Errorf("%v has no cause", err)
	}
	return refused.Code
}

func asJSON(t *testing.T, tree *Tree) string {
	t.Helper()
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func add(who string, item syncml.Item) func(*Tree) error {
	return func(t *Tree) error { return t.Add(who, item) }
}

func replace(who string, item syncml.Item) func(*Tree) error {
	return func(t *Tree) error { return t.Replace(who, item) }
}

func get(who, uri string) func(*Tree) error {
	return func(t *Tree) error { _, err := t.Get(who, uri); return err }
}

func del(who, uri string) func(*Tree) error {
	return func(t *Tree) error { return t.Delete(who, uri) }
}

func exec(who, uri string) func(*Tree) error {
	return func(t *Tree) error {
		code, err := t.Exec(who, uri, "", nil)
		if err == nil && code != syncml.StatusAccepted {
			return fmt.Errorf("success is %d", code)
		}
		return err
	}
}

func formatted(uri, format, mime string, data []byte) syncml.Item {
	return syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format, Type: mime}, Data: data}
}

// TestStatusCodes has a row for every Status of mapping.md 5.1, and for the
// borders between them. The tree holds x; refused commands change nothing.
func TestStatusCodes(t *testing.T) {
	long := strings.Repeat("y", MaxSegmentLength)
	for _, tt := range []struct {
		name string
		do   func(*Tree) error
		want syncml.Code
	}{
		{"Get the root", get(server, "."), 200},
		{"Get ./FwUpdate", get(server, "./FwUpdate"), 200},
		{"Get without ./", get(server, "FwUpdate/x/State"), 200},
		{"Get as operator", get(other, st), 200},
		{"Get a missing package", get(server, "./FwUpdate/y"), 404},
		{"Get a node of a missing package", get(server, "./FwUpdate/y/State"), 404},
		{"Get an unknown node", get(server, x+"/PkgSize"), 404},
		{"Get below a leaf", get(server, name+"/x"), 404},
		{"Get outside the objects", get(server, "./SyncDS"), 404},
		{"Get a property", get(server, name+"?prop=ACL"), 200},
		{"Get a list", get(server, "./FwUpdate?list=StructData"), 200},
		{"Get without a role", get(stranger, st), 425},
		{"Get with no role by name", get("none", st), 425},
		{"Get missing without a role", get(stranger, "./FwUpdate/y"), 404},

		{"empty URI", get(server, ""), 404},
		{"leading slash", get(server, "/FwUpdate"), 404},
		{"trailing slash", get(server, "./FwUpdate/"), 404},
		{"the root with a slash", get(server, "./"), 404},
		{"empty segment", get(server, "./FwUpdate//State"), 404},
		{"dots", get(server, "./FwUpdate/../FwUpdate"), 404},
		{"dot in the middle", get(server, "./FwUpdate/./x"), 404},
		{"escaped dots", add(server, interior("./FwUpdate/%2E%2e")), 404},
		{"broken escape", get(server, "./FwUpdate/%7"), 404},
		{"escape that is not UTF-8", add(server, interior("./FwUpdate/%ff")), 404},
		{"control character", add(server, interior("./FwUpdate/%0a")), 404},
		{"another case", get(server, "./fwupdate"), 404},

		{"segment at the limit", add(server, interior("./FwUpdate/"+long)), 200},
		{"segment over the limit", add(server, interior("./FwUpdate/"+long+"y")), 414},
		{"escaped segment at the limit", add(server, interior("./FwUpdate/"+strings.Repeat("{", MaxSegmentLength/3))), 200},
		{"escaped segment over the limit", add(server, interior("./FwUpdate/"+strings.Repeat("{", MaxSegmentLength/3+1))), 414},
		{"depth at the limit", get(server, "."+strings.Repeat("/y", MaxDepth)), 404},
		{"depth over the limit", get(server, "."+strings.Repeat("/y", MaxDepth+1)), 414},
		{"length at the limit", get(server, "./FwUpdate?"+strings.Repeat("p", MaxTotalLength-11)), 406},
		{"length over the limit", get(server, "./FwUpdate?"+strings.Repeat("p", MaxTotalLength-10)), 414},

		{"Add a package", add(server, interior("./FwUpdate/y")), 200},
		{"Add a package without Meta", add(server, formatted("./FwUpdate/y", "", "", nil)), 200},
		{"Add a package as an MO", add(server, formatted("./FwUpdate/y", "node", "org.x/1.0/F", nil)), 200},
		{"Add a leaf of a new package", add(server, leaf("./FwUpdate/y/PkgName", "n")), 200},
		{"Add PkgURL of a new package", add(server, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", "u")), 200},
		{"Add an empty value", add(server, leaf("./FwUpdate/y/PkgName", "")), 200},
		{"Add what exists", add(server, interior(x)), 418},
		{"Add a leaf that exists", add(server, leaf(name, "n")), 418},
		{"Add what exists without a role", add(stranger, interior(x)), 418},
		{"Add without a role", add(stranger, interior("./FwUpdate/y")), 425},
		{"Add State", add(server, leaf(st, "10")), 405},
		{"Add State of a new package", add(server, leaf("./FwUpdate/y/State", "10")), 405},
		{"Add ./FwUpdate", add(server, interior("./FwUpdate")), 405},
		{"Add the root", add(server, interior(".")), 405},
		{"Add an unknown node", add(server, leaf(x+"/PkgSize", "1")), 405},
		{"Add below a leaf", add(server, leaf(name+"/y", "1")), 405},
		{"Add to ./DevInfo", add(server, leaf("./DevInfo/Ext", "1")), 405},
		{"Add ./DevInfo/Man", add(server, leaf("./DevInfo/Man", "1")), 405},
		{"Add outside the objects", add(server, leaf("./SyncDS", "1")), 404},
		{"Add a property", add(server, leaf(name+"?prop=ACL", "1")), 405},
		{"Add a leaf as a node", add(server, interior("./FwUpdate/y/PkgName")), 415},
		{"Add a node with a value", add(server, leaf("./FwUpdate/y", "v")), 415},
		{"Add a node as a leaf", add(server, formatted("./FwUpdate/y", "chr", "", nil)), 415},
		{"Add a whole sub-tree", add(server, formatted("./FwUpdate/y", "node", "application/vnd.syncml.dmtnds+xml", nil)), 415},
		{"Add base64", add(server, formatted("./FwUpdate/y/PkgName", "b64", "", []byte("bg=="))), 415},
		{"Add another type", add(server, formatted("./FwUpdate/y/PkgName", "chr", "text/xml", []byte("n"))), 415},
		{"Add the type with a charset", add(server, formatted("./FwUpdate/y/PkgName", "chr", "text/plain;charset=utf-8", []byte("n"))), 200},
		{"Add the defaults", add(server, formatted("./FwUpdate/y/PkgName", "", "", []byte("n"))), 200},
		{"Add what is not UTF-8", add(server, leaf("./FwUpdate/y/PkgName", "\xff")), 415},
		{"Add what XML cannot carry", add(server, leaf("./FwUpdate/y/PkgName", "a\x01")), 415},
		{"Add without data", add(server, formatted("./FwUpdate/y/PkgName", "chr", "", nil)), 412},
		{"Add a name at the limit", add(server, leaf("./FwUpdate/y/PkgName", strings.Repeat("n", MaxName))), 200},
		{"Add a name over the limit", add(server, leaf("./FwUpdate/y/PkgName", strings.Repeat("n", MaxName+1))), 413},
		{"Add a version at the limit", add(server, leaf("./FwUpdate/y/PkgVersion", strings.Repeat("n", MaxVersion))), 200},
		{"Add a version over the limit", add(server, leaf("./FwUpdate/y/PkgVersion", strings.Repeat("n", MaxVersion+1))), 413},
		{"Add a URL at the limit", add(server, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", strings.Repeat("n", MaxURL))), 200},
		{"Add a URL over the limit", add(server, leaf("./FwUpdate/y/DownloadAndUpdate/PkgURL", strings.Repeat("n", MaxURL+1))), 413},

		{"Replace PkgURL", replace(server, leaf(purl, "u")), 200},
		{"Replace PkgName", replace(server, leaf(name, "")), 200},
		{"Replace PkgVersion", replace(other, leaf(vers, "2")), 200},
		{"Replace what is missing", replace(server, leaf("./FwUpdate/y/PkgName", "n")), 404},
		{"Replace State", replace(server, leaf(st, "100")), 405},
		{"Replace a package", replace(server, interior(x)), 405},
		{"Replace DownloadAndUpdate", replace(server, interior(dau)), 405},
		{"Replace ./DevInfo/Man", replace(server, leaf("./DevInfo/Man", "m")), 405},
		{"Replace without a role", replace(stranger, leaf(name, "m")), 425},
		{"Replace State without a role", replace(stranger, leaf(st, "100")), 425},
		{"Replace without data", replace(server, formatted(name, "", "", nil)), 412},
		{"Replace over the limit", replace(server, leaf(vers, strings.Repeat("n", MaxVersion+1))), 413},
		{"Replace by a number", replace(server, formatted(vers, "int", "", []byte("1"))), 415},
		{"Replace a property", replace(server, leaf(name+"?prop=Name", "m")), 405},
		{"Replace at too long a URI", replace(server, leaf("./FwUpdate/"+long+"y", "m")), 414},

		{"Delete a package", del(server, x), 200},
		{"Delete DownloadAndUpdate", del(server, dau), 200},
		{"Delete PkgName", del(server, name), 200},
		{"Delete what is missing", del(server, "./FwUpdate/y"), 404},
		{"Delete State", del(server, st), 405},
		{"Delete ./FwUpdate", del(server, "./FwUpdate"), 405},
		{"Delete ./DevDetail/FwV", del(server, "./DevDetail/FwV"), 405},
		{"Delete the root", del(server, "."), 425},
		{"Delete without a role", del(stranger, x), 425},

		{"Exec", exec(server, dau), 202},
		{"Exec as operator", exec(other, dau), 202},
		{"Exec a package", exec(server, x), 405},
		{"Exec PkgURL", exec(server, purl), 405},
		{"Exec State", exec(server, st), 405},
		{"Exec ./DevInfo", exec(server, "./DevInfo"), 405},
		{"Exec what is missing", exec(server, "./FwUpdate/y/DownloadAndUpdate"), 404},
		{"Exec without a role", exec(stranger, dau), 425},

		{"Copy", func(t *Tree) error { return t.Copy(server, name, vers) }, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := withPackage()
			before := asJSON(t, tree)
			err := tt.do(tree)
			got := codeOf(t, err)
			if got == 200 && tt.want == 202 {
				got = 202 // exec has checked it
			}
			if got != tt.want {
				t.Errorf("%d (%v), want %d", got, err, tt.want)
			}
			if err != nil {
				if d := cmp.Diff(before, asJSON(t, tree)); d != "" {
					t.Errorf("a refused command changed the tree: %s", d)
				}
			}
		})
	}
}

func TestExecNeedsURL(t *testing.T) {
	tree := newTree()
	if err := tree.Add(server, interior(dau)); err != nil {
		t.Fatal(err)
	}
	if got := codeOf(t, exec(server, dau)(tree)); got != 412 {
		t.Errorf("without PkgURL: %d", got)
	}
	if err := tree.Add(server, leaf(purl, "")); err != nil {
		t.Fatal(err)
	}
	if got := codeOf(t, exec(server, dau)(tree)); got != 412 {
		t.Errorf("with an empty PkgURL: %d", got)
	}
	if got := tree.TakeExecutions(); len(got) != 0 {
		t.Errorf("executions %v", got)
	}
}

func TestCorrelator(t *testing.T) {
	tree := withPackage()
	over := strings.Repeat("c", MaxCorrelator+1)
	if _, err := tree.Exec(server, dau, over, nil); codeOf(t, err) != 413 {
		t.Errorf("one over the limit: %v", err)
	}
	if _, err := tree.Exec(server, dau, over[1:], []byte("argument")); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	want := []Execution{{Package: "x", Name: "n", Version: "1", URL: "http://p/1", Correlator: over[1:]}}
	if d := cmp.Diff(want, tree.TakeExecutions()); d != "" {
		t.Error(d)
	}
}

func TestDeviceFull(t *testing.T) {
	tree := newTree()
	for i := range MaxPackages {
		if err := tree.Add(server, interior(fmt.Sprintf("./FwUpdate/p%d", i))); err != nil {
			t.Fatal(i, err)
		}
	}
	if got := codeOf(t, tree.Add(server, leaf("./FwUpdate/one-more/PkgName", "n"))); got != 420 {
		t.Errorf("one over the limit: %d", got)
	}
	if got := codeOf(t, tree.Add(server, leaf("./FwUpdate/p0/PkgName", "n"))); got != 200 {
		t.Errorf("in a package that is there: %d", got)
	}
}

// TestGet is what Results carry.
func TestGet(t *testing.T) {
	tree := withPackage()
	if err := tree.Add(server, interior("./FwUpdate/%7Ba%20b%7D")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ uri, format, mime, data string }{
		{".", "node", "", "FwUpdate/DevInfo/DevDetail/Vendor"},
		{"./FwUpdate", "node", "", "x/%7Ba%20b%7D"},
		{"FwUpdate", "node", "", "x/%7Ba%20b%7D"},
		{x, "node", "", "DownloadAndUpdate/PkgName/PkgVersion/State"},
		{"./FwUpdate/{a b}", "node", "", "State"},
		{"./FwUpdate/%7ba%20b%7d/State", "chr", "text/plain", "10"},
		{dau, "node", "", "PkgURL"},
		{purl, "chr", "text/plain", "http://p/1"},
		{name, "chr", "text/plain", "n"},
		{"./DevInfo", "node", "", "DevId/Man/Mod/DmV/Lang"},
		{"./DevInfo/DevId", "chr", "text/plain", "IMEI:1"},
		{"./DevDetail", "node", "", "URI/DevTyp/OEM/FwV/SwV/HwV/LrgObj"},
		{"./DevDetail/URI", "node", "", "MaxDepth/MaxTotLen/MaxSegLen"},
		{"./DevDetail/URI/MaxDepth", "chr", "text/plain", "8"},
		{"./DevDetail/URI/MaxTotLen", "chr", "text/plain", "1024"},
		{"./DevDetail/URI/MaxSegLen", "chr", "text/plain", "256"},
		{"./DevDetail/FwV", "chr", "text/plain", "1.0"},
		{"./DevDetail/LrgObj", "bool", "text/plain", "true"},
	} {
		items, err := tree.Get(server, tt.uri)
		want := []syncml.Item{{Source: syncml.Location{URI: tt.uri}, Meta: syncml.Meta{Format: tt.format, Type: tt.mime}, Data: []byte(tt.data)}}
		if d := cmp.Diff(want, items); d != "" || err != nil {
			t.Errorf("%s: %v %s", tt.uri, err, d)
		}
	}
	empty, err := newTree().Get(server, "./FwUpdate")
	if err != nil || empty[0].Data == nil || len(empty[0].Data) != 0 {
		t.Errorf("an empty list must have empty data: %v %v", empty, err)
	}
}

// TestStricterLimits: an Identity can lower the limits, not raise them.
func TestStricterLimits(t *testing.T) {
	tree := newTree()
	id := tree.Identity()
	id.MaxDepth, id.MaxSegmentLength, id.MaxTotalLength = 2, 5, 1<<20
	tree.SetIdentity(id)
	for uri, want := range map[string]syncml.Code{"./DevDetail": 414, "./A/B": 404, "./A/B/C": 414} {
		if got := codeOf(t, get(server, uri)(tree)); got != want {
			t.Errorf("%s: %d, want %d", uri, got, want)
		}
	}
	if got := tree.limits().MaxTotalLength; got != MaxTotalLength {
		t.Errorf("MaxTotLen %d", got)
	}
}

func TestEscape(t *testing.T) {
	for name, want := range map[string]string{
		"x":                "x",
		"{1}":              "%7B1%7D",
		"a/b":              "a%2Fb",
		"ü?%":              "%C3%BC%3F%25",
		":@&=+$,-_!~*'().": ":@&=+$,-_!~*'().",
	} {
		got := Escape(name)
		if got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if back, ok := tree.Unescape(got); !ok || back != name {
			t.Errorf("%s comes back as %q", got, back)
		}
	}
	if got := UpdateURI("{1}"); got != "./FwUpdate/%7B1%7D/DownloadAndUpdate" {
		t.Error(got)
	}
}

// TestDevInfo: what package 1 holds is what Get shows, whatever the device
// calls itself.
func TestDevInfo(t *testing.T) {
	tree := newTree()
	id := tree.Identity()
	id.Manufacturer = "A\x00c\xffme\ufffe é"
	tree.SetIdentity(id)
	var got []string
	for _, item := range tree.DevInfo() {
		shown, err := tree.Get(server, item.Source.URI)
		if d := cmp.Diff([]syncml.Item{item}, shown); d != "" || err != nil {
			t.Errorf("%v: %s", err, d)
		}
		got = append(got, string(item.Data))
	}
	if d := cmp.Diff([]string{"IMEI:1", "Acme é", "R2", "1.2", "en"}, got); d != "" {
		t.Error(d)
	}
}
