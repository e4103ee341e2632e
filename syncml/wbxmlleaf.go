package syncml

import (
	"math/bits"
	"strings"
)

// usual reads tokens as long as they are those that every message is made of:
// pages, elements of the table without attributes, texts in one piece, and END
// inside the root. It stops, with nothing read of it, before anything else and
// before every fault: token can do all this too, a step at a time.
func (d *wbxmlTree) usual() {
	if d.byToken || d.cur == nil || d.object != nil || elements[d.cur.tag].holds.text() {
		return
	}
	text, pos, page, depth := d.text, d.pos, d.page, d.depth
	cur, prev := d.cur, d.prev
loop:
	for pos < len(text) {
		c := text[pos]
		switch {
		case c == tokEnd && cur.up != nil:
			cur, prev, depth, pos = cur.up, cur, depth-1, pos+1
			continue
		case c == tokSwitchPage && pos+1 < len(text):
			page, pos = text[pos+1], pos+2
			continue
		case page >= pageCount || c&bitAttributes != 0 || depth == d.lim.Depth || d.count == maxElements:
			break loop
		}
		t := tagOfToken[page][c&maskTag]
		switch {
		case t == noTag:
			break loop
		case c&bitContent == 0:
			prev = d.slab.add(cur, prev, t, "", int64(pos))
			pos++
		case !elements[t].holds.text():
			n := d.slab.add(cur, prev, t, "", int64(pos))
			n.up = cur
			cur, prev, depth, pos = n, nil, depth+1, pos+1
		default:
			s, size, plain := leafText(text[pos+1:])
			if size == 0 {
				break loop
			}
			prev = d.slab.add(cur, prev, t, "", int64(pos))
			prev.text, prev.plain = s, plain
			pos += 1 + size
		}
	}
	d.pos, d.page, d.depth = pos, page, depth
	d.cur, d.prev = cur, prev
}

// leafText is the text of the string or short OPAQUE that rest begins with, if
// END follows it; size counts all of that, 0 is something else. plain is as in
// node.
func leafText(rest string) (text string, size int, plain bool) {
	from, to, next := 0, 0, 0 // of the text; of the token END
	switch {
	case len(rest) < 3:
		return "", 0, false
	case rest[0] == tokStrI:
		from = 1
		to, plain = endOfString(rest, from)
		next = to + 1
	case rest[0] == tokOpaque && rest[1] < 0x80: // the length has one byte
		from = 2
		to = from + int(rest[1])
		next = to
	default:
		return "", 0, false
	}
	if to < from || next >= len(rest) || rest[next] != tokEnd {
		return "", 0, false
	}
	text = rest[from:to]
	return text, next + 1, plain && text != "" && text[0] > ' ' && text[len(text)-1] > ' '
}

// endOfString is where the NUL is that ends the string at from, -1 if nowhere,
// and whether the string is known to be ASCII. It looks at eight bytes at a
// time: most texts are too short for a call of IndexByte to pay.
func endOfString(s string, from int) (end int, ascii bool) {
	var seen uint64
	i := from
	for ; i+8 <= len(s); i += 8 {
		w := eight(s[i : i+8])
		if zero := (w - ones) &^ w & highs; zero != 0 { // the lowest bit is that of the first NUL
			seen |= w & (zero&-zero - 1)
			return i + bits.TrailingZeros64(zero)/8, seen&highs == 0
		}
		seen |= w
	}
	if n := strings.IndexByte(s[i:], 0); n >= 0 {
		return i + n, false
	}
	return -1, false
}

// eight is eight bytes as a number, the first as the lowest.
func eight[S string | []byte](s S) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// four is eight of four bytes.
func four[S string | []byte](s S) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
