// Package crew runs functions in goroutines that are used again. A goroutine
// begins with a small stack that grows by being copied; what is short and comes
// often, an answer to a request or a notification, costs more for that than for
// what it does. It knows nothing of what it runs, and bounds nothing: a function
// never waits for another one.
package crew

import "sync"

// Crew is a set of goroutines. The zero value is ready; it must not be copied.
type Crew struct {
	mu   sync.Mutex
	idle []chan func() // guarded by mu: those that wait, the last one the latest
	over bool          // guarded by mu
	wg   sync.WaitGroup
}

// maxIdle bounds the goroutines that wait for something to do: as many as wait
// for the disk at once when a fleet is busy. The collector shrinks the stacks of
// those that wait for long.
const maxIdle = 32

// Go runs f, in a goroutine that waits or in a new one.
func (c *Crew) Go(f func()) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		next := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		next <- f
		return
	}
	c.mu.Unlock()
	c.wg.Go(func() { c.serve(f) })
}

// serve runs f and what comes after it.
func (c *Crew) serve(f func()) {
	next := make(chan func(), 1) // who gives it work does not wait
	for f != nil {
		f()
		c.mu.Lock()
		if c.over || len(c.idle) >= maxIdle {
			c.mu.Unlock()
			return
		}
		c.idle = append(c.idle, next)
		c.mu.Unlock()
		f = <-next
	}
}

// Wait lets no goroutine wait any more, and returns when all functions have
// ended. What is given to Go by one of them is run as well.
func (c *Crew) Wait() {
	c.mu.Lock()
	c.over = true
	for _, next := range c.idle {
		close(next)
	}
	c.idle = nil
	c.mu.Unlock()
	c.wg.Wait()
}
