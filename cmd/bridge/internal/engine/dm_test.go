package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// TestServerThatDoesNotLikeTheDevice: it is shown, and asked again ever more
// slowly, also when the device registers all the time.
func TestServerThatDoesNotLikeTheDevice(t *testing.T) {
	for _, tc := range []struct {
		name    string
		header  syncml.Code
		unknown bool
		says    string
		min     int // sessions in two days
		max     int
	}{
		{"unknown device", syncml.StatusNotFound, true, "unknown", 8, 12},
		{"forbidden device", syncml.StatusForbidden, true, "unknown", 8, 12},
		{"wrong credentials", syncml.StatusUnauthorized, false, "credentials", 14, 24},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.dm.header = tc.header
				w.poll = time.Minute
				dev := w.net.add(devA)
				w.start()
				defer func() { w.stop() }()
				for range 2 * 24 * 12 { // every five minutes
					w.register(dev)
					<-time.After(5 * time.Minute)
				}
				synctest.Wait()
				d := w.detail(devA)
				if d.DM.OK || d.DM.Unknown != tc.unknown || !strings.Contains(d.DM.Status, tc.says) || d.DM.Next.Before(time.Now()) {
					t.Errorf("shown as %+v", d.DM)
				}
				w.dm.look(func() {
					if n := len(w.dm.sessions); n < tc.min || n > tc.max {
						t.Errorf("%d sessions in two days; want %d to %d", n, tc.min, tc.max)
					}
				})
				// The server has learned: the next session brings everything back.
				w.dm.look(func() { w.dm.header = 0 })
				w.until("good session", 7*time.Hour, func() bool { return w.detail(devA).DM.OK })
				if d := w.detail(devA).DM; d.Failures != 0 || d.Unknown {
					t.Errorf("afterwards shown as %+v", d)
				}
			})
		})
	}
}

// TestLostHTTPAnswer: the same bytes go out again, and what they brought about
// happens once.
func TestLostHTTPAnswer(t *testing.T) {
	for at := 1; at <= 3; at++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.dm.after = func(n int) error {
				if n == at {
					return errors.New("connection reset")
				}
				return nil
			}
			dev := w.net.add(devA)
			w.start()
			defer func() { w.stop() }()
			w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
			w.register(dev)
			w.until("the end", time.Hour, w.answered(devA, imeiA))
			alerts, statuses := w.dm.seen(imeiA)
			if len(alerts) != 1 || len(statuses) != 4 {
				t.Errorf("answer %d lost: %d notifications, statuses %v", at, len(alerts), statuses)
			}
			w.dm.look(func() {
				if w.dm.device(imeiA).repeats != 1 || len(w.dm.sessions) != 2 {
					t.Errorf("answer %d lost: %d repeats, %d sessions; want 1 and 2", at, w.dm.device(imeiA).repeats, len(w.dm.sessions))
				}
			})
		})
	}
}

func TestDeadDMServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := true
		w.dm.before = func(int) error {
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		<-time.After(24 * time.Hour)
		synctest.Wait()
		w.dm.look(func() {
			// 11 to 14 sessions of three POSTs each: 30 s, 1 min, … 4 h, 6 h, 6 h.
			if n := w.dm.posts; n < 30 || n > 48 {
				t.Errorf("%d POSTs to a dead server in a day", n)
			}
			down = false
		})
		if d := w.detail(devA).DM; d.OK || d.Failures < 10 || !strings.Contains(d.Status, "connection refused") {
			t.Errorf("shown as %+v", d)
		}
		w.until("good session", 7*time.Hour, func() bool { return w.detail(devA).DM.OK })
	})
}

func TestRefusedNotificationIsTriedAgainAndThenParked(t *testing.T) {
	for _, refusals := range []int{2, 8} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.opt.AlertTries = 8
			w.dm.alert = func(n int) syncml.Code {
				if n <= refusals {
					return syncml.StatusCommandFailed
				}
				return syncml.StatusOK
			}
			dev := w.net.add(devA)
			w.start()
			defer func() { w.stop() }()
			w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
			w.register(dev)
			parked := func() bool {
				d := w.detail(devA)
				return len(d.Outbox) == 1 && d.Outbox[0].Parked
			}
			end := w.answered(devA, imeiA)
			if refusals == 8 {
				end = parked
			}
			w.until("the end", 72*time.Hour, end)
			<-time.After(48 * time.Hour)
			alerts, _ := w.dm.seen(imeiA)
			want := refusals + 1
			if refusals == 8 {
				want = 8
				if d := w.detail(devA).Outbox[0]; !parked() || d.Refusals != 8 || d.Answer != 500 || d.Code != "200" {
					t.Errorf("shown as %+v", d)
				}
			}
			if len(alerts) != want {
				t.Fatalf("%d notifications; want %d", len(alerts), want)
			}
			for i := 1; i < len(alerts); i++ { // minutes, not milliseconds
				if gap := alerts[i].at.Sub(alerts[i-1].at); gap < 45*time.Second {
					t.Errorf("notification %d follows after %v", i+1, gap)
				}
			}
		})
	}
}

