package heap

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestPercent(t *testing.T) {
	for _, row := range []struct {
		live, floor uint64
		want        int
	}{
		{0, 90, 800}, {1, 90, 800}, {10, 90, 800}, {11, 90, 718}, {30, 90, 200},
		{44, 90, 104}, {45, 90, 100}, {46, 90, 100}, {1 << 40, 90, 100},
	} {
		if got := percent(row.live, row.floor); got != row.want {
			t.Errorf("%d alive of %d: %d %%, want %d", row.live, row.floor, got, row.want)
		}
	}
}

// set is the percentage that is set.
func set() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// comes collects until the percentage is as wanted: cleanups run when they run.
func comes(t *testing.T, what string, want func(uint64) bool) {
	t.Helper()
	for range 1000 {
		if runtime.GC(); want(set()) {
			return
		}
	}
	t.Errorf("%s: %d %%", what, set())
}

// TestFloor follows what is alive, and leaves no trace.
func TestFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	before := set()
	stop := Floor(64 << 20)
	comes(t, "next to nothing is alive", func(p uint64) bool { return p == mostPercent })
	kept := make([]byte, 16<<20)
	comes(t, "a quarter is alive", func(p uint64) bool { return p > 150 && p < 400 })
	more := make([]byte, 32<<20)
	comes(t, "more than half is alive", func(p uint64) bool { return p == leastPercent })
	runtime.KeepAlive(kept)
	runtime.KeepAlive(more)
	comes(t, "it is garbage", func(p uint64) bool { return p == mostPercent })
	stop()
	stop()
	for range 10 {
		runtime.GC()
	}
	if got := set(); got != before {
		t.Errorf("%d %% after it, %d before", got, before)
	}
}

// TestFloorLeavesGOGC: who has set it knows what for.
func TestFloorLeavesGOGC(t *testing.T) {
	t.Setenv("GOGC", "100")
	before := set()
	stop := Floor(1 << 30)
	for range 10 {
		if runtime.GC(); set() != before {
			t.Fatalf("%d %%, not %d", set(), before)
		}
	}
	stop()
	if set() != before {
		t.Errorf("%d %% after it", set())
	}
}
