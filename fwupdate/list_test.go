package fwupdate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestLists: one item a node, with values only where they are asked for, and
// the URIs as the server began them.
func TestLists(t *testing.T) {
	tree := stamped()
	node := func(uri string) syncml.Item {
		return syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "node"}}
	}
	text := func(uri, v string) syncml.Item {
		return syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "chr", Type: "text/plain"}, Data: []byte(v)}
	}
	data := []syncml.Item{
		node("FwUpdate/x"), node("FwUpdate/x/DownloadAndUpdate"), text("FwUpdate/x/DownloadAndUpdate/PkgURL", "http://p/1"),
		text("FwUpdate/x/PkgName", "n"), text("FwUpdate/x/PkgVersion", "1"), text("FwUpdate/x/State", "10"),
	}
	got, err := tree.Get(server, "FwUpdate/x?list=StructData")
	if d := cmp.Diff(data, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	for i := range data {
		data[i].Data = nil
	}
	got, err = tree.Get(server, "FwUpdate/x?list=Struct")
	if d := cmp.Diff(data, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	got, err = tree.Get(server, name+"?list=StructData")
	if d := cmp.Diff([]syncml.Item{text(name, "n")}, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}

	// The whole tree: what Struct lists is what can be read, and all of it.
	items, err := tree.Get(server, ".?list=StructData")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, item := range items {
		listed[item.Source.URI] = true
		if item.Data != nil && string(item.Data) != value(t, tree, server, item.Source.URI) {
			t.Errorf("%s: %q", item.Source.URI, item.Data)
		}
	}
	for _, n := range tree.Nodes() {
		if listed[n.URI] == n.Secret {
			t.Errorf("%s: listed %v", n.URI, listed[n.URI])
		}
	}
}

// TestListRights: what a server may not Get is not in its lists.
func TestListRights(t *testing.T) {
	tree := withACLs(t, map[string]string{name: "Get=" + other, dau: "Get=" + other, purl: "Get=*"})
	var got []string
	items, err := tree.Get(server, x+"?list=Struct")
	for _, item := range items {
		got = append(got, strings.TrimPrefix(item.Source.URI, x))
	}
	if d := cmp.Diff([]string{"", "/DownloadAndUpdate/PkgURL", "/PkgVersion", "/State"}, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	doc := value(t, tree, server, x+"?list=TNDS")
	for _, name := range []string{"DownloadAndUpdate", "PkgURL", "PkgName"} {
		if strings.Contains(doc, name) {
			t.Errorf("the document shows %s", name)
		}
	}
	if all := value(t, tree, server, ".?list=TNDS"); strings.Contains(all, "Secret") || strings.Contains(all, "ClientPW") || strings.Contains(all, "geheim") {
		t.Error("the document shows secrets")
	}
	if got := codeOf(t, get(other, "./DMAcc/a?list=TNDS")(tree)); got != 425 {
		t.Errorf("another's account: %d", got)
	}
}

// rtModels are the content models that TNDS documents add to those of a DDF.
var rtModels = map[string]string{
	"Node":         `NodeName (Path )?(RTProperties )?(DFProperties )?((Node )*|(Value )?)`,
	"RTProperties": `(ACL )?(Format )?(Name )?(Size )?(Title )?(TStamp )?Type (VerNo )?`,
	"Format":       `(b64|bin|bool|chr|int|node|null|xml|date|time|float) `,
	"Type":         `(MIME |DDFName )`,
	"ACL":          "#", "Name": "#", "Size": "#", "Title": "#", "TStamp": "#", "VerNo": "#", "Value": "#",
}

// parseTNDS reads a document whose elements are all in its namespace.
func parseTNDS(t *testing.T, doc string) *element {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(doc))
	stack := []*element{{}}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return stack[0].sub[0]
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Space != "syncml:dmddf1.2" {
				t.Errorf("%s is in namespace %q", tok.Name.Local, tok.Name.Space)
			}
			e := &element{name: tok.Name.Local}
			top.sub = append(top.sub, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(tok)
		}
	}
}

// TestTNDSIsValid: every document that a list can ask for satisfies the DTD.
func TestTNDSIsValid(t *testing.T) {
	tr := stamped()
	must(t, tr, setProp(server, name, "Title", "<t>"), setProp(server, name, "ACL", "Get=*&Replace=dmserver"), replace(server, leaf(name, "]]>&'\"\n")))
	saved := models
	defer func() { models = saved }()
	models = map[string]string{}
	for k, v := range saved {
		models[k] = v
	}
	for k, v := range rtModels {
		models[k] = v
	}
	for _, uri := range []string{".", "./FwUpdate", x, name, "./DevDetail", "./DMAcc", "./SyncML", "./Vendor/MSFT/ROMPackage"} {
		for _, list := range []string{"TNDS", "TNDS+ACL", "TNDS+Value", "TNDS-Type", "TNDS+Name+Size+TStamp", "TNDS-ACL-Format-Title-TStamp-Type-VerNo-Value"} {
			items, err := tr.Get(server, uri+"?list="+list)
			if err != nil || len(items) != 1 || items[0].Meta != (syncml.Meta{Format: "xml", Type: syncml.XML.TNDS()}) || items[0].Source.URI != uri+"?list="+list {
				t.Fatalf("%s %s: %v %v", uri, list, items, err)
			}
			parseTNDS(t, string(items[0].Data)).check(t)
			if bytes.Contains(items[0].Data, []byte("&#")) {
				t.Errorf("%s %s: numeric character references", uri, list)
			}
		}
	}
	want := `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>PkgName</NodeName><RTProperties><ACL>Get=*&amp;Replace=dmserver</ACL>` +
		`<Title>&lt;t&gt;</Title><Type><MIME>text/plain</MIME></Type><VerNo>3</VerNo></RTProperties></Node></MgmtTree>`
	if d := cmp.Diff(want, value(t, tr, server, name+"?list=TNDS+ACL+Title+VerNo")); d != "" {
		t.Error(d)
	}
}
