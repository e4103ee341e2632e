package wire

import "fmt"

// DecodeTLV reads a payload of TLV items. Values in the result are parts of b.
// The error is a [*SyntaxError]; nothing is returned with it.
func DecodeTLV(b []byte) ([]TLV, error) {
	d := tlvDecoder{buf: b, end: len(b)}
	if len(b) > MaxTLVSize {
		d.off = MaxTLVSize
		d.fail("payload is too long")
	}
	items := d.items(top)
	if d.err != nil {
		return nil, d.err
	}
	return items, nil
}

// tlvDecoder reads from buf[off:end]. It keeps its first error, and every read
// after it gives zero and moves nothing.
type tlvDecoder struct {
	buf   []byte
	off   int
	end   int // of the item whose inside is being read
	count int
	err   *SyntaxError
}

func (d *tlvDecoder) fail(format string, args ...any) {
	if d.err == nil { // later errors are only its echo
		d.err = &SyntaxError{Format: "TLV", Offset: d.off, Reason: fmt.Sprintf(format, args...)}
	}
}

// take is the next n bytes, or nil after an error.
func (d *tlvDecoder) take(n int, what string) []byte {
	if d.err == nil && n > d.end-d.off {
		d.fail("%s runs past the end", what)
	}
	if d.err != nil {
		return nil
	}
	d.off += n
	return d.buf[d.off-n : d.off : d.off]
}

// number reads n bytes, big-endian.
func (d *tlvDecoder) number(n int, what string) int {
	v := 0
	for _, b := range d.take(n, what) {
		v = v<<8 | int(b)
	}
	return v
}

func (d *tlvDecoder) items(in Kind) []TLV {
	var items []TLV
	for d.err == nil && d.off < d.end {
		items = append(items, d.item(in))
	}
	return items
}

// item reads one item: the type byte (kind in bits 7-6, 16-bit identifier in
// bit 5, width of the length in bits 4-3, or else the length in bits 2-0),
// identifier, length, and what it holds.
func (d *tlvDecoder) item(in Kind) TLV {
	start := d.off
	typ := d.number(1, "type")
	t := TLV{Kind: Kind(typ >> 6)}
	d.count++
	if d.count > MaxTLVCount || !in.holds(t.Kind) {
		d.off = start
		if d.count > MaxTLVCount {
			d.fail("more than %d items", MaxTLVCount)
		} else {
			d.fail("%v inside %v", t.Kind, in)
		}
	}
	t.ID = uint16(d.number(1+(typ>>5&1), "identifier"))
	length := typ & 7
	if width := typ >> 3 & 3; width > 0 {
		length = d.number(width, "length") // bits 2-0 are to be ignored then
	}
	if !t.Kind.container() {
		t.Value = d.take(length, "value")
		return t
	}
	outer := d.end
	if d.take(length, "content"); d.err == nil {
		d.end, d.off = d.off, d.off-length
		t.Items = d.items(t.Kind)
		d.end = outer
	}
	return t
}
