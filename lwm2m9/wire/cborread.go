package wire

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// The limits of CBOR inside a field that is ignored; elsewhere stand only
// scalars. MaxNesting is the third.
const maxCBORItems = 1024 // elements of an array, pairs of a map

// cborMode reads one item. Lengths that are not known in advance are accepted,
// as in the answers of clients that write while they read.
var cborMode = must(cbor.DecOptions{
	MaxNestedLevels:  MaxNesting,
	MaxArrayElements: maxCBORItems,
	MaxMapPairs:      maxCBORItems,
	IndefLength:      cbor.IndefLengthAllowed,
	UTF8:             cbor.UTF8RejectInvalid,
	NaN:              cbor.NaNDecodeForbidden,
	Inf:              cbor.InfDecodeForbidden,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that are constants
	}
	return v
}

// cborReader walks through arrays and maps itself, to know the place of every
// fault, and has each item in them read by the library.
type cborReader struct {
	g   *gathering
	buf []byte
	off int
	to  struct { // what the library reads into
		text  string
		bytes []byte
		int   int64
		uint  uint64
		float float64
		bool  bool
		raw   cbor.RawMessage
	}
}

// newCBOR is a reader at the beginning of body.
func newCBOR(g *gathering, body []byte) *cborReader {
	c := &cborReader{g: g, buf: body}
	if len(body) > MaxPackSize {
		g.fail(MaxPackSize, "payload is too long")
	}
	return c
}

func (c *cborReader) failed() bool       { return c.g.err != nil }
func (c *cborReader) fail(reason string) { c.g.fail(c.off, reason) }

// The major types and the simple values that are looked at (RFC 8949, 3).
const (
	majorUint   = 0
	majorInt    = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorTag    = 6
	majorSimple = 7

	cborFalse = 0xf4
	cborTrue  = 0xf5
	cborNull  = 0xf6
	cborBreak = 0xff

	infoIndefinite = 31

	tagEpoch   = 1
	tagDecimal = 4
)

// first is the byte that the next item begins with. At the end it is a break,
// with which no item begins.
func (c *cborReader) first() byte {
	if c.failed() || c.off >= len(c.buf) {
		return cborBreak
	}
	return c.buf[c.off]
}

func (c *cborReader) major() byte { return c.first() >> 5 }

// head reads the first byte of an item and the number that belongs to it; -1 is
// a length that is not known in advance.
func (c *cborReader) head(major byte, what string) int64 {
	if c.major() != major || c.off >= len(c.buf) {
		c.fail("not " + what)
		return 0
	}
	info := c.buf[c.off] & 31
	if info < 24 || info == infoIndefinite {
		c.off++
		if info == infoIndefinite {
			return -1
		}
		return int64(info)
	}
	width := 1 << (info - 24)
	if info > 27 || c.off+1+width > len(c.buf) {
		c.fail("length is cut off or makes no sense")
		return 0
	}
	var b [8]byte
	copy(b[8-width:], c.buf[c.off+1:c.off+1+width])
	n := binary.BigEndian.Uint64(b[:])
	c.off += 1 + width
	return int64(min(n, math.MaxInt64))
}

// more says whether the array or map of n has something after the i-th; it
// passes the break at the end.
func (c *cborReader) more(i int, n int64) bool {
	if c.failed() {
		return false
	}
	if n < 0 && c.off < len(c.buf) && c.buf[c.off] == cborBreak {
		c.off++
		return false
	}
	return n < 0 || int64(i) < n
}

// item has the library read the next item.
func (c *cborReader) item(into any, what string) {
	if c.failed() {
		return
	}
	rest, err := cborMode.UnmarshalFirst(c.buf[c.off:], into)
	if err != nil {
		c.fail(what) // not err: it may hold content
		return
	}
	c.off = len(c.buf) - len(rest)
}

func (c *cborReader) null() bool {
	if c.first() != cborNull {
		return false
	}
	c.off++
	return true
}

func (c *cborReader) text(limit int) string {
	if c.major() != majorText {
		c.fail("not a string")
		return ""
	}
	c.to.text = ""
	c.item(&c.to.text, "string is cut off or not UTF-8")
	if len(c.to.text) > limit {
		c.fail("string is too long")
	}
	return c.to.text
}

func (c *cborReader) boolean() bool {
	b := c.first()
	if b != cborTrue && b != cborFalse {
		c.fail("not a boolean")
		return false
	}
	c.off++
	return b == cborTrue
}

func (c *cborReader) opaque() string {
	if c.major() != majorBytes {
		c.fail("not bytes")
		return ""
	}
	c.item(&c.to.bytes, "bytes are cut off")
	return string(c.to.bytes)
}

// number is an Integer, an Unsigned beyond that, or a Float; times as epoch
// (tag 1) and decimal fractions (tag 4), which RFC 8428, 6 allows, are these too.
func (c *cborReader) number() Value {
	switch c.major() {
	case majorInt:
		c.item(&c.to.int, "integer is cut off or over 64 bits")
		return Integer(c.to.int)
	case majorUint:
		c.item(&c.to.uint, "integer is cut off")
		if c.to.uint > math.MaxInt64 {
			return Unsigned(c.to.uint)
		}
		return Integer(int64(c.to.uint))
	case majorSimple:
		if b := c.first(); b >= 0xf9 && b <= 0xfb { // of 16, 32 and 64 bits
			c.item(&c.to.float, "number is cut off or not finite")
			return Float(c.to.float)
		}
	case majorTag:
		switch c.head(majorTag, "a tag") {
		case tagEpoch:
			if c.major() != majorTag {
				return c.number()
			}
		case tagDecimal:
			return c.decimal()
		}
	}
	c.fail("not a number")
	return Value{}
}

// decimal reads [e, m], which is m times ten to the e.
func (c *cborReader) decimal() Value {
	if c.head(majorArray, "a decimal fraction") != 2 || c.major() > majorInt {
		c.fail("not a decimal fraction")
	}
	c.item(&c.to.int, "not a decimal fraction")
	exponent := c.to.int
	if c.major() > majorInt {
		c.fail("not a decimal fraction")
	}
	c.item(&c.to.int, "not a decimal fraction of 64 bits")
	f, err := strconv.ParseFloat(strconv.FormatInt(c.to.int, 10)+"e"+strconv.FormatInt(exponent, 10), 64)
	if err != nil {
		c.fail("number is too large")
	}
	return Float(f)
}

// skip passes an item of any kind.
func (c *cborReader) skip() { c.item(&c.to.raw, "not CBOR, or nested too deep") }
