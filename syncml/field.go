package syncml

import "unsafe"

// field says where an F is in a T. It stands for the function that fieldOf is
// given, and is much faster: a message has several hundred fields to look at,
// most of them absent, and the call of a function that the compiler does not
// know costs as much as to write an element.
//
// This is the one use of unsafe in the package. The types see to it that it is
// sound: of takes a T and finds in it what fieldOf found in one.
type field[T, F any] struct{ offset uint32 }

// fieldOf is the field that at gives. That must be a part of T, and not behind a
// pointer.
func fieldOf[T, F any](at func(*T) *F) field[T, F] {
	v, other := new(T), new(T)
	f := field[T, F]{uint32(uintptr(unsafe.Pointer(at(v))) - uintptr(unsafe.Pointer(v)))}
	if uintptr(f.offset)+unsafe.Sizeof(*at(v)) > unsafe.Sizeof(*v) || f.of(other) != at(other) {
		panic("syncml: a field that is no part of its type")
	}
	return f
}

// of is the field in v.
func (f field[T, F]) of(v *T) *F { return (*F)(unsafe.Add(unsafe.Pointer(v), f.offset)) }
