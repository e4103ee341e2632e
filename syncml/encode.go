package syncml

import (
	"strconv"
)

// Encode returns m in the encoding enc. It is AppendXML or AppendWBXML.
func Encode(m *Message, enc Encoding) ([]byte, error) {
	if enc == WBXML {
		return m.AppendWBXML(nil)
	}
	return m.AppendXML(nil)
}

// leafKind says what a leaf's text is, for a sink that treats kinds apart.
type leafKind uint8

const (
	plain  leafKind = iota // identifiers, URIs, codes
	secret                 // credentials and nonces
	data                   // Data of an Item
)

// sink is one form of the element stream of a message.
type sink interface {
	// open starts an element that holds elements, shut ends it. The name is
	// that of t, or of a command that is not in the table.
	open(t tag, name string)
	shut(t tag, name string)
	// leaf is a whole element that holds text. It returns why the form
	// cannot carry the text, or "".
	leaf(t tag, text string, kind leafKind) string
	// bytes is leaf for a text that is no string.
	bytes(t tag, text []byte, kind leafKind) string
	// place is where the next element will begin. repeat writes what stands
	// between two places again; it reports false if that is not possible.
	place() place
	repeat(from, to place) bool
	// note explains the leaf before it to a human reader.
	note(text string)
}

// place is a place in the output of a sink, and the code page there.
type place struct {
	at   int
	page uint8
}

// writer feeds a Message to a sink, in the normal form. It keeps its first
// error and writes nothing after it.
type writer struct {
	sink  sink
	enc   Encoding
	old   bool     // SyncML 1.1
	shown bool     // for a reader, not for a peer: everything is allowed
	depth int      // open elements
	last  struct { // the Meta written last
		meta     *Meta
		from, to place
	}
	digits  [20]byte // of the number in hand
	command int      // ordinal in the SyncBody
	format  string   // Format of the command's own Meta
	err     *EncodeError
}

// write feeds m to s.
func write(m *Message, s sink, enc Encoding) error {
	w := &writer{sink: s, enc: enc, old: m.Header.Version.old()}
	w.message(m)
	if w.err != nil {
		return w.err
	}
	return nil
}

func (w *writer) message(m *Message) {
	messageShape.writeIn(w, tagSyncML, m)
}

// old says that the message is written as SyncML 1.1; every version but that
// is written as 1.2.
func (v Version) old() bool { return trimmed(v.DTD) == DM112.DTD }

// fail keeps the first error. The elements around t add themselves to its path
// as they end.
func (w *writer) fail(t tag, msg string) {
	if w.err == nil && !w.shown {
		w.err = &EncodeError{Encoding: w.enc, Path: t.String(), Command: w.command, Msg: msg}
	}
}

// open begins the element t, which shut must end. It reports false, and t has
// not begun, if that is not possible.
func (w *writer) open(t tag) bool {
	if !w.allowed(t) {
		return false
	}
	w.sink.open(t, elements[t].name)
	w.depth++
	return true
}

func (w *writer) shut(t tag) {
	if w.depth--; w.err != nil {
		w.err.Path = t.String() + "/" + w.err.Path
		return
	}
	w.sink.shut(t, elements[t].name)
}

// leaf writes the element t with its text.
func (w *writer) leaf(t tag, text string, kind leafKind) {
	if !w.allowed(t) {
		return
	}
	if why := w.sink.leaf(t, text, kind); why != "" {
		w.fail(t, why)
	}
}

// bytes is leaf for a text that is no string.
func (w *writer) bytes(t tag, text []byte, kind leafKind) {
	if !w.allowed(t) {
		return
	}
	if why := w.sink.bytes(t, text, kind); why != "" {
		w.fail(t, why)
	}
}

// number is leaf for a number.
func (w *writer) number(t tag, n int64) {
	w.bytes(t, strconv.AppendInt(w.digits[:0], n, 10), plain)
}

// meta writes a Meta. Most Items of a message have the same one.
func (w *writer) meta(m *Meta) {
	if w.last.meta != nil && *m == *w.last.meta && w.err == nil && w.sink.repeat(w.last.from, w.last.to) {
		return
	}
	from := w.sink.place()
	metaShape.writeIn(w, tagMeta, m)
	w.last.meta, w.last.from, w.last.to = m, from, w.sink.place()
}

// id writes an identifier.
func (w *writer) id(t tag, text string) {
	if len(text) > maxID {
		w.fail(t, "over "+strconv.Itoa(maxID)+" bytes")
	}
	w.leaf(t, text, plain)
}

// itemData writes the Data of an Item.
func (w *writer) itemData(i *Item) {
	if endsInNUL(i, w.format) {
		w.fail(tagData, "text that ends in NUL, which readers cut off")
	}
	w.bytes(tagData, i.Data, data)
}

// note explains the leaf before it, to a reader.
func (w *writer) note(text func() string) {
	if w.shown && w.err == nil {
		w.sink.note(text())
	}
}

// cmd writes a command.
func (w *writer) cmd(c Command) {
	if w.depth == 2 { // not in an Atomic or Sequence
		w.command++
	}
	w.format = ""
	b, t := bindingOf(c)
	switch {
	case w.err != nil:
	case b == nil:
		w.fail(noTag, "no command of DM")
	case b == unknownBinding && w.shown:
		u := c.(*Unknown)
		w.sink.open(t, string(u.Cmd))
		unknownShape.write(w, u)
		w.sink.shut(t, string(u.Cmd))
	case !t.command():
		w.fail(noTag, "a name that no command has")
	case !b.write(w, t, c):
		w.fail(t, "a command of another type")
	}
}

func (w *writer) allowed(t tag) bool {
	if w.old && elements[t].new12 {
		w.fail(t, "not in SyncML 1.1")
	}
	return w.err == nil
}
