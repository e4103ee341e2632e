package legacy

import (
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
)

// TestMoves: the instances that are on one side only.
func TestMoves(t *testing.T) {
	slots := func(ids ...lwm2m9.InstanceID) (v mapping.Virtual) {
		for _, id := range ids {
			v.Slots = append(v.Slots, mapping.Slot{ID: id})
		}
		return v
	}
	got := moves(Change{Before: slots(0, 1, 3), After: slots(0, 2, 3, 4)})
	want := []wire.Path{wire.PathOf(9, 1), wire.PathOf(9, 2), wire.PathOf(9, 4)}
	if !slices.Equal(got, want) {
		t.Errorf("moved %v, want %v", got, want)
	}
}
