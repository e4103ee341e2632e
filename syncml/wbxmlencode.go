package syncml

import (
	"strings"
	"unicode/utf8"
)

// AppendWBXML appends m as WBXML 1.2 to dst, in the form that real clients
// send and read (oma-dm.md 10): UTF-8, an empty string table, Data of Items as
// OPAQUE, all other text as STR_I, pages switched before the next tag only. The
// public identifier is that of SyncML 1.1 or 1.2, by the version of the header.
//
// STR_I carries UTF-8 without NUL. A message that has something else outside
// the Data of an Item, or misses SessionID or MsgID, gives an [*EncodeError] and dst as it was.
// What stands in dst beyond its length, up to its capacity, may change.
func (m *Message) AppendWBXML(dst []byte) ([]byte, error) {
	f := wbxmlForms12
	if m.Header.Version.old() {
		f = wbxmlForms11
	}
	return m.appendTo(dst, WBXML, f, startWBXML)
}

// wbxmlForms is how elements are written in WBXML. Text is STR_I.
func wbxmlForms(v Version) *forms {
	publicID := publicID12
	if v.old() {
		publicID = publicID11
	}
	head := appendUint([]byte{version12}, publicID)
	head = appendUint(head, charsetUTF8)
	head = appendUint(head, 0) // string table
	f := &forms{head: string(head), old: v.old()}
	for t, e := range elements {
		start, end := []byte{e.token | bitContent}, []byte{tokEnd}
		if e.holds.text() {
			start, end = append(start, tokStrI), []byte{0, tokEnd}
		}
		f.add(tag(t), string(start), string(end), string([]byte{e.token}), e.page)
	}
	return f
}

// notSTRI says why s cannot be a string of WBXML, or "".
func notSTRI(s string) string {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return "NUL, which a WBXML string cannot carry"
	case !utf8.ValidString(s):
		return "bytes that are not UTF-8"
	}
	return ""
}

// appendUint appends v as mb_u_int32: seven bits a byte, the highest first.
func appendUint(dst []byte, v uint32) []byte {
	if v < 0x80 {
		return append(dst, byte(v))
	}
	var b [5]byte
	i := len(b) - 1
	b[i] = byte(v & 0x7F)
	for v >>= 7; v > 0; v >>= 7 {
		i--
		b[i] = byte(v&0x7F) | 0x80
	}
	return append(dst, b[i:]...)
}
