package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// fallenBack is a world whose server took an update in DM 1.2, never answered
// its final notification, and speaks only DM 1.1.2 now.
func fallenBack(t *testing.T, correlator string) *world {
	t.Helper()
	w := newWorld(t)
	w.dm.alert = func(int) syncml.Code { return 0 }
	dev := w.net.add(devA)
	w.start()
	w.dm.orders(imeiA, campaign("p1", pkgURL, correlator)...)
	w.register(dev)
	w.until("notification", time.Hour, func() bool {
		alerts, _ := w.dm.seen(imeiA)
		return len(alerts) > 0
	})
	w.dm.look(func() { w.dm.speaks = []syncml.Version{syncml.DM112} })
	w.until("fallback", 3*time.Hour, func() bool { return strings.Contains(w.story(), "DM/1.1 from now on") && w.detail(devA).DM.OK })
	return w
}

// back has the server speak DM 1.2 again, and answer.
func (w *world) back() {
	w.t.Helper()
	w.dm.look(func() { w.dm.speaks, w.dm.alert = []syncml.Version{syncml.DM12}, nil })
	w.until("DM 1.2", 3*time.Hour, func() bool { return strings.Contains(w.story(), "DM/1.2 from now on") && w.detail(devA).DM.OK })
}

// TestNotificationWaitsForDM12: what the server was not told when it fell back
// to DM 1.1.2 is kept, shown and never sent there; it has State to read. When
// the server is back, it is told, once.
func TestNotificationWaitsForDM12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fallenBack(t, "c")
		sent, _ := w.dm.seen(imeiA)
		w.stop()
		w.start() // it is kept across a restart
		defer func() { w.stop() }()
		begun := 0
		w.dm.look(func() { begun = len(w.dm.sessions) })
		w.dm.orders(imeiA, op(syncml.CmdGet, "./FwUpdate/p1/State", "", ""))
		<-time.After(48 * time.Hour)
		synctest.Wait()
		if now, _ := w.dm.seen(imeiA); len(now) != len(sent) {
			t.Errorf("%d notifications went out in DM 1.1.2", len(now)-len(sent))
		}
		w.dm.look(func() {
			if n := len(w.dm.sessions) - begun; n < 47 || n > 49 { // every hour: the notification makes none of its own
				t.Errorf("%d sessions in two days", n)
			}
			if got := w.dm.device(imeiA).results["./FwUpdate/p1/State"]; got != "100" {
				t.Errorf("State %q", got)
			}
		})
		d := w.detail(devA)
		if len(d.Outbox) != 1 || d.Outbox[0].Waits != "DM/1.2" || d.Outbox[0].Parked || d.Outbox[0].Code != "200" {
			t.Errorf("outbox shown as %+v", d.Outbox)
		}
		if !strings.Contains(w.story(), "wait for DM/1.2: 1, the server has to read State") {
			t.Errorf("the operator is not told:\n%s", w.story())
		}

		w.back()
		w.until("delivery", time.Hour, w.answered(devA, imeiA))
		<-time.After(24 * time.Hour)
		synctest.Wait()
		if now, _ := w.dm.seen(imeiA); len(now) != len(sent)+1 || now[len(now)-1].correlator != "c" {
			t.Errorf("after it was back: %+v", now[len(sent):])
		}
		if strings.Count(w.story(), "wait for DM/1.2") != 1 {
			t.Errorf("it is said to wait when it does not:\n%s", w.story())
		}
	})
}

// TestNotificationShowsNoWaiting: in DM 1.2 it waits for nothing but its turn.
func TestNotificationShowsNoWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dm.alert = func(int) syncml.Code { return 0 }
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
		w.register(dev)
		w.until("notification", time.Hour, func() bool { return len(w.detail(devA).Outbox) == 1 })
		if d := w.detail(devA).Outbox[0]; d.Waits != "" {
			t.Errorf("shown as %+v", d)
		}
	})
}

// TestFallbackGoesOn: a server that goes on in DM 1.1.2 is not held up by the
// notification that waits, and is not told of that update any more, which it
// would take for the new one.
func TestFallbackGoesOn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		order *syncml.Op
		says  string
		drive bool // another one ran
	}{
		{"deleted", op(syncml.CmdDelete, "./FwUpdate/p1", "", ""), "200 of p1 not sent: the DM server has deleted the package", false},
		{"the same once more", op(syncml.CmdExec, "./FwUpdate/p1/DownloadAndUpdate", "", ""), "200 of p1 not sent: the DM server has started it anew", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fallenBack(t, "") // DM 1.1.2 has no Correlator to tell one Exec from another
				defer func() { w.stop() }()
				sent, _ := w.dm.seen(imeiA)
				w.dm.orders(imeiA, tt.order)
				w.until("settled", 3*time.Hour, func() bool { return len(w.detail(devA).Outbox) == 0 })
				if n := strings.Count(w.story(), tt.says); n != 1 {
					t.Errorf("said %d times:\n%s", n, w.story())
				}
				ran := func() bool { return strings.Contains(w.story(), "no notification in DM 1.1.2") }
				if tt.drive {
					w.until("another update", time.Hour, ran)
				} else if ran() {
					t.Error("another update ran")
				}
				w.back()
				<-time.After(24 * time.Hour)
				synctest.Wait()
				if now, _ := w.dm.seen(imeiA); len(now) != len(sent) {
					t.Errorf("told of the old update: %+v", now[len(sent):])
				}
			})
		})
	}
}

// TestFallbackDoesNotPileUp: results in DM 1.1.2 wait for nothing, and other
// packages settle nothing.
func TestFallbackDoesNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fallenBack(t, "c")
		defer func() { w.stop() }()
		for n, name := range []string{"p2", "p3", "p4"} {
			w.dm.orders(imeiA, campaign(name, pkgURL, "")...)
			w.until(name, 3*time.Hour, func() bool { return strings.Count(w.story(), "no notification in DM 1.1.2") > n })
		}
		d := w.detail(devA)
		if len(d.Outbox) != 1 || d.Outbox[0].Package != "p1" {
			t.Errorf("outbox %+v", d.Outbox)
		}
		if _, statuses := w.dm.seen(imeiA); !slices.Contains(statuses, "Exec ./FwUpdate/p4/DownloadAndUpdate 202") {
			t.Errorf("statuses %q", statuses)
		}
	})
}
