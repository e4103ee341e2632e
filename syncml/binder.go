package syncml

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// binder turns elements into a Message. It keeps its first error and what it
// reads after that is of no account.
type binder struct {
	enc      Encoding
	lim      Limits // filled
	items    int
	commands int
	kept     arena
	short    bool         // so short a message that kept.text copies nothing
	err      *SyntaxError // Offset as in node.off
}

// bind has b read the tree under root, whose texts are cut from a message of size
// bytes. Of a long one the Message keeps copies only.
func bind(b *binder, root *node, enc Encoding, lim Limits, size int) (*Message, *SyntaxError) {
	*b = binder{enc: enc, lim: lim, kept: arena{size: size}, short: size <= arenaWhole}
	m := new(Message)
	if root.tag != tagSyncML {
		b.fail(root, "the root is not SyncML")
		return nil, b.err
	}
	messageShape.read(b, root, m)
	if b.err != nil {
		return nil, b.err
	}
	return m, nil
}

func (b *binder) fail(n *node, msg string) {
	if b.err != nil { // later errors are only its echo
		return
	}
	b.err = &SyntaxError{Encoding: b.enc, Offset: n.off, Msg: msg}
	if b.enc == WBXML {
		b.err.Page = elements[n.tag].page
	}
}

// exact is the text of n as it stands, less NUL bytes at its end, which real
// clients send (oma-dm.md 12).
func (b *binder) exact(n *node) string {
	return b.kept.text(b.checked(n))
}

// text is the text of n without the white space around it.
func (b *binder) text(n *node) string {
	return b.kept.text(b.trimmed(n))
}

// trimmed is text, but part of the tree.
func (b *binder) trimmed(n *node) string { return trimmed(b.checked(n)) }

// checked is exact, but part of the tree.
func (b *binder) checked(n *node) string {
	s := n.text
	if n.plain || s == "" {
		return s
	}
	if s[len(s)-1] == 0 {
		s = strings.TrimRight(s, "\x00")
	}
	if b.enc == XML { // the parser has seen to the rest
		return s
	}
	if !utf8.ValidString(s) {
		b.fail(n, n.label()+" is not UTF-8")
	}
	if strings.IndexByte(s, 0) >= 0 {
		b.fail(n, "NUL in "+n.label())
	}
	return s
}

// id is a text of at most maxID bytes.
func (b *binder) id(n *node) string {
	s := b.text(n)
	if len(s) > maxID {
		b.fail(n, n.label()+" over "+strconv.Itoa(maxID)+" bytes")
	}
	return s
}

// number is a decimal number that is not negative; an empty text is 0.
func (b *binder) number(n *node) int64 {
	s := b.trimmed(n)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		b.fail(n, n.label()+" is not a number")
	}
	return int64(v)
}

// countItem and countCommand keep the two limits.
func (b *binder) countItem(n *node) {
	if b.items++; b.items > b.lim.Items {
		b.fail(n, "more than "+strconv.Itoa(b.lim.Items)+" Items")
	}
}

func (b *binder) countCommand(n *node) {
	if b.commands++; b.commands > b.lim.Commands {
		b.fail(n, "more than "+strconv.Itoa(b.lim.Commands)+" commands")
	}
}
