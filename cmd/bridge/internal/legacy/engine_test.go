package legacy

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// TestPlanWakesRun for a moment before all others, and for no other.
func TestPlanWakesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{Store: store.NewMemory()})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		left := func(want int) {
			t.Helper()
			synctest.Wait()
			e.schedule.Lock()
			defer e.schedule.Unlock()
			if got := e.schedule.queue.Len(); got != want {
				t.Errorf("%d devices wait, want %d", got, want)
			}
		}
		start := time.Now()
		for _, after := range []time.Duration{3 * time.Hour, time.Minute, 2 * time.Hour} { // nobody has these names
			synctest.Wait()
			e.plan(after.String(), start.Add(after))
		}
		left(3)
		time.Sleep(time.Minute)
		left(2)
		e.plan("3h0m0s", time.Time{})
		time.Sleep(2 * time.Hour)
		left(0)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, after := range []time.Duration{2, 3, 2} { // Run does not look now
			e.plan(after.String(), start.Add(after))
		}
		if len(e.schedule.wake) != 1 {
			t.Fatal("the first moment wakes nobody")
		}
		<-e.schedule.wake
		e.plan("4", start.Add(4))
		e.plan("2ns", time.Time{})
		if len(e.schedule.wake) != 0 {
			t.Error("a later moment wakes Run")
		}
	})
}
