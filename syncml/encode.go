package syncml

import (
	"bytes"
	"slices"
	"strconv"
	"sync"
)

// Encode returns m in the encoding enc. It is AppendXML or AppendWBXML, with no
// room left over: a message may be kept for minutes, to be sent again.
func Encode(m *Message, enc Encoding) ([]byte, error) {
	p := paper.Get().(*[]byte)
	to := (*Message).AppendXML
	if enc == WBXML {
		to = (*Message).AppendWBXML
	}
	all, err := to(m, *p)
	if err != nil {
		return nil, err
	}
	body := bytes.Clone(all)
	if cap(all) <= maxPaper {
		clear(all) // there are credentials in it
		*p = all[:0]
		paper.Put(p)
	}
	return body, nil
}

// paper is what Encode writes on.
var paper = sync.Pool{New: func() any { return new([]byte) }}

// maxPaper bounds, in bytes, what is kept to write on again.
const maxPaper = 64 << 10

// appendTo is AppendXML or AppendWBXML; size is room to start with.
func (m *Message) appendTo(dst []byte, enc Encoding, f *forms, size int) ([]byte, error) {
	w := &writer{enc: enc, old: f.old, direct: true}
	w.out = output{text: append(slices.Grow(dst, size), f.head...), forms: f}
	w.message(m)
	if w.err != nil {
		return dst, w.err
	}
	return w.out.text, nil
}

// leafKind says what a leaf's text is, for a sink that treats kinds apart.
type leafKind uint8

const (
	plain  leafKind = iota // identifiers, URIs, codes
	secret                 // credentials and nonces
	data                   // Data of an Item
)

// sink takes the element stream of a message, for something else than one of
// the two encodings.
type sink interface {
	// open starts an element that holds elements, shut ends it. The name is
	// that of t, or of a command that is not in the table.
	open(t tag, name string)
	shut(t tag, name string)
	// leaf is a whole element that holds text. It returns why the form
	// cannot carry the text, or "".
	leaf(t tag, text string, kind leafKind) string
	// note explains the leaf before it to a human reader.
	note(text string)
}

// writer turns a Message into elements, in the normal form. It keeps its first
// error and writes nothing after it.
type writer struct {
	out    output
	direct bool // elements go to out: there is no sink and no error
	old    bool // SyncML 1.1
	shown  bool // for a reader, not for a peer: everything is allowed
	enc    Encoding
	sink   sink     // if set, takes the elements
	depth  int      // open elements
	last   struct { // the Meta written last
		meta     *Meta
		from, to place
	}
	command int    // ordinal in the SyncBody
	format  string // Format of the command's own Meta
	err     *EncodeError
}

// write feeds m to s, under the rules of enc.
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
		w.direct = false
	}
}

const notIn11 = "not in SyncML 1.1"

// open begins the element t, which shut must end. It reports false, and t has
// not begun, if that is not possible.
func (w *writer) open(t tag) bool {
	if !w.direct {
		return w.openIn(w.sink, t)
	}
	f := &w.out.forms.of[t]
	if !w.out.fits(f, 0) {
		w.fail(t, notIn11)
		return false
	}
	w.out.start(f)
	w.depth++
	return true
}

func (w *writer) openIn(s sink, t tag) bool {
	if !w.allowed(t) {
		return false
	}
	s.open(t, elements[t].name)
	w.depth++
	return true
}

// shut ends the element t.
func (w *writer) shut(t tag) {
	w.depth--
	switch {
	case w.direct && w.out.holds():
		w.out.end(&w.out.forms.of[t])
	case w.direct:
		w.out.shut(t)
	case w.err != nil:
		w.err.Path = t.String() + "/" + w.err.Path
	default:
		w.sink.shut(t, elements[t].name)
	}
}

// leaf writes the element t with its text.
func (w *writer) leaf(t tag, text string, kind leafKind) {
	if !w.direct {
		w.leafIn(w.sink, t, text, kind)
		return
	}
	f := &w.out.forms.of[t]
	switch {
	case !w.out.fits(f, len(text)):
		w.fail(t, notIn11)
	case !leaf(&w.out, f, text):
		w.cannot(t, oddLeaf(&w.out, t, text, w.enc))
	}
}

func (w *writer) leafIn(s sink, t tag, text string, kind leafKind) {
	if w.allowed(t) {
		w.cannot(t, s.leaf(t, text, kind))
	}
}

// cannot is fail, if there is a reason.
func (w *writer) cannot(t tag, why string) {
	if why != "" {
		w.fail(t, why)
	}
}

// allowed says that t may go to a sink.
func (w *writer) allowed(t tag) bool {
	if w.old && elements[t].new12 {
		w.fail(t, notIn11)
	}
	return w.err == nil
}

// number is leaf for a number.
func (w *writer) number(t tag, n int64) {
	if !w.direct {
		w.leafIn(w.sink, t, strconv.FormatInt(n, 10), plain)
		return
	}
	f := &w.out.forms.of[t]
	if !w.out.fits(f, 0) {
		w.fail(t, notIn11)
		return
	}
	w.out.number(f, n)
}

// size is leaf for a number of bytes.
func (w *writer) size(t tag, n int64) {
	if n < 0 {
		w.fail(t, "a number below zero")
	}
	w.number(t, n)
}

// text writes a text, unless it is absent.
func (w *writer) text(t tag, text string, how textRules) {
	if !how.exact && padded(text) {
		text = trimmed(text)
	}
	if text == "" && !how.always {
		return
	}
	if len(text) > maxID && how.id {
		w.fail(t, "over "+strconv.Itoa(maxID)+" bytes")
	}
	w.leaf(t, text, how.kind)
}

// meta writes a Meta, if there is one. Most Items of a message have the same.
func (w *writer) meta(m *Meta) {
	if w.last.meta != nil && w.direct && *m == *w.last.meta && w.out.repeat(w.last.from, w.last.to) {
		return
	}
	if *m == (Meta{}) {
		return
	}
	from := w.out.place()
	metaShape.writeIn(w, tagMeta, m)
	if w.direct {
		w.last.meta, w.last.from, w.last.to = m, from, w.out.place()
	}
}

// itemData writes the Data of an Item.
func (w *writer) itemData(i *Item) {
	if endsInNUL(i, w.format) {
		w.fail(tagData, "text that ends in NUL, which readers cut off")
	}
	if !w.direct {
		w.leafIn(w.sink, tagData, string(i.Data), data)
		return
	}
	f := &w.out.forms.of[tagData]
	w.out.fits(f, len(i.Data)) // in every version
	switch {
	case w.enc == WBXML:
		w.out.opaque(f, i.Data)
	case !leaf(&w.out, f, i.Data):
		w.cannot(tagData, oddLeaf(&w.out, tagData, i.Data, XML))
	}
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
