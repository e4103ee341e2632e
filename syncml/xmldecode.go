package syncml

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// DecodeXML reads a message in XML. It takes elements in any order, with any
// prefix and in any of the SyncML namespaces or none, CDATA, comments and
// attributes, a DOCTYPE without an internal subset, and NUL bytes where values
// end. Only UTF-8 is read, and no entity but the five of XML and numeric
// references. The error is a [*SyntaxError].
func DecodeXML(b []byte, lim Limits) (*Message, error) {
	lim = lim.filled()
	if err := tooLong(b, XML, lim); err != nil {
		return nil, err
	}
	clean := cleanXML(b)
	if m := usualXML(clean, lim); m != nil {
		return m, nil
	}
	return decodeEtree(b, clean, lim)
}

// decodeEtree reads every message, whatever XML it uses, and finds every fault.
// clean comes from b.
func decodeEtree(b, clean []byte, lim Limits) (*Message, error) {
	root := parseEtree(clean, lim)
	if root == nil {
		return nil, brokenXML(b, clean, lim)
	}
	t := xmlTree{}
	n := t.add(nil, nil, root)
	if t.declared {
		return nil, brokenXML(b, clean, lim)
	}
	if t.why == "" {
		var m *Message
		var err *SyntaxError
		if m, err = bind(new(binder), n, XML, lim, len(b)); err == nil {
			return m, nil
		}
		t.why, t.bad = err.Msg, err.Offset
	}
	return nil, &SyntaxError{Encoding: XML, Offset: original(b, startTag(clean, t.bad)), Msg: t.why}
}

// parseEtree is the root of a document of SyncML; nil if it is none.
func parseEtree(clean []byte, lim Limits) *etree.Element {
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{CharsetReader: utf8Only, MaxDepth: lim.Depth}
	if err := doc.ReadFromBytes(clean); err != nil {
		return nil
	}
	return rootOf(doc)
}

// rootOf is the one element of a document that has nothing beside it but
// comments, a declaration and a plain DOCTYPE; nil if there is more, or if it
// belongs to another vocabulary.
func rootOf(doc *etree.Document) *etree.Element {
	var root *etree.Element
	for _, c := range doc.Child {
		switch c := c.(type) {
		case *etree.Element:
			if root != nil {
				return nil
			}
			root = c
		case *etree.CharData:
			if !blank(c.Data) {
				return nil
			}
		case *etree.Directive:
			if badDirective(c.Data, root != nil) != "" {
				return nil
			}
		}
	}
	if root == nil || badNamespace(root.NamespaceURI()) {
		return nil
	}
	return root
}

// badNamespace says that a root is not of SyncML. Servers exist that write no
// namespace or the one of another version.
func badNamespace(uri string) bool {
	const vocabulary = "SYNCML:"
	return uri != "" && (len(uri) < len(vocabulary) || !strings.EqualFold(uri[:len(vocabulary)], vocabulary))
}

// badDirective says why <!text> cannot be accepted; inside says that the root
// has begun. A DOCTYPE that only names its DTD is accepted and not read.
func badDirective(text string, inside bool) string {
	if inside || !strings.HasPrefix(text, "DOCTYPE") {
		return "a declaration other than DOCTYPE before the root"
	}
	for quote := byte(0); text != ""; text = text[1:] {
		switch c := text[0]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			return "a DOCTYPE with an internal subset"
		}
	}
	return ""
}

// xmlTree makes our elements of those of etree.
type xmlTree struct {
	slab
	started int64  // start tags so far
	why     string // the first error
	bad     int64  // and the number of the start tag it belongs to
	// declared: there is a <! declaration in the root; a scan finds the place.
	declared bool
}

func (x *xmlTree) fail(at int64, why string) {
	if x.why == "" && why != "" {
		x.why, x.bad = why, at
	}
}

// add converts e, the child of up after prev, and what is in it.
func (x *xmlTree) add(up, prev *node, e *etree.Element) *node {
	if x.started++; x.started > maxElements {
		x.fail(x.started, tooManyElements)
		return nil
	}
	t := tagOfName[e.Tag]
	name := ""
	if t == noTag {
		name = e.Tag
	}
	n := x.slab.add(up, prev, t, name, x.started)
	if t == tagData && hasElements(e) {
		n.text = innerXML(e)
		x.started += starts(e)
		return n
	}
	var last *node
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.Element:
			x.fail(x.started+1, misplacedElement(n))
			last = x.add(n, last, c)
		case *etree.Directive:
			x.declared = true
		}
	}
	n.text = textOf(e)
	x.fail(n.off, misplacedText(n, n.text))
	return n
}

// textOf is the characters of e. CDATA sections and comments cut them in
// pieces; most texts are one piece, which is not copied.
func textOf(e *etree.Element) string {
	var one string
	var all strings.Builder
	for _, c := range e.Child {
		c, ok := c.(*etree.CharData)
		switch {
		case !ok:
		case one == "":
			one = c.Data
		default:
			if all.Len() == 0 {
				all.WriteString(one)
			}
			all.WriteString(c.Data)
		}
	}
	if all.Len() > 0 {
		return all.String()
	}
	return one
}

func hasElements(e *etree.Element) bool {
	for range e.ChildElementsSeq() {
		return true
	}
	return false
}

// starts counts the elements in e.
func starts(e *etree.Element) int64 {
	var n int64
	for c := range e.ChildElementsSeq() {
		n += 1 + starts(c)
	}
	return n
}

// innerXML is the XML text of what e holds: an object such as a TNDS document
// that stands in Data unescaped (oma-dm.md 11, row 28).
func innerXML(e *etree.Element) string {
	var b bytes.Buffer
	for _, c := range e.Child {
		c.WriteTo(&b, &etree.WriteSettings{})
	}
	return trimmed(b.String())
}

var errNotUTF8 = errors.New("syncml: XML in an encoding other than UTF-8")

// utf8Only is the charset reader of a decoder that converts nothing.
func utf8Only(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf8", "us-ascii", "ascii":
		return r, nil
	}
	return nil, errNotUTF8
}
