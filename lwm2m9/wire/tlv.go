package wire

import "fmt"

// Kind is the type of a TLV's identifier, bits 7 and 6 of its first byte
// (LwM2M 1.1 Core, table 7.4.3.-1).
type Kind uint8

// The kinds, with the numbers of the wire.
const (
	KindInstance         Kind = iota // object instance; holds resources
	KindResourceInstance             // one value of a multiple resource
	KindMultiple                     // multiple resource; holds resource instances
	KindResource                     // single resource with its value
)

var kindNames = [...]string{"object instance", "resource instance", "multiple resource", "resource"}

// String names the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// The limits of a TLV payload. Depth needs none of its own: what may stand in
// what (see holds) ends at MaxTLVDepth.
const (
	MaxTLVSize  = 1 << 20 // bytes in all
	MaxTLVCount = 4096    // items in all
	MaxTLVDepth = 3       // object instance, multiple resource, resource instance

	maxTLVLength = 1<<24 - 1 // of one item: the length field has 24 bits
)

// holds says what may stand inside what. At the top, kind "none", stands
// anything: a payload may be an object, an instance, a resource, or one
// instance of a resource.
func (k Kind) holds(child Kind) bool {
	switch k {
	case KindInstance:
		return child == KindResource || child == KindMultiple
	case KindMultiple:
		return child == KindResourceInstance
	case top:
		return true
	}
	return false
}

const top Kind = 4 // the payload itself, as the holder of its items

// container says that items of this kind hold items, not a value.
func (k Kind) container() bool { return k == KindInstance || k == KindMultiple }

// TLV is one item. Value belongs to resources and resource instances, Items to
// the other two kinds.
type TLV struct {
	Kind  Kind
	ID    uint16
	Value []byte // decoded: a part of the payload, not a copy
	Items []TLV
}

// Resource is a single resource with its value.
func Resource(id uint16, v Value) TLV {
	return TLV{Kind: KindResource, ID: id, Value: v.AppendTLV(nil)}
}

// Multiple is a multiple resource; its instances are numbered from 0.
func Multiple(id uint16, values ...Value) TLV {
	t := TLV{Kind: KindMultiple, ID: id}
	for i, v := range values {
		t.Items = append(t.Items, TLV{Kind: KindResourceInstance, ID: uint16(i), Value: v.AppendTLV(nil)})
	}
	return t
}

// Instance is an object instance with its resources.
func Instance(id uint16, resources ...TLV) TLV {
	return TLV{Kind: KindInstance, ID: id, Items: resources}
}
