package legacy

import (
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TestObject9Read: a Read of a resource gives that one, as a Read of its instance
// does, and one of the instance every readable resource of the dialect.
func TestObject9Read(t *testing.T) {
	for d, want := range map[lwm2m9.Dialect][]uint16{
		lwm2m9.Draft:      {0, 1, 7, 9, 12},
		lwm2m9.Registered: {0, 1, 7, 9, 12, 16},
	} {
		o := newWorld(t).e.Object9(device, d)
		all, err := o.Read(t.Context(), wire.PathOf(9, 0))
		if err != nil {
			t.Fatal(err)
		}
		var ids []uint16
		for _, en := range all {
			ids = append(ids, en.Path.ID(2))
			one, err := o.Read(t.Context(), en.Path)
			if err != nil || !slices.Equal(one, []wire.Entry{en}) {
				t.Errorf("%v: Read of %v: %v, %v; of the instance: %v", d, en.Path, one, err, en)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%v: resources %v, want %v", d, ids, want)
		}
		if _, err := o.Read(t.Context(), wire.PathOf(9, 1)); err == nil {
			t.Errorf("%v: an instance that is not there", d)
		}
	}
}
