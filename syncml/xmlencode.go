package syncml

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>`

// AppendXML appends m as XML to dst, in the form that the strictest clients
// read (legacy-clients.md): the normal form of [Message.Normal], elements in
// the order of the DTD, no prefixes, the namespace of MetInf on each child of
// Meta, no character references but the five named entities.
//
// XML carries neither NUL and other control characters, nor bytes that are not
// UTF-8, nor (without a numeric reference) a carriage return. A message that
// has them, or misses SessionID or MsgID, gives an [*EncodeError] and dst as
// it was; binary values go as base64 or in WBXML. What stands in dst beyond its
// length, up to its capacity, may change.
func (m *Message) AppendXML(dst []byte) ([]byte, error) {
	f := xmlForms12
	if m.Header.Version.old() {
		f = xmlForms11
	}
	return m.appendTo(dst, XML, f, startXML)
}

// startXML and startWBXML are the sizes a message is given to start with.
const (
	startXML   = 2048
	startWBXML = 1024
)

// xmlForms is how elements are written in XML. Those of MetInf are written with
// their namespace, each of its own (oma-dm.md 1.1).
func xmlForms(v Version) *forms {
	f := &forms{head: xmlDeclaration, old: v.old()}
	for t, e := range elements {
		start := "<" + e.name
		switch {
		case e.page == pageMetInf:
			start += ` xmlns="` + namespaceMetInf + `"`
		case tag(t) == tagSyncML:
			start += ` xmlns="` + namespaceSyncML + v.DTD + `"`
		}
		f.add(tag(t), start+">", "</"+e.name+">", start+"/>", 0)
	}
	return f
}

// copyPlain copies s to dst, which must be as long, if both encodings write s as
// it is. False says nothing: it looks at up to eight bytes at a time, some of
// them twice, for those that are not plain and others like them.
func copyPlain[S string | []byte](dst []byte, s S) bool {
	n := len(s)
	switch {
	case n >= 8:
		last := eight(s[n-8:])
		odd := oddBytes(last)
		binary.LittleEndian.PutUint64(dst[n-8:], last)
		for i := 0; i < n-8; i += 8 {
			w := eight(s[i:])
			odd |= oddBytes(w)
			binary.LittleEndian.PutUint64(dst[i:], w)
		}
		return odd == 0
	case n >= 4:
		first, last := four(s), four(s[n-4:])
		binary.LittleEndian.PutUint32(dst, first)
		binary.LittleEndian.PutUint32(dst[n-4:], last)
		return oddBytes(uint64(first)<<32|uint64(last)) == 0
	case n > 0:
		first, middle, last := s[0], s[n/2], s[n-1]
		dst[0], dst[n/2], dst[n-1] = first, middle, last
		return oddBytes('x'*ones&^0xFFFFFF|uint64(first)|uint64(middle)<<8|uint64(last)<<16) == 0
	}
	return true
}

// A byte of each of eight, and the highest bit of each.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// oddBytes is not zero if one of eight bytes is beyond ASCII, a control
// character, one of the five with an entity, or like one of those.
func oddBytes(w uint64) uint64 {
	odd := w | (w - ones*' ')     // beyond ASCII, or a control character
	quote := w ^ ones*'"'         // each is zero where that character is
	and := (w | ones) ^ ones*'\'' // & and '
	angle := (w | ones*2) ^ ones*'>'
	odd |= (quote-ones)&^quote | (and-ones)&^and | (angle-ones)&^angle
	return odd & highs
}

// appendXMLText appends s with the five entities of XML. It returns why that
// cannot be: XML 1.0 (2.2) has no place for the character without a numeric
// reference, or at all.
func appendXMLText[S string | []byte](dst []byte, s S) (out []byte, why string) {
	done := 0
	for i := 0; ; {
		for i < len(s) && xmlBytes[s[i]]&(asEntity|forbidden|beyond) == 0 {
			i++
		}
		if i == len(s) {
			return append(dst, s[done:]...), ""
		}
		c := s[i]
		kind := xmlBytes[c]
		if kind&beyond != 0 {
			n, why := xmlRune(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if why != "" {
				return dst, why
			}
			i += n
			continue
		}
		if kind&asEntity == 0 {
			return dst, notXML(rune(c))
		}
		dst = append(dst, s[done:i]...)
		dst = append(dst, entityOf(c)...)
		i++
		done = i
	}
}

// xmlRune is the length of the character, not of ASCII, that s begins with.
func xmlRune(s string) (n int, why string) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n == 1:
		return n, "bytes that are not UTF-8"
	case r == 0xFFFE || r == 0xFFFF:
		return n, notXML(r)
	}
	return n, ""
}

func notXML(r rune) string { return fmt.Sprintf("character U+%04X, which XML cannot carry", r) }
