package syncml

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// TestCannotBeCarried lists what each encoder must refuse, and where it says
// the fault is. An empty text means that the encoding carries it.
func TestCannotBeCarried(t *testing.T) {
	item := func(i Item) *Message { return body(false, &Op{Cmd: CmdGet, CmdID: "1", Items: []Item{i}}) }
	old := func(c Command) *Message {
		m := body(false, c)
		m.Header.Version = DM112
		return m
	}
	header := func(change func(*Header)) *Message {
		m := body(false)
		change(&m.Header)
		return m
	}
	const (
		inData   = "command 1, SyncML/SyncBody/Get/Item/Data: "
		inTarget = "command 1, SyncML/SyncBody/Get/Item/Target/LocURI: "
	)
	for _, c := range []struct {
		name       string
		m          *Message
		xml, wbxml string
	}{
		{"control character", item(Item{Data: []byte("a\x01")}), inData + "character U+0001, which XML cannot carry", ""},
		{"carriage return", item(Item{Data: []byte("a\r\nb")}), inData + "character U+000D, which XML cannot carry", ""},
		{"noncharacter", item(Item{Data: []byte("\uFFFF")}), inData + "character U+FFFF, which XML cannot carry", ""},
		{"reversed byte order mark", item(Item{Data: []byte("\uFFFE")}), inData + "character U+FFFE, which XML cannot carry", ""},
		{"Latin-1", item(Item{Data: []byte("caf\xe9")}), inData + "bytes that are not UTF-8", ""},
		{"NUL in Data", item(Item{Data: []byte("a\x00b")}), inData + "character U+0000, which XML cannot carry", ""},
		{"NUL after text", item(Item{Meta: Meta{Format: "chr"}, Data: []byte("a\x00")}), inData + "text that ends in NUL, which readers cut off", inData + "text that ends in NUL, which readers cut off"},
		{"NUL after bytes", item(Item{Meta: Meta{Format: "bin"}, Data: []byte("a\x00")}), inData + "character U+0000, which XML cannot carry", ""},
		{"NUL after a chunk", item(Item{Meta: Meta{Format: "chr"}, Data: []byte("a\x00"), MoreData: true}), inData + "character U+0000, which XML cannot carry", ""},
		{"NUL after text by the command", body(false, &Op{Cmd: CmdGet, Meta: Meta{Format: "chr"}, Items: []Item{{Data: []byte("a\x00")}}}), inData + "text that ends in NUL, which readers cut off", inData + "text that ends in NUL, which readers cut off"},
		{"NUL after another command's text", body(false, &Op{Cmd: CmdDelete, Meta: Meta{Format: "chr"}}, &Alert{Items: []Item{{Data: []byte("a\x00")}}}), "command 2, SyncML/SyncBody/Alert/Item/Data: character U+0000, which XML cannot carry", ""},
		{"NUL in a URI", item(Item{Target: Location{URI: "a\x00b"}}), inTarget + "character U+0000, which XML cannot carry", inTarget + "NUL, which a WBXML string cannot carry"},
		{"Latin-1 in a URI", item(Item{Target: Location{URI: "\xe9"}}), inTarget + "bytes that are not UTF-8", inTarget + "bytes that are not UTF-8"},
		{"replacement character", item(Item{Data: []byte("\uFFFD")}), "", ""},
		{"tab, line feed, ]]>", item(Item{Data: []byte("\t\n]]>&amp;")}), "", ""},
		{"number below zero", item(Item{Meta: Meta{Size: -1}}), "command 1, SyncML/SyncBody/Get/Item/Meta/Size: a number below zero", "command 1, SyncML/SyncBody/Get/Item/Meta/Size: a number below zero"},
		{"no MsgID", header(func(h *Header) { h.MsgID = " " }), "SyncML/SyncHdr/MsgID: is empty", "SyncML/SyncHdr/MsgID: is empty"},
		{"no SessionID", header(func(h *Header) { h.SessionID = "" }), "SyncML/SyncHdr/SessionID: is empty", "SyncML/SyncHdr/SessionID: is empty"},
		{"nil", body(false, &Alert{}, nil), "command 2, SyncML/SyncBody/unknown element: no command of DM", "command 2, SyncML/SyncBody/unknown element: no command of DM"},
		{"nil pointer", body(false, (*Op)(nil)), "command 1, SyncML/SyncBody/unknown element: no command of DM", "command 1, SyncML/SyncBody/unknown element: no command of DM"},
		{"no such command", body(false, &Op{Cmd: "Reboot"}), "command 1, SyncML/SyncBody/unknown element: no command of DM", "command 1, SyncML/SyncBody/unknown element: no command of DM"},
		{"a name from elsewhere", body(false, &Unknown{Cmd: "Reboot"}), "command 1, SyncML/SyncBody/unknown element: a name that no command has", "command 1, SyncML/SyncBody/unknown element: a name that no command has"},
		{"Op with the name of a Block", body(false, &Op{Cmd: CmdAtomic}), "command 1, SyncML/SyncBody/Atomic: a command of another type", "command 1, SyncML/SyncBody/Atomic: a command of another type"},
		{"Correlator of Get", body(false, &Op{Cmd: CmdGet, Correlator: "c"}), "command 1, SyncML/SyncBody/Get/Correlator: only Alert and Exec have a Correlator", "command 1, SyncML/SyncBody/Get/Correlator: only Alert and Exec have a Correlator"},
		{"Correlator in 1.1", old(&Alert{CmdID: "1", Correlator: "c"}), "command 1, SyncML/SyncBody/Alert/Correlator: not in SyncML 1.1", "command 1, SyncML/SyncBody/Alert/Correlator: not in SyncML 1.1"},
		{"in a block", body(false, &Block{Cmd: CmdAtomic, Body: []Command{&Alert{CmdID: "\x00"}}}), "command 1, SyncML/SyncBody/Atomic/Alert/CmdID: character U+0000, which XML cannot carry", "command 1, SyncML/SyncBody/Atomic/Alert/CmdID: NUL, which a WBXML string cannot carry"},
	} {
		for enc, want := range map[Encoding]string{XML: c.xml, WBXML: c.wbxml} {
			out, err := Encode(c.m, enc)
			if want == "" {
				if err != nil {
					t.Errorf("%s, %s: %v", c.name, enc, err)
				}
				continue
			}
			var enco *EncodeError
			if !errors.As(err, &enco) || out != nil || err.Error() != "syncml: "+enc.String()+" message, "+want {
				t.Errorf("%s, %s: %d bytes, %v\nwant %s", c.name, enc, len(out), err, want)
			}
		}
	}
}

