package syncml

import "math/bits"

// A shape is what one element holds, in wire order. It is the one binding
// between elements and the model: reading, writing and the normal form all
// come from its rows, whatever the encoding.
type shape[T any] struct {
	rows []row[T]
	// done, if set, runs when all rows of an element have been read.
	done func(*T)
	// fix, if set, brings *v to the normal form; it must not write through
	// slices or pointers of *v.
	fix func(v *T)
	// odd, set with fix, says that fix would change v.
	odd func(v *T) bool
	// Of the rows, by indexed: the row that takes a tag, counted from 1, and
	// the bits of those that must be there.
	index [tagCount]uint8
	need  uint32
}

// indexed is s with what read looks up.
func indexed[T any](s shape[T]) shape[T] {
	for t := range tagCount {
		for i := range s.rows {
			if s.rows[i].takes(t) {
				s.index[t] = uint8(i + 1)
				break
			}
		}
	}
	for i := range s.rows {
		if s.rows[i].must {
			s.need |= 1 << i
		}
	}
	return s
}

// row binds one child element to a part of T.
type row[T any] struct {
	tag   tag
	body  bool // takes every command, and elements that are not in the table
	many  bool // may stand more than once
	must  bool // its absence is an error when decoding
	read  func(b *binder, n *node, v *T)
	write func(w *writer, v *T)
	norm  func(v *T) // nil if every value is normal; v is the caller's own copy
	// Most rows are a field of one of a few kinds. Which it is says kind, and
	// such a row has no read and write but those of shape.
	kind     rowKind
	text     field[T, string]
	flag     field[T, bool]
	size     field[T, int64] // bytes; not written when 0
	location field[T, Location]
	meta     field[T, Meta]
	rules    textRules
	always   bool // a Location is written when zero too
	inherit  bool // the Items of the command inherit the Meta
}

// textRules say what is special about a text.
type textRules struct {
	always bool // written when empty too
	exact  bool // the white space around it counts
	id     bool // it has the length limit of an identifier
	kind   leafKind
}

// rowKind says which field of a row is in use.
type rowKind uint8

const (
	isOther rowKind = iota // read and write
	ofText
	ofFlag
	ofSize
	ofLocation
	ofMeta
)

// takes says that the row is for elements t.
func (r *row[T]) takes(t tag) bool {
	return r.body && mayBeCommand(t) || r.tag == t && t != noTag
}

// read fills v from the children of n. Order does not matter, and elements
// that DM does not use in this place are skipped.
func (s *shape[T]) read(b *binder, n *node, v *T) {
	var seen uint32
	for k := n.first; k != nil && b.err == nil; k = k.next {
		i := s.index[k.tag]
		if i == 0 {
			s.skip(b, n, k)
			continue
		}
		r, bit := &s.rows[i-1], uint32(1)<<(i-1)
		if seen&bit != 0 && !r.many {
			b.fail(k, "a second "+k.label()+" in "+n.label())
			return
		}
		seen |= bit
		switch {
		case r.kind == ofText && k.plain && b.short && len(k.text) <= maxID: // most often; readText comes to the same
			*r.text.of(v) = k.text
		case r.kind == ofText:
			*r.text.of(v) = r.readText(b, k)
		case r.kind == ofLocation:
			locationShape.read(b, k, r.location.of(v))
		case r.kind == ofMeta:
			unwrap(k)
			metaShape.read(b, k, r.meta.of(v))
		case r.kind == ofFlag:
			*r.flag.of(v) = true
		case r.kind == ofSize:
			*r.size.of(v) = b.number(k)
		default:
			r.read(b, k, v)
		}
	}
	if missing := s.need &^ seen; missing != 0 {
		b.fail(n, n.label()+" has no "+s.rows[bits.TrailingZeros32(missing)].tag.String())
		return
	}
	if s.done != nil {
		s.done(v)
	}
	if s.fix != nil {
		s.fix(v)
	}
}

// readText is the text of n, which the row is for.
func (r *row[T]) readText(b *binder, n *node) string {
	switch {
	case r.rules.id:
		return b.id(n)
	case r.rules.exact:
		return b.exact(n)
	}
	return b.text(n)
}

// skip passes over k, which has no row in n, unless it shows that the message
// is put together wrongly: a command or a main part in the wrong place, or
// something else where only commands may be.
func (s *shape[T]) skip(b *binder, n, k *node) {
	if n.tag == noTag || elements[n.tag].holds == isForeign {
		return // nothing in it counts: a Sync holds commands, for example
	}
	main := k.tag == tagSyncML || k.tag == tagSyncHdr || k.tag == tagSyncBody
	if main || k.tag.command() || n.tag == tagSyncBody {
		b.fail(k, k.label()+" in "+n.label())
	}
}

// writeIn writes v as the element t.
func (s *shape[T]) writeIn(w *writer, t tag, v *T) {
	if w.open(t) {
		s.write(w, v)
		w.shut(t)
	}
}

// write emits the rows of v in wire order, in the normal form.
func (s *shape[T]) write(w *writer, v *T) {
	if s.fix != nil && s.odd(v) {
		v = new(*v)
		s.fix(v)
	}
	for i := range s.rows {
		r := &s.rows[i]
		if r.kind == ofText { // most often
			if text := *r.text.of(v); text != "" || r.rules.always {
				w.text(r.tag, text, r.rules)
			}
			continue
		}
		switch r.kind {
		case ofLocation:
			if l := r.location.of(v); l.URI != "" || l.Name != "" || r.always {
				locationShape.writeIn(w, r.tag, l)
			}
		case ofMeta:
			m := r.meta.of(v)
			if r.inherit {
				w.format = m.Format // Meta stands before the Items
			}
			w.meta(m)
		case ofFlag:
			if *r.flag.of(v) {
				w.leaf(r.tag, "", plain)
			}
		case ofSize:
			if n := *r.size.of(v); n != 0 {
				w.size(r.tag, n)
			}
		default:
			r.write(w, v)
		}
	}
}

// norm brings v, a copy of the caller's own, to the normal form.
func (s *shape[T]) norm(v *T) {
	for i := range s.rows {
		if s.rows[i].norm != nil {
			s.rows[i].norm(v)
		}
	}
	if s.fix != nil {
		s.fix(v)
	}
}
