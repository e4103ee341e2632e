package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
)

func TestAnUpdateFromExecToFinalNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
		w.register(dev)
		if !w.until("final notification", time.Hour, w.answered(devA, imeiA)) {
			return
		}
		alerts, statuses := w.dm.seen(imeiA)
		want := []alertSeen{{
			data: "200", correlator: "corr-1", source: "./FwUpdate/p1/DownloadAndUpdate", format: "int",
			typ: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", answered: 200,
		}}
		for i := range alerts {
			alerts[i].at = time.Time{}
		}
		if diff := cmp.Diff(want, alerts, cmp.AllowUnexported(alertSeen{})); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
		wantStatuses := []string{
			"Add ./FwUpdate/p1/PkgName 200", "Add ./FwUpdate/p1/PkgVersion 200",
			"Add ./FwUpdate/p1/DownloadAndUpdate/PkgURL 200", "Exec ./FwUpdate/p1/DownloadAndUpdate 202",
		}
		if diff := cmp.Diff(wantStatuses, statuses); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		for operation, n := range map[string]int{"PUT /9/0/3": 1, "POST /9/0/4": 1, "POST /9/0/10": 1, "POST /9/0/6": 0} {
			if got := dev.ran(operation); got != n {
				t.Errorf("%s ran %d times; want %d", operation, got, n)
			}
		}
		d := w.detail(devA)
		if d.State != 100 || d.FwUpdate != "100 Update successful" || d.Object9 != "INSTALLED, ACTIVE" || !d.DM.OK || d.Dialect != "registered" {
			t.Errorf("device is shown as %+v", d.Status)
		}
		w.dm.look(func() {
			if r := w.dm.device(imeiA).results; r["./DevInfo/Man"] != "ACME" || r["./DevInfo/DevId"] != imeiA {
				t.Errorf("the first session did not wait for /3/0: %v", r)
			}
		})
		w.until("the new firmware's version", time.Minute, func() bool { return w.detail(devA).Identity.Firmware == "fw2" })
		if d.Identity.Manufacturer != "ACME" || d.Identity.Model != "M1" {
			t.Errorf("identity %+v", d.Identity)
		}
		story := w.story()
		for _, step := range []string{"10 Idle", "30 Download progressing / DOWNLOAD STARTED", "40 Download complete / DELIVERED", "50 Starting update / DELIVERED",
			"100 Update successful / INSTALLED, ACTIVE", "final notification 200"} {
			i := strings.Index(story, step)
			if i < 0 {
				t.Fatalf("%q is missing, or not in order:\n%s", step, w.story())
			}
			story = story[i:]
		}
		if got := len(d.Timeline); got == 0 || d.Timeline[got-1].Note == "" || !slices.ContainsFunc(d.Tree, func(n Node) bool { return n.URI == "./FwUpdate/p1/State" && *n.Value == "100" }) {
			t.Errorf("tree %+v\ntime line %+v", d.Tree, d.Timeline)
		}
		// The server's later sessions see the device's tree, and nothing is sent again.
		w.until("next session", 3*time.Hour, func() bool { return w.detail(devA).DM.Sessions >= 3 })
		if alerts, _ := w.dm.seen(imeiA); len(alerts) != 1 {
			t.Errorf("%d notifications; want 1", len(alerts))
		}
	})
}

