package syncml

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mailTree is the example of oma-dm.md 8.6 without the white space.
const mailTree = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>Mail</NodeName>` +
	`<RTProperties><Format><node/></Format><Type><DDFName>org.example/1.0/Mail</DDFName></Type></RTProperties>` +
	`<Node><NodeName>Host</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>` +
	`<Value>mx.example.org</Value></Node></Node></MgmtTree>`

// headDDF is what oma-dm.md 10.1 prints, up to the first tag.
const headDDF = "\x02\x00\x00\x6a\x1b-//OMA//DTD-DM-DDF 1.2//EN\x00\x00\x02"

// TestTokensDDF compares with the code page as the specification prints it.
func TestTokensDDF(t *testing.T) {
	b, err := os.ReadFile("testdata/page2.txt")
	if err != nil {
		t.Fatal(err)
	}
	cells := tokenCell.FindAllStringSubmatch(strings.ReplaceAll(string(b), "b64", "base64"), -1)
	for _, c := range cells {
		token, _ := strconv.ParseUint(c[1], 16, 8)
		want := strings.Replace(c[2], "base", "b64", 1)
		if got := ddfName(pageDDF, uint8(token)); got != want || ddfTokens[want] != uint8(token) {
			t.Errorf("token 0x%02x is %s, want %s", token, got, want)
		}
	}
	if len(cells) != len(ddfNames) || len(ddfTokens) != len(ddfNames)+2 {
		t.Errorf("%d tokens and %d names of %d", len(cells), len(ddfTokens), len(ddfNames))
	}
}

func TestTNDS(t *testing.T) {
	spaced := "<?xml version='1.0'?><!DOCTYPE MgmtTree PUBLIC '-//OMA//DTD-DM-DDF 1.2//EN' 'x.dtd'>\n" +
		strings.ReplaceAll(strings.ReplaceAll(mailTree, "><", ">\n <"), "VerDTD", "verDTD") + "<!-- end -->"
	short := headDDF + "\x60\x77\x031.2\x00\x01\x01"
	for _, c := range []struct {
		name, xml, wbxml string
	}{
		{"smallest", `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree>`, short},
		{"empty", `<MgmtTree xmlns="syncml:dmddf1.2"/>`, headDDF + "\x20"},
		{"markup", `<MgmtTree xmlns="syncml:dmddf1.2"><Value>&lt;a&gt; &amp; é</Value></MgmtTree>`, headDDF + "\x60\x76\x03<a> & é\x00\x01\x01"},
		{"example", mailTree, headDDF + "\x60\x77\x031.2\x00\x01\x64\x66\x03Mail\x00\x01\x6f\x5c\x25\x01\x75\x51\x03org.example/1.0/Mail\x00\x01\x01\x01" +
			"\x64\x66\x03Host\x00\x01\x6f\x5c\x0b\x01\x75\x61\x03text/plain\x00\x01\x01\x01\x76\x03mx.example.org\x00\x01\x01\x01\x01"},
	} {
		wb, err := EncodeTNDS([]byte(c.xml), Limits{})
		if d := cmp.Diff(c.wbxml, string(wb)); d != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", c.name, err, d)
		}
		text, err := DecodeTNDS([]byte(c.wbxml), Limits{})
		if d := cmp.Diff(c.xml, string(text)); d != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", c.name, err, d)
		}
	}
	want, _ := EncodeTNDS([]byte(mailTree), Limits{})
	if got, err := EncodeTNDS([]byte(spaced), Limits{}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("with white space, DOCTYPE and verDTD, error %v:\n got %q\nwant %q", err, got, want)
	}
	// As others write it: no public identifier, texts as OPAQUE, STR_T and entity,
	// in pieces, attributes, instructions, NUL bytes at the end.
	odd := "\x03\x01\x6a\x03.2\x00\x00\x02\xe0\x01\x43\x05\x01\x77\xc3\x011\x83\x00\x01\x76\x02\x41\x01\x01\x00\x00"
	text, err := DecodeTNDS([]byte(odd), Limits{})
	if want := `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Value>A</Value></MgmtTree>`; string(text) != want || err != nil {
		t.Errorf("%q, error %v; want %q", text, err, want)
	}
}

func TestTNDSRefused(t *testing.T) {
	tree := func(s string) string { return "<MgmtTree>" + s + "</MgmtTree>" }
	deep := strings.Repeat("<Node>", DefaultMaxDepth) + strings.Repeat("</Node>", DefaultMaxDepth)
	for in, want := range map[string]string{
		headDDF:                          "no element",
		headDDF + "\x64\x01":             "the root is not MgmtTree",
		headDDF + "\x60":                 "the message ends in MgmtTree",
		headDDF + "\x60\x01\x01":         "something after the root",
		headDDF + "\x01":                 "END without an element",
		headDDF + "\x03a\x00":            "text outside the root",
		headDDF + "\x60\x3d\x01":         "tag 0x3d of code page 2 is not of a management tree",
		headDDF + "\x60\x00\x00\x05":     "tag 0x05 of code page 0 is not of a management tree",
		headDDF + "\x60\x04\x00\x01":     "tag 0x04 of code page 2 is not of a management tree",
		headDDF + "\x60\x76\xc3\x01\x01": "character U+0001, which XML cannot carry",
		headDDF + "\x60\x76\xc3\x01\xff": "bytes that are not UTF-8",
		headDDF + "\x60\x76\xc3\x7f":     "the length of OPAQUE goes past the end of the message",
		headDDF + "\x60\x76\x83\x7f":     "an index outside the string table",
		headDDF + "\x60" + strings.Repeat("\x64", DefaultMaxDepth): "more than 32 levels of elements",
		headDDF + "\x60" + strings.Repeat("\x2f", 30_000):          "a tree of more than 262144 bytes",

		"":                                   "no element",
		"<Tree/>":                            "the root is not MgmtTree",
		"<MgmtTree>":                         "the message ends too early",
		"<MgmtTree xmlns='other'/>":          "the root is in another namespace than SyncML",
		"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>": "a DOCTYPE with an internal subset",
		tree("<Node>a<Node/></Node>"):        "text in Node, which holds elements",
		tree("<Nod/>"):                       "an element that is not of a management tree",
		tree(deep):                           "more than 32 levels of elements",
	} {
		decode := EncodeTNDS
		if strings.HasPrefix(in, "\x02") {
			decode = DecodeTNDS
		}
		if out, err := decode([]byte(in), Limits{}); reason(err) != want || out != nil {
			t.Errorf("%.60q: %v, want %s", in, err, want)
		}
	}
	const mark = "<Nod/>"
	in := tree("<Node/>" + mark)
	_, err := EncodeTNDS([]byte(in), Limits{})
	if syn, ok := err.(*SyntaxError); !ok || syn.Offset != int64(strings.Index(in, mark)) {
		t.Errorf("%v, want the place of %s", err, mark)
	}
	for n, fault := range map[int]string{len(mailTree): "", len(mailTree) - 1: "more than " + strconv.Itoa(len(mailTree)-1) + " bytes"} {
		if _, err := EncodeTNDS([]byte(mailTree), Limits{Message: n}); reason(err) != fault {
			t.Errorf("limit %d: %v", n, err)
		}
		wb, _ := EncodeTNDS([]byte(mailTree), Limits{})
		if _, err := DecodeTNDS(wb, Limits{Message: n}); (err == nil) != (fault == "") {
			t.Errorf("limit %d: %v", n, err)
		}
	}
}

// TestTNDSWbxml2xml has Debian's wbxml2xml read the WBXML of a tree.
func TestTNDSWbxml2xml(t *testing.T) {
	tool, err := exec.LookPath("wbxml2xml")
	if err != nil {
		t.Skip("wbxml2xml is not installed (Debian package libwbxml2-utils)")
	}
	want, err := EncodeTNDS([]byte(mailTree), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tool, "-o", "-", "-")
	cmd.Stdin = bytes.NewReader(want)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := EncodeTNDS(out, Limits{}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("error %v, the tool read\n%s", err, out)
	}
}
