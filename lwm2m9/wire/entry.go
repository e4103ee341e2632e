package wire

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// The limits of what is decoded to entries. SenML, CBOR and LwM2M JSON have no
// others of their own but those of records.go; TLV and text keep theirs, and an
// opaque payload is as long as the transport lets it be.
const (
	MaxEntries  = MaxTLVCount // entries in all
	MaxPackSize = MaxTLVSize  // bytes of a SenML, CBOR or LwM2M JSON payload
)

// Entry is one thing that a payload says: the value at a path.
//
// Value is of TypeNone where the payload names a path and gives no value: a
// path of a Read-Composite, an empty instance or an empty multiple resource.
// It is of TypeNull where a Write-Composite deletes.
//
// Time is that of the measurement in seconds (RFC 8428, 4.5.3): since 1970 if it
// is 2^28 or more, otherwise relative to now, 0 for now. TLV, text, opaque and
// CBOR have none.
type Entry struct {
	Path  Path
	Value Value
	Time  float64
}

// Decode reads a payload that came in a content format and belongs to the
// path of its request, base: what was read, or is to be written. The base of
// the composite operations and of Send is the root, the zero Path. Entries are
// in the order of the payload.
//
// types gives the type of a resource; it is called with paths of three
// numbers. Values come out of that type, or the payload is refused. Where types
// is nil, or gives TypeNone for a resource that it does not know, SenML, CBOR
// and LwM2M JSON give the type that the value has on the wire, and TLV and text
// give TypeRawTLV and TypeRawText; [Value.As] makes a value of any of these when
// the type is known. That way a reader can do without one bad resource.
//
// Every entry is base or lies below it, and no path has two values at one
// time. No payload at all is no entries, but in text and opaque an empty value.
// The error is a [*SyntaxError], or a [*FormatError] for a format that is not
// known or cannot be that of base; see [Code]. Nothing is returned with it.
func Decode(f Format, base Path, body []byte, types func(Path) Type) ([]Entry, error) {
	row, ok := rows[f]
	switch {
	case !ok:
		return nil, &FormatError{Format: f, Reason: "not known"}
	case row.decode == nil:
		return nil, &FormatError{Format: f, Reason: "holds no values"}
	}
	if reason := row.fits(base); reason != "" {
		return nil, &FormatError{Format: f, Reason: reason}
	}
	g := gathering{name: row.name, base: base, types: types}
	row.decode(&g, body)
	if g.err != nil {
		return nil, g.err
	}
	return g.entries, nil
}

// fits says why a format cannot hold what is at base, or "".
func (f *format) fits(base Path) string {
	switch f.number {
	case FormatText, FormatOpaque, FormatCBOR:
		if base.Len() < 3 {
			return "holds one value, and the path is not that of a resource"
		}
	case FormatTLV:
		if base.Len() == 0 {
			return "holds one object, and the path names none"
		}
	}
	return ""
}

// Append appends the entries in a content format, as the payload that belongs
// to base; see [Decode]. TLV comes out in the order of the paths, all others in
// that of the entries.
//
// The error is a [*FormatError] when the format cannot hold them, so that a
// Read is answered 4.06 and may be tried with another one; anything else about
// an entry is a fault of the caller: a path that is not below base, a value of
// unknown type, a string that is not UTF-8, a number that is not finite. dst is
// returned unchanged then.
func Append(dst []byte, f Format, base Path, entries ...Entry) ([]byte, error) {
	row, ok := rows[f]
	reason := ""
	switch {
	case !ok:
		reason = "not known"
	case row.append == nil:
		reason = "holds no values"
	default:
		reason = row.fits(base)
	}
	for i := 0; i < len(entries) && reason == ""; i++ {
		if wrong := entries[i].check(base); wrong != "" {
			return dst, fmt.Errorf("wire: entry %d, %v: %s", i+1, entries[i].Path, wrong)
		}
		reason = row.holds(entries[i])
	}
	if reason != "" {
		return dst, &FormatError{Format: f, Encoding: true, Reason: reason}
	}
	out, err := row.append(dst, base, entries)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// holds says what a format has no way of saying, or "".
func (f *format) holds(e Entry) string {
	switch {
	case e.Value.Type == TypeNull && !f.null:
		return "has no null"
	case e.Time != 0 && !f.times:
		return "has no times"
	}
	return ""
}

// check says why an entry cannot be written in any format, or "".
func (e Entry) check(base Path) string {
	v := e.Value
	switch {
	case !base.Holds(e.Path):
		return "not below the path of the payload"
	case !finite(e.Time):
		return "time is not finite"
	case v.Type == TypeFloat && !finite(v.Float):
		return "Float is not finite"
	case v.Type > TypeNull:
		return "a value whose type is not known"
	case v.Type != TypeNone && e.Path.Len() < 3:
		return "a value that is not that of a resource"
	case (v.Type == TypeString || v.Type == TypeCorelnk) && !utf8.ValidString(v.Str):
		return "string is not UTF-8"
	}
	return ""
}

// gathering collects the entries of a payload. It keeps its first error, and
// takes nothing after it.
type gathering struct {
	name    string
	base    Path
	types   func(Path) Type
	entries []Entry
	seen    map[place]bool // of entries, once there are more than fewEntries
	read    int            // records that were read and wait for being entries
	err     *SyntaxError
}

// place is what no two entries have in common.
type place struct {
	path Path
	time float64
}

// fewEntries are compared one by one, more of them by a map.
const fewEntries = 16

// fail refuses the payload for the entry that would be the next.
func (g *gathering) fail(offset int, reason string) {
	if g.err == nil {
		g.err = &SyntaxError{Format: g.name, Offset: offset, Entry: max(len(g.entries), g.read) + 1, Reason: reason}
	}
}

// add takes an entry that ends at or before the offset.
func (g *gathering) add(offset int, e Entry) {
	switch {
	case g.err != nil:
		return
	case len(g.entries) == MaxEntries:
		g.fail(offset, fmt.Sprintf("more than %d entries", MaxEntries))
		return
	case !g.base.Holds(e.Path):
		g.fail(offset, "outside the path that it belongs to")
		return
	case e.Value.Type != TypeNone && e.Path.Len() < 3:
		g.fail(offset, "a value that is not that of a resource")
		return
	case g.has(place{e.Path, e.Time}):
		g.fail(offset, "a path comes twice")
		return
	}
	if g.types != nil && e.Value.Type != TypeNone && e.Value.Type != TypeNull {
		if t := g.types(e.Path.Up(3)); t != TypeNone {
			v, reason := e.Value.as(t)
			if reason != "" {
				g.fail(offset, reason)
				return
			}
			e.Value = v
		}
	}
	g.entries = append(g.entries, e)
}

// has says whether an entry is at that place, and takes note of the place.
func (g *gathering) has(at place) bool {
	if len(g.entries) < fewEntries {
		return slices.ContainsFunc(g.entries, func(e Entry) bool { return at == place{e.Path, e.Time} })
	}
	if g.seen == nil {
		g.seen = make(map[place]bool, 2*fewEntries)
		for _, e := range g.entries {
			g.seen[place{e.Path, e.Time}] = true
		}
	}
	had := g.seen[at]
	g.seen[at] = true
	return had
}