func TestFailuresAreReported(t *testing.T) {
	for _, tc := range []struct {
		name        string
		break_      func(*fakeDevice)
		state       int
		code, mark  string
		uninstalled int
	}{
		{"connection lost", func(d *fakeDevice) { d.downloadFails = lwm2m9.ResultConnectionLost }, 20, "503", "critical", 0},
		{"integrity", func(d *fakeDevice) { d.downloadFails = lwm2m9.ResultIntegrityFailure }, 80, "402", "critical", 0},
		{"install", func(d *fakeDevice) { d.installFails = lwm2m9.ResultInstallFailure }, 80, "410", "critical", 1},
		{"draft dialect", func(d *fakeDevice) { d.dialect = lwm2m9.Draft }, 100, "200", "", 0},
		{"answer to Install lost", func(d *fakeDevice) { d.mute["POST /9/0/4"] = 1 }, 100, "200", "", 0},
		{"no free instance", func(d *fakeDevice) {
			clear(d.instances)
			d.refuse["POST /9"] = lwm2m9.CodeMethodNotAllowed
		}, 20, "408", "critical", 0},
		{"object read refused", func(d *fakeDevice) { d.refuse["GET /9"] = lwm2m9.CodeMethodNotAllowed }, 100, "200", "", 0},
		{"nonsense for TLV", func(d *fakeDevice) { d.nonsense["GET /9"], d.nonsense["GET /9/0"] = true, true }, 100, "200", "", 0},
		{"resources not observable", func(d *fakeDevice) { d.refuse["GET /9/0/7"] = lwm2m9.CodeMethodNotAllowed }, 100, "200", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				dev := w.net.add(devA)
				tc.break_(dev)
				w.start()
				defer func() { w.stop() }()
				w.dm.orders(imeiA, campaign("p1", pkgURL, "")...)
				w.register(dev)
				if !w.until("final notification", 24*time.Hour, w.answered(devA, imeiA)) {
					return
				}
				alerts, _ := w.dm.seen(imeiA)
				if len(alerts) != 1 || alerts[0].data != tc.code || alerts[0].mark != tc.mark || alerts[0].correlator != "" {
					t.Errorf("alerts %+v; want one with %s, %q\n%s", alerts, tc.code, tc.mark, w.story())
				}
				if d := w.detail(devA); d.State != tc.state {
					t.Errorf("State %d; want %d\n%s", d.State, tc.state, w.story())
				}
				if n := dev.ran("POST /9/0/6"); n != tc.uninstalled {
					t.Errorf("Uninstall ran %d times; want %d", n, tc.uninstalled)
				}
				if n := dev.ran("POST /9/0/4"); n > 1 {
					t.Errorf("Install ran %d times", n)
				}
			})
		})
	}
}

// A server that has not heard how its update ended repeats the Exec, for its
// 202 was lost: the result that waits is the answer to this one too. Once it
// has been told, the same Exec is a new update.
func TestRepeatedExecStartsNothing(t *testing.T) {
	for _, correlator := range []string{"c", ""} {
		t.Run("correlator "+correlator, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				dev := w.net.add(devA)
				again := op(syncml.CmdExec, "./FwUpdate/p1/DownloadAndUpdate", "", "")
				again.Correlator = correlator
				told := func(n int) func() bool {
					return func() bool { alerts, _ := w.dm.seen(imeiA); return len(alerts) == n && w.answered(devA, imeiA)() }
				}
				w.dm.alert = func(n int) syncml.Code {
					if n == 1 {
						w.dm.device(imeiA).queue = append(w.dm.device(imeiA).queue, []syncml.Command{again})
						return 0 // lost, as far as the server is concerned
					}
					return syncml.StatusOK
				}
				w.start()
				defer func() { w.stop() }()
				w.dm.orders(imeiA, campaign("p1", pkgURL, correlator)...)
				w.register(dev)
				if !w.until("final notification", time.Hour, told(2)) {
					return
				}
				if n, d := dev.ran("POST /9/0/4"), w.detail(devA); n != 1 || d.State != 100 {
					t.Errorf("Install ran %d times, State %d; want 1, 100\n%s", n, d.State, w.story())
				}
				w.dm.orders(imeiA, again)
				w.until("another update", 24*time.Hour, told(3))
				if n := dev.ran("POST /9/0/4"); n != 2 {
					t.Errorf("Install ran %d times after a new Exec; want 2\n%s", n, w.story())
				}
			})
		})
	}
}
