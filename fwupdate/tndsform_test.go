package fwupdate

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// wbxml is a document of those nodes as WBXML.
func wbxml(t *testing.T, nodes ...string) []byte {
	t.Helper()
	b, err := syncml.EncodeTNDS(doc("", nodes...).Data, syncml.Limits{Message: 1 << 20, Depth: 100})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func b64(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

// TestTNDSInWBXML: a document may come in either encoding, as binary or as
// base64, whatever Format says of it, and means the same.
func TestTNDSInWBXML(t *testing.T) {
	const y = "./FwUpdate/y"
	binary := wbxml(t, whole("y"))
	lines := bytes.Join([][]byte{{}, b64(binary)[:60], b64(binary)[60:], {}}, []byte("\r\n  "))
	tag := func(n int) []byte { // a document whose XML is far longer
		return append(binary[:len(binary)-1:len(binary)-1], append(bytes.Repeat([]byte{0x2f}, n), 1)...)
	}
	leaves := func(n int) []byte { return wbxml(t, inner("y", strings.Repeat(val("PkgName", "n"), n))) }
	for _, tt := range []struct {
		name, format, mime string
		data               []byte
		want               syncml.Code
	}{
		{"binary", "bin", syncml.WBXML.TNDS(), binary, 200},
		{"base64", "b64", syncml.WBXML.TNDS(), b64(binary), 200},
		{"base64 in lines", "b64", syncml.WBXML.TNDS(), lines, 200},
		{"binary called b64", "b64", syncml.WBXML.TNDS(), binary, 200},
		{"base64 called bin", "bin", syncml.WBXML.TNDS(), b64(binary), 200},
		{"binary called xml, as of libwbxml", "xml", syncml.WBXML.TNDS(), binary, 200},
		{"binary without a format", "", syncml.WBXML.TNDS(), binary, 200},
		{"a type in other letters", "bin", "Application/vnd.syncml.DMTNDS+wbxml; charset=utf-8", binary, 200},
		{"binary called int", "int", syncml.WBXML.TNDS(), binary, 415},
		{"binary called XML", "xml", syncml.XML.TNDS(), binary, 415},
		{"XML called WBXML", "xml", syncml.WBXML.TNDS(), doc(y, whole("y")).Data, 415},
		{"broken base64", "b64", syncml.WBXML.TNDS(), b64(binary)[1:], 415},
		{"cut off", "bin", syncml.WBXML.TNDS(), binary[:len(binary)-1], 415},
		{"a DM message", "bin", syncml.WBXML.TNDS(), []byte("\x02\xa4\x01\x6a\x00\x2d"), 415},
		{"empty", "bin", syncml.WBXML.TNDS(), []byte{}, 415},
		{"nothing", "bin", syncml.WBXML.TNDS(), nil, 412},
		{"at the limit", "bin", syncml.WBXML.TNDS(), append(bytes.Clone(binary), make([]byte, tree.MaxTNDS-len(binary))...), 200},
		{"over the limit", "bin", syncml.WBXML.TNDS(), append(bytes.Clone(binary), make([]byte, tree.MaxTNDS-len(binary)+1)...), 413},
		{"over the limit as XML", "bin", syncml.WBXML.TNDS(), leaves(tree.MaxTNDS / len(val("PkgName", "n"))), 413},
		{"as XML without end", "bin", syncml.WBXML.TNDS(), tag(maxSpread / len("<RTProperties/>")), 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := full()
			before := asJSON(t, tr)
			item := doc(y)
			item.Meta, item.Data = syncml.Meta{Format: tt.format, Type: tt.mime}, tt.data
			err := tr.Add(server, item)
			if got := codeOf(t, err); got != tt.want {
				t.Fatalf("Add: %d (%v), want %d", got, err, tt.want)
			}
			if d := cmp.Diff(before, asJSON(t, tr)); err != nil {
				if d != "" {
					t.Errorf("a refused command changed the tree: %s", d)
				}
				return
			}
			same := full()
			must(t, same, add(server, doc(y, whole("y"))))
			if d := cmp.Diff(asJSON(t, same), asJSON(t, tr)); d != "" {
				t.Errorf("not what the same document in XML brings: %s", d)
			}
		})
	}
}

// TestReplaceTNDSInWBXML: a sub-tree is then as the document says.
func TestReplaceTNDSInWBXML(t *testing.T) {
	item := doc(x)
	item.Meta = syncml.Meta{Format: formatBin, Type: syncml.WBXML.TNDS()}
	item.Data = wbxml(t, inner("x", val("PkgName", "m", "<ACL>Get=*&amp;Replace=*</ACL>"), inner("DownloadAndUpdate")))
	tr := full()
	must(t, tr, replace(server, item))
	if d := cmp.Diff([]Package{{ID: "x", Name: "m", State: StateIdle}}, tr.Packages()); d != "" {
		t.Error(d)
	}
	if acl := mustProperty(t, tr, name, "ACL"); acl != "Get=*&Replace=*" {
		t.Errorf("ACL %q", acl)
	}
	// One leaf, and what is no document is no value either.
	item.Target.URI, item.Data = name, wbxml(t, val("PkgName", "o"))
	must(t, tr, replace(server, item))
	if got := value(t, tr, server, name); got != "o" {
		t.Errorf("value %q", got)
	}
	item.Data = []byte("text")
	if got := codeOf(t, replace(server, item)(tr)); got != 415 {
		t.Errorf("text as WBXML: %d", got)
	}
}
