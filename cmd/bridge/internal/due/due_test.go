package due

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQueue compares with a map that is searched.
func TestQueue(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		want := map[string]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "key")
			at := start.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "at")) * time.Second)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				q.Set(key, time.Time{})
				delete(want, key)
			case 1:
				got, ok := q.Pop(at)
				first := earliest(want)
				if ok != (len(want) > 0 && !first.After(at)) {
					t.Fatalf("Pop(%v) = %q, %v of %v", at, got, ok, want)
				}
				if ok && !want[got].Equal(first) {
					t.Fatalf("Pop gave %q of %v", got, want)
				}
				delete(want, got)
			default:
				q.Set(key, at)
				want[key] = at
			}
			next, ok := q.Next()
			if ok != (len(want) > 0) || ok && !next.Equal(earliest(want)) || q.Len() != len(want) {
				t.Fatalf("Next() = %v, %v of %v", next, ok, want)
			}
		}
	})
}

func earliest(m map[string]time.Time) time.Time {
	var all []time.Time
	for _, at := range m {
		all = append(all, at)
	}
	if len(all) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(all, time.Time.Compare)
}
