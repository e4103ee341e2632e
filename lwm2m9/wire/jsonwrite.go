package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// jsonObject writes the members of one object.
type jsonObject struct {
	dst   []byte
	begun bool // a member stands before the next
}

func (w *jsonObject) open() { w.dst = append(w.dst, '{') }

func (w *jsonObject) label(name string) {
	if w.begun {
		w.dst = append(w.dst, ',')
	}
	w.begun = true
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

func (w *jsonObject) string(label, s string) {
	w.label(label)
	w.dst = appendJSONString(w.dst, s)
}

// entry writes the name, without its first cut bytes, the time and the value.
func (w *jsonObject) entry(e Entry, cut int, label func(field) string) {
	var room [len("/65535/65535/65535/65535")]byte
	name := room[:0]
	if name = e.Path.append(name); e.Path.Len() == 0 {
		name = append(name, '/')
	}
	if name = name[min(cut, len(name)):]; len(name) > 0 {
		w.label(label(fieldName))
		w.dst = append(w.dst, '"')
		w.dst = append(w.dst, name...)
		w.dst = append(w.dst, '"')
	}
	if e.Time != 0 {
		w.label(label(fieldTime))
		w.dst = strconv.AppendFloat(w.dst, e.Time, 'f', -1, 64)
	}
	switch v := e.Value; v.Type {
	case TypeNull:
		w.label(label(fieldNumber))
		w.dst = append(w.dst, "null"...)
	case TypeInteger, TypeTime, TypeUnsigned:
		w.label(label(fieldNumber))
		w.dst = v.AppendText(w.dst)
	case TypeFloat:
		w.label(label(fieldNumber))
		w.dst = appendJSONFloat(w.dst, v.Float)
	case TypeBoolean:
		w.label(label(fieldBoolean))
		w.dst = strconv.AppendBool(w.dst, v.Bool())
	case TypeString, TypeCorelnk:
		w.string(label(fieldString), v.Str)
	case TypeOpaque:
		w.opaque(label, v.Str)
	case TypeObjlnk:
		w.label(label(fieldLink))
		w.dst = append(w.dst, '"')
		w.dst = append(v.AppendText(w.dst), '"')
	}
}

// opaque writes base64: SenML in the alphabet of URLs and without padding, LwM2M
// JSON, which has no field for it, as a string in the standard alphabet.
func (w *jsonObject) opaque(label func(field) string, b string) {
	name, alphabet := label(fieldOpaque), base64.RawURLEncoding
	if name == "" {
		name, alphabet = label(fieldString), base64.StdEncoding
	}
	w.label(name)
	w.dst = append(w.dst, '"')
	w.dst = append(alphabet.AppendEncode(w.dst, []byte(b)), '"')
}

// appendJSONString writes most strings as they are; encoding/json knows how
// the others are escaped.
func appendJSONString(dst []byte, s string) []byte {
	plain := func(r rune) bool { return r >= ' ' && r < 0x7f && r != '"' && r != '\\' }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	b, _ := json.Marshal(s) // of a string it cannot fail
	return append(dst, b...)
}

// appendJSONFloat writes the shortest number that is read back as f, with a
// fraction or an exponent, so that it does not look like an integer.
func appendJSONFloat(dst []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	begin := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[begin:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}
