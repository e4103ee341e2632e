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
		text: at,
		norm: func(v *T) { *at(v) = trimmed(*at(v)) },
	}
}

// uriRow is a text that is written when empty too: it is all its parent has.
func uriRow[T any](t tag, at func(*T) *string) row[T] {
	r := textRow(t, at)
	r.always = true
	return r
}

// idRow is a text that is always written, and has a length limit: others echo
// it.
func idRow[T any](t tag, at func(*T) *string) row[T] {
	r := uriRow(t, at)
	r.id = true
	return r
}

// optIDRow is a text with the length limit of an identifier; empty is absent.
func optIDRow[T any](t tag, at func(*T) *string) row[T] {
	r := idRow(t, at)
	r.always = false
	return r
}

// nameRow is idRow for the name of a command.
func nameRow[T any](t tag, at func(*T) *Name) row[T] {
	return row[T]{
		tag:   t,
		read:  func(b *binder, n *node, v *T) { *at(v) = Name(b.id(n)) },
		write: func(w *writer, v *T) { w.id(t, trimmed(string(*at(v)))) },
		norm:  func(v *T) { *at(v) = Name(trimmed(string(*at(v)))) },
	}
}

// exactRow is an optional text whose white space counts: it is echoed or goes
// into a digest.
func exactRow[T any](t tag, at func(*T) *string) row[T] {
	return row[T]{tag: t, text: at, exact: true}
}

// secretRow is a text that printers hide; always says that it is written when
// empty too.
func secretRow[T any](t tag, always bool, at func(*T) *Secret) row[T] {
	return row[T]{
		tag:  t,
		read: func(b *binder, n *node, v *T) { *at(v) = Secret(b.text(n)) },
		write: func(w *writer, v *T) {
			if s := trimmed(string(*at(v))); s != "" || always {
				w.leaf(t, s, secret)
			}
		},
		norm: func(v *T) { *at(v) = Secret(trimmed(string(*at(v)))) },
	}
}

// textsRow is a text that may stand more than once.
func textsRow[T any](t tag, at func(*T) *[]string) row[T] {
	return row[T]{
		tag:  t,
		many: true,
		read: func(b *binder, n *node, v *T) { *at(v) = b.kept.with(*at(v), b.text(n)) },
		write: func(w *writer, v *T) {
			for _, s := range *at(v) {
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

// flagRow is an element without content.
func flagRow[T any](t tag, at func(*T) *bool) row[T] {
	return row[T]{
		tag:  t,
		many: true, // saying it twice changes nothing
		read: func(_ *binder, _ *node, v *T) { *at(v) = true },
		write: func(w *writer, v *T) {
			if *at(v) {
				w.leaf(t, "", plain)
			}
		},
	}
}

// numberRow is an optional number of bytes; zero is absent.
func numberRow[T any](t tag, at func(*T) *int64) row[T] {
	return row[T]{
		tag:    t,
		number: at,
		read:   func(b *binder, n *node, v *T) { *at(v) = b.number(n) },
		write: func(w *writer, v *T) {
			switch n := *at(v); {
			case n < 0:
				w.fail(t, "a number below zero")
			case n > 0:
				w.number(t, n)
			}
		},
	}
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

// partRow is an element with a shape of its own; its zero value is absent
// unless always is set.
func partRow[T any, U comparable](t tag, always bool, s *shape[U], at func(*T) *U) row[T] {
	return row[T]{
		tag:  t,
		read: func(b *binder, n *node, v *T) { s.read(b, n, at(v)) },
		write: func(w *writer, v *T) {
			if p, zero := at(v), *new(U); *p != zero || always {
				s.writeIn(w, t, p)
			}
		},
		norm: func(v *T) { s.norm(at(v)) },
	}
}

// optRow is an element with a shape of its own; nil is absent.
func optRow[T, U any](t tag, s *shape[U], at func(*T) **U) row[T] {
	return row[T]{
		tag: t,
		read: func(b *binder, n *node, v *T) {
			p := new(U)
			s.read(b, n, p)
			*at(v) = p
		},
		write: func(w *writer, v *T) {
			if p := *at(v); p != nil {
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
