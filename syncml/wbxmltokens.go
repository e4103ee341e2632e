package syncml

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The global tokens of WBXML 1.3 (5.8.4) and the bits of a tag.
const (
	tokSwitchPage = 0x00
	tokEnd        = 0x01
	tokEntity     = 0x02
	tokStrI       = 0x03
	tokLiteral    = 0x04
	tokExtI       = 0x40 // to 0x42
	tokPI         = 0x43
	tokLiteralC   = 0x44
	tokExtT       = 0x80 // to 0x82
	tokStrT       = 0x83
	tokLiteralA   = 0x84
	tokExt        = 0xC0 // to 0xC2
	tokOpaque     = 0xC3
	tokLiteralAC  = 0xC4

	bitContent    = 0x40
	bitAttributes = 0x80
	maskTag       = 0x3F
)

// The header of a document.
const (
	version10 = 0x00 // has no charset
	version12 = 0x02 // what we write
	version13 = 0x03

	publicID11 uint32 = 0x0FD3
	publicID12 uint32 = 0x1201

	charsetUTF8 uint32 = 106 // IANA MIBenum
)

// charsets are the charsets we can read: unknown, US-ASCII, UTF-8.
var charsets = []uint32{0, 3, charsetUTF8}

// tokenReader reads the parts of WBXML. It keeps its first error, and reads
// nothing but zeros after it.
type tokenReader struct {
	text  string // the whole message; values are cut from it without copying
	pos   int
	page  uint8
	table string // string table
	spare int    // bytes that may still be taken out of the table
	err   *SyntaxError
}

func (r *tokenReader) fail(at int, msg string) {
	if r.err == nil {
		r.err = &SyntaxError{Encoding: WBXML, Offset: int64(at), Page: r.page, Msg: msg}
	}
	r.pos = len(r.text)
}

// header reads what stands before the root (WBXML 1.3, 5.1).
func (r *tokenReader) header() {
	version := r.byte()
	if version > version13 {
		r.fail(0, fmt.Sprintf("neither XML nor WBXML 1.0 to 1.3: first byte 0x%02x", version))
	}
	if id := r.uint(); id == 0 {
		r.uint() // index of the textual one; whatever it is, it is accepted
	}
	if version != version10 {
		at := r.pos
		if c := r.uint(); !slices.Contains(charsets, c) {
			r.fail(at, "a charset other than UTF-8")
		}
	}
	r.table = r.bytes("the string table")
}

func (r *tokenReader) more() bool { return r.pos < len(r.text) }

func (r *tokenReader) byte() byte {
	if !r.more() {
		r.fail(r.pos, "the message ends too early")
		return 0
	}
	c := r.text[r.pos]
	r.pos++
	return c
}

// uint reads an mb_u_int32.
func (r *tokenReader) uint() uint32 {
	at := r.pos
	var v uint64
	for range 5 {
		c := r.byte()
		v = v<<7 | uint64(c&0x7F)
		if c&0x80 == 0 {
			break
		}
		if r.pos-at == 5 {
			v = math.MaxUint64
		}
	}
	if v > math.MaxUint32 {
		r.fail(at, "a number over 32 bits")
		return 0
	}
	return uint32(v)
}

// bytes reads a length and as many bytes.
func (r *tokenReader) bytes(what string) string {
	at := r.pos
	n := r.uint()
	if uint64(n) > uint64(len(r.text)-r.pos) {
		r.fail(at, "the length of "+what+" goes past the end of the message")
		return ""
	}
	s := r.text[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return s
}

// str reads a string up to its NUL.
func (r *tokenReader) str() string {
	s, _, ok := strings.Cut(r.text[r.pos:], "\x00")
	if !ok {
		r.fail(r.pos, "a string without an end")
		return ""
	}
	r.pos += len(s) + 1
	return s
}

// indexed reads an index and looks it up in the string table. Two bytes can
// stand for a long text again and again, so what comes out is counted.
func (r *tokenReader) indexed() string {
	at := r.pos
	i := r.uint()
	if uint64(i) >= uint64(len(r.table)) {
		r.fail(at, "an index outside the string table")
		return ""
	}
	s, _, _ := strings.Cut(r.table[i:], "\x00") // the last one may lack its NUL
	if r.spare -= len(s); r.spare < 0 {
		r.fail(at, "more text out of the string table than a message may hold")
	}
	return s
}

// skipAttributes reads attributes up to their END. An index into the string
// table is not looked up: software exists that writes xmlns as an attribute
// with an empty table (oma-dm.md 10.2).
func (r *tokenReader) skipAttributes() {
	for r.err == nil {
		switch t := r.byte(); t {
		case tokEnd:
			return
		case tokSwitchPage:
			r.byte() // attribute pages are their own
		case tokStrI, tokExtI, tokExtI + 1, tokExtI + 2:
			r.str()
		case tokEntity, tokLiteral, tokStrT, tokExtT, tokExtT + 1, tokExtT + 2:
			r.uint()
		case tokOpaque:
			r.bytes("OPAQUE")
		}
	}
}

// entity reads the character that a number stands for; at is where its token
// is.
func (r *tokenReader) entity(at int) string {
	c := r.uint()
	if c > utf8.MaxRune || !utf8.ValidRune(rune(c)) {
		r.fail(at, "an entity that is no character")
		return ""
	}
	return string(rune(c))
}
