package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Packer writes values of one type, for a [Change]: as CBOR (RFC 8949), with the
// names of JSON tags, so that a record has one form in the code. The same value
// always gives the same bytes: names and keys go by their length, then by their
// bytes (4.2.3). [Unpack] reads them.
//
// The library that reads could write as well. But a record is written many times
// for once that it is read, and here its type is looked at once, and nothing is
// allocated. The tests hold this against the library.
type Packer[T any] struct{ pack packFunc }

// packFunc appends a value, which can be addressed.
type packFunc func(b []byte, v reflect.Value) []byte

// NewPacker makes the Packer of a type of structs (of at most 23 fields, all
// exported), slices, bytes, strings, bools, integers, times, maps of strings and
// bytes, and of what is [Packed]. It panics with the name of another type, and takes no notice of
// MarshalJSON and MarshalText. The tags omitempty and omitzero are known.
func NewPacker[T any]() Packer[T] {
	return Packer[T]{packers{}.of(reflect.TypeFor[T]())}
}

// Append appends the bytes of a value to b.
func (p Packer[T]) Append(b []byte, v *T) []byte {
	return p.pack(b, reflect.ValueOf(v).Elem())
}

// The major types of CBOR (RFC 8949, 3.1), and what stands for nothing.
const (
	majorUint  = 0 << 5
	majorNeg   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
	packedNo   = 0xf4
	packedYes  = 0xf5
	packedNil  = 0xf6

	maxFields = 23 // whose number is in the first byte
)

// appendHead appends a major type with its number, in the shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n <= 23:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	if s == nil {
		return append(b, packedNil)
	}
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

// packers are those of the structs that have been met, some not yet complete: a
// type may have itself inside.
type packers map[reflect.Type]*structPacker

var (
	timeType  = reflect.TypeFor[time.Time]()
	textsType = reflect.TypeFor[map[string]string]()
	rawsType  = reflect.TypeFor[map[string]json.RawMessage]()
)

func (p packers) of(t reflect.Type) packFunc {
	switch t {
	case timeType:
		return packTime
	case textsType:
		return packMap[string]
	case rawsType:
		return packMap[json.RawMessage]
	}
	if t.Implements(heldType) {
		p.of(reflect.Zero(t).Interface().(held).holds()) // panics here, and not later
		return packPacked
	}
	switch t.Kind() {
	case reflect.Struct:
		return p.ofStruct(t).pack
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return func(b []byte, v reflect.Value) []byte { return appendBytes(b, v.Bytes()) }
		}
		return packSlice(p.of(t.Elem()))
	case reflect.String:
		return func(b []byte, v reflect.Value) []byte { return appendText(b, v.String()) }
	case reflect.Bool:
		return packBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return packInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(b []byte, v reflect.Value) []byte { return appendHead(b, majorUint, v.Uint()) }
	}
	panic(fmt.Sprintf("store: a Packer knows no %v", t))
}

func packBool(b []byte, v reflect.Value) []byte {
	if v.Bool() {
		return append(b, packedYes)
	}
	return append(b, packedNo)
}

func packInt(b []byte, v reflect.Value) []byte {
	if n := v.Int(); n < 0 {
		return appendHead(b, majorNeg, uint64(-(n + 1)))
	}
	return appendHead(b, majorUint, uint64(v.Int()))
}

// packTime writes a time as text (RFC 3339, with nanoseconds), the zero one as
// nothing.
func packTime(b []byte, v reflect.Value) []byte {
	t := v.Addr().Interface().(*time.Time)
	if t.IsZero() {
		return append(b, packedNil)
	}
	var room [len(time.RFC3339Nano)]byte
	text := t.AppendFormat(room[:0], time.RFC3339Nano)
	return append(appendHead(b, majorText, uint64(len(text))), text...)
}

func packSlice(element packFunc) packFunc {
	return func(b []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(b, packedNil)
		}
		b = appendHead(b, majorArray, uint64(v.Len()))
		for i := range v.Len() {
			b = element(b, v.Index(i))
		}
		return b
	}
}

// packMap is for the two kinds of maps that records have: through reflect each
// key and each value of a map would be allocated.
func packMap[V string | json.RawMessage](b []byte, v reflect.Value) []byte {
	m := *v.Addr().Interface().(*map[string]V)
	if m == nil {
		return append(b, packedNil)
	}
	type entry struct {
		key   string
		value V
	}
	var room [16]entry
	all := room[:0]
	for k, v := range m {
		all = append(all, entry{k, v})
	}
	slices.SortFunc(all, func(a, b entry) int { return byLength(a.key, b.key) })
	b = appendHead(b, majorMap, uint64(len(all)))
	for i := range all {
		b = appendText(b, all[i].key)
		switch value := any(&all[i].value).(type) {
		case *string:
			b = appendText(b, *value)
		case *json.RawMessage:
			b = appendBytes(b, *value)
		}
	}
	return b
}

func byLength(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
