package store

import (
	"encoding/json"
	"reflect"
	"sync"
)

// Packed is a value as a [Packer] writes it, for the part of a record that is
// written again with each of its changes, and seldom changes itself or is looked
// at: it goes into the record as it is, and has no pointers but one. It does not
// change; whoever has another value makes another Packed. Two of them with the
// same value are equal. The zero Packed holds the zero value, and is for fields
// with the tag omitzero.
type Packed[T any] struct{ packed string }

// Pack packs a value of a type that [NewPacker] takes; it panics with another one.
func Pack[T any](v *T) Packed[T] {
	pack := packFuncOf(reflect.TypeFor[T]())
	return Packed[T]{string(pack(make([]byte, 0, 128), reflect.ValueOf(v).Elem()))}
}

// Value makes the value anew, which is the caller's. It panics with a time that
// RFC 3339 cannot say, which Pack should not have been given.
func (p Packed[T]) Value() (v T) {
	if p.packed == "" {
		return v
	}
	if err := Unpack([]byte(p.packed), &v); err != nil {
		panic(err)
	}
	return v
}

// UnmarshalCBOR is for [Unpack]. It is as strict, and what it reads is packed
// anew: who wrote it may have had another order.
func (p *Packed[T]) UnmarshalCBOR(b []byte) error {
	var v T
	if err := Unpack(b, &v); err != nil {
		return err
	}
	q := Pack(&v)
	if q.packed != string(b) { // not as a Packer has it
		if err := Unpack([]byte(q.packed), new(T)); err != nil {
			return err // a number that is no time of RFC 3339, say
		}
	}
	*p = q
	return nil
}

// UnmarshalJSON is for [Unpack], like UnmarshalCBOR.
func (p *Packed[T]) UnmarshalJSON(b []byte) error {
	var v T
	if err := unpackJSON(b, &v); err != nil {
		return err
	}
	*p = Pack(&v)
	return nil
}

// MarshalCBOR and MarshalJSON are for who writes a record without a Packer: a
// Packed has no field that a library sees.
func (p Packed[T]) MarshalCBOR() ([]byte, error) {
	return packPacked(nil, reflect.ValueOf(p)), nil
}

// MarshalJSON writes the value.
func (p Packed[T]) MarshalJSON() ([]byte, error) { return json.Marshal(p.Value()) }

// held is what a Packer needs to know of each Packed: the type of its values.
type held interface{ holds() reflect.Type }

func (Packed[T]) holds() reflect.Type { return reflect.TypeFor[T]() }

var heldType = reflect.TypeFor[held]()

// packPacked writes a Packed, which is its only field, without a look into it.
func packPacked(b []byte, v reflect.Value) []byte {
	packed := v.Field(0).String()
	if packed == "" {
		return append(b, packedNil)
	}
	return append(b, packed...)
}

// packFuncs are those of the types of values that were packed.
var packFuncs sync.Map // of packFunc, by reflect.Type

func packFuncOf(t reflect.Type) packFunc {
	if f, ok := packFuncs.Load(t); ok {
		return f.(packFunc)
	}
	f := packers{}.of(t)
	packFuncs.Store(t, f)
	return f
}
