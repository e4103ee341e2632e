package syncml

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/beevik/etree"
)

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
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	s := &xmlSink{at: &doc.Element, root: namespaceSyncML + DM12.DTD}
	if m.Header.Version.old() {
		s.root = namespaceSyncML + DM112.DTD
	}
	if err := write(m, s, XML); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	if _, err := doc.WriteTo(out); err != nil {
		return dst, err // a bytes.Buffer gives none
	}
	return out.Bytes(), nil
}

// xmlSink builds an etree document.
type xmlSink struct {
	at   *etree.Element
	root string // namespace of the root
}

func (s *xmlSink) open(t tag, _ string) {
	s.at = s.at.CreateElement(elements[t].name)
	if t == tagSyncML {
		s.at.CreateAttr("xmlns", s.root)
	}
}

func (s *xmlSink) shut(tag, string) { s.at = s.at.Parent() }

func (s *xmlSink) leaf(t tag, text string, _ leafKind) string {
	if why := notXML(text); why != "" { // etree would write U+FFFD
		return why
	}
	e := s.at.CreateElement(elements[t].name)
	if elements[t].page == pageMetInf {
		e.CreateAttr("xmlns", namespaceMetInf)
	}
	if text != "" {
		e.CreateText(text)
	}
	return ""
}

func (*xmlSink) note(string) {}

// notXML says which character of s cannot stand in XML 1.0 (2.2) without a
// numeric reference, or "".
func notXML(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' {
				return fmt.Sprintf("character U+%04X, which XML cannot carry", c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return "bytes that are not UTF-8"
		}
		if r == 0xFFFE || r == 0xFFFF {
			return fmt.Sprintf("character U+%04X, which XML cannot carry", r)
		}
		i += n
	}
	return ""
}
