package engine

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/syncml"
)

// updating is a world whose device has got as far as the given State.
func updating(t *testing.T, state int, prepare func(*world, *fakeDevice)) (*world, *fakeDevice) {
	t.Helper()
	w := newWorld(t)
	w.poll = 30 * time.Second
	dev := w.net.add(devA)
	dev.download, dev.install = 10*time.Minute, 10*time.Minute
	if prepare != nil {
		prepare(w, dev)
	}
	w.start()
	w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
	w.register(dev)
	w.until("on the way", time.Hour, func() bool { return w.detail(devA).State == state })
	return w, dev
}

// ends waits for the final notification and checks it, the State, and that
// Install ran at most once.
func (w *world) ends(dev *fakeDevice, code string, state int) {
	w.t.Helper()
	if !w.until("the end", 30*24*time.Hour, w.answered(devA, imeiA)) {
		return
	}
	alerts, _ := w.dm.seen(imeiA)
	if len(alerts) != 1 || alerts[0].data != code {
		w.t.Errorf("notifications %+v; want one with %s\n%s", alerts, code, w.story())
	}
	if d := w.detail(devA); state != 0 && d.State != state {
		w.t.Errorf("State %d; want %d\n%s", d.State, state, w.story())
	}
	if n := dev.ran("POST /9/0/4"); n > 1 {
		w.t.Errorf("Install ran %d times", n)
	}
}

// commands has the server send commands, and waits for their statuses.
func (w *world) commands(ops ...syncml.Command) []string {
	w.t.Helper()
	_, before := w.dm.seen(imeiA)
	w.dm.orders(imeiA, ops...)
	var got []string
	w.until("statuses", time.Hour, func() bool {
		_, all := w.dm.seen(imeiA)
		got = all[len(before):]
		return len(got) == len(ops)
	})
	return got
}

func TestDeviceComesAndGoes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		state int
		do    func(w *world, dev *fakeDevice)
		code  string
		end   int
	}{
		{"reboot while it downloads", 30, func(w *world, dev *fakeDevice) {
			dev.change(func() { dev.instances[0].Machine = lwm2m9.NewMachine() }) // the package is gone
			w.register(dev)
		}, "200", 100},
		{"reboot while it installs", 50, func(w *world, dev *fakeDevice) { w.register(dev) }, "200", 100},
		{"another address", 30, func(w *world, dev *fakeDevice) {
			dev.change(func() { dev.reg.Addr = netip.MustParseAddrPort("198.51.100.7:40000") })
			if err := w.engine.Update(w.t.Context(), dev.reg); err != nil {
				w.t.Error(err)
			}
		}, "200", 100},
		{"de-registers and comes back", 30, func(w *world, dev *fakeDevice) {
			if err := w.engine.Deregister(w.t.Context(), dev.reg); err != nil {
				w.t.Error(err)
			}
			<-time.After(24 * time.Hour)
			synctest.Wait()
			if d := w.detail(devA); d.Registered || d.State != 30 {
				w.t.Errorf("while away: registered %v, State %d; want State 30 to stay", d.Registered, d.State)
			}
			w.register(dev)
		}, "200", 100},
		{"de-registers and stays away", 30, func(w *world, dev *fakeDevice) {
			if err := w.engine.Deregister(w.t.Context(), dev.reg); err != nil {
				w.t.Error(err)
			}
		}, "503", 20},
		{"expires and stays away after Install", 50, func(w *world, dev *fakeDevice) {
			dev.change(func() { dev.offline = true })
			w.engine.Expired(w.t.Context(), dev.reg)
		}, "410", 80},
		{"an old registration expires", 30, func(w *world, dev *fakeDevice) {
			old := dev.reg
			w.register(dev)
			w.engine.Expired(w.t.Context(), old)
			synctest.Wait()
			if d := w.detail(devA); !d.Registered {
				w.t.Error("the new registration went with the old one")
			}
		}, "200", 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, dev := updating(t, tc.state, func(w *world, _ *fakeDevice) { w.poll = time.Hour })
				defer func() { w.stop() }()
				tc.do(w, dev)
				w.ends(dev, tc.code, tc.end)
			})
		})
	}
}

func TestDeleteBeforeInstallCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, nil)
		defer func() { w.stop() }()
		// While the device is being cleaned up, no other update begins.
		again := campaign("p1", pkgURL+"2", "d")
		got := w.commands(append([]syncml.Command{op(syncml.CmdDelete, "./FwUpdate/p1", "", "")}, again...)...)
		if got[0] != "Delete ./FwUpdate/p1 200" || !strings.HasSuffix(got[4], " 417") {
			t.Errorf("Delete, and Exec at once: %v; want 200 and 417", got)
		}
		w.until("the end", 24*time.Hour, w.answered(devA, imeiA))
		alerts, _ := w.dm.seen(imeiA)
		if len(alerts) != 1 || alerts[0].data != "401" || alerts[0].correlator != "c" {
			t.Errorf("notifications %+v; want one, 401", alerts)
		}
		if n := dev.ran("POST /9/0/4"); n != 0 {
			t.Errorf("Install ran %d times", n)
		}
		// And afterwards one does.
		if got := w.commands(again[3]); !strings.HasSuffix(got[0], " 202") {
			t.Errorf("Exec afterwards: %v; want 202", got)
		}
		w.until("the second update", 24*time.Hour, func() bool {
			alerts, _ := w.dm.seen(imeiA)
			return len(alerts) == 2 && alerts[1].data == "200" && alerts[1].correlator == "d"
		})
	})
}

func TestDeleteAfterInstallIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 50, nil)
		defer func() { w.stop() }()
		if got := w.commands(op(syncml.CmdDelete, "./FwUpdate/p1", "", "")); got[0] != "Delete ./FwUpdate/p1 403" {
			t.Errorf("Delete: %v", got)
		}
		w.ends(dev, "200", 100)
	})
}

func TestOneUpdateAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, nil)
		defer func() { w.stop() }()
		exec := op(syncml.CmdExec, "./FwUpdate/p1/DownloadAndUpdate", "", "")
		if got := w.commands(exec); !strings.HasSuffix(got[0], " 417") {
			t.Errorf("second Exec: %v; want 417", got)
		}
		if got := w.commands(campaign("p2", pkgURL, "")...); !strings.HasSuffix(got[3], " 417") {
			t.Errorf("Exec of another package: %v; want 417", got)
		}
		// The running drive keeps its own copy of the URL.
		if got := w.commands(op(syncml.CmdReplace, "./FwUpdate/p1/DownloadAndUpdate/PkgURL", "chr", "http://else.test/")); !strings.HasSuffix(got[0], " 200") {
			t.Errorf("Replace PkgURL: %v; want 200", got)
		}
		w.ends(dev, "200", 100)
		dev.change(func() {
			if uri := dev.instances[0].uri; uri != pkgURL {
				t.Errorf("the device was given %s", uri)
			}
		})
		if d := w.detail(devA); d.Drive.URL != pkgURL {
			t.Errorf("shown with %s", d.Drive.URL)
		}
	})
}

func TestOperatorCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 40, func(_ *world, d *fakeDevice) {
			d.mute["POST /9/0/4"] = 0
			d.refuse["POST /9/0/4"] = lwm2m9.CodeUnavailable
		})
		defer func() { w.stop() }()
		if err := w.engine.Cancel(t.Context(), devA); err != nil {
			t.Fatal(err)
		}
		w.ends(dev, "401", 0)
		if n := dev.ran("POST /9/0/6"); n != 1 {
			t.Errorf("Uninstall ran %d times; want 1", n)
		}
		if err := w.engine.Cancel(t.Context(), devA); !errors.Is(err, ErrNoDrive) {
			t.Errorf("Cancel of nothing: %v", err)
		}
		if err := w.engine.Cancel(t.Context(), "nobody"); !errors.Is(err, ErrUnknownDevice) {
			t.Errorf("Cancel of nobody: %v", err)
		}
	})
}

// TestUnknownNumbers: what no table knows is shown once and waited out.
func TestUnknownNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, func(w *world, _ *fakeDevice) { w.opt.Timeline = 1000 })
		defer func() { w.stop() }()
		dev.change(func() { dev.instances[0].raw = &[2]int64{77, 99} })
		<-time.After(30 * time.Minute)
		synctest.Wait()
		d := w.detail(devA)
		if d.Instances[0].RawState != 77 || d.Instances[0].State != "UNKNOWN" || d.State != 30 {
			t.Errorf("shown as %+v, State %d", d.Instances, d.State)
		}
		if n := strings.Count(w.story(), "Update State 77, Update Result 99"); n != 1 {
			t.Errorf("noted %d times:\n%s", n, w.story())
		}
		dev.change(func() { dev.instances[0].raw = nil })
		w.ends(dev, "200", 100)
	})
}

// TestSleepingDevice: Install goes out only when the device is awake, under
// an exchange that was begun then.
func TestSleepingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, func(_ *world, d *fakeDevice) { d.reg.Queue = true })
		defer func() { w.stop() }()
		w.ends(dev, "200", 100)
		dev.change(func() {
			i := slices.Index(dev.order, "POST /9/0/4")
			if i < 1 || dev.order[i-1] != "GET /9/0/7" {
				t.Errorf("Install without a knock: %v", dev.order)
			}
		})
	})
}

// TestRestartKeepsEverything: a clean stop and a new start, three times on the
// way; registrations come back.
func TestRestartKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, nil)
		for _, state := range []int{30, 50} {
			w.until("on the way", time.Hour, func() bool { return w.detail(devA).State == state })
			w.stop()
			if err := w.engine.Update(t.Context(), dev.reg); !errors.Is(err, ErrStopped) {
				t.Errorf("Update after the end: %v", err)
			}
			w.start()
		}
		defer func() { w.stop() }()
		w.ends(dev, "200", 100)
		if want := []string{devA, devA}; !slices.Equal(w.net.restored, want) {
			t.Errorf("restored %v", w.net.restored)
		}
		if n := dev.ran("PUT /9/0/3"); n != 1 {
			t.Errorf("the URI was written %d times", n)
		}
	})
}

func TestNotificationsOfOthersDoNotMatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, nil)
		defer func() { w.stop() }()
		reads := func() int { return dev.ran("GET /9/0") + dev.ran("GET /9") }
		<-time.After(3 * time.Second) // the drive has looked whether its URI arrived
		synctest.Wait()
		before := reads()
		for _, path := range []string{"/9/1/7", "/3/0", "/9", "/9/x/7", "", "/91/0/7", "/9/70000"} {
			w.engine.Notified(t.Context(), server.Notification{Endpoint: devA, Path: path})
		}
		w.engine.Notified(t.Context(), server.Notification{Endpoint: "nobody", Path: "/9/0/7"})
		<-time.After(time.Second)
		synctest.Wait()
		if n := reads() - before; n != 0 {
			t.Errorf("%d readings for notifications of something else", n)
		}
		w.engine.Notified(t.Context(), server.Notification{Endpoint: devA, Path: "/9/0/7"})
		<-time.After(time.Second)
		synctest.Wait()
		if n := reads() - before; n != 1 {
			t.Errorf("%d readings for a notification; want 1", n)
		}
	})
}
