package legacy

import (
	"fmt"
	"testing"
)

// TestIdleRecordsAreBounded: of the devices with nothing due few are kept
// decoded, and each shows what is stored.
func TestIdleRecordsAreBounded(t *testing.T) {
	w := newWorld(t)
	const more = 3 * idlePerLane
	name := func(i int) string { return fmt.Sprintf("IMEI:%d", i) }
	for i := range more {
		w.call(name(i)).session(obliging(10))
	}
	for range 2 {
		for i := range more {
			if v, err := w.e.View(name(i)); err != nil || v.Device != name(i) || v.Info["./DevInfo/Man"] != "Contoso" {
				t.Fatalf("%s: %+v, %v", name(i), v, err)
			}
		}
	}
	for i := range w.e.lanes {
		kept := 0
		for _, s := range w.e.lanes[i].seats {
			if s.rec != nil {
				kept++
			}
		}
		if n := len(w.e.lanes[i].seats); kept != min(n, idlePerLane) {
			t.Errorf("of %d idle records %d are kept; want %d", n, kept, min(n, idlePerLane))
		}
	}
}
