package store

import (
	"errors"
	"testing"
)

func sized(n int) *request {
	return &request{changes: []Change{{Key: "k", Value: make([]byte, n-1)}}, done: make(chan struct{})}
}

// TestQueueGroups: a group holds what came first, up to maxGroup bytes, and at
// least one request, however large.
func TestQueueGroups(t *testing.T) {
	q := queue{wake: make(chan struct{}, 1)}
	for _, n := range []int{maxGroup / 2, maxGroup / 2, 1, 2 * maxGroup, 1} {
		if err := q.put(sized(n)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{2, 1, 1, 1} {
		if got := len(q.take()); got != want {
			t.Errorf("group %d has %d requests; want %d", i, got, want)
		}
	}
	if err := q.put(sized(1)); err != nil {
		t.Fatal(err)
	}
	q.close()
	if err := q.put(sized(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v; want ErrClosed", err)
	}
	if n := len(q.take()); n != 1 {
		t.Errorf("%d requests after close; what was queued before is still done", n)
	}
	if len(q.take()) != 0 {
		t.Error("an empty closed queue has a group")
	}
}
