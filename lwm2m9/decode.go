package lwm2m9

import (
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// ErrNotObject9 means that a payload is well formed but does not have the
// shape of what was asked for.
var ErrNotObject9 = errors.New("lwm2m9: the payload is not what was asked for")

// maxInstance is the last number of an instance; 65535 is reserved (LwM2M 1.1
// Core, 7.1).
const maxInstance = 65534

// Text reads a text/plain payload of one resource. The error is a
// [*ValueError] without an instance.
func Text(id ResourceID, payload []byte) (wire.Value, error) {
	return value(id, payload, wire.Type.FromText)
}

// value decodes the bytes of a resource by its definition.
func value(id ResourceID, b []byte, from func(wire.Type, []byte) (wire.Value, error)) (wire.Value, error) {
	def, ok := Definition(id)
	if !ok {
		return wire.Value{}, &ValueError{Resource: id, Reason: "no such resource"}
	}
	v, err := from(def.Type, b)
	if err != nil {
		return wire.Value{}, &ValueError{Resource: id, Reason: "not a value of its type", Err: err}
	}
	if reason := check(id, v); reason != "" {
		return wire.Value{}, &ValueError{Resource: id, Reason: reason}
	}
	return v, nil
}

// InstanceTLV reads the TLV answer to a Read of an instance, or of one of its
// resources: the resources, with or without the instance around them.
// Resources that the object has not are left out, and so are optional ones
// with a value that is not of their type. The error is a [*wire.SyntaxError],
// a [*ValueError] or ErrNotObject9.
func InstanceTLV(id InstanceID, payload []byte) (Values, error) {
	items, err := wire.DecodeTLV(payload)
	if err != nil {
		return nil, err
	}
	if len(items) == 1 && items[0].Kind == wire.KindInstance {
		if items[0].ID != uint16(id) {
			return nil, fmt.Errorf("%w: instance %d instead of %d", ErrNotObject9, items[0].ID, id)
		}
		items = items[0].Items
	}
	return values(id, items)
}

// ObjectTLV reads the TLV answer to a Read of the whole object: its instances
// in the order of the answer. An instance that comes twice is an error, and so
// are instance 65535 and a resource outside an instance. The errors are those of InstanceTLV.
func ObjectTLV(payload []byte) ([]InstanceValues, error) {
	items, err := wire.DecodeTLV(payload)
	if err != nil {
		return nil, err
	}
	list := make([]InstanceValues, 0, len(items))
	seen := make(map[uint16]bool, len(items))
	for _, t := range items {
		if t.Kind != wire.KindInstance || t.ID > maxInstance || seen[t.ID] {
			return nil, fmt.Errorf("%w: %v %d", ErrNotObject9, t.Kind, t.ID)
		}
		seen[t.ID] = true
		v, err := values(InstanceID(t.ID), t.Items)
		if err != nil {
			return nil, err
		}
		list = append(list, InstanceValues{InstanceID(t.ID), v})
	}
	return list, nil
}

// InstanceValues are the values of one instance of several.
type InstanceValues struct {
	ID     InstanceID
	Values Values
}

// ReadObject makes readings of all instances, as ReadInstance does of one.
func ReadObject(list []InstanceValues, d Dialect) ([]Instance, error) {
	out := make([]Instance, 0, len(list))
	for _, iv := range list {
		i, err := ReadInstance(iv.ID, iv.Values, d)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// values decodes the resources of an instance.
func values(id InstanceID, items []wire.TLV) (Values, error) {
	v := make(Values, len(items))
	for _, t := range items {
		rid := ResourceID(t.ID)
		def, known := Definition(rid)
		if t.Kind == wire.KindInstance {
			return nil, fmt.Errorf("%w: instance %d among resources", ErrNotObject9, t.ID)
		}
		if !known || def.Multiple || t.Kind != wire.KindResource {
			continue
		}
		decoded, err := value(rid, t.Value, wire.Type.FromTLV)
		if err != nil {
			if def.In(DialectUnknown) != Mandatory {
				continue
			}
			var ve *ValueError
			if errors.As(err, &ve) {
				ve.Instance = id
			}
			return nil, err
		}
		v[rid] = decoded
	}
	return v, nil
}

// ForUpdate reads the argument of Uninstall (OMNA registry, resource 6; both
// ways of writing it were seen in servers): none, 0 and 0='0' remove; 1 and
// 0='1' mean "for update". ok is false for anything else, which is answered 4.00.
func ForUpdate(args []wire.Argument) (forUpdate, ok bool) {
	if len(args) == 0 {
		return false, true
	}
	if len(args) > 1 {
		return false, false
	}
	switch args[0] {
	case wire.Argument{ID: 0}, wire.Argument{ID: 0, Value: "0", HasValue: true}:
		return false, true
	case wire.Argument{ID: 1}, wire.Argument{ID: 0, Value: "1", HasValue: true}:
		return true, true
	}
	return false, false
}
