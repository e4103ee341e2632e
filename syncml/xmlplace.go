package syncml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file finds the place of an error in XML. etree keeps no offsets, so
// they are found by a second scan, and only when there is an error.

var byteOrderMark = []byte("\xEF\xBB\xBF")

// span is the length of the piece of b that begins at i, and whether it is to
// be left out before parsing: a byte order mark, or NUL bytes that end a value
// or the message, which real clients send and XML forbids (oma-dm.md 12).
func span(b []byte, i int) (n int, junk bool) {
	if i == 0 && bytes.HasPrefix(b, byteOrderMark) {
		return len(byteOrderMark), true
	}
	if b[i] != 0 {
		if n = bytes.IndexByte(b[i:], 0); n < 0 {
			n = len(b) - i
		}
		return n, false
	}
	rest := bytes.TrimLeft(b[i:], "\x00")
	return len(b) - i - len(rest), len(rest) == 0 || rest[0] == '<' || bytes.HasPrefix(rest, []byte("]]>"))
}

// cleanXML is b without junk; b itself or a part of it if it has no NUL.
func cleanXML(b []byte) []byte {
	if bytes.IndexByte(b, 0) < 0 {
		return bytes.TrimPrefix(b, byteOrderMark)
	}
	clean := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		n, junk := span(b, i)
		if !junk {
			clean = append(clean, b[i:i+n]...)
		}
		i += n
	}
	return clean
}

// original is the offset in b of the byte at offset off of cleanXML(b).
func original(b []byte, off int64) int64 {
	i := 0
	for i < len(b) {
		n, junk := span(b, i)
		if !junk {
			if off < int64(n) {
				return int64(i) + off
			}
			off -= int64(n)
		}
		i += n
	}
	return int64(i)
}

func newScanner(clean []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(clean))
	d.CharsetReader = utf8Only
	return d
}

// startTag is the offset of the start tag number nth, of a well-formed text.
func startTag(clean []byte, nth int64) int64 {
	d := newScanner(clean)
	for {
		off := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			return off
		}
		if _, ok := t.(xml.StartElement); ok {
			if nth--; nth == 0 {
				return off
			}
		}
	}
}

// brokenXML says where and why clean, which comes from b, is no document that
// could hold a message.
func brokenXML(b, clean []byte, lim Limits) *SyntaxError {
	s := xmlScan{d: newScanner(clean), text: clean, lim: lim}
	for s.why == "" {
		s.off = s.d.InputOffset()
		t, err := s.d.RawToken()
		if err != nil {
			s.end(err)
			break
		}
		s.token(t)
	}
	return &SyntaxError{Encoding: XML, Offset: original(b, s.off), Msg: s.why}
}

// xmlScan looks for the first fault of a document.
type xmlScan struct {
	d    *xml.Decoder
	text []byte
	lim  Limits
	open []xml.Name
	root bool   // the root has begun
	off  int64  // start of the token in hand
	why  string // the fault at off
}

func (s *xmlScan) token(t xml.Token) {
	switch t := t.(type) {
	case xml.StartElement:
		s.start(t)
	case xml.EndElement:
		if len(s.open) == 0 || s.open[len(s.open)-1] != t.Name {
			s.why = "an end tag that does not match"
			return
		}
		s.open = s.open[:len(s.open)-1]
	case xml.CharData:
		if len(s.open) == 0 && !blank(string(t)) {
			s.why = "text outside the root"
		}
	case xml.Directive:
		s.why = badDirective(string(t), s.root)
	}
}

func (s *xmlScan) start(t xml.StartElement) {
	switch {
	case len(s.open) == 0 && s.root:
		s.why = "a second root"
	case len(s.open) >= s.lim.Depth:
		s.why = "more than " + strconv.Itoa(s.lim.Depth) + " levels of elements"
	case len(s.open) == 0 && badNamespace(rootNamespace(t)):
		s.why = "the root is in another namespace than SyncML"
	}
	s.root = true
	s.open = append(s.open, t.Name)
}

// rootNamespace is the namespace that t gives itself.
func rootNamespace(t xml.StartElement) string {
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" && a.Name.Local == t.Name.Space || a.Name.Space == "" && a.Name.Local == "xmlns" && t.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// xmlFaults translates the messages of encoding/xml, which can quote the text.
// char says that it is about one character of a token.
var xmlFaults = []struct {
	part, why string
	char      bool
}{
	{"unexpected EOF", "the message ends too early", false},
	{"invalid character entity", "an entity other than the five of XML", false},
	{"invalid UTF-8", "bytes that are not UTF-8", true},
	{"illegal character code", "a character that XML forbids", true},
	{"unescaped", "an unescaped character", false},
	{"attribute name", "an attribute without a value", false},
	{"attribute", "a broken attribute", false},
	{"element", "a broken tag", false},
	{"comment", "a broken comment", false},
	{"CDATA", "a broken CDATA section", false},
	{"version", "a version of XML other than 1.0", false},
}

// end handles the error the scan ended with.
func (s *xmlScan) end(err error) {
	switch {
	case errors.Is(err, io.EOF) && !s.root:
		s.why = "no element"
		return
	case errors.Is(err, io.EOF):
		s.why = "the message ends too early"
		return
	}
	from := s.off
	s.off = s.d.InputOffset()
	s.why = "not well-formed XML"
	if errors.Is(err, errNotUTF8) || strings.Contains(err.Error(), "opening charset") {
		s.why = errNotUTF8.Error()[len("syncml: "):]
		return
	}
	msg := err.Error()
	if syn, ok := errors.AsType[*xml.SyntaxError](err); ok {
		msg = syn.Msg
	}
	for _, f := range xmlFaults {
		if strings.Contains(msg, f.part) {
			s.why = f.why
			if f.char {
				s.off = from + badChar(s.text[from:s.off])
			}
			return
		}
	}
}

// badChar is the offset of the first character of a token that cannot stand
// in XML. If it came by a reference, it is that of the token.
func badChar(token []byte) int64 {
	for i := 0; i < len(token); {
		r, n := utf8.DecodeRune(token[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && !strings.ContainsRune(blanks, r) || r == 0xFFFE || r == 0xFFFF {
			return int64(i)
		}
		i += n
	}
	return 0
}
