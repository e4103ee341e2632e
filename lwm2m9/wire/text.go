package wire

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxText is the longest text/plain value that is read, in bytes. Packages do
// not come as text.
const MaxText = 64 << 10

// FromText reads a text/plain value (LwM2M 1.1 Core, 7.4.1 and appendix C).
// Seen in the field and accepted: "+3" and " 3" for integers, true and false
// for booleans, and spaces around anything that is not a string. Opaque values
// are base64. The error is a [*SyntaxError].
func (t Type) FromText(b []byte) (Value, error) {
	if len(b) > MaxText {
		return Value{}, &SyntaxError{Format: "text", Offset: MaxText, Reason: "value is too long"}
	}
	v, reason := t.fromText(string(b))
	if reason != "" {
		return Value{}, &SyntaxError{Format: "text", Reason: reason}
	}
	return v, nil
}

func (t Type) fromText(s string) (v Value, reason string) {
	if t == TypeString || t == TypeCorelnk {
		if !utf8.ValidString(s) {
			return v, "string is not UTF-8"
		}
		return Value{Type: t, Str: s}, ""
	}
	s = strings.Trim(s, " \t\r\n")
	switch t {
	case TypeInteger, TypeTime:
		n, err := strconv.ParseInt(s, 10, 64) // takes "+3", refuses "1_0"
		if err != nil {
			return v, "not an integer of 64 bits"
		}
		return Value{Type: t, Int: n}, ""
	case TypeUnsigned:
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
		if err != nil {
			return v, "not an unsigned integer of 64 bits"
		}
		return Unsigned(n), ""
	case TypeBoolean:
		switch strings.ToLower(s) {
		case "0", "false":
			return Boolean(false), ""
		case "1", "true":
			return Boolean(true), ""
		}
		return v, "not a boolean"
	case TypeFloat:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || strings.Trim(s, "+-.0123456789eE") != "" {
			return v, "not a decimal number" // hexadecimal, Inf and NaN neither
		}
		return Float(f), ""
	case TypeOpaque:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return v, "not base64"
		}
		return Opaque(b), ""
	case TypeObjlnk:
		return textLink(s)
	}
	return v, "a resource of this type has no value"
}

func textLink(s string) (v Value, reason string) {
	object, instance, _ := strings.Cut(s, ":")
	o, err1 := strconv.ParseUint(object, 10, 16)
	i, err2 := strconv.ParseUint(instance, 10, 16)
	if err1 != nil || err2 != nil {
		return v, "not an object link, two numbers with a colon"
	}
	return Objlnk(uint16(o), uint16(i)), ""
}

// AppendText appends the value as text/plain.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Type {
	case TypeString, TypeCorelnk:
		return append(dst, v.Str...)
	case TypeUnsigned:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case TypeInteger, TypeTime, TypeBoolean:
		return strconv.AppendInt(dst, v.Int, 10)
	case TypeFloat:
		return strconv.AppendFloat(dst, v.Float, 'f', -1, 64)
	case TypeOpaque:
		return base64.StdEncoding.AppendEncode(dst, []byte(v.Str))
	case TypeObjlnk:
		dst = strconv.AppendUint(dst, uint64(v.Link.Object), 10)
		dst = append(dst, ':')
		return strconv.AppendUint(dst, uint64(v.Link.Instance), 10)
	}
	return dst
}
