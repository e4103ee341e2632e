package wire

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fuzzBases are the paths that a fuzzed payload may belong to.
var fuzzBases = []Path{{}, PathOf(9), PathOf(9, 0), PathOf(9, 0, 7), PathOf(9, 0, 17, 0), PathOf(3, 0)}

// fuzzEntries holds that what was decoded can be written, in the same format
// and in the others that can hold it, and is the same when it is decoded again.
func fuzzEntries(f *testing.F, file string, format Format) {
	for _, v := range loadVectors(f, file) {
		base, _ := ParsePath(v["base"])
		f.Add(byte(max(0, slices.Index(fuzzBases, base))), v.payload(f))
	}
	f.Fuzz(func(t *testing.T, where byte, b []byte) {
		base := fuzzBases[int(where)%len(fuzzBases)]
		entries, err := Decode(format, base, b, nil)
		if err != nil {
			if Code(err) != codeBadRequest && Code(err) != codeUnsupportedFormat {
				t.Fatalf("code %d of %v", Code(err), err)
			}
			return
		}
		for _, other := range []Format{format, FormatSenMLJSON, FormatSenMLCBOR, FormatJSON} {
			lossy := func(e Entry) bool { return e.Value.Type == TypeNull || e.Value.Type == TypeOpaque }
			if other == FormatJSON && slices.ContainsFunc(entries, lossy) {
				continue
			}
			out, err := Append(nil, other, base, entries...)
			if err != nil {
				t.Fatalf("decoded, but cannot be written as %v: %v", other, err)
			}
			if len(out) > MaxPackSize {
				continue
			}
			again, err := Decode(other, base, out, nil)
			if diff := cmp.Diff(entries, again, comparePaths, equateEmpty); diff != "" || err != nil {
				t.Fatalf("through %v: %v\n%s\n%q", other, err, diff, out)
			}
		}
	})
}

func FuzzSenMLJSON(f *testing.F) { fuzzEntries(f, "senml-json.txt", FormatSenMLJSON) }
func FuzzSenMLCBOR(f *testing.F) { fuzzEntries(f, "senml-cbor.txt", FormatSenMLCBOR) }
func FuzzLwM2MJSON(f *testing.F) { fuzzEntries(f, "lwm2m-json.txt", FormatJSON) }
func FuzzCBOR(f *testing.F)      { fuzzEntries(f, "cbor.txt", FormatCBOR) }

// FuzzTLVEntries holds that TLV gives the same values as SenML does, once the
// types are known.
func FuzzTLVEntries(f *testing.F) {
	for _, v := range loadVectors(f, "tlv.txt") {
		for where := range fuzzBases {
			f.Add(byte(where), v.payload(f))
		}
	}
	types := func(p Path) Type { return TypeString + Type(p.ID(2))%TypeCorelnk }
	f.Fuzz(func(t *testing.T, where byte, b []byte) {
		base := fuzzBases[int(where)%len(fuzzBases)]
		entries, err := Decode(FormatTLV, base, b, types)
		if err != nil || slices.ContainsFunc(entries, func(e Entry) bool { return e.Path.ID(1) == NoInstance }) {
			return
		}
		out, err := Append(nil, FormatSenMLCBOR, base, entries...)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(FormatSenMLCBOR, base, out, types)
		if diff := cmp.Diff(entries, again, comparePaths, equateEmpty); diff != "" || err != nil {
			t.Fatalf("through SenML CBOR: %v\n%s", err, diff)
		}
		if out, err = Append(nil, FormatTLV, base, entries...); err != nil {
			t.Fatalf("decoded, but cannot be written: %v", err)
		}
		if again, err = Decode(FormatTLV, base, out, types); err != nil {
			t.Fatalf("cannot be decoded again: %v", err)
		}
		none := func(e Entry) bool { return e.Value.Type == TypeNone } // an empty instance may be nothing
		slices.SortStableFunc(entries, func(a, b Entry) int { return a.Path.Compare(b.Path) })
		entries, again = slices.DeleteFunc(entries, none), slices.DeleteFunc(again, none)
		if diff := cmp.Diff(entries, again, comparePaths, equateEmpty); diff != "" {
			t.Fatalf("through TLV:\n%s", diff)
		}
	})
}
