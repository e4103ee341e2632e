package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Type is the data type of a resource (LwM2M 1.1 Core, appendix C). It is not
// in the payload: the object's definition says it.
type Type uint8

// The types. TypeNone is that of an executable resource, and of an [Entry]
// that has no value.
const (
	TypeNone Type = iota
	TypeString
	TypeInteger
	TypeFloat
	TypeBoolean
	TypeOpaque
	TypeTime
	TypeObjlnk
	TypeUnsigned // 1.1
	TypeCorelnk  // 1.1; links as text

	// What a payload may hold instead of a value. No resource is of these.

	TypeNull    // null: in a Write-Composite of LwM2M 1.2, delete this
	TypeRawTLV  // the bytes of a TLV of which nobody has said the type: see [Value.As]
	TypeRawText // a text/plain payload, likewise
)

var typeNames = [...]string{
	TypeNone:    "none",
	TypeString:  "String",
	TypeInteger: "Integer",
	TypeFloat:   "Float",
	TypeBoolean: "Boolean",
	TypeOpaque:  "Opaque",
	TypeTime:    "Time",
	TypeObjlnk:  "Objlnk",

	TypeUnsigned: "Unsigned Integer",
	TypeCorelnk:  "Corelnk",
	TypeNull:     "null",
	TypeRawTLV:   "TLV of unknown type",
	TypeRawText:  "text of unknown type",
}

// String is the type's name in the specification.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Value is the value of one resource: its type, and the one field of that
// type. It is comparable with ==.
type Value struct {
	Type  Type
	Int   int64   // TypeInteger; TypeBoolean as 0 or 1; TypeTime in seconds since 1970; TypeUnsigned as its 64 bits
	Float float64 // TypeFloat
	Str   string  // TypeString, TypeCorelnk; TypeOpaque, TypeRawTLV and TypeRawText as bytes
	Link  ObjLink // TypeObjlnk
}

// ObjLink points to an instance of an object. 65535:65535 is the null link.
type ObjLink struct {
	Object   uint16
	Instance uint16
}

// Integer is a value of TypeInteger.
func Integer(n int64) Value { return Value{Type: TypeInteger, Int: n} }

// Unsigned is a value of TypeUnsigned.
func Unsigned(n uint64) Value { return Value{Type: TypeUnsigned, Int: int64(n)} }

// Float is a value of TypeFloat.
func Float(f float64) Value { return Value{Type: TypeFloat, Float: f} }

// String is a value of TypeString.
func String(s string) Value { return Value{Type: TypeString, Str: s} }

// Corelnk is a value of TypeCorelnk: links in the link-format.
func Corelnk(s string) Value { return Value{Type: TypeCorelnk, Str: s} }

// Null is what deletes a resource instance in a Write-Composite (LwM2M 1.2
// Core, 6.3.9).
func Null() Value { return Value{Type: TypeNull} }

// Opaque is a value of TypeOpaque. It copies b.
func Opaque(b []byte) Value { return Value{Type: TypeOpaque, Str: string(b)} }

// Time is a value of TypeTime, cut to the second.
func Time(t time.Time) Value { return Value{Type: TypeTime, Int: t.Unix()} }

// Objlnk is a value of TypeObjlnk.
func Objlnk(object, instance uint16) Value {
	return Value{Type: TypeObjlnk, Link: ObjLink{object, instance}}
}

// Boolean is a value of TypeBoolean.
func Boolean(b bool) Value {
	if b {
		return Value{Type: TypeBoolean, Int: 1}
	}
	return Value{Type: TypeBoolean}
}

// Uint is the value of a TypeUnsigned.
func (v Value) Uint() uint64 { return uint64(v.Int) }

// Bool is the value of a TypeBoolean.
func (v Value) Bool() bool { return v.Int != 0 }

// Time is the value of a TypeTime, in UTC.
func (v Value) Time() time.Time { return time.Unix(v.Int, 0).UTC() }

// FromTLV reads the bytes of a TLV value (LwM2M 1.1 Core, 7.4.3 and appendix
// C). The error is a [*SyntaxError] whose offset counts from the first byte of b.
func (t Type) FromTLV(b []byte) (Value, error) {
	v, reason := t.fromTLV(b)
	if reason != "" {
		return Value{}, &SyntaxError{Format: "TLV", Reason: reason}
	}
	return v, nil
}

func (t Type) fromTLV(b []byte) (v Value, reason string) {
	switch t {
	case TypeString, TypeCorelnk:
		if !utf8.Valid(b) {
			return v, "string is not UTF-8"
		}
		return Value{Type: t, Str: string(b)}, ""
	case TypeOpaque:
		return Opaque(b), ""
	case TypeInteger, TypeTime:
		n, ok := integer(b)
		if !ok {
			return v, fmt.Sprintf("%v of %d bytes, not 1, 2, 4 or 8", t, len(b))
		}
		return Value{Type: t, Int: n}, ""
	case TypeUnsigned:
		n, ok := unsigned(b)
		if !ok {
			return v, fmt.Sprintf("%v of %d bytes, not 1, 2, 4 or 8", t, len(b))
		}
		return Unsigned(n), ""
	case TypeBoolean:
		if len(b) != 1 || b[0] > 1 {
			return v, "Boolean is not one byte, 0 or 1"
		}
		return Boolean(b[0] == 1), ""
	case TypeFloat:
		return floating(b)
	case TypeObjlnk:
		if len(b) != 4 {
			return v, fmt.Sprintf("Objlnk of %d bytes, not 4", len(b))
		}
		return Objlnk(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])), ""
	}
	return v, "a resource of this type has no value"
}

func floating(b []byte) (v Value, reason string) {
	var f float64
	switch len(b) {
	case 4:
		f = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	case 8:
		f = math.Float64frombits(binary.BigEndian.Uint64(b))
	default:
		return v, fmt.Sprintf("Float of %d bytes, not 4 or 8", len(b))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return v, "Float is not finite"
	}
	return Float(f), ""
}

// AppendTLV appends the bytes of a TLV value: integers in the fewest bytes of
// 1, 2, 4 and 8, floats in 4 bytes where that loses nothing, else in 8.
func (v Value) AppendTLV(dst []byte) []byte {
	switch v.Type {
	case TypeString, TypeCorelnk, TypeOpaque:
		return append(dst, v.Str...)
	case TypeInteger, TypeTime:
		return appendInteger(dst, v.Int)
	case TypeUnsigned:
		return appendUnsigned(dst, v.Uint())
	case TypeBoolean:
		return append(dst, byte(v.Int&1))
	case TypeFloat:
		if f := float32(v.Float); float64(f) == v.Float {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(f))
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float))
	case TypeObjlnk:
		dst = binary.BigEndian.AppendUint16(dst, v.Link.Object)
		return binary.BigEndian.AppendUint16(dst, v.Link.Instance)
	}
	return dst
}