// TestStrictXML looks for what makes a real client drop the whole message
// (legacy-clients.md) in a message that has every reason to contain it.
func TestStrictXML(t *testing.T) {
	m := benchMessage()
	m.Body = append(m.Body, vectorMessages["commands"].Body...)
	m.Body = append(m.Body,
		&Op{Cmd: CmdAdd, CmdID: "90", Items: []Item{{Meta: Meta{Format: "node"}}, {Data: []byte("'\"<>&\t\n]]>")}}},
		&Op{Cmd: CmdReplace, CmdID: "91", Items: []Item{{Target: Location{URI: "./a?b='\"&"}}}},
	)
	b, err := m.AppendXML([]byte("-"))
	if err != nil {
		t.Fatal(err)
	}
	out := string(b)
	if !strings.HasPrefix(out, `-<?xml version="1.0" encoding="UTF-8"?><SyncML xmlns="SYNCML:SYNCML1.2">`) {
		t.Errorf("begins %.90q", out)
	}
	if got := regexp.MustCompile(`&(?:amp|lt|gt|apos|quot);`).ReplaceAllString(out, ""); strings.Contains(got, "&") {
		t.Error("an entity other than the five")
	}
	if strings.Contains(strings.ReplaceAll(out, `"SYNCML:`, ""), "<Meta ") || regexp.MustCompile(`</?\w+:`).MatchString(out) {
		t.Error("xmlns on Meta, or a prefix")
	}
	for _, e := range []string{"Format", "Type", "MaxMsgSize", "MaxObjSize"} {
		bare, full := strings.Count(out, "<"+e), strings.Count(out, "<"+e+` xmlns="syncml:metinf">`)
		if bare == 0 || bare != full {
			t.Errorf("%d of %d %s have the namespace", full, bare, e)
		}
	}
	if n := strings.Count(out, "<Data/>"); n != 3 { // "commands" has one
		t.Errorf("%d <Data/>, want 3", n)
	}
}

