package crew

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// together runs n functions at the same time, and returns when all have ended
// and their goroutines have come to rest.
func together(t *testing.T, c *Crew, n int) {
	t.Helper()
	var running atomic.Int32
	release := make(chan struct{})
	for range n {
		c.Go(func() {
			running.Add(1)
			<-release
		})
	}
	synctest.Wait()
	if got := int(running.Load()); got != n {
		t.Errorf("%d of %d run: one waits for another", got, n)
	}
	close(release)
	synctest.Wait()
}

// TestGoroutinesAreUsedAgain, as many as may wait and not one more.
func TestGoroutinesAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Crew
		before := runtime.NumGoroutine()
		for _, n := range []int{maxIdle - 1, maxIdle, maxIdle + 1, 1, 3 * maxIdle} {
			together(t, &c, n)
			if got := runtime.NumGoroutine() - before; got > maxIdle {
				t.Errorf("after %d: %d goroutines wait, want %d at most", n, got, maxIdle)
			}
		}
		if got := runtime.NumGoroutine() - before; got != maxIdle {
			t.Errorf("%d goroutines wait, want %d", got, maxIdle)
		}
		for range 2 { // a goroutine that waits takes the next one
			c.Go(func() {
				if got := runtime.NumGoroutine() - before; got != maxIdle {
					t.Errorf("%d goroutines where %d waited", got, maxIdle)
				}
			})
			synctest.Wait()
		}
		c.Wait()
	})
}

// TestWait waits for functions, and for those that they begin.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Crew
		var last atomic.Bool
		release := make(chan struct{})
		together(t, &c, 2) // one waits already
		c.Go(func() {
			<-release
			c.Go(func() { c.Go(func() { last.Store(true) }) })
		})
		over := make(chan struct{})
		go func() {
			c.Wait()
			close(over)
		}()
		synctest.Wait()
		select {
		case <-over:
			t.Error("Wait does not wait")
		default:
		}
		close(release)
		<-over
		if !last.Load() {
			t.Error("what was begun last did not run")
		}
	})
}
