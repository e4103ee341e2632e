package syncml

import (
	"slices"
	"strconv"
	"strings"
)

// textRow is an optional text without the white space around it: identifiers,
// URIs, types.
func textRow[T any](t tag, at func(*T) *string) row[T] {
	return row[T]{
		tag:  t,
		kind: ofText,
		text: fieldOf(at),
		norm: func(v *T) { *at(v) = trimmed(*at(v)) },
	}
}

// written makes a row of text or of a Location one that is written when empty too.
func written[T any](r row[T]) row[T] {
	r.always, r.rules.always = true, true
	return r
}

// uriRow is a text that is written when empty too: it is all its parent has.
func uriRow[T any](t tag, at func(*T) *string) row[T] {
	return written(textRow(t, at))
}

// idRow is a text that is always written, and has a length limit: others echo
// it.
func idRow[T any](t tag, at func(*T) *string) row[T] {
	return written(optIDRow(t, at))
}

// optIDRow is a text with the length limit of an identifier; empty is absent.
func optIDRow[T any](t tag, at func(*T) *string) row[T] {
	r := textRow(t, at)
	r.rules.id = true
	return r
}

// exactRow is an optional text whose white space counts: it is echoed or goes
// into a digest.
func exactRow[T any](t tag, at func(*T) *string) row[T] {
	return row[T]{tag: t, kind: ofText, text: fieldOf(at), rules: textRules{exact: true}}
}

// secretRow is an optional text that printers hide.
func secretRow[T any](t tag, at func(*T) *string) row[T] {
	r := textRow(t, at)
	r.rules.kind = secret
	return r
}

// textsRow is a text that may stand more than once.
func textsRow[T any](t tag, at func(*T) *[]string) row[T] {
	texts := fieldOf(at)
	return row[T]{
		tag:  t,
		many: true,
		read: func(b *binder, n *node, v *T) { *at(v) = b.kept.with(*at(v), b.text(n)) },
		write: func(w *writer, v *T) {
			for _, s := range *texts.of(v) {
				w.leaf(t, trimmed(s), plain)
			}
		},
		norm: func(v *T) {
			c := cloned(*at(v))
			for i := range c {
				c[i] = trimmed(c[i])
			}
			*at(v) = c
		},
	}
}

// flagRow is an element without content; saying it twice changes nothing.
func flagRow[T any](t tag, at func(*T) *bool) row[T] {
	return row[T]{tag: t, many: true, kind: ofFlag, flag: fieldOf(at)}
}

// sizeRow is an optional number of bytes; zero is absent.
func sizeRow[T any](t tag, at func(*T) *int64) row[T] {
	return row[T]{tag: t, kind: ofSize, size: fieldOf(at)}
}

// codeRow is a status or alert code. It is always written. What is no number
// of 16 bits reads as 0, which every role treats as failure or as unknown
// (legacy-clients.md): one odd Status must not cost the whole message.
func codeRow[T any, C interface {
	~uint16
	Name() string
}](t tag, at func(*T) *C) row[T] {
	return row[T]{
		tag: t,
		read: func(_ *binder, n *node, v *T) {
			c, err := strconv.ParseUint(trimmed(strings.TrimRight(n.text, "\x00")), 10, 16)
			if err != nil {
				c = 0
			}
			*at(v) = C(c)
		},
		write: func(w *writer, v *T) {
			w.number(t, int64(*at(v)))
			w.note((*at(v)).Name)
		},
	}
}

// locationRow is a Target or Source; one that is zero is absent.
func locationRow[T any](t tag, at func(*T) *Location) row[T] {
	return row[T]{
		tag:      t,
		kind:     ofLocation,
		location: fieldOf(at),
		norm:     func(v *T) { locationShape.norm(at(v)) },
	}
}

// metaRow is a Meta; one that is zero is absent. Its elements may be wrapped in
// a MetInf (oma-dm.md 1.1); we never wrap them.
func metaRow[T any](at func(*T) *Meta) row[T] {
	return row[T]{
		tag:  tagMeta,
		kind: ofMeta,
		meta: fieldOf(at),
		norm: func(v *T) { metaShape.norm(at(v)) },
	}
}

// optRow is an element with a shape of its own; nil is absent.
func optRow[T, U any](t tag, s *shape[U], at func(*T) **U) row[T] {
	part := fieldOf(at)
	return row[T]{
		tag: t,
		read: func(b *binder, n *node, v *T) {
			p := new(U)
			s.read(b, n, p)
			*at(v) = p
		},
		write: func(w *writer, v *T) {
			if p := *part.of(v); p != nil {
				s.writeIn(w, t, p)
			}
		},
		norm: func(v *T) {
			if p := *at(v); p != nil {
				c := *p
				s.norm(&c)
				*at(v) = &c
			}
		},
	}
}

// cloned is a copy of s in the normal form: nil if s is empty.
func cloned[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}
