package server

import (
	"context"
	"sync"
)

// turns lets one goroutine per endpoint go on, the others in the order in
// which they came. An endpoint for which nobody waits costs nothing. The zero
// value is ready.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	users int
	taken chan struct{} // of one; senders wait first come first served
}

// take waits for the endpoint's turn, no longer than ctx; give ends it.
func (t *turns) take(ctx context.Context, endpoint string) (give func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = make(map[string]*turn)
	}
	x := t.of[endpoint]
	if x == nil {
		x = &turn{taken: make(chan struct{}, 1)}
		t.of[endpoint] = x
	}
	x.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if x.users--; x.users == 0 {
			delete(t.of, endpoint)
		}
	}
	select {
	case x.taken <- struct{}{}:
		return func() { <-x.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
