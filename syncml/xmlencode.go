package syncml

import (
	"fmt"
	"slices"
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
// it was; binary values go as base64 or in WBXML.
func (m *Message) AppendXML(dst []byte) ([]byte, error) {
	s := &xmlSink{out: append(slices.Grow(dst, startXML), xmlDeclaration...), root: namespaceSyncML + DM12.DTD}
	if m.Header.Version.old() {
		s.root = namespaceSyncML + DM112.DTD
	}
	if err := write(m, s, XML); err != nil {
		return dst, err
	}
	return s.out, nil
}

// startXML and startWBXML are the sizes a message is given to start with.
const (
	startXML   = 2048
	startWBXML = 1024
)

// xmlTag is what is written of an element: its start tag, the tag of the empty
// element, its end tag.
type xmlTag struct{ start, empty, end string }

// xmlTags is [elements] in writing. The elements of MetInf are written with
// their namespace, each of its own (oma-dm.md 1.1).
var xmlTags = func() (all [tagCount]xmlTag) {
	for t, e := range elements {
		start := "<" + e.name
		if e.page == pageMetInf {
			start += ` xmlns="` + namespaceMetInf + `"`
		}
		all[t] = xmlTag{start + ">", start + "/>", "</" + e.name + ">"}
	}
	return all
}()

// xmlSink appends XML text.
type xmlSink struct {
	out  []byte
	root string // namespace of the root
	last int    // where out ended after the start tag written last
}

func (s *xmlSink) open(t tag, _ string) {
	if t == tagSyncML {
		s.out = append(s.out, `<SyncML xmlns="`...)
		s.out = append(append(s.out, s.root...), `">`...)
		return // it is never empty
	}
	s.out = append(s.out, xmlTags[t].start...)
	s.last = len(s.out)
}

// shut ends t. If nothing stands in it, its start tag becomes that of an empty
// element.
func (s *xmlSink) shut(t tag, _ string) {
	if s.last == len(s.out) {
		s.out = append(s.out[:len(s.out)-len(">")], "/>"...)
		return
	}
	s.out = append(s.out, xmlTags[t].end...)
}

func (s *xmlSink) leaf(t tag, text string, _ leafKind) (why string) {
	tags := &xmlTags[t]
	if text == "" {
		s.out = append(s.out, tags.empty...)
		return ""
	}
	if allPlain(text) {
		s.out = append(append(append(s.out, tags.start...), text...), tags.end...)
		return ""
	}
	s.out, why = appendXMLText(append(s.out, tags.start...), text)
	s.out = append(s.out, tags.end...)
	return why
}

func (s *xmlSink) bytes(t tag, text []byte, _ leafKind) (why string) {
	tags := &xmlTags[t]
	if len(text) == 0 {
		s.out = append(s.out, tags.empty...)
		return ""
	}
	s.out, why = appendXMLText(append(s.out, tags.start...), text)
	s.out = append(s.out, tags.end...)
	return why
}

func (s *xmlSink) place() place { return place{at: len(s.out)} }

func (s *xmlSink) repeat(from, to place) bool {
	s.out = append(s.out, s.out[from.at:to.at]...)
	return true
}

func (*xmlSink) note(string) {}

// allPlain says that s is written as it is. False says nothing: it looks at
// eight bytes at a time, for some that are not plain and others like them.
func allPlain(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := eight(s)
		odd := w | (w - ones*' ')     // beyond ASCII, or a control character
		quote := w ^ ones*'"'         // each is zero where that character is
		and := (w | ones) ^ ones*'\'' // & and '
		angle := (w | ones*2) ^ ones*'>'
		odd |= (quote-ones)&^quote | (and-ones)&^and | (angle-ones)&^angle
		if odd&highs != 0 {
			return false
		}
	}
	for i := range len(s) {
		if xmlBytes[s[i]]&(asEntity|forbidden|beyond) != 0 {
			return false
		}
	}
	return true
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
