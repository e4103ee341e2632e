package lwm2m9

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TypeOf is the type of a resource of Object 9, by its path or that of one of
// its instances, as [wire.Decode] asks for it; TypeNone for anything else.
func TypeOf(p wire.Path) wire.Type {
	if p.Len() < 3 || p.ID(0) != ObjectID {
		return wire.TypeNone
	}
	def, _ := Definition(ResourceID(p.ID(2)))
	return def.Type
}

// Decode reads the answer to a Read of the object, of an instance or of a
// resource, path, in whatever content format it came. The instances are in the
// order of the answer, and one without resources has no values. Resources that
// the object has not and multiple ones are left out, and so are optional ones
// with a value that is not of their type.
//
// The error is a [*ValueError]; ErrNotObject9, for a path that is not of Object
// 9, a value outside any instance, or one where a resource has several; or one of
// [wire.Decode].
func Decode(f wire.Format, path wire.Path, payload []byte) ([]InstanceValues, error) {
	if path.Len() == 0 || path.ID(0) != ObjectID {
		return nil, fmt.Errorf("%w: %v", ErrNotObject9, path)
	}
	entries, err := wire.Decode(f, path, payload, nil)
	if err != nil {
		return nil, err
	}
	var list []InstanceValues
	at := map[InstanceID]int{} // in list
	for _, e := range entries {
		if e.Path.Len() < 2 || e.Path.ID(1) > maxInstance || e.Path.Len() < 3 && e.Value.Type != wire.TypeNone {
			return nil, fmt.Errorf("%w: no instance in %v", ErrNotObject9, e.Path)
		}
		id := InstanceID(e.Path.ID(1))
		i, known := at[id]
		if !known {
			i, at[id] = len(list), len(list)
			list = append(list, InstanceValues{id, Values{}})
		}
		if err := list[i].Values.take(id, e); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// take adds what an entry says of an instance.
func (v Values) take(id InstanceID, e wire.Entry) error {
	if e.Path.Len() < 3 {
		return nil // an instance without resources
	}
	rid := ResourceID(e.Path.ID(2))
	def, known := Definition(rid)
	if !known || def.Multiple || def.Type == wire.TypeNone || e.Path.Len() > 3 {
		return nil
	}
	value, err := e.Value.As(def.Type)
	reason := "not a value of its type"
	if err == nil {
		reason = check(rid, value)
	}
	_, twice := v[rid]
	switch {
	case twice:
		return fmt.Errorf("%w: %v comes twice", ErrNotObject9, e.Path)
	case reason == "":
		v[rid] = value
	case def.In(DialectUnknown) == Mandatory:
		return &ValueError{Instance: id, Resource: rid, Reason: reason, Err: err}
	}
	return nil
}

// Entries are the values of an instance in ascending order, for [wire.Append].
func (v Values) Entries(id InstanceID) []wire.Entry {
	entries := make([]wire.Entry, 0, len(v))
	for _, rid := range slices.Sorted(maps.Keys(v)) {
		entries = append(entries, wire.Entry{Path: wire.PathOf(ObjectID, uint16(id), uint16(rid)), Value: v[rid]})
	}
	return entries
}

// Code is the CoAP code with which a request is answered that had a payload of
// which Decode or [wire.Decode] returned the error: 4.00 for what is wrong in
// it, 4.15 for its format; 4.06 when [wire.Append] could not write the format
// that was asked for, and 5.00 for any other error. 0 is that of nil.
func Code(err error) ResponseCode {
	_, value := errors.AsType[*ValueError](err)
	if value || errors.Is(err, ErrNotObject9) {
		return CodeBadRequest
	}
	return ResponseCode(wire.Code(err))
}
