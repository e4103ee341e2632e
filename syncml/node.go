package syncml

import (
	"strings"
	"sync"
)

// node is one element of a message on its way from bytes to a [Message].
type node struct {
	tag   tag
	plain bool   // text is known to be UTF-8 without NUL and without white space around it
	name  string // of an element that is not in the table
	text  string // its characters; for Data with elements inside, their XML text
	// off is where the element starts: a byte offset in WBXML, the number of
	// the start tag in XML (1 is the root), where offsets cost a second scan.
	off             int64
	up, first, next *node // up only while the node is open
}

// label is the element's name for an error; a name that is not in the table
// is the sender's text, which errors do not repeat.
func (n *node) label() string { return n.tag.String() }

// slab hands out nodes in blocks: a message has one or two hundred of them.
// The zero slab is ready for use; one of borrow costs no allocation for the
// first block, and must be given back when no node is in use any more.
type slab struct {
	free  []node
	first *block
	count int // nodes handed out
}

const slabSize = 256

// block is a block of nodes, and the binder that reads them.
type block struct {
	nodes  [slabSize]node
	binder binder
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// borrow takes the first block from the pool.
func (s *slab) borrow() {
	s.first = blocks.Get().(*block)
	s.free = s.first.nodes[:]
}

// giveBack returns the first block. What is in it may be a credential, so
// nothing stays.
func (s *slab) giveBack() {
	clear(s.first.nodes[:min(s.count, slabSize)])
	s.first.binder = binder{}
	blocks.Put(s.first)
	*s = slab{}
}

// add returns a new node, the child of up after prev, which is the last so far;
// both may be nil. A decoder that goes on into the node sets its up.
func (s *slab) add(up, prev *node, t tag, name string, off int64) *node {
	if len(s.free) == 0 {
		s.free = make([]node, slabSize)
	}
	s.count++
	n := &s.free[0]
	s.free = s.free[1:]
	n.tag, n.off = t, off
	if name != "" {
		n.name = name
	}
	switch {
	case prev != nil:
		prev.next = n
	case up != nil:
		up.first = n
	}
	return n
}

// misplacedText says why n cannot hold the characters s; "" if it can.
func misplacedText(n *node, s string) string {
	if n.tag == noTag {
		return ""
	}
	switch elements[n.tag].holds {
	case isText, isData, isFlag:
		return ""
	}
	if blank(s) {
		return ""
	}
	return "text in " + n.label() + ", which holds elements"
}

// misplacedElement says why no element can stand in n; "" if one can.
func misplacedElement(n *node) string {
	if n == nil || n.tag == noTag || elements[n.tag].holds != isText {
		return ""
	}
	return "element in " + n.label() + ", which holds text"
}

// blanks are the white space of XML 1.0 (2.3).
const blanks = " \t\r\n"

func blank(s string) bool {
	for i := range len(s) {
		if !isBlank(s[i]) {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// trimmed is s without the white space around it.
func trimmed(s string) string {
	if padded(s) {
		return strings.Trim(s, blanks)
	}
	return s
}

// padded says that there may be white space around s. Most texts have none, and
// strings.Trim looks no faster at those.
func padded(s string) bool { return s != "" && min(s[0], s[len(s)-1]) <= ' ' }
