package syncml

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sameXML checks that our reader of usual XML takes nothing that etree refuses,
// and reads what it takes as etree does. It reports whether it took b. What it
// does not take etree reads, so both always refuse alike.
func sameXML(t testing.TB, b []byte, lim Limits) bool {
	t.Helper()
	lim = lim.filled()
	clean := cleanXML(b)
	usual := usualXML(clean, lim)
	if usual == nil {
		return false
	}
	want, err := decodeEtree(b, clean, lim)
	if err != nil {
		t.Fatalf("read, although etree says: %v\n%q", err, b)
	}
	if d := cmp.Diff(want, usual); d != "" {
		t.Fatalf("(-etree +usual):\n%s\n%q", d, b)
	}
	return true
}

// sameWBXML checks that the usual way through WBXML and the way by single
// tokens read the same message, or refuse it for the same reason at the same
// place.
func sameWBXML(t testing.TB, b []byte, lim Limits) {
	t.Helper()
	got, gotErr := decodeWBXML(b, lim, false)
	want, wantErr := decodeWBXML(b, lim, true)
	if d := cmp.Diff(wantErr, gotErr); d != "" {
		t.Fatalf("(-by token +usual):\n%s\n%x", d, b)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-by token +usual):\n%s\n%x", d, b)
	}
}

// sameWriting checks that etree writes m as we do, or can as little.
func sameWriting(t rapid.TB, m *Message) {
	t.Helper()
	got, gotErr := m.AppendXML([]byte("-"))
	want, wantErr := appendEtree(m, []byte("-"))
	if d := cmp.Diff(wantErr, gotErr); d != "" {
		t.Fatalf("(-etree +ours):\n%s", d)
	}
	if !bytes.Equal(want, got) {
		t.Fatalf("etree %q\n ours %q", want, got)
	}
}

// small are limits that short messages reach.
var small = Limits{Message: 4000, Depth: 8, Items: 3, Commands: 3}

func TestBothWriters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, wild := range []bool{false, true} {
			sameWriting(t, gen{t: t, wild: wild}.message())
		}
	})
}

// TestUsualIsUsual: what real senders write, and what we write, is not left to
// etree. Without this a fault in the usual reader would only make us slow.
func TestUsualIsUsual(t *testing.T) {
	for file, b := range recorded(t) {
		if _, enc, _ := Decode(b, DefaultLimits); enc == XML && !bytes.Contains(b, []byte("<!DOCTYPE")) && !sameXML(t, b, DefaultLimits) {
			t.Errorf("%s is left to etree", file)
		}
	}
	unusual := map[string]bool{
		"xml-prefixes": true, "xml-doctype": true, "xml-tnds": true, "xml-references": true,
		"xml-comments": true, "xml-declared-ascii": true, "xml-cdata": true, "xml-commands-cdata": true,
		"xml-attributes": true, // one has a prefix
	}
	for _, v := range vectors(t) {
		if v.enc == XML && v.message != "" && sameXML(t, v.body, DefaultLimits) == unusual[v.name] {
			t.Errorf("%s is left to etree: %v", v.name, !unusual[v.name])
		}
	}
}

// oddXML are texts put into a Data element, the things in which two readers of
// XML can differ.
var oddXML = []string{
	"]]>", "]]&gt;", "] ]>", "]]&amp;>", "&amp", "&amp;amp;", "&#65;", "&bogus;", "&;", "&lt;&gt;&quot;&apos;",
	"a\rb", "a\r\nb", "\r", "\r\n", "\n\r", "a\x01", "\x7f", "\xff", "\xc3", "\xed\xa0\x80", "\uFFFD", "\uFFFE", "\uFFFF", "\u0085", "\U0010FFFF",
	"<!-- a -->", "a<!-- a -->b", "<!---->", "<!--->", "<!-- -- -->", "<!-- --->", "<!-- & < -->", "<!-- \x01 -->",
	"<![CDATA[]]>", "<![CDATA[<&]]>", "<![CDATA[a]]>b", "<![CDATA[]]]]>", "<![CDATA[a\r\nb]]>", "<![CDATA[\x00]]>", "<![cdata[a]]>", "<![CDATA[a",
	"<?x y?>", "<?x", "<x/>", "<!x>", "<", "< x/>", "</Data><Data>", "\x00", "a\x00b", "a\x00",
}