// TestUnansweredNotificationIsNotForgotten: a server that ends the session
// without a Status for the alert gets it again, for ever.
func TestUnansweredNotificationIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dm.alert = func(n int) syncml.Code {
			if n <= 20 {
				return 0 // the fake leaves the Status out
			}
			return syncml.StatusOK
		}
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
		w.register(dev)
		w.until("the end", 30*24*time.Hour, w.answered(devA, imeiA))
		alerts, _ := w.dm.seen(imeiA)
		if len(alerts) != 21 {
			t.Errorf("%d notifications; want 21", len(alerts))
		}
		for i := 1; i < len(alerts); i++ {
			if gap := alerts[i].at.Sub(alerts[i-1].at); gap < 45*time.Second {
				t.Errorf("notification %d follows after %v", i+1, gap)
			}
		}
	})
}

func TestDM112IsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.acc.Version = syncml.DM112
		w.poll = time.Minute
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "")...) // 1.1.2 has no Correlator
		w.register(dev)
		w.until("success", time.Hour, func() bool { return w.detail(devA).State == 100 })
		w.dm.orders(imeiA, op(syncml.CmdGet, "./FwUpdate/p1/State", "", ""), op(syncml.CmdDelete, "./FwUpdate/p1", "", ""))
		state := ""
		w.until("poll", time.Hour, func() bool {
			w.dm.look(func() { state = w.dm.device(imeiA).results["./FwUpdate/p1/State"] })
			return state != "" && w.detail(devA).Drive == nil
		})
		alerts, _ := w.dm.seen(imeiA)
		if state != "100" || len(alerts) != 0 || len(w.detail(devA).Outbox) != 0 {
			t.Errorf("State %q, %d notifications, outbox %v; want 100 and none", state, len(alerts), w.detail(devA).Outbox)
		}
		if !strings.Contains(w.story(), "no notification in DM 1.1.2") {
			t.Errorf("the operator is not told:\n%s", w.story())
		}
	})
}

// TestSessionsAreBounded: no more than so many at one time, and everybody's
// turn comes.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.opt.Sessions, w.opt.Shards = 3, 4
		w.dm.latency = time.Second
		w.start()
		defer func() { w.stop() }()
		const devices = 40
		for i := range devices {
			w.register(w.net.add(fmt.Sprint("d", i)))
		}
		served := func() bool {
			list, _, err := w.engine.List("", 100)
			n := 0
			for _, s := range list {
				if s.DM.OK {
					n++
				}
			}
			return err == nil && n == devices
		}
		w.until("everybody", 10*time.Minute, served)
		w.dm.look(func() {
			if w.dm.maxOpen != 3 {
				t.Errorf("%d POSTs at one time; want 3", w.dm.maxOpen)
			}
		})
	})
}

func TestSessionIDsAndSchedule(t *testing.T) {
	for n, want := range map[uint64]string{1: "1", 10: "A", 0xffff: "FFFF", 0x10000: "1", 0x10001: "2", 0x1fffe: "FFFF"} {
		if got := sessionID(n); got != want {
			t.Errorf("sessionID(%d) = %s; want %s", n, got, want)
		}
	}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	seen := map[time.Duration]bool{}
	for i := range 200 {
		name := fmt.Sprint("urn:imei:35600000000", i)
		wait := nextPoll(now, name, time.Hour).Sub(now)
		if wait < 30*time.Minute || wait >= 90*time.Minute {
			t.Errorf("%s polls after %v", name, wait)
		}
		seen[wait.Truncate(time.Minute)] = true
		// From then on every hour.
		at := now.Add(wait)
		if next := nextPoll(at, name, time.Hour).Sub(at); next != time.Hour {
			t.Errorf("%s polls again after %v", name, next)
		}
	}
	if len(seen) < 50 {
		t.Errorf("200 devices share %d minutes", len(seen))
	}
	if !nextPoll(now, "x", 0).IsZero() {
		t.Error("no interval, but a next poll")
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Base: time.Second, Cap: time.Minute}
	for n, want := range map[int]time.Duration{0: 1, 1: 1, 2: 2, 3: 4, 6: 32, 7: 60, 8: 60, slowest: 60, 1000: 60} {
		want *= time.Second
		for _, name := range []string{"a", "b", "c"} {
			if got := b.after(name, n); got > want || got < want*3/4 {
				t.Errorf("after(%s, %d) = %v; want %v less up to a quarter", name, n, got, want)
			}
		}
	}
	if b.after("a", 5) == b.after("b", 5) {
		t.Error("two devices have the same delay")
	}
}

func TestSessionResultInWords(t *testing.T) {
	at := time.Now()
	for want, r := range map[string]dmResult{
		"none yet":                     {},
		"done":                         {At: at, End: session.EndDone},
		"HTTP 404 Not Found":           {At: at, Text: "HTTP 404 Not Found"},
		"device unknown at the server": {At: at, End: session.EndUnknown, Text: "status 404"},
		"protocol error: what":         {At: at, End: session.EndProtocol, Text: "what"},
	} {
		if got := r.String(); got != want {
			t.Errorf("%+v is %q; want %q", r, got, want)
		}
	}
}
