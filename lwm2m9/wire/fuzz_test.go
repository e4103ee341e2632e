package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A target holds more than "no panic": what was decoded, written and decoded
// again is the same, and written again it is the same bytes.

func FuzzTLV(f *testing.F) {
	for _, v := range loadVectors(f, "tlv.txt") {
		f.Add(v.payload(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := DecodeTLV(b)
		if err != nil {
			return
		}
		written, err := AppendTLV(nil, items...)
		if err != nil {
			t.Fatalf("decoded, but cannot be written: %v", err)
		}
		if len(written) > len(b) {
			t.Fatalf("%d bytes became %d", len(b), len(written))
		}
		again, err := DecodeTLV(written)
		if err != nil || dump(items) != dump(again) {
			t.Fatalf("%s decoded again: %s, %v", dump(items), dump(again), err)
		}
		if twice, _ := AppendTLV(nil, again...); !bytes.Equal(written, twice) {
			t.Fatalf("written %x, then %x", written, twice)
		}
	})
}

func FuzzLinkFormat(f *testing.F) {
	for _, v := range loadVectors(f, "links.txt") {
		f.Add(v.payload(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		links, err := ParseLinks(b)
		if err != nil {
			return
		}
		for _, path := range ObjectPaths(links) {
			if again, ok := objectPath(path); !ok || again != path {
				t.Fatalf("%q is listed as a path", path)
			}
		}
		written, err := AppendLinks(nil, links...)
		if err != nil {
			t.Fatalf("parsed, but cannot be written: %v", err)
		}
		if len(written) > MaxLinkSize {
			return // quotes and backslashes make it longer
		}
		again, err := ParseLinks(written)
		if diff := cmp.Diff(links, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("parsed again: %v\n%s", err, diff)
		}
	})
}

func FuzzArguments(f *testing.F) {
	for _, v := range loadVectors(f, "arguments.txt") {
		f.Add(v.payload(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		args, err := ParseArguments(b)
		if err != nil {
			return
		}
		written, err := AppendArguments(nil, args...)
		if err != nil {
			t.Fatalf("parsed, but cannot be written: %v", err)
		}
		again, err := ParseArguments(written)
		if diff := cmp.Diff(args, again); diff != "" || err != nil {
			t.Fatalf("parsed again: %v\n%s", err, diff)
		}
	})
}

// FuzzText takes the bytes as a value of every type, in text and in TLV; a
// value that one of the two gave survives both.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "3", "+3", " 3", "-129", "true", "0", "0.1", "1e3", "AP8=", "66:1", "gü", "\x00\x00\x00\x04"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for typ := TypeNone; typ <= TypeRawText; typ++ {
			for _, decode := range []func(Type, []byte) (Value, error){Type.FromText, Type.FromTLV} {
				v, err := decode(typ, b)
				if err != nil {
					continue
				}
				if again, err := typ.FromTLV(v.AppendTLV(nil)); err != nil || again != v {
					t.Fatalf("%+v through TLV: %+v, %v", v, again, err)
				}
				text := v.AppendText(nil)
				if len(text) > MaxText {
					continue // base64 makes it longer
				}
				if again, err := typ.FromText(text); err != nil || again != v {
					t.Fatalf("%+v through text: %+v, %v", v, again, err)
				}
			}
		}
	})
}