// TestOddXML puts odd texts everywhere a text can stand.
func TestOddXML(t *testing.T) {
	const doc = "{}<?xml version=\"1.0\"{}?>{}<SyncML{} xmlns='SYNCML:SYNCML1.2'>{}<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>" +
		"<SessionID{}>1{}</SessionID>{}<MsgID>1</MsgID>{}</SyncHdr ><SyncBody><Get><CmdID>1</CmdID><Item><Data a='{}'>{}</Data></Item></Get><Odd>{}</Odd><Final>{}</Final></SyncBody></SyncML>{}"
	parts := bytes.Split([]byte(doc), []byte("{}"))
	tried := append([]string{
		"", " ", " x='y'", " x = 'y'", " x='y' x='z'", " x='y'z='w'", " x", " x=y", " x='", " x=\"'\"", " xmlns='other'", " xmlns='SYNCML:x'", " n:x='y'", " x='&lt;'",
		" x='&#60;'", " x='\r'", " é='1'", " encoding='UTF-8'", " encoding='utf8'", " encoding='latin1'", " version='1.1'", " standalone='yes'", "é", "\xEF\xBB\xBF",
	}, oddXML...)
	usual := 0
	for at := range len(parts) - 1 {
		for _, odd := range tried {
			var b []byte
			for i, p := range parts {
				b = append(b, p...)
				if i == at {
					b = append(b, odd...)
				}
			}
			if sameXML(t, b, DefaultLimits) {
				usual++
			}
		}
	}
	if usual < len(parts)*5 {
		t.Errorf("only %d were usual", usual)
	}
}

// TestAllocations: a decode costs few allocations, and none for text that is
// not kept.
func TestAllocations(t *testing.T) {
	_, in := package3(t)
	for enc, decode := range map[Encoding]func([]byte, Limits) (*Message, error){XML: DecodeXML, WBXML: DecodeWBXML} {
		count := func(b []byte) int {
			return int(testing.AllocsPerRun(50, func() {
				if _, err := decode(b, DefaultLimits); err != nil {
					t.Error(err)
				}
			}))
		}
		base := count(in[enc])
		if base > maxAllocations {
			t.Errorf("%s: %d allocations, want at most %d", enc, base, maxAllocations)
		}
		for name, more := range map[string]map[Encoding]string{
			"of data synchronisation": {XML: "<NoResults/><Lang>en-GB and more</Lang>", WBXML: "\x1e\x55\x03en-GB and more\x00\x01"},
			"blank":                   {XML: "\r\n\t \n", WBXML: "\x03 \x00"},
			"comment":                 {XML: "<!-- anything -->", WBXML: ""},
		} {
			mark := map[Encoding]string{XML: "<Item>", WBXML: "\x54"}[enc]
			long := bytes.Replace(in[enc], []byte(mark), []byte(more[enc]+mark), 1)
			if n := count(long); n > base {
				t.Errorf("%s with something %s: %d allocations, without %d", enc, name, n, base)
			}
		}
	}
}

// maxAllocations of the decode of package3.
const maxAllocations = 40

// TestNothingShared: what a decoder gave does not change with its input, or
// with the next message, whose elements take the same places.
func TestNothingShared(t *testing.T) {
	m, in := package3(t)
	want := m.Normal()
	for enc, b := range in {
		b = bytes.Clone(b)
		got, _, err := Decode(b, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		other := minimal(DM112)
		b, err = Encode(other, enc)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Decode(b, DefaultLimits); err != nil {
			t.Fatal(err)
		}
		items := got.Body[3].(*Results).Items
		_ = append(items[0].Data, "over the next"...)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-before +after):\n%s", enc, d)
		}
	}
}

// TestNodesAreCleared: blocks of nodes are used again, and held credentials.
func TestNodesAreCleared(t *testing.T) {
	_, in := package3(t)
	var s slab
	s.borrow()
	first := s.first
	s.add(nil, nil, tagData, "", 1).text = "secret"
	s.giveBack()
	if first.nodes != new(block).nodes {
		t.Error("a block went back with something in it")
	}
	if _, err := DecodeWBXML(in[WBXML][:400], DefaultLimits); !errors.As(err, new(*SyntaxError)) {
		t.Errorf("cut off: %v", err)
	}
}

func TestTagNamed(t *testing.T) {
	for _, e := range elements[1:] {
		for _, name := range []string{e.name, e.name + "x", e.name[1:], "x" + e.name} {
			if name != "" && tagNamed(name) != tagOfName[name] {
				t.Errorf("%s is taken for %s", name, tagNamed(name))
			}
		}
	}
}

// TestCopyPlain tries every byte at every place of texts of every length that
// is copied in a way of its own.
func TestCopyPlain(t *testing.T) {
	for c := range 256 {
		for size := range 27 {
			for at := range size {
				b := []byte("abcdefghijklmnopqrstuvwxyz")[:size]
				b[at] = byte(c)
				out, why := appendXMLText(nil, b)
				same := why == "" && string(out) == string(b)
				got := make([]byte, size)
				plain := copyPlain(got, string(b))
				if plain && (!same || c >= 0x80) {
					t.Errorf("byte 0x%02x at %d of %d is taken for plain", c, at, size)
				}
				if same && c > ' ' && c < 0x7f && !plain {
					t.Errorf("byte 0x%02x at %d of %d is not taken for plain", c, at, size)
				}
				if plain != copyPlain(got, b) || plain && !bytes.Equal(got, b) {
					t.Errorf("%q is copied as %q", b, got)
				}
			}
		}
	}
}
