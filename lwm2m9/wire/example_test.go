package wire_test

import (
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// A device was asked for TLV and answers in what it likes; the same is written
// in another format.
func ExampleDecode() {
	types := func(p wire.Path) wire.Type { // what the object's definition says
		return map[uint16]wire.Type{0: wire.TypeString, 7: wire.TypeInteger}[p.ID(2)]
	}
	instance := wire.PathOf(9, 0)
	answer := []byte(`[{"bn":"/9/0/","n":"0","vs":"app"},{"n":"7","v":3}]`)
	entries, err := wire.Decode(wire.FormatSenMLJSON, instance, answer, types)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		fmt.Println(e.Path, e.Value.Type)
	}
	tlv, err := wire.Append(nil, wire.FormatTLV, instance, entries...)
	fmt.Printf("%x %v\n", tlv, err)
	// Output:
	// /9/0/0 String
	// /9/0/7 Integer
	// c300617070c10703 <nil>
}
