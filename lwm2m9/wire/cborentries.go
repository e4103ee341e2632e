package wire

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// CBOR with one value (LwM2M 1.1 Core, 7.4.3) and SenML CBOR (RFC 8428, 6) as
// entries.

func decodeCBOR(g *gathering, body []byte) {
	c := newCBOR(g, body)
	var v Value
	switch b := c.first(); {
	case b == cborTrue, b == cborFalse:
		v = Boolean(c.boolean())
	case c.major() == majorText:
		v = String(c.text(MaxPackSize))
	case c.major() == majorBytes:
		v = Value{Type: TypeOpaque, Str: c.opaque()}
	default:
		v = c.number()
	}
	c.end()
	g.add(c.off, Entry{Path: g.base, Value: v})
}

func decodeSenMLCBOR(g *gathering, body []byte) {
	if len(body) == 0 {
		return
	}
	c := newCBOR(g, body)
	p := pack{gathering: g}
	n := c.head(majorArray, "an array")
	for i := 0; c.more(i, n); i++ {
		r := c.record()
		p.add(&r)
	}
	c.end()
}

// end refuses what comes after the item that is the payload.
func (c *cborReader) end() {
	if c.off < len(c.buf) {
		c.fail("something after the end")
	}
}

func (c *cborReader) record() record {
	var r record
	n := c.head(majorMap, "a map")
	for i := 0; c.more(i, n); i++ {
		f, label := c.label()
		r.take(c, f, label)
	}
	r.end = c.off
	return r
}

// label reads an integer, or a string: "vlo" has no number.
func (c *cborReader) label() (field, string) {
	switch c.major() {
	case majorUint, majorInt:
		c.item(&c.to.int, "label is cut off or over 64 bits")
		return cborFields[c.to.int], strconv.FormatInt(c.to.int, 10)
	case majorText:
		label := c.text(MaxPackSize)
		if f := jsonFields[label]; label == cborText {
			return f, label
		}
		return fieldOther, label
	}
	c.fail("a label is neither a number nor a string")
	return fieldOther, ""
}

// cborRecord is a record as it is written.
type cborRecord struct {
	BaseName string           `cbor:"-2,keyasint,omitempty"`
	Name     string           `cbor:"0,keyasint,omitempty"`
	Time     any              `cbor:"6,keyasint,omitempty"`
	Number   any              `cbor:"2,keyasint,omitempty"`
	String   *string          `cbor:"3,keyasint,omitempty"`
	Boolean  *bool            `cbor:"4,keyasint,omitempty"`
	Opaque   *cbor.ByteString `cbor:"8,keyasint,omitempty"`
	Link     string           `cbor:"vlo,omitempty"`
}

// cborWrite writes fields in their order and everything with its length, and
// makes no float shorter than it was given.
var cborWrite = must(cbor.EncOptions{Sort: cbor.SortNone, ShortestFloat: cbor.ShortestFloatNone}.UserBufferEncMode())

func appendSenMLCBOR(dst []byte, base Path, entries []Entry) ([]byte, error) {
	baseName, cut := names(base, entries)
	records := make([]cborRecord, len(entries))
	for i := range entries {
		r, e := &records[i], &entries[i]
		name := e.Path.String()
		r.Name = name[min(cut, len(name)):]
		if e.Time != 0 {
			r.Time = cborNumber(Float(e.Time))
			if whole, ok := Float(e.Time).whole(TypeInteger); ok {
				r.Time = whole.Int
			}
		}
		r.setValue(&e.Value)
	}
	if len(records) > 0 {
		records[0].BaseName = baseName
	}
	return appendAsCBOR(dst, records)
}

var cborBooleans = [...]bool{false, true}

func (r *cborRecord) setValue(v *Value) {
	switch v.Type {
	case TypeNone:
	case TypeString, TypeCorelnk:
		r.String = &v.Str
	case TypeBoolean:
		r.Boolean = &cborBooleans[v.Int&1]
	case TypeOpaque:
		b := cbor.ByteString(v.Str)
		r.Opaque = &b
	case TypeObjlnk:
		r.Link = string(v.AppendText(nil))
	case TypeNull:
		r.Number = cbor.RawMessage{cborNull}
	default:
		r.Number = cborNumber(*v)
	}
}

// cborNumber is a number in the Go type that is written as it should be:
// floats in 4 bytes where that loses nothing, else in 8, as in TLV.
func cborNumber(v Value) any {
	switch v.Type {
	case TypeUnsigned:
		return v.Uint()
	case TypeFloat:
		if f := float32(v.Float); float64(f) == v.Float {
			return f
		}
		return v.Float
	}
	return v.Int
}

func appendCBOR(dst []byte, base Path, entries []Entry) ([]byte, error) {
	v, err := single(FormatCBOR, base, entries)
	if err != nil {
		return nil, err
	}
	switch v.Type {
	case TypeString, TypeCorelnk:
		return appendAsCBOR(dst, v.Str)
	case TypeBoolean:
		return appendAsCBOR(dst, v.Bool())
	case TypeOpaque:
		return appendAsCBOR(dst, cbor.ByteString(v.Str))
	case TypeObjlnk:
		return appendAsCBOR(dst, string(v.AppendText(nil)))
	}
	return appendAsCBOR(dst, cborNumber(v))
}

func appendAsCBOR(dst []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if err := cborWrite.MarshalToBuffer(v, buf); err != nil {
		return nil, fmt.Errorf("wire: CBOR: %w", err)
	}
	return buf.Bytes(), nil
}
