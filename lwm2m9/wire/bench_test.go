package wire

import (
	"strings"
	"testing"
)

// instance is what the recorded client answers to a Read of /9/0, with names.
func instance(tb testing.TB) []byte {
	tb.Helper()
	b, err := AppendTLV(nil,
		Resource(0, String("example-package")), Resource(1, String("1.2.3")),
		Resource(7, Integer(3)), Resource(9, Integer(0)), Resource(12, Boolean(false)))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkDecodeTLV(b *testing.B) {
	payload := instance(b)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeTLV(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTLV(b *testing.B) {
	items, err := DecodeTLV(instance(b))
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if out, err = AppendTLV(out[:0], items...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLinks(b *testing.B) {
	payload := []byte(`</>;rt="oma.lwm2m";ct="60 110 112 11542 11543",</1/0>,</2>,</3/0>,</5/0>,</9>;ver=1.0,</9/0>,</9/1>`)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLinks(payload); err != nil {
			b.Fatal(err)
		}
	}
}

// recorded is the entries of the same answer.
func recorded(tb testing.TB) []Entry {
	tb.Helper()
	types := func(p Path) Type {
		return map[uint16]Type{0: TypeString, 1: TypeString, 7: TypeInteger, 9: TypeInteger, 12: TypeBoolean}[p.ID(2)]
	}
	entries, err := Decode(FormatTLV, PathOf(9, 0), instance(tb), types)
	if err != nil {
		tb.Fatal(err)
	}
	return entries
}

// forPacks runs a benchmark for each format that holds an instance.
func forPacks(b *testing.B, run func(b *testing.B, f Format)) {
	for _, f := range packs {
		b.Run(strings.ReplaceAll(f.String(), " ", ""), func(b *testing.B) {
			b.ReportAllocs()
			run(b, f)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	entries := recorded(b)
	forPacks(b, func(b *testing.B, f Format) {
		payload, err := Append(nil, f, PathOf(9, 0), entries...)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			if _, err := Decode(f, PathOf(9, 0), payload, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	entries := recorded(b)
	forPacks(b, func(b *testing.B, f Format) {
		var out []byte
		for b.Loop() {
			var err error
			if out, err = Append(out[:0], f, PathOf(9, 0), entries...); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(len(out)))
	})
}
