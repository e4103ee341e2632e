package fwupdate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

const tndsHead, tndsEnd = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>`, `</MgmtTree>`

// doc is a document of those nodes, for a target.
func doc(uri string, nodes ...string) syncml.Item {
	return syncml.Item{
		Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "xml", Type: syncml.XML.TNDS()},
		Data: []byte(tndsHead + strings.Join(nodes, "") + tndsEnd),
	}
}

// inner is an interior Node, val a leaf with its value.
func inner(name string, nodes ...string) string {
	return "<Node><NodeName>" + name + "</NodeName><RTProperties><Format><node/></Format><Type><DDFName/></Type></RTProperties>" + strings.Join(nodes, "") + "</Node>"
}

func val(name, v string, properties ...string) string {
	return "<Node><NodeName>" + name + "</NodeName><RTProperties>" + strings.Join(properties, "") +
		"<Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>" + v + "</Value></Node>"
}

// whole is a package with everything.
func whole(name string) string {
	return inner(name, inner("DownloadAndUpdate", val("PkgURL", "http://p/2")), val("PkgName", "m"), val("PkgVersion", "2"), val("State", "10"))
}

// TestTNDSCommands: what Add and Replace of a document are answered; refused
// ones change nothing.
func TestTNDSCommands(t *testing.T) {
	y := "./FwUpdate/y"
	with := func(item syncml.Item, format, mime string, data []byte) syncml.Item {
		item.Meta, item.Data = syncml.Meta{Format: format, Type: mime}, data
		return item
	}
	big := doc(y, whole("y")+strings.Repeat(" ", tree.MaxTNDS))
	for _, tt := range []struct {
		name string
		do   func(*Tree) error
		want syncml.Code
	}{
		{"Add a package", add(server, doc(y, whole("y"))), 200},
		{"Add without a name", add(server, doc(y, whole(""))), 200},
		{"Add below the target", add(server, doc("./FwUpdate", whole("y"))), 200},
		{"Add two below the target", add(server, doc("./FwUpdate", whole("y"), whole("z"))), 200},
		{"Add ./FwUpdate with one more", add(server, doc("./FwUpdate", inner("FwUpdate", whole("y")))), 200},
		{"Add along a Path", add(server, doc("./FwUpdate", "<Node><NodeName>PkgName</NodeName><Path>y</Path><Value>n</Value></Node>")), 200},
		{"Add along a broken Path", add(server, doc("./FwUpdate", "<Node><NodeName>PkgName</NodeName><Path>y//</Path><Value>n</Value></Node>")), 415},
		{"Add without properties", add(server, doc(y, "<Node><NodeName>y</NodeName><Node><NodeName>PkgName</NodeName><Value>n</Value></Node></Node>")), 200},
		{"Add one leaf", add(server, doc(y+"/PkgName", val("PkgName", "n"))), 200},
		{"Add as chr", add(server, with(doc(y), "chr", syncml.XML.TNDS()+";charset=utf-8", doc(y, whole("y")).Data)), 200},
		{"Add what exists", add(server, doc(x, whole("x"))), 418},
		{"Add twice the same", add(server, doc("./FwUpdate", whole("y"), whole("y"))), 418},
		{"Add with another State", add(server, doc(y, inner("y", val("State", "100")))), 405},
		{"Add of an unknown node", add(server, doc(y, inner("y", val("PkgName", "n"), val("PkgSize", "1")))), 405},
		{"Add with a bad value at the end", add(server, doc(y, inner("y", val("PkgName", "n"), val("PkgVersion", strings.Repeat("v", MaxVersion+1))))), 413},
		{"Add of another format", add(server, doc(y, inner("y", strings.Replace(val("PkgName", "1"), "chr", "int", 1)))), 415},
		{"Add of a leaf as a node", add(server, doc(y, inner("y", inner("PkgName")))), 415},
		{"Add of a leaf without a value", add(server, doc(y, inner("y", "<Node><NodeName>PkgName</NodeName></Node>"))), 412},
		{"Add of a node without a name", add(server, doc(y, inner("y", val("", "n")))), 415},
		{"Add without rights", add(stranger, doc(y, whole("y"))), 425},
		{"Add outside", add(server, doc("./DevInfo/Ext", inner("Ext"))), 405},
		{"Add nowhere", add(server, doc("./SyncDS", inner("SyncDS"))), 404},
		{"Add of no document", add(server, with(doc(y), "xml", syncml.XML.TNDS(), []byte("<"))), 415},
		{"Add of nothing", add(server, with(doc(y), "xml", syncml.XML.TNDS(), nil)), 412},
		{"Add of base64", add(server, with(doc(y), "b64", syncml.XML.TNDS(), []byte("eA=="))), 415},
		{"Add of XML in binary", add(server, with(doc(y), "bin", syncml.XML.TNDS(), doc(y, whole("y")).Data)), 415},
		{"Add of too much", add(server, big), 413},
		{"Add with a list", add(server, doc(y, inner("y", val("PkgName", "n", "<ACL>Get=*</ACL>")))), 200},
		{"Add with a broken list", add(server, doc(y, inner("y", val("PkgName", "n", "<ACL>Copy=*</ACL>")))), 415},

		{"Replace a package", replace(server, doc(x, whole("x"))), 200},
		{"Replace as operator", replace(other, doc(x, whole("x"))), 200},
		{"Replace a leaf", replace(server, doc(name, val("PkgName", "m"))), 200},
		{"Replace all packages", replace(server, doc("./FwUpdate", inner("FwUpdate", whole("y")))), 200},
		{"Replace what is missing", replace(server, doc(y, whole("y"))), 404},
		{"Replace with another State", replace(server, doc(x, inner("x", val("State", "100")))), 405},
		{"Replace with a bad value", replace(server, doc(x, inner("x", val("PkgName", strings.Repeat("n", MaxName+1))))), 413},
		{"Replace without rights", replace(stranger, doc(x, whole("x"))), 425},
		{"Replace outside", replace(server, doc("./DevInfo", inner("DevInfo"))), 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := full()
			before := asJSON(t, tree)
			err := tt.do(tree)
			if got := codeOf(t, err); got != tt.want {
				t.Errorf("%d (%v), want %d", got, err, tt.want)
			}
			if d := cmp.Diff(before, asJSON(t, tree)); err != nil && d != "" {
				t.Errorf("a refused command changed the tree: %s", d)
			}
		})
	}
}

// TestReplaceTNDS: the sub-tree is then as the document says.
func TestReplaceTNDS(t *testing.T) {
	tree := full()
	must(t, tree, replace(server, doc(x, inner("x", val("PkgName", "m", "<ACL>Get=*</ACL>", "<Title>t</Title>"), inner("DownloadAndUpdate")))))
	if d := cmp.Diff([]Package{{ID: "x", Name: "m", State: StateIdle}}, tree.Packages()); d != "" {
		t.Error(d)
	}
	if got := value(t, tree, server, x); got != "DownloadAndUpdate/PkgName/State" {
		t.Error(got)
	}
	if acl, title := mustProperty(t, tree, name, "ACL"), mustProperty(t, tree, name, "Title"); acl != "Get=*" || title != "t" {
		t.Errorf("ACL %q, title %q", acl, title)
	}

	// A package under its drive is not replaced by others.
	must(t, tree, add(server, leaf(purl, "u")), exec(server, dau))
	tree.TakeExecutions()
	tree.SetBusy("x", Committed)
	if got := codeOf(t, replace(server, doc("./FwUpdate", inner("FwUpdate", whole("y"))))(tree)); got != 403 {
		t.Errorf("%d", got)
	}
}

// TestTNDSRoundTrip: a package read as a document and added to another device
// is the same package, with any values and names that can be.
func TestTNDSRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.Custom(func(rt *rapid.T) string {
			return string(rapid.SliceOfN(rapid.SampledFrom([]rune("a<>&'\"]\n\t é{}/%\U0001F600")), 0, 20).Draw(rt, "text"))
		})
		from := newTree()
		id := "p" + strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, text.Draw(rt, "id"))
		uri := "./FwUpdate/" + Escape(id)
		for _, leafName := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"PkgName", "PkgVersion", "DownloadAndUpdate/PkgURL"}), rapid.ID[string]).Draw(rt, "leaves") {
			mustIn(rt, from.Add(server, leaf(uri+"/"+leafName, text.Draw(rt, leafName))))
		}
		if _, exists := from.Package(id); !exists {
			mustIn(rt, from.Add(server, interior(uri)))
		}
		if rapid.Bool().Draw(rt, "listed") {
			mustIn(rt, setProp(server, uri, "ACL", "Get=*&Replace=*")(from))
		}
		items, err := from.Get(server, uri+"?list=TNDS")
		mustIn(rt, err)
		to := newTree()
		item := items[0]
		item.Source, item.Target = syncml.Location{}, syncml.Location{URI: uri}
		mustIn(rt, to.Add(server, item))
		if d := cmp.Diff(from.Packages(), to.Packages()); d != "" {
			rt.Fatal(d)
		}
		before, _ := from.Get(server, uri+"?list=TNDS-VerNo-TStamp")
		after, _ := to.Get(server, uri+"?list=TNDS-VerNo-TStamp")
		if d := cmp.Diff(before, after); d != "" {
			rt.Fatal(d)
		}
		mustIn(rt, to.Replace(server, item)) // again: nothing to delete, nothing new
		if d := cmp.Diff(from.Packages(), to.Packages()); d != "" {
			rt.Fatal(d)
		}
	})
}

func mustIn(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatal(fmt.Sprint(err))
	}
}
