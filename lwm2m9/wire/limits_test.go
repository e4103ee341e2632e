package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Every limit at it, and one over it.
func TestLimits(t *testing.T) {
	item := []byte{0xc0, 0x07}
	big := func(n int) []byte { // one resource, n bytes in all
		b := []byte{0xd8, 0x02, byte((n - 5) >> 16), byte((n - 5) >> 8), byte(n - 5)}
		return append(b, make([]byte, n-5)...)
	}
	tlv := func(b []byte) error { _, err := DecodeTLV(b); return err }
	links := func(b []byte) error { _, err := ParseLinks(b); return err }
	text := func(b []byte) error { _, err := TypeString.FromText(b); return err }
	args := func(b []byte) error { _, err := ParseArguments(b); return err }
	entries := func(f Format) func([]byte) error {
		return func(b []byte) error { _, err := Decode(f, PathOf(9, 0), b, nil); return err }
	}
	spaces := func(n int, s string) []byte { return []byte(strings.Repeat(" ", n-len(s)) + s) }

	tests := []struct {
		name     string
		decode   func([]byte) error
		at, over []byte
		error    string
	}{
		{"TLV size", tlv, big(MaxTLVSize), big(MaxTLVSize + 1), "payload is too long"},
		{"TLV count", tlv, bytes.Repeat(item, MaxTLVCount), bytes.Repeat(item, MaxTLVCount+1), "more than 4096 items"},
		{"text size", text, make([]byte, MaxText), make([]byte, MaxText+1), "value is too long"},
		{"arguments size", args, spaces(MaxText, "1"), spaces(MaxText+1, "1"), "payload is too long"},
		{"link-format size", links, spaces(MaxLinkSize, "</9>"), spaces(MaxLinkSize+1, "</9>"), "payload is too long"},
		{"links", links, bytes.Repeat([]byte("</9>,"), MaxLinks), bytes.Repeat([]byte("</9>,"), MaxLinks+1), "too many links"},
		{"text size of an entry", func(b []byte) error { _, err := Decode(FormatText, PathOf(9, 0, 0), b, nil); return err },
			make([]byte, MaxText), make([]byte, MaxText+1), "value is too long"},
		{"SenML JSON size", entries(FormatSenMLJSON), spaces(MaxPackSize, "[]"), spaces(MaxPackSize+1, "[]"), "payload is too long"},
		{"LwM2M JSON size", entries(FormatJSON), spaces(MaxPackSize, `{"e":[]}`), spaces(MaxPackSize+1, `{"e":[]}`), "payload is too long"},
		{"SenML CBOR size", entries(FormatSenMLCBOR), bigCBOR(MaxPackSize), bigCBOR(MaxPackSize + 1), "payload is too long"},
		{"SenML JSON entries", entries(FormatSenMLJSON), manyJSON("[", MaxEntries, "]"), manyJSON("[", MaxEntries+1, "]"), "more than 4096 entries"},
		{"LwM2M JSON entries", entries(FormatJSON), manyJSON(`{"e":[`, MaxEntries, "]}"), manyJSON(`{"e":[`, MaxEntries+1, "]}"), "too many entries"},
		{"SenML CBOR entries", entries(FormatSenMLCBOR), manyCBOR(MaxEntries), manyCBOR(MaxEntries + 1), "more than 4096 entries"},
		{"SenML JSON fields", entries(FormatSenMLJSON), fieldsJSON("[", MaxRecordFields, "]"), fieldsJSON("[", MaxRecordFields+1, "]"), "more than 32 fields"},
		{"LwM2M JSON fields", entries(FormatJSON), fieldsJSON(`{"e":[`, MaxRecordFields, "]}"), fieldsJSON(`{"e":[`, MaxRecordFields+1, "]}"), "more than 32 fields"},
		{"SenML CBOR fields", entries(FormatSenMLCBOR), fieldsCBOR(MaxRecordFields), fieldsCBOR(MaxRecordFields + 1), "more than 32 fields"},
		{"SenML JSON name", entries(FormatSenMLJSON), nameJSON(MaxRecordName), nameJSON(MaxRecordName + 1), "string is too long"},
		{"SenML CBOR name", entries(FormatSenMLCBOR), nameCBOR(MaxRecordName), nameCBOR(MaxRecordName + 1), "string is too long"},
		{"SenML JSON nesting", entries(FormatSenMLJSON), nestedJSON(MaxNesting), nestedJSON(MaxNesting + 1), "nested too deep"},
		{"SenML CBOR nesting", entries(FormatSenMLCBOR), nestedCBOR(MaxNesting), nestedCBOR(MaxNesting + 1), "nested too deep"},
		{"SenML CBOR array that is ignored", entries(FormatSenMLCBOR), ignoredCBOR(maxCBORItems), ignoredCBOR(maxCBORItems + 1), "nested too deep"},
		{"attributes", links, []byte("</9>" + strings.Repeat(";a=1", MaxLinkParams)), []byte("</9>" + strings.Repeat(";a=1", MaxLinkParams+1)), "too many attributes"},
	}
	for _, tt := range tests {
		if err := tt.decode(tt.at); err != nil {
			t.Errorf("%s, at the limit: %v", tt.name, err)
		}
		if err := tt.decode(tt.over); err == nil || !strings.Contains(err.Error(), tt.error) {
			t.Errorf("%s, one over the limit: %v, want %q", tt.name, err, tt.error)
		}
	}
}

