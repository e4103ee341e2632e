package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// reported is a package server with descriptors, and what it was told.
type reported struct {
	t    *testing.T
	url  string
	told chan string
	away atomic.Bool   // it takes no reports
	came chan struct{} // one for each report that was not taken
}

func newReported(t *testing.T) *reported {
	r := &reported{t: t, told: make(chan string, 16), came: make(chan struct{}, 16)}
	packs := pkgserver.New(pkgserver.Config{OnReport: func(_, status string) { r.told <- status }})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost && r.away.Load() {
			select {
			case r.came <- struct{}{}:
			default:
			}
			panic(http.ErrAbortHandler)
		}
		packs.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *reported) path(behaviour string) string {
	return r.url + pkgserver.Path(behaviour, "radio", "2.0")
}

// tried waits for a report that is not taken.
func (r *reported) tried() {
	r.t.Helper()
	select {
	case <-r.came:
	case <-time.After(time.Minute): // against hanging, no verdict
		r.t.Fatal("nobody tries to tell")
	}
}

// next is what is told next.
func (r *reported) next(want string) {
	r.t.Helper()
	select {
	case got := <-r.told:
		if got != want {
			r.t.Errorf("told %q, want %q", got, want)
		}
	case <-time.After(time.Minute): // against hanging, no verdict
		r.t.Fatalf("nobody is told %q", want)
	}
}

// only waits for the one report, and that nothing is left to be told.
func (r *reported) only(b *Bridge, want string) {
	r.t.Helper()
	r.next(want)
	hang := time.After(time.Minute) // against hanging, no verdict
	for b.packs.reports.Counts().Waiting > 0 {
		select {
		case <-hang:
			r.t.Fatal("the report is never settled")
		case <-time.After(time.Millisecond):
		}
	}
	r.nothing(b)
}

// nothing checks that nobody is told more.
func (r *reported) nothing(b *Bridge) {
	r.t.Helper()
	if left := stored(r.t, b.o.Engine.Store); len(r.told) > 0 || left > 0 || b.packs.reports.Counts().Waiting > 0 {
		r.t.Errorf("told %d more, %d are stored, %+v", len(r.told), left, b.packs.reports.Counts())
	}
}

