package delivery

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	now := noon
	m := newMeter(func() time.Time { return now }, 0)
	for _, row := range []struct {
		after time.Duration
		bytes int64
		last  bool
		due   bool
		rate  float64
	}{
		{progressEvery - 1, 500, false, false, 0},
		{1, 1000, false, true, 1000},               // the first rate is what it is
		{2 * time.Second, 5000, false, true, 1500}, // half of 2000 and 1000
		{time.Second, 1000, false, true, 750},      // began again: not less than nothing
		{time.Millisecond, 2000, true, true, 750},  // the end; too short to say anything
		{0, 2000, true, true, 750},                 // and in no time at all
	} {
		now = now.Add(row.after)
		if due := m.due(row.bytes, row.last); due != row.due || m.rate != row.rate {
			t.Errorf("%+v: %v, rate %v", row, due, m.rate)
		}
	}
}