// TestDecodeFindsEncoding: white space and marks may stand before XML.
func TestDecodeFindsEncoding(t *testing.T) {
	for in, want := range map[string]Encoding{
		"<a/>": XML, " \r\n\t<a/>": XML, "\xEF\xBB\xBF<a/>": XML, "": XML,
		"\x02": WBXML, "\x00": WBXML, "{}": WBXML, "\xEF\xBB\xBF": XML,
	} {
		if _, enc, err := Decode([]byte(in), DefaultLimits); enc != want || err == nil {
			t.Errorf("%q is taken for %s, error %v", in, enc, err)
		}
	}
}

func TestParseMIME(t *testing.T) {
	for in, want := range map[string]struct {
		enc Encoding
		ok  bool
	}{
		"application/vnd.syncml.dm+xml":                      {XML, true},
		"application/vnd.syncml.dm+wbxml":                    {WBXML, true},
		"application/vnd.syncml+xml":                         {XML, true},
		"application/vnd.syncml+wbxml":                       {WBXML, true},
		"application/vnd.syncml.dm+xml;charset=utf-8":        {XML, true},
		" Application/VND.SyncML.DM+WBXML ; charset=\"x\";;": {WBXML, true},
		"application/vnd.syncml.dmddf+xml":                   {},
		"application/vnd.syncml.notification":                {},
		"text/xml":                                           {},
		"":                                                   {},
	} {
		if enc, ok := ParseMIME(in); enc != want.enc || ok != want.ok {
			t.Errorf("ParseMIME(%q) = %s, %v", in, enc, ok)
		}
	}
	for _, e := range []Encoding{XML, WBXML} {
		if got, ok := ParseMIME(e.MIME()); got != e || !ok {
			t.Errorf("ParseMIME(%q) = %s, %v", e.MIME(), got, ok)
		}
	}
}

func TestMetaOf(t *testing.T) {
	base := Meta{Format: "chr", Type: "text/plain", Mark: "critical", Size: 9, Version: "1", NextNonce: "n", MaxMsgSize: 1, MaxObjSize: 2}
	items := []Item{{}, {Meta: Meta{Format: "node", Size: 5}}, {Meta: base}}
	want := []Meta{
		{Format: "chr", Type: "text/plain", Mark: "critical", Size: 9, Version: "1"},
		{Format: "node", Type: "text/plain", Mark: "critical", Size: 5, Version: "1"},
		base,
	}
	o, r := &Op{Meta: base, Items: items}, &Results{Meta: base, Items: items}
	for i := range items {
		if o.MetaOf(i) != want[i] || r.MetaOf(i) != want[i] {
			t.Errorf("item %d: %+v, %+v; want %+v", i, o.MetaOf(i), r.MetaOf(i), want[i])
		}
	}
}

// TestAnyCapacity: a message grows out of its buffer at every place, and what
// stood in the buffer before stays.
func TestAnyCapacity(t *testing.T) {
	m, _ := package3(t)
	alike := Item{Meta: Meta{Format: "chr"}}
	m.Body = append(m.Body, &Op{Cmd: CmdGet, Items: []Item{alike, alike}}) // so that an element ends after a repeated Meta
	for _, enc := range []Encoding{XML, WBXML} {
		write := map[Encoding]func(*Message, []byte) ([]byte, error){XML: (*Message).AppendXML, WBXML: (*Message).AppendWBXML}[enc]
		want, err := write(m, []byte("-"))
		if err != nil {
			t.Fatal(err)
		}
		for size := 1; size < len(want)+200; size++ {
			got, err := write(m, append(make([]byte, 0, size), '-'))
			if err != nil || string(got) != string(want) {
				t.Fatalf("%s, capacity %d: %v, %q", enc, size, err, got)
			}
		}
	}
}
