package wire

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// packs are the formats that hold any list of entries.
var packs = []Format{FormatSenMLJSON, FormatSenMLCBOR, FormatJSON, FormatTLV}

// valueOf draws a value of a type.
func valueOf(t *rapid.T, typ Type) Value {
	switch typ {
	case TypeString:
		return String(rapid.String().Draw(t, "string"))
	case TypeCorelnk:
		return Corelnk(rapid.String().Draw(t, "links"))
	case TypeInteger, TypeTime:
		return Value{Type: typ, Int: rapid.Int64().Draw(t, "integer")}
	case TypeUnsigned:
		return Unsigned(rapid.Uint64().Draw(t, "unsigned"))
	case TypeFloat:
		return Float(rapid.Float64().Draw(t, "float"))
	case TypeBoolean:
		return Boolean(rapid.Bool().Draw(t, "boolean"))
	case TypeOpaque:
		return Opaque(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case TypeObjlnk:
		return Objlnk(rapid.Uint16().Draw(t, "object"), rapid.Uint16().Draw(t, "instance"))
	}
	return Value{}
}

// typeOf gives each resource of the drawn lists a type.
func typeOf(p Path) Type { return TypeString + Type(p.ID(2))%TypeCorelnk }

// entriesBelow draws a list below a path of up to two numbers.
func entriesBelow(t *rapid.T, base Path) []Entry {
	n := rapid.IntRange(0, 2*fewEntries).Draw(t, "entries")
	var list []Entry
	seen := map[Path]bool{}
	for range n {
		p := base
		for depth := rapid.IntRange(3, 4).Draw(t, "depth"); p.Len() < depth; {
			p = p.Down(rapid.Uint16Range(0, 20).Draw(t, "id"))
		}
		// A resource with a value and with instances is none; TLV cannot say it.
		if clash := seen[p] || seen[p.Up(3)] || slices.ContainsFunc(list, func(e Entry) bool { return p.Holds(e.Path) }); clash {
			continue
		}
		seen[p] = true
		list = append(list, Entry{Path: p, Value: valueOf(t, typeOf(p))})
	}
	return list
}

// What is written is read again as the same, if the types are known; TLV
// brings it into the order of the paths.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := PathOf(rapid.SliceOfN(rapid.Uint16Range(0, 20), 1, 2).Draw(t, "base")...)
		entries := entriesBelow(t, base)
		for _, f := range packs {
			want := slices.Clone(entries)
			if f == FormatTLV {
				slices.SortStableFunc(want, func(a, b Entry) int { return a.Path.Compare(b.Path) })
			}
			out, err := Append(nil, f, base, entries...)
			if err != nil {
				t.Fatalf("%v: %v", f, err)
			}
			got, err := Decode(f, base, out, typeOf)
			if diff := cmp.Diff(want, got, comparePaths, equateEmpty); diff != "" || err != nil {
				t.Fatalf("%v: %v\n%s\n%q", f, err, diff, out)
			}
		}
	})
}

// equateEmpty takes a list that is nil and one that is empty for the same.
var equateEmpty = cmp.FilterValues(
	func(a, b []Entry) bool { return len(a) == 0 && len(b) == 0 },
	cmp.Comparer(func(_, _ []Entry) bool { return true }))

// Without types, SenML JSON and SenML CBOR give the same; values are what
// the wire can say of them: see normal. Times, nulls and paths alone come along.
func TestJSONAgreesWithCBOR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := entriesBelow(t, Path{})
		for i := range entries {
			e := &entries[i]
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				e.Time = rapid.Float64Range(-1e12, 1e12).Draw(t, "time")
			case 1:
				e.Value = Null()
			case 2:
				e.Value = Value{}
			}
		}
		want := slices.Clone(entries)
		for i := range want {
			want[i].Value = normal(want[i].Value)
		}
		for _, f := range []Format{FormatSenMLJSON, FormatSenMLCBOR} {
			out, err := Append(nil, f, Path{}, entries...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(f, Path{}, out, nil)
			if diff := cmp.Diff(want, got, comparePaths, equateEmpty); diff != "" || err != nil {
				t.Fatalf("%v: %v\n%s\n%q", f, err, diff, out)
			}
		}
	})
}

// normal is what SenML makes of a value: a time is a number, links are a
// string, and a number is unsigned only where it must be.
func normal(v Value) Value {
	switch {
	case v.Type == TypeTime, v.Type == TypeUnsigned && v.Uint() <= math.MaxInt64:
		return Integer(v.Int)
	case v.Type == TypeCorelnk:
		return String(v.Str)
	}
	return v
}

// One value of each type goes through each format that holds one.
func TestRoundTripSingle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]Type{TypeString, TypeInteger, TypeFloat, TypeBoolean, TypeOpaque, TypeTime, TypeObjlnk, TypeUnsigned, TypeCorelnk}).Draw(t, "type")
		base := PathOf(rapid.SliceOfN(rapid.Uint16Max(maxInstanceID), 3, 4).Draw(t, "path")...)
		e := Entry{Path: base, Value: valueOf(t, typ)}
		for _, f := range append([]Format{FormatText, FormatCBOR, FormatOpaque}, packs...) {
			if f == FormatOpaque && typ != TypeOpaque {
				continue
			}
			out, err := Append(nil, f, base, e)
			if err != nil {
				t.Fatalf("%v: %v", f, err)
			}
			if f == FormatText && len(out) > MaxText {
				continue
			}
			got, err := Decode(f, base, out, func(Path) Type { return typ })
			if diff := cmp.Diff([]Entry{e}, got, comparePaths); diff != "" || err != nil {
				t.Fatalf("%v: %v\n%s\n%q", f, err, diff, out)
			}
		}
	})
}
