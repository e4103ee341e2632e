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
	// text, if set, is where the text is that is all of the row. It stands in
	// for read and write, which do the same: most rows are such, and a call
	// less for each is worth it.
	text   func(v *T) *string
	always bool              // text is written when empty too
	exact  bool              // the white space around text counts
	id     bool              // text has the length limit of an identifier
	number func(v *T) *int64 // if set, where a number is that is not written when 0
}

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
		case r.text == nil:
			r.read(b, k, v)
		case k.plain && b.short && len(k.text) <= maxID: // most often; the others come to the same
			*r.text(v) = k.text
		case r.id:
			*r.text(v) = b.id(k)
		case r.exact:
			*r.text(v) = b.exact(k)
		default:
			*r.text(v) = b.text(k)
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
		if r.text == nil {
			if r.number == nil || *r.number(v) != 0 {
				r.write(w, v)
			}
			continue
		}
		text := *r.text(v)
		if !r.exact {
			text = trimmed(text)
		}
		switch {
		case text == "" && !r.always:
		case r.id:
			w.id(r.tag, text)
		default:
			w.leaf(r.tag, text, plain)
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
