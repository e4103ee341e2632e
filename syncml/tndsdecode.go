package syncml

import (
	"fmt"
	"strconv"
	"strings"
)

// DecodeTNDS returns the XML text of a TNDS or DDF document that is in WBXML,
// as it stands in OPAQUE Data of an Item with a Type that ends in +wbxml
// (oma-dm.md 8.6, 10.5). Of lim it keeps Message, for the document and for its
// text, and Depth. The error is a [*SyntaxError].
func DecodeTNDS(b []byte, lim Limits) ([]byte, error) {
	lim = lim.filled()
	if err := tooLong(b, WBXML, lim); err != nil {
		return nil, err
	}
	d := &ddfText{tokenReader: tokenReader{text: string(b), spare: lim.Message}, lim: lim}
	d.header()
	for d.err == nil && d.more() && !d.done() {
		at := d.pos
		d.token(at, d.byte())
	}
	switch {
	case d.err != nil:
	case d.out == nil:
		d.fail(d.pos, "no element")
	case len(d.path) > 0:
		d.fail(d.pos, "the message ends in "+d.path[len(d.path)-1])
	case strings.Trim(d.text[d.pos:], "\x00") != "":
		d.fail(d.pos, "something after the root")
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.out, nil
}

// ddfText makes XML text of tokens.
type ddfText struct {
	tokenReader
	lim  Limits
	path []string // the open elements
	out  []byte
}

// done says that the root has ended.
func (d *ddfText) done() bool { return d.out != nil && len(d.path) == 0 }

// token reads one token, c at offset at.
func (d *ddfText) token(at int, c byte) {
	switch c {
	case tokSwitchPage:
		d.page = d.byte()
	case tokEnd:
		d.end(at)
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
	default:
		d.start(at, c)
	}
}

func (d *ddfText) start(at int, c byte) {
	name := ddfName(d.page, c&maskTag)
	switch {
	case name == "":
		d.fail(at, fmt.Sprintf("tag 0x%02x of code page %d is not of a management tree", c&maskTag, d.page))
	case d.out == nil && name != rootDDF:
		d.fail(at, "the root is not "+rootDDF)
	case len(d.path) == d.lim.Depth:
		d.fail(at, "more than "+strconv.Itoa(d.lim.Depth)+" levels of elements")
	}
	if c&bitAttributes != 0 {
		d.skipAttributes()
	}
	switch {
	case d.err != nil:
		return
	case d.out == nil:
		d.add(at, "<"+name+` xmlns="`+namespaceDDF+`"`)
	default:
		d.add(at, "<"+name)
	}
	if c&bitContent == 0 {
		d.add(at, "/>")
		return
	}
	d.add(at, ">")
	d.path = append(d.path, name)
}

func (d *ddfText) end(at int) {
	if len(d.path) == 0 {
		d.fail(at, "END without an element")
		return
	}
	last := len(d.path) - 1
	d.add(at, "</"+d.path[last]+">")
	d.path = d.path[:last]
}

func (d *ddfText) chars(at int, s string) {
	switch {
	case d.err != nil || s == "":
		return
	case len(d.path) == 0:
		d.fail(at, "text outside the root")
		return
	}
	text, why := appendXMLText(nil, s)
	if why != "" {
		d.fail(at, why)
		return
	}
	d.add(at, string(text))
}

// add appends to the text.
func (d *ddfText) add(at int, s string) {
	if d.out = append(d.out, s...); len(d.out) > d.lim.Message {
		d.fail(at, "a tree of more than "+strconv.Itoa(d.lim.Message)+" bytes")
	}
}
