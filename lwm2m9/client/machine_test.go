package client

import (
	"fmt"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func plainPolicy() policy {
	return policy{lifetime: time.Hour, versions: 3, minBackoff: 2 * time.Second, maxBackoff: time.Minute}
}

// TestMachine: what is sent, and what is waited for, after each event of a
// story. The first column is the time since the start.
func TestMachine(t *testing.T) {
	type line struct {
		at   time.Duration
		kind eventKind
		want string
	}
	const s, m = time.Second, time.Minute
	for _, x := range []struct {
		name  string
		lines []line
	}{
		{"registers, and updates in time", []line{
			{0, evStart, "register registering"},
			{s, evOK, "registered due 55m0s"},
			{55*m - s, evTick, "registered due 55m0s"},
			{55 * m, evTick, "update updating"},
			{55*m + s, evOK, "registered due 1h50m0s"},
		}},
		{"older versions, and again from the newest", []line{
			{0, evStart, "register registering"},
			{0, evVersion, "register registering version 1"},
			{0, evVersion, "register registering version 2"},
			{0, evVersion, "waiting due 2s"},
			{2 * s, evTick, "register registering"},
			{2 * s, evVersion, "register registering version 1"},
			{2 * s, evOK, "registered due 55m2s version 1"},
		}},
		{"refused: longer and longer pauses, to a bound", []line{
			{0, evStart, "register registering"},
			{0, evRefused, "waiting due 2s"},
			{s, evTick, "waiting due 2s"},
			{2 * s, evTick, "register registering"},
			{2 * s, evRefused, "waiting due 6s"},
			{6 * s, evTick, "register registering"},
			{6 * s, evLater, "waiting due 14s"},
			{14 * s, evTick, "register registering"},
			{14 * s, evUnknown, "waiting due 30s"},
			{30 * s, evTick, "register registering"},
			{30 * s, evLater, "waiting due 1m2s"},
			{62 * s, evTick, "register registering"},
			{62 * s, evLater, "waiting due 2m2s"},
			{122 * s, evTick, "register registering"},
			{122 * s, evLater, "waiting due 3m2s"},
		}},
		{"an Update without an answer is tried again, then a Register", []line{
			{0, evStart, "register registering"},
			{0, evOK, "registered due 55m0s"},
			{55 * m, evTick, "update updating"},
			{56 * m, evLater, "waiting due 56m2s"},
			{56*m + 2*s, evTick, "update updating"},
			{59*m + 59*s, evLater, "waiting due 1h0m3s"},
			{60*m + 3*s, evTick, "register registering"},
			{60*m + 3*s, evOK, "registered due 1h55m3s"},
		}},
		{"an unknown registration is made anew at once, a refused one later", []line{
			{0, evStart, "register registering"},
			{0, evOK, "registered due 55m0s"},
			{s, evTrigger, "update updating"},
			{s, evUnknown, "register registering"},
			{s, evOK, "registered due 55m1s"},
			{2 * s, evTrigger, "update updating"},
			{2 * s, evRefused, "waiting due 4s"},
			{4 * s, evTick, "register registering"},
		}},
		{"what changes while a message is under way is told afterwards", []line{
			{0, evStart, "register registering"},
			{0, evMoved, "registering"},
			{0, evParams, "registering"},
			{s, evOK, "update updating links params"},
			{s, evMoved, "updating links params"},
			{2 * s, evOK, "update updating links"},
			{2 * s, evOK, "registered due 55m2s"},
			{3 * s, evMoved, "update updating links"},
			{3 * s, evLater, "waiting due 5s"},
			{4 * s, evParams, "waiting due 5s"},
			{5 * s, evTick, "update updating links params"},
		}},
		{"disabled for a time", []line{
			{0, evStart, "register registering"},
			{0, evOK, "registered due 55m0s"},
			{s, evDisable, "deregister leaving"},
			{s, evMoved, "leaving"},
			{s, evLater, "waiting due 1m1s"},
			{61 * s, evTick, "register registering"},
		}},
		{"stopped", []line{
			{0, evStart, "register registering"},
			{0, evStop, "registering"},
			{s, evOK, "deregister leaving"},
			{s, evLater, "gone"},
			{s, evTick, "gone"},
			{s, evStart, "gone"},
			{s, evOK, "gone"},
		}},
		{"stopped while waiting", []line{
			{0, evStart, "register registering"},
			{0, evRefused, "waiting due 2s"},
			{s, evStop, "gone"},
		}},
		{"stopped while an Update is unanswered", []line{
			{0, evStart, "register registering"},
			{0, evOK, "registered due 55m0s"},
			{s, evTrigger, "update updating"},
			{s, evStop, "updating"},
			{2 * s, evLater, "deregister leaving"},
			{2 * s, evOK, "gone"},
		}},
	} {
		var m machine
		for i, l := range x.lines {
			var act action
			m, act = m.step(plainPolicy(), epoch.Add(l.at), event{l.kind, time.Minute})
			if got := show(m, act); got != l.want {
				t.Fatalf("%s, line %d, %v: %q; want %q", x.name, i+1, l.kind, got, l.want)
			}
		}
	}
}

// show is an action and the machine after it.
func show(m machine, act action) string {
	s := [...]string{"", "register ", "update ", "deregister "}[act] + m.phase.String()
	if !m.due.IsZero() {
		s += " due " + m.due.Sub(epoch).String()
	}
	if m.phase == updating && m.tells.links {
		s += " links"
	}
	if m.phase == updating && m.tells.params {
		s += " params"
	}
	if m.version > 0 {
		s += fmt.Sprint(" version ", m.version)
	}
	return s
}

// TestMachineAllOrders: in all orders of events to a depth, an answer is
// awaited exactly after something was sent, there is always a time to act while
// nothing is under way, nothing follows the end, and a version exists.
func TestMachineAllOrders(t *testing.T) {
	const depth = 12
	kinds := []eventKind{evTick, evOK, evVersion, evUnknown, evRefused, evLater, evMoved, evParams, evDisable, evStop}
	seen := map[machine]int{}
	states := 0
	var explore func(m machine, now time.Time, left int)
	explore = func(m machine, now time.Time, left int) {
		if left == 0 || seen[m] >= left {
			return
		}
		if seen[m] == 0 {
			states++
		}
		seen[m] = left
		for _, kind := range kinds {
			at := now
			if kind == evTick && m.due.After(now) {
				at = m.due
			}
			next, act := m.step(plainPolicy(), at, event{kind, 90 * time.Second})
			verify(t, m, next, act, kind, at)
			explore(next, at, left-1)
		}
	}
	m, _ := machine{}.step(plainPolicy(), epoch, event{kind: evStart})
	explore(m, epoch, depth)
	if states < 5000 {
		t.Errorf("%d states only", states)
	}
	t.Logf("%d states", states)
}

func verify(t *testing.T, m, next machine, act action, kind eventKind, at time.Time) {
	t.Helper()
	wrong := ""
	answers := kind == evOK || kind == evVersion || kind == evUnknown || kind == evRefused || kind == evLater
	switch {
	case act != nothing && m.sending() && !answers:
		wrong = "sent while another message is under way"
	case act != nothing && !next.sending():
		wrong = "sent, and no answer is awaited"
	case act == nothing && next.sending() && (!m.sending() || answers):
		wrong = "an answer is awaited to nothing"
	case next.sending() && !next.due.IsZero():
		wrong = "acts while a message is under way"
	case (next.phase == waiting || next.phase == registered) && next.due.IsZero():
		wrong = "waits for ever"
	case next.phase == registered && (next.links || next.params || next.stop || !next.known):
		wrong = "registered, and something is left to do"
	case m.phase == gone && (next.phase != gone || act != nothing):
		wrong = "lives after its end"
	case m.stop && (act == sendRegister || act == sendUpdate):
		wrong = "goes on after it was stopped"
	case next.stop && next.phase != gone && !next.sending():
		wrong = "stopped, and does not leave"
	case next.version < 0 || next.version >= 3:
		wrong = "no such version"
	case act == sendUpdate && !(next.known && at.Before(next.expires)):
		wrong = "updates what the server does not have"
	case kind == evOK && m.sending() && next.failures != 0:
		wrong = "counts failures after success"
	}
	if wrong != "" {
		t.Fatalf("%s: %+v, %v -> %v %+v", wrong, m, kind, act, next)
	}
}

// TestPauses: jitter makes pauses shorter by up to a half, intervals by up to
// a fifth, and short lifetimes leave half of them for trying again.
func TestPauses(t *testing.T) {
	p := plainPolicy()
	p.random = 0.999999
	if d := p.backoff(1); d < time.Second || d > time.Second+time.Millisecond {
		t.Errorf("shortest pause %v", d)
	}
	if d := p.backoff(1 << 40); d < 30*time.Second || d > 31*time.Second {
		t.Errorf("pause after very many failures %v", d)
	}
	for lifetime, want := range map[time.Duration]time.Duration{
		time.Second: 500 * time.Millisecond, 10 * time.Minute: 5 * time.Minute, 24 * time.Hour: 24*time.Hour - 5*time.Minute,
	} {
		p := policy{lifetime: lifetime}
		if d := p.interval(); d != want {
			t.Errorf("lifetime %v: %v; want %v", lifetime, d, want)
		}
		p.random = 0.5
		if d := p.interval(); d != want*9/10 {
			t.Errorf("lifetime %v, jitter: %v; want %v", lifetime, d, want*9/10)
		}
	}
}
