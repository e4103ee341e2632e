package syncml

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// appendEtree is the reference for AppendXML: the same element stream, made
// into an etree document and written by etree.
func appendEtree(m *Message, dst []byte) ([]byte, error) {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	s := &etreeSink{at: &doc.Element, root: namespaceSyncML + DM12.DTD}
	if m.Header.Version.old() {
		s.root = namespaceSyncML + DM112.DTD
	}
	if err := write(m, s, XML); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	if _, err := doc.WriteTo(out); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

// etreeSink builds an etree document.
type etreeSink struct {
	at   *etree.Element
	root string // namespace of the root
}

func (s *etreeSink) open(t tag, _ string) {
	s.at = s.at.CreateElement(elements[t].name)
	if t == tagSyncML {
		s.at.CreateAttr("xmlns", s.root)
	}
}

func (s *etreeSink) shut(tag, string) { s.at = s.at.Parent() }

func (s *etreeSink) leaf(t tag, text string, _ leafKind) string {
	if why := notInXML(text); why != "" { // etree would write U+FFFD
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

func (*etreeSink) note(string) {}

// notInXML says which character of s cannot stand in XML 1.0 (2.2) without a
// numeric reference, or "".
func notInXML(s string) string {
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