// stored is how many reports are in a store.
func stored(t *testing.T, db store.Store) (n int) {
	t.Helper()
	for _, err := range db.Scan("w/n/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestReports: who serves a descriptor is told of the end of an update in
// direction A, once; not where the device fetches by itself.
func TestReports(t *testing.T) {
	for _, row := range []struct {
		behaviour string
		way       mapping.Way
		faults    []string
		code      int
		told      string // "" for nothing
	}{
		{"descriptor", mapping.WayPush, nil, 200, "900 Success"},
		{"descriptor", mapping.WayProxyHTTP, nil, 200, "900 Success"},
		{"descriptor", mapping.WayProxyCoAP, nil, 200, "900 Success"},
		{"descriptor", mapping.WayPush, []string{"install"}, 410, "954 Loader Error"},
		{"wrong-descriptor", mapping.WayPush, nil, 402, "905 Attribute mismatch"},
		{"wrong-descriptor", mapping.WayProxyHTTP, nil, 402, "905 Attribute mismatch"},
		{"descriptor", mapping.WayDirect, nil, 0, ""},
		{"ok", mapping.WayPush, nil, 200, ""},
	} {
		t.Run(fmt.Sprint(row.behaviour, " by ", row.way, row.faults), func(t *testing.T) {
			w, r := newWaysWorld(t), newReported(t)
			w.start(row.way)
			w.campaignAt(r.path(row.behaviour))
			device := lwm2mdevice.Config{Endpoint: "dev", Faults: faults(t, row.faults...)}
			if row.way == mapping.WayProxyCoAP {
				device.Schemes = []string{"coap"}
			}
			w.device(device)
			if got := w.code(); row.code != 0 && got != row.code {
				t.Errorf("result %d, want %d; %q", got, row.code, w.story())
			}
			if row.told == "" {
				r.nothing(w.b)
				return
			}
			r.only(w.b, row.told)
			w.noted("dev", "install report "+row.told)
		})
	}
}

// noted waits for a line of the device's time line.
func (w *waysWorld) noted(endpoint, text string) {
	w.tb.Helper()
	hang := time.After(time.Minute) // against hanging, no verdict
	for !slices.ContainsFunc(w.story(), func(note string) bool { return strings.HasPrefix(note, text) }) {
		select {
		case <-hang:
			w.tb.Fatalf("no line %q: %q", text, w.story())
		case <-time.After(time.Millisecond):
		}
	}
}

// TestReportsShared: devices that share a fetch report each by itself.
func TestReportsShared(t *testing.T) {
	const devices = 5
	w, r := newWaysWorld(t), newReported(t)
	w.start(mapping.WayPush)
	w.campaignAt(r.path("descriptor"))
	for i := range devices {
		w.device(lwm2mdevice.Config{Endpoint: fmt.Sprint("dev", i)})
	}
	w.wait(devices)
	for range devices - 1 {
		r.next("900 Success")
	}
	r.only(w.b, "900 Success")
}

// TestReportsRestart: what a server that is away was not told is told in the
// next life, and once.
func TestReportsRestart(t *testing.T) {
	w, r := newWaysWorld(t), newReported(t)
	r.away.Store(true)
	w.start(mapping.WayPush)
	w.campaignAt(r.path("descriptor"))
	w.device(lwm2mdevice.Config{Endpoint: "dev"})
	if got := w.code(); got != 200 {
		t.Fatalf("result %d", got)
	}
	r.tried()
	w.stop()
	if n := stored(t, w.db); n != 1 || len(r.told) != 0 {
		t.Fatalf("%d stored, %d told", n, len(r.told))
	}
	r.away.Store(false)
	w.start(mapping.WayPush)
	r.only(w.b, "900 Success")
	if c := w.b.packs.reports.Counts(); c != (report.Counts{Accepted: 1}) {
		t.Errorf("%+v", c)
	}
}

// TestReportsKilled: a bridge that was killed after a drive had ended, and
// before the drive's package was released, does it in the next life.
func TestReportsKilled(t *testing.T) {
	w, r := newWaysWorld(t), newReported(t)
	w.start(mapping.WayPush)
	w.campaignAt(r.path("descriptor"))
	w.device(lwm2mdevice.Config{Endpoint: "dev"})
	w.code()
	r.only(w.b, "900 Success")
	w.stop()
	lost := fmt.Sprintf(`{"uri":%q,"digest":%q,"notify":"%s/report/again"}`, r.path("descriptor"), strings.Repeat("ab", 32), r.url)
	if _, err := w.db.Write(store.Change{Key: heldKey("dev"), Value: []byte(lost), Expect: store.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	w.start(mapping.WayPush)
	r.only(w.b, "900 Success")
	if len(w.b.routes.held) != 0 {
		t.Errorf("still held: %v", w.b.routes.held)
	}
}

// TestSettle: of what an earlier life has left, only what a drive still needs
// stays.
func TestSettle(t *testing.T) {
	w, r := newWaysWorld(t), newReported(t)
	r.away.Store(true) // they stay in the store
	w.start(mapping.WayPush)
	drive := func(url string, phase mapping.Phase, way mapping.Way) mapping.Drive {
		d := mapping.Drive{Phase: phase, Way: way, Verdict: mapping.Verdict{Code: fwupdate.CodeUserCancelled}}
		d.Order.Execution.URL = url
		return d
	}
	drives := map[string]mapping.Drive{
		"running": drive("u", mapping.PhaseInstall, mapping.WayPush), "over": drive("u", mapping.PhaseOver, mapping.WayPush),
		"over, direct": drive("u", mapping.PhaseOver, mapping.WayDirect), "another": drive("v", mapping.PhaseOver, mapping.WayPush),
	}
	routes := w.b.routes
	for _, endpoint := range []string{"running", "over", "over, direct", "another", "none", "unreadable"} {
		routes.hold(endpoint, held{URI: "u", Notify: r.url + "/report/" + strings.ReplaceAll(endpoint, " ", "")}, nil)
	}
	routes.settle(func(endpoint string) (mapping.Drive, bool, error) {
		if endpoint == "unreadable" {
			return mapping.Drive{}, false, errors.New("broken")
		}
		d, ok := drives[endpoint]
		return d, ok, nil
	})
	var kept []string
	for endpoint := range routes.held {
		kept = append(kept, endpoint)
	}
	if slices.Sort(kept); !slices.Equal(kept, []string{"running", "unreadable"}) {
		t.Errorf("kept are %q", kept)
	}
	if n := stored(t, w.db); n != 1 {
		t.Errorf("%d are told, want the one whose drive is over", n)
	}
	r.away.Store(false)
}

// TestReleaseNotStored: an end that cannot be written is told in the next life.
func TestReleaseNotStored(t *testing.T) {
	w, r := newWaysWorld(t), newReported(t)
	db := &failingStore{Store: w.db}
	w.db = db
	w.start(mapping.WayPush)
	w.b.routes.hold("dev", held{URI: "u", Notify: r.url + "/report/x"}, nil)
	db.full.Store(true)
	w.b.routes.Release("dev", "u", mapping.WayPush, fwupdate.CodeSuccess)
	db.full.Store(false)
	r.nothing(w.b)
	w.stop()
	again, err := newRoutes(*w.b.o.Ways, w.b.packs, w.db, w.b.o.Log)
	if err != nil || again.held["dev"].URI != "u" {
		t.Errorf("%+v, %v", again.held, err)
	}
}

// TestLegacyInstallReports: the same in direction B.
func TestLegacyInstallReports(t *testing.T) {
	r := newReported(t)
	write, wrong := "write 3 "+r.path("descriptor"), "write 3 "+r.path("wrong-descriptor")
	for _, row := range []struct {
		name   string
		steps  []string
		faults []string
		told   []string
	}{
		{"success", append([]string{"observe 7 9 12", write}, wholeUpdate[2:]...), nil, []string{"900 Success"}},
		{"another digest", []string{"observe 7 9 12", wrong, "wait failed", "expect result=" + words(lwm2m9.ResultIntegrityFailure)}, nil,
			[]string{"905 Attribute mismatch"}},
		{"failure and success", []string{"observe 7 9 12", write, "wait state=DELIVERED", "install", "wait failed", "install", "wait installed"},
			[]string{"update*1"}, []string{"954 Loader Error", "900 Success"}},
		{"taken back", []string{"observe 7 9 12", write, "wait state=DELIVERED", "uninstall", "wait state=INITIAL"}, nil, []string{"902 User Cancelled"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			w := newLegacyWorld(t, row.steps...)
			b := w.bridge()
			cfg := dmdevice.Config{}
			for _, text := range row.faults {
				f, err := dmdevice.ParseFault(text)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Faults = append(cfg.Faults, f)
			}
			w.device(cfg)
			w.over(1)
			for _, want := range row.told[:len(row.told)-1] {
				r.next(want)
			}
			last := row.told[len(row.told)-1]
			r.only(b, last)
			v, err := b.legacy.View(listed)
			if err != nil || !strings.Contains(fmt.Sprint(v.Timeline), "install report "+last) {
				t.Errorf("not in the time line: %+v, %v", v.Timeline, err)
			}
		})
	}
}

// TestLegacyReportsRestart: the bridge is stopped while the package server is
// away.
func TestLegacyReportsRestart(t *testing.T) {
	r := newReported(t)
	r.away.Store(true)
	w := newLegacyWorld(t, append([]string{"observe 7 9 12", "write 3 " + r.path("descriptor")}, wholeUpdate[2:]...)...)
	w.bridge()
	w.device(dmdevice.Config{})
	w.over(1)
	r.tried()
	w.stop()
	if n := stored(t, w.db); n != 1 || len(r.told) != 0 {
		t.Fatalf("%d stored, %d told", n, len(r.told))
	}
	r.away.Store(false)
	r.only(w.bridge(), "900 Success")
}