// bigCBOR is n bytes with one long string.
func bigCBOR(n int) []byte {
	b := []byte{0x81, 0xa2, 0x00, 0x61, '0', 0x03, 0x7a, byte((n - 11) >> 24), byte((n - 11) >> 16), byte((n - 11) >> 8), byte(n - 11)}
	return append(b, bytes.Repeat([]byte("a"), n-11)...)
}

func manyJSON(begin string, n int, end string) []byte {
	b := []byte(begin)
	for i := range n {
		b = fmt.Appendf(b, `{"n":"%d","v":1},`, i)
	}
	return append(b[:len(b)-1], end...)
}

func manyCBOR(n int) []byte {
	b := []byte{0x99, byte(n >> 8), byte(n)}
	for i := range n {
		b = append(b, 0xa2, 0x02, 0x01, 0x00, 0x64)
		b = fmt.Appendf(b, "%04d", i)
	}
	return b
}

func fieldsJSON(begin string, n int, end string) []byte {
	b := []byte(begin + `{"v":1`)
	for i := range n - 2 {
		b = fmt.Appendf(b, `,"x%d":1`, i)
	}
	return append(append(b, `,"n":"7"}`...), end...)
}

func fieldsCBOR(n int) []byte {
	b := []byte{0x81, 0xb8, byte(n), 0x02, 0x01}
	for i := range n - 2 {
		b = append(b, 0x19, 1, byte(i), 0x01)
	}
	return append(b, 0x00, 0x61, '7')
}

func nameJSON(n int) []byte {
	return []byte(`[{"n":"` + strings.Repeat("0", n-1) + `7","v":1}]`)
}

func nameCBOR(n int) []byte {
	b := append([]byte{0x81, 0xa2, 0x02, 0x01, 0x00, 0x78, byte(n)}, strings.Repeat("0", n-1)...)
	return append(b, '7')
}

func nestedJSON(n int) []byte {
	return []byte(`[{"n":"7","x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}]`)
}

func nestedCBOR(n int) []byte {
	b := append([]byte{0x81, 0xa2, 0x00, 0x61, '7', 0x18, 0x63}, bytes.Repeat([]byte{0x81}, n)...)
	return append(b, 0x00)
}

func ignoredCBOR(n int) []byte {
	b := []byte{0x81, 0xa2, 0x00, 0x61, '7', 0x18, 0x63, 0x99, byte(n >> 8), byte(n)}
	return append(b, make([]byte, n)...)
}

