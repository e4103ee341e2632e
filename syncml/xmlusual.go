package syncml

import (
	"strings"
	"unicode/utf8"
)

// usualXML reads a message of the kind that nearly all senders write: UTF-8,
// names without prefixes, at most an XML declaration before the root, no
// entities but the five, no elements in Data. It returns nil for every other
// message and for every fault; etree then reads the message again and says
// what is wrong with it. So the only thing to be proven here is that both read
// the same, which FuzzBothReadersXML does.
func usualXML(clean []byte, lim Limits) *Message {
	x := xmlText{text: string(clean), lim: lim, rewritten: arena{size: len(clean)}}
	// In U+FFC0 to U+FFFF are two that XML forbids.
	if !utf8.ValidString(x.text) || strings.Contains(x.text, "\xEF\xBF") || !x.declaration() {
		return nil
	}
	x.borrow()
	defer x.giveBack()
	for x.pos < len(x.text) {
		if !x.piece() {
			return nil
		}
	}
	if x.root == nil || x.cur != nil {
		return nil
	}
	m, err := bind(&x.first.binder, x.root, XML, lim, len(clean))
	if err != nil {
		return nil
	}
	return m
}

// xmlText makes elements of XML text. Its methods report false for what is
// not usual or not right.
type xmlText struct {
	slab
	text      string
	pos       int
	lim       Limits
	root      *node
	cur, prev *node // the innermost open element, and its last child
	depth     int
	rewritten arena // texts that do not stand in the message as they are
}

// declaration reads the XML declaration, which may be absent.
func (x *xmlText) declaration() bool {
	const begin, end = "<?xml", "?>"
	if !strings.HasPrefix(x.text, begin) {
		return true
	}
	x.pos = len(begin)
	for {
		name, value, ok := x.attribute()
		switch {
		case !ok:
			return false
		case name == "":
			ok = strings.HasPrefix(x.text[x.pos:], end)
			x.pos += len(end)
			return ok
		case name == "version" && value != "1.0" || name == "encoding" && !strings.EqualFold(value, "utf-8"):
			return false
		}
	}
}

// piece reads one piece of markup, or characters up to the next.
func (x *xmlText) piece() bool {
	rest := x.text[x.pos:]
	switch {
	case rest[0] != '<':
		return x.chars()
	case len(rest) == 1:
		return false
	case rest[1] == '/':
		return x.end()
	case rest[1] != '!':
		return x.start()
	case strings.HasPrefix(rest, commentBegin):
		return x.comment()
	case strings.HasPrefix(rest, cdataBegin):
		return x.cdata()
	}
	return false
}

// start reads a start tag or the tag of an empty element. What begins with <?
// is neither.
func (x *xmlText) start() bool {
	x.pos++
	name := x.name()
	if name == "" || x.cur == nil && x.root != nil || x.depth == x.lim.Depth || x.count == maxElements ||
		x.cur != nil && elements[x.cur.tag].holds.text() {
		return false
	}
	t := tagNamed(name)
	if t != noTag {
		name = ""
	}
	n := x.slab.add(x.cur, x.prev, t, name, 0) // an error is never ours, so it needs no place
	if x.root == nil {
		x.root = n
	}
	if !x.attributes(n) || x.pos == len(x.text) {
		return false
	}
	switch x.text[x.pos] {
	case '>':
		n.up = x.cur
		x.cur, x.prev = n, nil
		x.depth++
		x.pos++
		return true
	case '/':
		x.prev = n
		x.pos += 2
		return strings.HasPrefix(x.text[x.pos-1:], ">")
	}
	return false
}

// attributes reads those of n. They mean nothing but for the namespace of the
// root.
func (x *xmlText) attributes(n *node) bool {
	named := false
	for {
		name, value, ok := x.attribute()
		if !ok || name == "" {
			return ok
		}
		if n == x.root && name == "xmlns" {
			if named || badNamespace(value) {
				return false
			}
			named = true
		}
	}
}

// attribute reads white space and one attribute; its name is empty if there
// is none.
func (x *xmlText) attribute() (name, value string, ok bool) {
	from := x.pos
	x.blanks()
	name = x.name()
	if name == "" {
		return "", "", true
	}
	rest := x.text[x.pos:]
	if from == x.pos-len(name) || len(rest) < 3 || rest[0] != '=' || rest[1] != '"' && rest[1] != '\'' {
		return "", "", false
	}
	size := strings.IndexByte(rest[2:], rest[1])
	if size < 0 {
		return "", "", false
	}
	value = rest[2 : 2+size]
	x.pos += 2 + size + 1
	return name, value, asItStands(value) && strings.IndexByte(value, '<') < 0 && strings.IndexByte(value, '&') < 0
}

func (x *xmlText) blanks() {
	for x.pos < len(x.text) && isBlank(x.text[x.pos]) {
		x.pos++
	}
}

// name reads a name in ASCII without a colon; empty if there is none.
func (x *xmlText) name() string {
	i := x.pos
	for i < len(x.text) && xmlBytes[x.text[i]]&(inName|beginsName) != 0 {
		i++
	}
	name := x.text[x.pos:i]
	if name == "" || xmlBytes[name[0]]&beginsName == 0 {
		return ""
	}
	x.pos = i
	return name
}

// end reads an end tag.
func (x *xmlText) end() bool {
	if x.cur == nil {
		return false
	}
	name := x.cur.name
	if x.cur.tag != noTag {
		name = elements[x.cur.tag].name
	}
	rest := x.text[x.pos+len("</"):]
	if len(rest) <= len(name) || rest[:len(name)] != name {
		return false
	}
	x.pos += len("</") + len(name)
	x.blanks()
	if x.pos == len(x.text) || x.text[x.pos] != '>' {
		return false
	}
	x.pos++
	x.cur, x.prev = x.cur.up, x.cur
	x.depth--
	return true
}
