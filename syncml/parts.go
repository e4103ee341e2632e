package syncml

import (
	"bytes"
	"slices"
)

// needed makes the identifier row of a header one without which no answer can be written:
// absent or empty, it is an error in both directions.
func needed(r row[Header], at func(*Header) *string) row[Header] {
	r.must, r.kind = true, isOther
	r.read = func(b *binder, n *node, h *Header) {
		if *at(h) = b.id(n); *at(h) == "" {
			b.fail(n, n.label()+" is empty")
		}
	}
	r.write = func(w *writer, h *Header) {
		text := trimmed(*at(h))
		if text == "" {
			w.fail(r.tag, "is empty")
		}
		w.text(r.tag, text, r.rules)
	}
	return r
}

// defaultMetaRow is the Meta of a command, which its Items inherit.
func defaultMetaRow[T any](at func(*T) *Meta) row[T] {
	r := metaRow(at)
	r.inherit = true
	return r
}

// unwrap puts the children of each MetInf in n in its place.
func unwrap(n *node) {
	for p := &n.first; *p != nil; {
		k := *p
		switch {
		case k.tag != tagMetInf:
			p = &k.next
		case k.first == nil:
			*p = k.next
		default:
			last := k.first
			for last.next != nil {
				last = last.next
			}
			last.next = k.next
			*p = k.first
		}
	}
}

// itemsRow is the Items of a command.
func itemsRow[T any](s *shape[Item], at func(*T) *[]Item) row[T] {
	return row[T]{
		tag:  tagItem,
		many: true,
		read: func(b *binder, n *node, v *T) {
			if b.countItem(n); b.err != nil {
				return
			}
			items := at(v)
			if *items == nil {
				*items = make([]Item, 0, following(n, isItem, b.lim.Items))
			}
			*items = (*items)[:len(*items)+1]
			s.read(b, n, &(*items)[len(*items)-1])
		},
		write: func(w *writer, v *T) {
			items := *at(v)
			for i := range items {
				s.writeIn(w, tagItem, &items[i])
			}
		},
		norm: func(v *T) {
			c := cloned(*at(v))
			for i := range c {
				s.norm(&c[i])
			}
			*at(v) = c
		},
	}
}

// following counts n and the elements after it of which takes is true, but not
// beyond most: room for a list.
func following(n *node, takes func(tag) bool, most int) int {
	count := 0
	for ; n != nil && count < most; n = n.next {
		if takes(n.tag) {
			count++
		}
	}
	return count
}

func isItem(t tag) bool { return t == tagItem }

// dataRow is the Data of an Item; always says that <Data/> stands for none.
func dataRow(always bool) row[Item] {
	return row[Item]{
		tag: tagData,
		// The text of an empty element is empty too, but not absent.
		read: func(b *binder, n *node, i *Item) { i.Data = b.kept.value(n.text) },
		write: func(w *writer, i *Item) {
			if i.Data == nil && (!always || w.shown) { // a reader wants to see what is missing
				return
			}
			w.itemData(i)
		},
		norm: func(i *Item) {
			if i.Data != nil || always {
				i.Data = append([]byte{}, i.Data...)
			}
		},
	}
}

// textFormats are the values of Format that say that Data is text. An absent
// Format says so too (its default is chr), but not here: the later chunks of a
// large object have none, whatever they are part of.
var textFormats = []string{"chr", "node", "int", "bool", "float", "date", "time", "xml", "b64", "null"}

// endsInNUL says that the Data of i is text with a NUL byte at its end.
func endsInNUL(i *Item, format string) bool {
	if i.Meta.Format != "" {
		format = i.Meta.Format
	}
	last := len(i.Data) - 1
	return last >= 0 && i.Data[last] == 0 && !i.MoreData && slices.Contains(textFormats, format)
}

// trimItems takes away the NUL bytes that real clients put at the end of text
// (oma-dm.md 12). meta is that of the command.
func trimItems(items []Item, meta Meta) {
	for i := range items {
		if endsInNUL(&items[i], meta.Format) {
			items[i].Data = bytes.TrimRight(items[i].Data, "\x00")
		}
	}
}
