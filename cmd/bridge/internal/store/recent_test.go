package store

import (
	"fmt"
	"testing"
)

func TestRecentForgetsTheOldest(t *testing.T) {
	var r recent
	key := func(n int) string { return fmt.Sprint("k", n) }
	for n := range maxRecent + 1 { // one over: the first ones are old now
		r.add(map[string]uint64{key(n): uint64(n) + 1})
	}
	for _, n := range []int{0, maxRecent - 1, maxRecent} {
		if rev, ok := r.get(key(n)); !ok || rev != uint64(n)+1 {
			t.Errorf("%s: %d, %v", key(n), rev, ok)
		}
	}
	r.add(map[string]uint64{key(0): 7}) // written again
	if rev, ok := r.get(key(0)); !ok || rev != 7 {
		t.Errorf("written again: %d, %v", rev, ok)
	}
	for n := maxRecent + 1; n <= 2*maxRecent; n++ {
		r.add(map[string]uint64{key(n): uint64(n)})
	}
	if rev, ok := r.get(key(1)); ok {
		t.Errorf("the oldest is still remembered: %d", rev)
	}
	if got := len(r.young) + len(r.old); got > 2*maxRecent {
		t.Errorf("%d are remembered", got)
	}
}

// TestRecentAndALargeBatch: one of as many as are remembered is, one of more is
// not, and makes what was known of its keys wrong.
func TestRecentAndALargeBatch(t *testing.T) {
	for _, size := range []int{maxRecent, maxRecent + 1} {
		r := recent{young: map[string]uint64{"0": 1, "x": 1}}
		all := make(map[string]uint64)
		for n := range size {
			all[fmt.Sprint(n)] = 2
		}
		r.add(all)
		rev, ok := r.get("0")
		if fits := size <= maxRecent; ok != fits || fits && rev != 2 {
			t.Errorf("batch of %d: revision %d, %v", size, rev, ok)
		}
	}
}
