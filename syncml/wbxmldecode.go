package syncml

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// DecodeWBXML reads a message in WBXML 1.0 to 1.3. It takes any public
// identifier, as a number or as text, since the tables of SyncML 1.2 contain
// those of 1.1; text as STR_I, STR_T or OPAQUE wherever it stands, adjacent
// runs joined; literal tags; attributes and processing instructions are
// skipped. A document inside OPAQUE is kept as bytes. The error is a
// [*SyntaxError].
func DecodeWBXML(b []byte, lim Limits) (*Message, error) { return decodeWBXML(b, lim, false) }

// decodeWBXML is DecodeWBXML; byToken reads all messages a token at a time,
// which is slower and must come to the same.
func decodeWBXML(b []byte, lim Limits, byToken bool) (*Message, error) {
	lim = lim.filled()
	if err := tooLong(b, WBXML, lim); err != nil {
		return nil, err
	}
	d := &wbxmlTree{tokenReader: tokenReader{text: string(b), spare: lim.Message}, lim: lim, byToken: byToken}
	d.borrow()
	defer d.giveBack()
	d.header()
	d.body()
	if d.err != nil {
		return nil, d.err
	}
	m, err := bind(&d.first.binder, d.root, WBXML, lim, len(b))
	if err != nil {
		return nil, err
	}
	return m, nil
}

// wbxmlTree makes elements of tokens.
type wbxmlTree struct {
	tokenReader
	slab
	lim Limits
	// byToken turns usual off.
	byToken bool
	root    *node
	cur     *node // the innermost open element
	prev    *node // and its last child
	depth   int
	// run collects the text of runOf, once it has more than one part.
	run   []byte
	runOf *node
	// object is the Data around cur when cur is part of an object whose
	// elements stand in Data; its text becomes their XML.
	object *node
	spare  *node // of the object, to be used again
}

// body reads the root and what may stand around it.
func (d *wbxmlTree) body() {
	for d.err == nil && d.more() {
		d.usual()
		at := d.pos
		if d.root != nil && d.cur == nil {
			if !d.trailer(at) {
				return
			}
			continue
		}
		if d.more() {
			d.token(at, d.byte())
		}
	}
	switch {
	case d.err != nil:
	case d.root == nil:
		d.fail(d.pos, "no element")
	case d.cur != nil:
		d.fail(d.pos, "the message ends in "+d.cur.label())
	}
}

// trailer reads one thing after the root: a processing instruction, or the
// NUL bytes some senders append.
func (d *wbxmlTree) trailer(at int) bool {
	if strings.Trim(d.text[at:], "\x00") == "" {
		return false
	}
	if d.byte() != tokPI {
		d.fail(at, "something after the root")
		return false
	}
	d.skipAttributes()
	return true
}

// token reads one token of content, c at offset at.
func (d *wbxmlTree) token(at int, c byte) {
	if c&maskTag > tokLiteral { // not a global token
		d.tag(at, c)
		return
	}
	switch c {
	case tokSwitchPage:
		d.page = d.byte()
	case tokEnd:
		d.shut(at)
	case tokStrI:
		d.chars(at, d.str())
	case tokStrT:
		d.chars(at, d.indexed())
	case tokOpaque:
		d.chars(at, d.bytes("OPAQUE"))
	case tokEntity:
		d.chars(at, d.entity(at))
	case tokPI:
		d.skipAttributes()
	case tokLiteral, tokLiteralC, tokLiteralA, tokLiteralAC:
		name := d.indexed()
		if d.err == nil {
			d.open(at, tagOfName[name], name, c)
		}
	default:
		d.fail(at, "an extension token, which SyncML does not have")
	}
}

// tag reads a tag by the table of the code page.
func (d *wbxmlTree) tag(at int, c byte) {
	t := noTag
	if d.page < pageCount {
		t = tagOfToken[d.page][c&maskTag]
	}
	if t == noTag {
		d.fail(at, fmt.Sprintf("tag 0x%02x is not in code page %d", c&maskTag, d.page))
		return
	}
	d.open(at, t, elements[t].name, c)
}

// open starts an element; bits are those of its tag.
func (d *wbxmlTree) open(at int, t tag, name string, bits byte) {
	if why := misplacedElement(d.cur); why != "" {
		d.fail(at, why)
		return
	}
	if d.depth == d.lim.Depth {
		d.fail(at, "more than "+strconv.Itoa(d.lim.Depth)+" levels of elements")
		return
	}
	if d.count == maxElements {
		d.fail(at, tooManyElements)
		return
	}
	d.enter(at, t, name)
	if bits&bitAttributes != 0 {
		d.skipAttributes()
	}
	if bits&bitContent == 0 {
		d.shut(at)
	}
}

// enter makes the element the innermost one.
func (d *wbxmlTree) enter(at int, t tag, name string) {
	d.depth++
	if d.object == nil && d.cur != nil && d.cur.tag == tagData {
		d.object = d.cur
		var esc bytes.Buffer
		escape(&esc, d.collected(d.cur))
		d.run, d.runOf = append(d.run[:0], esc.Bytes()...), d.cur
	}
	if d.object == nil {
		n := d.slab.add(d.cur, d.prev, t, name, int64(at))
		n.up = d.cur
		d.cur, d.prev = n, nil
		if d.root == nil {
			d.root = d.cur
		}
		return
	}
	if t == noTag {
		d.fail(at, "a literal tag in Data")
		return
	}
	n := d.spare
	if n == nil {
		n = d.slab.add(nil, nil, noTag, "", int64(at))
	} else {
		d.spare = n.up
	}
	n.name, n.up = name, d.cur // not part of the tree
	d.cur = n
	d.grow(at, "<"+name+">")
}

// grow appends to the text of the object.
func (d *wbxmlTree) grow(at int, s string) {
	if d.run = append(d.run, s...); len(d.run) > d.lim.Message {
		d.fail(at, "an object of more than "+strconv.Itoa(d.lim.Message)+" bytes")
	}
}

// shut ends the innermost element.
func (d *wbxmlTree) shut(at int) {
	n := d.cur
	if n == nil {
		d.fail(at, "END without an element")
		return
	}
	d.cur = n.up
	d.depth--
	if d.object != nil && d.object != n {
		n.up, d.spare = d.spare, n
		d.grow(at, "</"+n.name+">")
		return
	}
	d.prev = n
	n.text = d.collected(n)
	if d.object == n {
		d.object = nil
	}
}

// chars adds text to the innermost element.
func (d *wbxmlTree) chars(at int, s string) {
	n := d.cur
	switch {
	case d.err != nil || s == "":
	case n == nil:
		d.fail(at, "text outside the root")
	case d.object != nil:
		var esc bytes.Buffer
		escape(&esc, s)
		d.grow(at, esc.String())
	case misplacedText(n, s) != "":
		d.fail(at, misplacedText(n, s))
	case !elements[n.tag].holds.text(): // nobody reads it
	case d.runOf == n:
		d.run = append(d.run, s...)
	case n.text == "":
		n.text = s
	default:
		d.run, d.runOf = append(append(d.run[:0], n.text...), s...), n
	}
}

// collected is the text of n so far.
func (d *wbxmlTree) collected(n *node) string {
	if d.runOf != n {
		return n.text
	}
	return string(d.run)
}
