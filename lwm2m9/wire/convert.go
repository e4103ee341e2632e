package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
)

// As makes a value of type t of one that came without it. TypeRawTLV and
// TypeRawText are read as [Type.FromTLV] and [Type.FromText] do. A number
// becomes one of another type: without loss to Integer, Unsigned Integer and
// Time, to the nearest Float. A string becomes a Corelnk, an Objlnk ("66:1", as
// in CBOR) or an Opaque (base64, as in LwM2M JSON, in either alphabet). Anything
// else is refused with a [*SyntaxError], a value that is none included.
func (v Value) As(t Type) (Value, error) {
	out, reason := v.as(t)
	if reason != "" {
		return Value{}, &SyntaxError{Format: "value", Reason: reason}
	}
	return out, nil
}

func (v Value) as(t Type) (out Value, reason string) {
	if t == TypeNone || t >= TypeNull {
		return out, "a resource of this type has no value"
	}
	switch v.Type {
	case t:
		return v, ""
	case TypeNone:
		return out, "no value"
	case TypeRawTLV:
		return t.fromTLV([]byte(v.Str))
	case TypeRawText:
		return t.fromText(v.Str)
	case TypeInteger, TypeUnsigned, TypeTime, TypeFloat:
		if n, ok := v.number(t); ok {
			return n, ""
		}
	case TypeString, TypeCorelnk:
		switch t {
		case TypeString, TypeCorelnk:
			return Value{Type: t, Str: v.Str}, ""
		case TypeObjlnk:
			return textLink(v.Str)
		case TypeOpaque:
			b, ok := unbase64(v.Str)
			if !ok {
				return out, "not base64"
			}
			return Opaque(b), ""
		}
	}
	return out, fmt.Sprintf("%v instead of %v", v.Type, t)
}

// number makes a number of another type.
func (v Value) number(t Type) (Value, bool) {
	negative := v.Type != TypeUnsigned && v.Int < 0
	if v.Type == TypeFloat {
		return v.whole(t)
	}
	switch t {
	case TypeInteger, TypeTime:
		return Value{Type: t, Int: v.Int}, v.Type != TypeUnsigned || v.Int >= 0
	case TypeUnsigned:
		return Unsigned(uint64(v.Int)), !negative
	case TypeFloat:
		if v.Type == TypeUnsigned {
			return Float(float64(v.Uint())), true
		}
		return Float(float64(v.Int)), true
	}
	return Value{}, false
}

// whole makes an integer of a Float that is one: 1.638435E9 for a time.
func (v Value) whole(t Type) (Value, bool) {
	f := v.Float
	if f != math.Trunc(f) {
		return Value{}, false
	}
	switch t {
	case TypeInteger, TypeTime:
		return Value{Type: t, Int: int64(f)}, f >= -(1<<63) && f < 1<<63
	case TypeUnsigned:
		return Unsigned(uint64(f)), f >= 0 && f < 1<<64
	}
	return Value{}, false
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// toURL turns the standard alphabet of base64 into that of URLs.
var toURL = strings.NewReplacer("+", "-", "/", "_")

// unbase64 reads base64 in either alphabet, with padding or without: SenML
// says URLs and without (RFC 8428, 4.3), LwM2M JSON the other; peers mix them.
func unbase64(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(toURL.Replace(strings.TrimRight(s, "=")))
	return b, err == nil
}