func TestTLVCountIsOverAllLevels(t *testing.T) {
	inside := make([]TLV, MaxTLVCount/2)
	for i := range inside {
		inside[i] = TLV{Kind: KindResource, ID: uint16(i)}
	}
	b, err := AppendTLV(nil, Instance(0, inside...), Instance(1, inside...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeTLV(b); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d items in two instances: %v", MaxTLVCount+2, err)
	}
}

func TestMaxTLVDepth(t *testing.T) {
	var depth func(Kind) int
	depth = func(k Kind) int {
		deepest := 0
		for child := KindInstance; child <= KindResource; child++ {
			if k.holds(child) {
				deepest = max(deepest, 1+depth(child))
			}
		}
		return deepest
	}
	if got := depth(top); got != MaxTLVDepth {
		t.Errorf("what holds allows is %d deep, MaxTLVDepth says %d", got, MaxTLVDepth)
	}
}

func TestTLVLength(t *testing.T) {
	for _, n := range []int{0, 7, 8, 0xff, 0x100, 0xffff, 0x10000, MaxTLVSize - 5} {
		in := TLV{Kind: KindResource, ID: 2, Value: bytes.Repeat([]byte{0xa5}, n)}
		b, err := AppendTLV(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := DecodeTLV(b)
		if err != nil || len(out) != 1 || !bytes.Equal(out[0].Value, in.Value) {
			t.Errorf("%d bytes come back as %d items, %v", n, len(out), err)
		}
	}
	longest := TLV{Kind: KindResource, Value: make([]byte, maxTLVLength)}
	if _, err := AppendTLV(nil, longest); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	longest.Value = append(longest.Value, 0)
	if _, err := AppendTLV(nil, longest); err == nil {
		t.Error("one over the limit was written")
	}
}

func TestEncodersRefuse(t *testing.T) {
	value := []byte{1}
	for name, items := range map[string][]TLV{
		"unknown kind":          {{Kind: 4}},
		"instance in instance":  {Instance(0, Instance(1))},
		"resource in multiple":  {{Kind: KindMultiple, Items: []TLV{Resource(1, Integer(1))}}},
		"value in an instance":  {{Kind: KindInstance, Value: value}},
		"items in a resource":   {{Kind: KindResource, Items: []TLV{{}}}},
		"the second is refused": {Resource(1, Integer(1)), {Kind: KindMultiple, Value: value}},
	} {
		if out, err := AppendTLV([]byte("x"), items...); err == nil || string(out) != "x" {
			t.Errorf("TLV, %s: %x, %v", name, out, err)
		}
	}
	for name, l := range map[string]Link{
		"empty target":         {},
		"bracket in target":    {Path: "/9>"},
		"attribute, no name":   {Path: "/9", Params: []Param{{Value: "1", HasValue: true}}},
		"attribute, bad name":  {Path: "/9", Params: []Param{{Name: "a b"}}},
		"attribute, bad value": {Path: "/9", Params: []Param{{Name: "a", Value: "\n", HasValue: true}}},
	} {
		if out, err := AppendLinks([]byte("x"), Link{Path: "/1"}, l); err == nil || string(out) != "x" {
			t.Errorf("link-format, %s: %q, %v", name, out, err)
		}
	}
	for name, args := range map[string][]Argument{
		"two digits":           {{ID: 10}},
		"twice":                {{ID: 1}, {ID: 1}},
		"quote":                {{ID: 1, Value: "'", HasValue: true}},
		"space":                {{ID: 1, Value: "a b", HasValue: true}},
		"not ASCII":            {{ID: 1, Value: "ü", HasValue: true}},
		"not even UTF-8":       {{ID: 1, Value: "\xff", HasValue: true}},
		"U+0161, a's low byte": {{ID: 1, Value: "š", HasValue: true}},
	} {
		if out, err := AppendArguments([]byte("x"), args...); err == nil || string(out) != "x" {
			t.Errorf("arguments, %s: %q, %v", name, out, err)
		}
	}
}

func TestConstructors(t *testing.T) {
	b, err := AppendTLV(nil, Instance(1, Resource(7, Integer(3)), Multiple(17, Objlnk(14, 0), Objlnk(14, 1))))
	if err != nil {
		t.Fatal(err)
	}
	items, err := DecodeTLV(b)
	if want := "i1[r7=03 m17[v0=000e0000 v1=000e0001]]"; err != nil || dump(items) != want {
		t.Errorf("%s, %v; want %s", dump(items), err, want)
	}
	for k := KindInstance; k <= top; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}
