package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/syncml"
)

// listed asks for a serialized sub-tree, in the form that a Type says.
func listed(uri, mime string) *syncml.Op {
	o := get(uri + "?list=TNDS-VerNo-TStamp")
	o.Items[0].Meta.Type = mime
	return o
}

// found is the one Item of the Results in the client's last message.
func (p *peer) found() (item syncml.Item) {
	p.t.Helper()
	for _, cmd := range p.last.Body {
		if r, ok := cmd.(*syncml.Results); ok && len(r.Items) == 1 {
			return r.Items[0]
		}
	}
	p.t.Fatalf("no Results:\n%s", brief(p.last))
	return item
}

// TestDocumentForms: a sub-tree comes in the form that was asked for, or that
// of the messages, and says which; whichever it is, a tree takes it.
func TestDocumentForms(t *testing.T) {
	const xmlType, wbxmlType = "application/vnd.syncml.dmtnds+xml", "application/vnd.syncml.dmtnds+wbxml"
	for _, tt := range []struct {
		name    string
		session syncml.Encoding
		asked   string
		want    syncml.Meta
	}{
		{"XML, nothing asked", syncml.XML, "", syncml.Meta{Format: "xml", Type: xmlType}},
		{"XML, another type asked", syncml.XML, "text/plain", syncml.Meta{Format: "xml", Type: xmlType}},
		{"XML, XML asked", syncml.XML, xmlType, syncml.Meta{Format: "xml", Type: xmlType}},
		{"XML, WBXML asked", syncml.XML, wbxmlType, syncml.Meta{Format: "b64", Type: wbxmlType}},
		{"WBXML, nothing asked", syncml.WBXML, "", syncml.Meta{Format: "bin", Type: wbxmlType}},
		{"WBXML, XML asked", syncml.WBXML, xmlType + "; charset=utf-8", syncml.Meta{Format: "xml", Type: xmlType}},
		{"WBXML, WBXML asked", syncml.WBXML, wbxmlType, syncml.Meta{Format: "bin", Type: wbxmlType}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := fresh(t, func(a *Account) { a.Encoding = tt.session })
			p.say(p.message(212, add(pkgName, "<n>"), listed("./FwUpdate/x", tt.asked)))
			item := p.found()
			if d := cmp.Diff(tt.want, item.Meta); d != "" || item.Source.URI != "./FwUpdate/x?list=TNDS-VerNo-TStamp" {
				t.Errorf("%s %s", item.Source.URI, d)
			}
			if magic := bytes.HasPrefix(item.Data, []byte{2, 0, 0, 0x6a}); magic != (tt.want.Format == "bin") {
				t.Errorf("%.20q", item.Data)
			}

			// A server sends it back: it is what was there, so nothing changes.
			before := asJSON(t, p.tree)
			item.Source, item.Target = syncml.Location{}, syncml.Location{URI: "./FwUpdate/x"}
			b, err := syncml.Encode(p.message(212, &syncml.Op{Cmd: syncml.CmdReplace, Items: []syncml.Item{item}}, get(pkgName)), tt.session)
			if err != nil {
				t.Fatal(err)
			}
			p.took(p.c.Receive(b, p.tree, p.nonce))
			want := lines(ok212, "Status Replace ./FwUpdate/x 200", "Status Get "+pkgName+" 200", "Results "+pkgName+"=<n>", "Final")
			if d := cmp.Diff(want, brief(p.last)); d != "" {
				t.Error(d)
			}
			if asJSON(t, p.tree) == before {
				t.Error("the Replace was not carried out") // it counts in VerNo
			}
			p.say(p.message(212, del("./FwUpdate/x")))
			add := &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{item}}
			if b, err = syncml.Encode(p.message(212, add, get(pkgName)), tt.session); err != nil {
				t.Fatal(err)
			}
			p.took(p.c.Receive(b, p.tree, p.nonce))
			if got := brief(p.last); !strings.Contains(got, "Status Add ./FwUpdate/x 200") || !strings.Contains(got, "=<n>") {
				t.Error(got)
			}
		})
	}
}

// TestDocumentTypeOfCommand: the Meta of the Get counts for its Items. Other
// values are never touched.
func TestDocumentTypeOfCommand(t *testing.T) {
	p := fresh(t)
	o := get("./DevInfo?list=TNDS")
	o.Meta.Type = "application/vnd.syncml.dmtnds+wbxml"
	p.say(p.message(212, o))
	if got := p.found().Meta.Format; got != "b64" {
		t.Errorf("format %q", got)
	}
	o = get("./DevInfo/Man")
	o.Meta.Type = "application/vnd.syncml.dmtnds+wbxml"
	p.say(p.message(212, o))
	if got := p.found(); string(got.Data) != "Acme" || got.Meta.Format == "b64" {
		t.Errorf("%+v", got)
	}
}

// TestDocumentInChunks: a binary document longer than the server's messages
// arrives whole, in either encoding.
func TestDocumentInChunks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, _ := start(t, account(), Nonces{})
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab&<>é😀")), 1, 120, -1)
		for i := range rapid.IntRange(5, 15).Draw(rt, "packages") {
			if err := p.tree.Add(serverID, item("./FwUpdate/p"+string(rune('a'+i))+"/PkgName", "chr", text.Draw(rt, "name"))); err != nil {
				rt.Fatal(err)
			}
		}
		enc := rapid.SampledFrom([]syncml.Encoding{syncml.XML, syncml.WBXML}).Draw(rt, "encoding")
		_, got, code, err := collectAll(p, listed("./FwUpdate", syncml.WBXML.TNDS()), p.tree, 2000, 0, enc)
		if err != nil || code != syncml.StatusOK {
			rt.Fatalf("code %d, error %v", code, err)
		}
		meta := syncml.Meta{Type: syncml.WBXML.TNDS(), Format: "bin"}
		again := newTree()
		if err := again.Replace(serverID, syncml.Item{Target: syncml.Location{URI: "./FwUpdate"}, Meta: meta, Data: []byte(got)}); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(p.tree.Packages(), again.Packages()); d != "" {
			rt.Fatal(d)
		}
	})
}
