package syncml

import (
	"errors"
	"strings"
	"testing"
)

// TestLimits tries each limit at its value and one over it, in both encodings.
func TestLimits(t *testing.T) {
	commands := func(n int) *Message {
		m := minimal(DM12)
		m.Body = nil
		for range n - 2 {
			m.Body = append(m.Body, &Alert{CmdID: "1"})
		}
		// Those in a block and the block itself count too.
		m.Body = append(m.Body, &Block{Cmd: CmdAtomic, CmdID: "2", Body: []Command{&Alert{CmdID: "3"}}})
		return m
	}
	items := func(n int) *Message {
		m := minimal(DM12)
		m.Body = []Command{
			&Op{Cmd: CmdGet, CmdID: "1", Items: make([]Item, n-1)},
			&Alert{CmdID: "2", Items: make([]Item, 1)},
		}
		return m
	}
	deep := func(n int) *Message { // SyncML, SyncBody, blocks, CmdID
		m := minimal(DM12)
		m.Body = nil
		at := &m.Body
		for range n - 3 {
			b := &Block{Cmd: CmdSequence, CmdID: "1"}
			*at = []Command{b}
			at = &b.Body
		}
		return m
	}
	ids := func(n int) *Message {
		m := minimal(DM12)
		m.Header.SessionID = strings.Repeat("7", n)
		return m
	}
	for _, c := range []struct {
		name  string
		build func(int) *Message
		at    int
		fault string
		lim   Limits
	}{
		{"commands", commands, DefaultMaxCommands, "more than 1024 commands", DefaultLimits},
		{"items", items, DefaultMaxItems, "more than 1024 Items", DefaultLimits},
		{"depth", deep, DefaultMaxDepth, "more than 32 levels of elements", DefaultLimits},
		{"commands set", commands, 5, "more than 5 commands", Limits{Commands: 5}},
		{"items set", items, 5, "more than 5 Items", Limits{Items: 5}},
		{"depth set", deep, 12, "more than 12 levels of elements", Limits{Depth: 12}},
	} {
		for _, enc := range []Encoding{XML, WBXML} {
			for over := range 2 {
				in, err := Encode(c.build(c.at+over), enc)
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = Decode(in, c.lim)
				if got := reason(err); over == 0 && err != nil || over == 1 && got != c.fault {
					t.Errorf("%s, %s, %d: %v", c.name, enc, c.at+over, err)
				}
			}
		}
	}
	for _, enc := range []Encoding{XML, WBXML} {
		if in, err := Encode(ids(maxID), enc); err != nil {
			t.Errorf("an id of %d bytes: %v", maxID, err)
		} else if _, _, err := Decode(in, DefaultLimits); err != nil {
			t.Errorf("an id of %d bytes: %v", maxID, err)
		}
		if _, err := Encode(body(false, &Results{MsgRef: strings.Repeat("7", maxID+1)}), enc); err == nil {
			t.Errorf("a MsgRef of %d bytes is encoded as %s", maxID+1, enc)
		}
		if _, err := Encode(ids(maxID+1), enc); err == nil {
			t.Errorf("an id of %d bytes is encoded as %s", maxID+1, enc)
		}
	}
}

func TestMessageLimit(t *testing.T) {
	for _, enc := range []Encoding{XML, WBXML} {
		in, err := Encode(minimal(DM12), enc)
		if err != nil {
			t.Fatal(err)
		}
		// White space after the root, or NUL bytes, fill it up to the limit.
		fill := map[Encoding]string{XML: " ", WBXML: "\x00"}[enc]
		in = append(in, strings.Repeat(fill, DefaultMaxMessage-len(in))...)
		if _, _, err := Decode(in, Limits{}); err != nil {
			t.Errorf("%s of %d bytes: %v", enc, len(in), err)
		}
		_, _, err = Decode(append(in, fill...), Limits{})
		var syn *SyntaxError
		if !errors.As(err, &syn) || syn.Offset != DefaultMaxMessage || syn.Msg != "more than 262144 bytes" {
			t.Errorf("%s of %d bytes: %v", enc, len(in)+1, err)
		}
		if _, _, err := Decode(in[:400], Limits{Message: 399}); reason(err) != "more than 399 bytes" {
			t.Errorf("%s with a limit of 399: %v", enc, err)
		}
	}
}

// TestTableLimit: an index takes two bytes, the text it stands for a thousand.
func TestTableLimit(t *testing.T) {
	for n, fault := range map[int]string{4: "SyncML has no SyncHdr", 5: "more text out of the string table than a message may hold"} {
		in := "\x02\xa4\x01\x6a\x87\x69" + strings.Repeat("y", 1000) + "\x00\x6d\x6b\x60\x54\x4f" +
			strings.Repeat("\x83\x00", n) + "\x01\x01\x01\x01\x01"
		if _, err := DecodeWBXML([]byte(in), Limits{Message: 4000}); reason(err) != fault {
			t.Errorf("%d times 1000 bytes: %v", n, err)
		}
	}
}

// TestObjectLimit: elements in Data grow when they become text, a byte to many.
func TestObjectLimit(t *testing.T) {
	in := "\x02\xa4\x01\x6a\x00\x6d\x6b\x60\x54\x4f" + strings.Repeat("\x33", DefaultMaxMessage/2)
	if _, err := DecodeWBXML([]byte(in), DefaultLimits); reason(err) != "an object of more than 262144 bytes" {
		t.Error(err)
	}
}

// reason is the Msg of a SyntaxError.
func reason(err error) string {
	var syn *SyntaxError
	if errors.As(err, &syn) {
		return syn.Msg
	}
	return ""
}
