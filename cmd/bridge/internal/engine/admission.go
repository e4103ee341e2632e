package engine

import "sync"

// admission bounds the DM sessions that run at one time, over all shards.
// Who comes too late is told later, in the order of asking.
type admission struct {
	mu      sync.Mutex
	free    int      // guarded by mu
	waiting []func() // guarded by mu; each tells one device that it may go on
}

func newAdmission(n int) *admission { return &admission{free: n} }

// enter takes a place, or has granted called when one is free; that place is
// then the waiting device's. granted must not block.
func (a *admission) enter(granted func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.free > 0 {
		a.free--
		return true
	}
	a.waiting = append(a.waiting, granted)
	return false
}

// leave gives a place back.
func (a *admission) leave() {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		a.free++
		a.mu.Unlock()
		return
	}
	next := a.waiting[0]
	a.waiting = a.waiting[1:]
	a.mu.Unlock()
	next()
}
