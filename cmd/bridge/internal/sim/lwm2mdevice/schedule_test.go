package lwm2mdevice

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lossy"
)

// decisions takes the first decisions of a device about when to update and when
// to reboot, in the order that mix gives: true for an update.
func decisions(t *testing.T, seed uint64, mix []bool) (updates, reboots []time.Duration) {
	t.Helper()
	d, err := New(Config{Endpoint: "d", Server: "127.0.0.1:1", Seed: seed, Lifetime: time.Minute, RebootEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, update := range mix {
		if update {
			updates = append(updates, d.plan.update())
		} else if at, ok := d.plan.reboot(); ok {
			reboots = append(reboots, at)
		}
	}
	return updates, reboots
}

// TestSameSeedSamePlan: whatever happens between, the n-th decision of a kind
// is the same.
func TestSameSeedSamePlan(t *testing.T) {
	u1, r1 := decisions(t, 7, []bool{true, true, true, false, false})
	u2, r2 := decisions(t, 7, []bool{false, true, false, true, true})
	u3, r3 := decisions(t, 8, []bool{true, true, true, false, false})
	if diff := cmp.Diff([2][]time.Duration{u1, r1}, [2][]time.Duration{u2, r2}); diff != "" {
		t.Errorf("two devices with one seed differ\n%s", diff)
	}
	if cmp.Equal(u1, u3) || cmp.Equal(r1, r3) {
		t.Error("another seed decides the same")
	}
}

func TestPlanKeepsItsBounds(t *testing.T) {
	mix := make([]bool, 2000)
	for i := range mix {
		mix[i] = i%2 == 0
	}
	updates, reboots := decisions(t, 1, mix)
	for _, u := range updates {
		if u > 30*time.Second || u < 30*time.Second*7/8 {
			t.Fatalf("an Update after %v, want an eighth less than 30s at most", u)
		}
	}
	for _, r := range reboots {
		if r < time.Hour/2 || r > 3*time.Hour/2 {
			t.Fatalf("a reboot after %v, want half to one and a half of 1h", r)
		}
	}
	if _, ok := newSchedule(Config{}).reboot(); ok {
		t.Error("a reboot that nobody wanted")
	}
}

// TestRebootsByItself: registered again and again.
func TestRebootsByItself(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{RebootEvery: 30 * time.Millisecond, StartAfter: time.Millisecond})
	e.kind(EventRebooting)
	e.kind(EventRegistered)
	e.kind(EventRebooting)
	e.kind(EventRegistered)
	if c := d.Counts(); c.Boots < 3 {
		t.Errorf("%d boots", c.Boots)
	}
}

func TestSockets(t *testing.T) {
	for text, want := range map[string]int{"drop=0.5": 1, "delay=1s": 3} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Sockets([]Fault{f}); got != want {
			t.Errorf("%s: %d sockets, want %d", text, got, want)
		}
	}
}

func TestALineCannotDelay(t *testing.T) {
	if _, err := lossy.NewLine(lossy.Way{Delay: 1}, lossy.Way{}, 1); err == nil {
		t.Error("no error")
	}
}
