package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var lockoutStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestLockout: waits grow from the free tries on, for the device and for the
// peer each by its own count, up to the maximum; an alarm at either.
func TestLockout(t *testing.T) {
	l := Lockout{FreeTries: 2, FirstWait: time.Second, MaxWait: 5 * time.Second}
	now := lockoutStart
	var waits []time.Duration
	var alarms []Alarm
	for range 6 {
		alarms = append(alarms, l.Wrong("IMEI:1", "192.0.2.1", now)...)
		waits = append(waits, l.Wait("IMEI:1", "192.0.2.9", now))
		if other := l.Wait("IMEI:2", "192.0.2.1", now); other != waits[len(waits)-1] {
			t.Errorf("the peer waits %v, the device %v", other, waits[len(waits)-1])
		}
	}
	if d := cmp.Diff([]time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second}, waits); d != "" {
		t.Error(d)
	}
	want := []Alarm{{false, "IMEI:1", 3, time.Second}, {true, "192.0.2.1", 3, time.Second},
		{false, "IMEI:1", 6, 5 * time.Second}, {true, "192.0.2.1", 6, 5 * time.Second}}
	if d := cmp.Diff(want, alarms); d != "" {
		t.Error(d)
	}
	if w := l.Wait("IMEI:2", "192.0.2.2", now); w != 0 {
		t.Errorf("somebody else waits %v", w)
	}
	if w := l.Wait("IMEI:1", "", now.Add(5*time.Second)); w != 0 {
		t.Errorf("%v after the wait is over", w)
	}
	if more := l.Wrong("IMEI:1", "192.0.2.1", now); len(more) != 0 {
		t.Errorf("alarms again: %v", more)
	}
}

// TestLockoutForgets: after success, after a day, and the oldest when there
// are too many names.
func TestLockoutForgets(t *testing.T) {
	l := Lockout{FreeTries: 1, FirstWait: time.Hour, MaxWait: 100 * time.Hour, Forget: 24 * time.Hour, MaxNames: 4}
	now := lockoutStart
	wrong := func(device, peer string) { l.Wrong(device, peer, now) }
	wrong("d", "p")
	wrong("d", "p")
	l.Right("d")
	if l.Wait("d", "", now) != 0 || l.Wait("", "p", now) != time.Hour {
		t.Errorf("after success: device %v, peer %v", l.Wait("d", "", now), l.Wait("", "p", now))
	}
	now = now.Add(24*time.Hour - 1)
	if wrong("d", "p"); l.Wait("", "p", now) != 2*time.Hour {
		t.Errorf("within a day: %v", l.Wait("", "p", now))
	}
	now = now.Add(24 * time.Hour)
	if wrong("d", "p"); l.Wait("", "p", now) != 0 {
		t.Errorf("after a day: %v", l.Wait("", "p", now))
	}
	for i := range 10 {
		wrong(fmt.Sprint("d", i), fmt.Sprint("p", i))
		if len(l.names) > 4 || len(l.order) > 4 {
			t.Fatalf("%d names, %d in order", len(l.names), len(l.order))
		}
	}
}

// TestLockoutDefaults: the zero value works, and never waits longer than it
// says.
func TestLockoutDefaults(t *testing.T) {
	var l Lockout
	for n := 1; n <= 100; n++ {
		l.Wrong("d", "p", lockoutStart)
		w := l.Wait("d", "p", lockoutStart)
		if (w > 0) != (n > DefaultFreeTries) || w > DefaultMaxWait || n == 100 && w != DefaultMaxWait {
			t.Fatalf("%v after %d wrong passwords", w, n)
		}
	}
}
