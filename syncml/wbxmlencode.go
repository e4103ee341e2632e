package syncml

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// AppendWBXML appends m as WBXML 1.2 to dst, in the form that real clients
// send and read (oma-dm.md 10): UTF-8, an empty string table, Data of Items as
// OPAQUE, all other text as STR_I, pages switched before the next tag only. The
// public identifier is that of SyncML 1.1 or 1.2, by the version of the header.
//
// STR_I carries UTF-8 without NUL. A message that has something else outside
// the Data of an Item, or misses SessionID or MsgID, gives an [*EncodeError] and dst as it was.
func (m *Message) AppendWBXML(dst []byte) ([]byte, error) {
	id := publicID12
	if m.Header.Version.old() {
		id = publicID11
	}
	s := &wbxmlSink{out: append(slices.Grow(dst, startWBXML), version12)}
	s.out = appendUint(s.out, id)
	s.out = appendUint(s.out, charsetUTF8)
	s.out = appendUint(s.out, 0) // string table
	if err := write(m, s, WBXML); err != nil {
		return dst, err
	}
	return s.out, nil
}

// wbxmlSink appends tokens.
type wbxmlSink struct {
	out  []byte
	page uint8
	last int // where the tag is that was written last
}

// open writes the tag; whether it has content shows later.
func (s *wbxmlSink) open(t tag, _ string) {
	s.content()
	e := &elements[t]
	if e.page != s.page {
		s.out = append(s.out, tokSwitchPage, e.page)
		s.page = e.page
	}
	s.last = len(s.out)
	s.out = append(s.out, e.token)
}

// content marks the element written last, if it is still open, as one that
// holds something.
func (s *wbxmlSink) content() {
	if s.last > 0 {
		s.out[s.last] |= bitContent
		s.last = 0
	}
}

// shut writes END, unless the element stayed empty: then its tag is enough.
func (s *wbxmlSink) shut(tag, string) {
	if s.last > 0 {
		s.last = 0
		return
	}
	s.out = append(s.out, tokEnd)
}

func (s *wbxmlSink) leaf(t tag, text string, kind leafKind) string {
	s.open(t, "")
	s.last = 0 // it ends here
	if text == "" {
		return ""
	}
	s.out[len(s.out)-1] |= bitContent
	if kind == data {
		s.out = append(append(appendUint(append(s.out, tokOpaque), uint32(len(text))), text...), tokEnd)
		return ""
	}
	from := len(s.out) + 1
	s.out = append(append(append(s.out, tokStrI), text...), 0, tokEnd)
	return notSTRI(s.out[from : from+len(text)])
}

func (s *wbxmlSink) bytes(t tag, text []byte, kind leafKind) string {
	if kind != data { // a number
		return s.leaf(t, string(text), kind)
	}
	s.open(t, "")
	s.last = 0
	if len(text) > 0 {
		s.out[len(s.out)-1] |= bitContent
		s.out = append(append(appendUint(append(s.out, tokOpaque), uint32(len(text))), text...), tokEnd)
	}
	return ""
}

func (s *wbxmlSink) place() place {
	s.content()
	return place{len(s.out), s.page}
}

// repeat can write only tokens that meet the page they met before.
func (s *wbxmlSink) repeat(from, to place) bool {
	if s.page != from.page {
		return false
	}
	s.content()
	s.out = append(s.out, s.out[from.at:to.at]...)
	s.page = to.page
	return true
}

// notSTRI says why s cannot be a string of WBXML, or "".
func notSTRI(s []byte) string {
	i := 0
	for i < len(s) && s[i]-1 < utf8.RuneSelf-1 { // ASCII but NUL
		i++
	}
	if s = s[i:]; len(s) == 0 {
		return ""
	}
	switch {
	case bytes.IndexByte(s, 0) >= 0:
		return "NUL, which a WBXML string cannot carry"
	case !utf8.Valid(s):
		return "bytes that are not UTF-8"
	}
	return ""
}

func (*wbxmlSink) note(string) {}

// appendUint appends v as mb_u_int32: seven bits a byte, the highest first.
func appendUint(dst []byte, v uint32) []byte {
	var b [5]byte
	i := len(b) - 1
	b[i] = byte(v & 0x7F)
	for v >>= 7; v > 0; v >>= 7 {
		i--
		b[i] = byte(v&0x7F) | 0x80
	}
	return append(dst, b[i:]...)
}
