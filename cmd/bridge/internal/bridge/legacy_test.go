package bridge

import (
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// words is a result as scripts spell it.
func words(r lwm2m9.UpdateResult) string { return strings.ReplaceAll(r.String(), " ", "-") }

// wholeUpdate is what an LwM2M server does in direction B.
var wholeUpdate = []string{"observe 7 9 12", "write 3 PACKS/radio-2.0.bin", "wait state=DELIVERED", "install", "wait installed",
	"expect result=" + words(lwm2m9.ResultInstalled), "activate", "wait active"}

// TestLegacyUpdate is the main job of direction B: an LwM2M server that knows
// only Object 9 updates a device that knows only ./FwUpdate. The device comes
// because it is triggered, and gets the package from the bridge.
func TestLegacyUpdate(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	b := w.bridge()
	w.device(dmdevice.Config{})
	w.over(1)
	w.until("answered alert", of(dmdevice.EventOver))
	if e := w.until("trigger", of(dmdevice.EventTriggered)); e.Text == "" {
		t.Errorf("%+v", e)
	}
	if n := w.count(of(dmdevice.EventExecuted)); n != 1 {
		t.Errorf("%d Execs; want 1", n)
	}
	var asked []string
	w.count(func(e dmdevice.Event) bool {
		if e.Kind == dmdevice.EventDownload {
			asked = append(asked, e.Text)
		}
		return false
	})
	if text := strings.Join(asked, "\n"); !strings.Contains(text, "HEAD") || !strings.Contains(text, "206") || strings.Contains(text, w.packs) {
		t.Errorf("the device has asked for\n%s", text)
	}
	v, err := b.legacy.View(listed)
	if err != nil || v.Endpoint != "urn:imei:350000000000001" || v.Instances[0].State != "INSTALLED" || v.Info["./DevInfo/Man"] == "" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, begin := range []string{"package fetched, ", "device fetched the package over HTTP, "} {
		untilTold(t, begin, func() (lines []string) {
			v, _ := b.legacy.View(listed)
			for _, e := range v.Timeline {
				lines = append(lines, e.Note)
			}
			return lines
		})
	}
	if s := b.legacy.Shown(listed); len(s) != 1 || !s[0].Registered || s[0].Observed != 3 || s[0].Server != "main" {
		t.Errorf("shown: %+v", s)
	}
}

// TestLegacyAPI: what scripts see of direction B, strangers too.
func TestLegacyAPI(t *testing.T) {
	w := newLegacyWorld(t, "observe 7")
	b := w.bridge()
	w.device(dmdevice.Config{DeviceID: "X:1"})
	w.until("session", of(dmdevice.EventEnded))
	w.over(1)
	for path, want := range map[string][]string{
		"/api/v1/legacy":            {`"device": "` + listed + `"`, `"device": "X:1"`, `"server": "main"`},
		"/api/v1/legacy?limit=1001": {"limit: a number"},
		"/api/v1/legacy?after=J":    {`"devices": []`},
		"/api/v1/legacy/" + listed:  {`"state": "INITIAL"`, `"endpoint": "urn:imei:350000000000001"`},
		"/api/v1/legacy/X:1":        {"no such device"},
		"/api/v1/devices":           {`"devices": []`},
		"/healthz":                  {`"ok": true`, `"legacyDevices": 1`},
	} {
		r := httptest.NewRecorder()
		b.api().ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
		for _, text := range want {
			if !strings.Contains(r.Body.String(), text) {
				t.Errorf("%s: %d %s; want %s", path, r.Code, r.Body, text)
			}
		}
	}
}

// TestLegacyAdoption: a device that nobody has listed becomes known when it
// knows the secret, and is updated; one that does not know it stays a stranger.
func TestLegacyAdoption(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	b := w.bridge("devices: ["+listed+"]", "devices: [IMEI:none]")
	w.device(dmdevice.Config{DeviceID: "BOX:6", Auth: session.SchemeBasic, User: "box", Secret: "wrong"})
	w.until("session", of(dmdevice.EventEnded))
	w.device(dmdevice.Config{DeviceID: "BOX:7", Auth: session.SchemeBasic, User: "box", Secret: "s3", Every: 50 * time.Millisecond})
	w.until("update", func(e dmdevice.Event) bool { return e.Kind == dmdevice.EventOver && e.Device == "BOX:7" })
	if got, want := strings.Join(b.legacy.Devices(), " "), "BOX:7 IMEI:none"; got != want {
		t.Errorf("known are %s; want %s", got, want)
	}
	if v, err := b.legacy.View("BOX:7"); err != nil || !v.Adopted || v.Endpoint != "urn:dev:ops:1-BOX:7" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestLegacyRestart: the bridge ends and comes back on its store, and the
// update goes on; Exec is carried out once.
func TestLegacyRestart(t *testing.T) {
	t.Run("while the package comes", func(t *testing.T) {
		steps := append([]string{}, wholeUpdate...)
		steps[1] = "write 3 PACKS/slow"
		w := newLegacyWorld(t, steps...)
		w.bridge()
		w.device(dmdevice.Config{})
		<-w.files.came
		w.stop()
		close(w.files.gate)
		w.bridge()
		w.over(1)
	})
	t.Run("while the device works", func(t *testing.T) {
		w := newLegacyWorld(t, wholeUpdate...)
		w.bridge()
		w.device(dmdevice.Config{Timing: dmdevice.Timing{Install: 300 * time.Millisecond}})
		w.until("State 50", func(e dmdevice.Event) bool { return e.State == fwupdate.StateStartingUpdate })
		w.stop()
		w.bridge()
		w.over(1)
		if n := w.count(of(dmdevice.EventExecuted)); n != 1 {
			t.Errorf("%d Execs; want 1", n)
		}
	})
	t.Run("before the download", func(t *testing.T) {
		w := newLegacyWorld(t, wholeUpdate...)
		w.bridge()
		w.device(dmdevice.Config{Timing: dmdevice.Timing{Download: 500 * time.Millisecond}})
		w.until("Exec", of(dmdevice.EventExecuted))
		w.stop()
		w.bridge() // the URL that the device has is good still
		w.over(1)
	})
}

// TestLegacyPush: the LwM2M server writes the package itself, in blocks.
func TestLegacyPush(t *testing.T) {
	file := filepath.Join(t.TempDir(), "package")
	if err := os.WriteFile(file, []byte(strings.Repeat("pushed", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := append([]string{}, wholeUpdate...)
	steps[1] = "push " + file
	w := newLegacyWorld(t, steps...)
	w.bridge()
	w.device(dmdevice.Config{})
	w.over(1)
}

// TestLegacyPassThrough: the bridge stores nothing; the device gets the
// package from where the server said.
func TestLegacyPassThrough(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	w.bridge("packages:\n", "packages:\n  pass_through: true\n")
	w.device(dmdevice.Config{})
	w.over(1)
	entries, err := os.ReadDir(filepath.Join(w.dir, "packages", "packages"))
	if err != nil || len(entries) != 0 {
		t.Errorf("in the store: %v, %v", entries, err)
	}
}

// TestLegacyFailures: what can go wrong, and what the LwM2M server is told.
func TestLegacyFailures(t *testing.T) {
	fetch := func(uri string, result lwm2m9.UpdateResult) []string {
		return []string{"observe 7 9 12", "write 3 " + uri, "wait failed", "expect state=INITIAL result=" + words(result)}
	}
	install := func(result lwm2m9.UpdateResult) []string {
		return []string{"observe 7 9 12", "write 3", "wait state=DELIVERED", "install", "wait failed", "expect state=DELIVERED result=" + words(result), "uninstall", "wait state=INITIAL"}
	}
	for _, c := range []struct {
		name   string
		steps  []string
		change []string
		faults []string
	}{
		{name: "no such package", steps: fetch("PACKS/none", lwm2m9.ResultInvalidURI)},
		{name: "other scheme", steps: fetch("ftp://127.0.0.1/x", lwm2m9.ResultInvalidURI)},
		{name: "nobody there", steps: fetch("http://127.0.0.1:1/x", lwm2m9.ResultConnectionLost), change: []string{"packages:\n", "packages:\n  total_timeout: 1s\n  stall_timeout: 1s\n"}},
		{name: "long URI", steps: []string{"refused 4.00 write 3 http://h/" + strings.Repeat("x", 256-len("http://h/")), "expect state=INITIAL",
			"write 3 http://h/" + strings.Repeat("x", 255-len("http://h/"))}, change: []string{"packages:\n", "packages:\n  total_timeout: 1s\n  stall_timeout: 1s\n"}},
		{name: "not allowed", steps: fetch("PACKS/radio-2.0.bin", lwm2m9.ResultInvalidURI), change: []string{"127.0.0.0/8", "192.0.2.0/24"}},
		{name: "store full", steps: fetch("PACKS/radio-2.0.bin", lwm2m9.ResultNotEnoughStorage),
			change: []string{"packages:\n", "packages:\n  max_package: 100KiB\n  max_push: 1KiB\n"}},
		{name: "no FwUpdate", steps: install(lwm2m9.ResultUnsupportedType), faults: []string{"refuse@any=404"}},
		{name: "update fails", steps: install(lwm2m9.ResultInstallFailure), faults: []string{"update=410"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLegacyWorld(t, c.steps...)
			w.bridge(c.change...)
			var faults []dmdevice.Fault
			for _, text := range c.faults {
				f, err := dmdevice.ParseFault(text)
				if err != nil {
					t.Fatal(err)
				}
				faults = append(faults, f)
			}
			w.device(dmdevice.Config{Faults: faults})
			w.over(1)
		})
	}
}

// TestLegacyDTLS: a device is shown over DTLS, with the key that bridge device
// has for it, and with one key for all.
func TestLegacyDTLS(t *testing.T) {
	const endpoint = "urn:imei:350000000000001"
	key := dtls.Key("a key of 16 byte")
	t.Run("own key", func(t *testing.T) {
		w := newSecureLegacyWorld(t, lwm2mserver.Keys{endpoint: key}, wholeUpdate...)
		if _, err := credentials.New(w.db).Add(credentials.Device{Endpoint: endpoint, Identity: endpoint, Key: key, PSK: true}, false); err != nil {
			t.Fatal(err)
		}
		w.bridge("lifetime: 60s", "lifetime: 60s, security: psk")
		w.device(dmdevice.Config{})
		w.over(1)
	})
	t.Run("one key for all", func(t *testing.T) {
		w := newSecureLegacyWorld(t, lwm2mserver.Keys{endpoint: key}, "observe 7")
		if err := os.WriteFile(filepath.Join(w.dir, "key"), []byte(hex.EncodeToString(key)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.bridge("lifetime: 60s", `lifetime: 60s, security: psk, identity: "urn:imei:{imei}", key_file: key`)
		w.over(1)
	})
}

// TestLegacyPackageLost: a device that does not need the package does not get
// it; one that somebody deletes is fetched again when the device comes for it.
func TestLegacyPackageLost(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	b := w.bridge()
	w.device(dmdevice.Config{Timing: dmdevice.Timing{Download: 300 * time.Millisecond}})
	w.until("Exec", of(dmdevice.EventExecuted))
	v, err := b.legacy.View(listed)
	if err != nil {
		t.Fatal(err)
	}
	for device, want := range map[string]int{listed: http.StatusOK, "BOX:1": http.StatusNotFound} {
		url, err := b.legacy.packages.URL(device, mapping.PackageInfo{Digest: v.Instances[0].Digest})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRecorder()
		b.legacy.packages.server.ServeHTTP(r, httptest.NewRequest(http.MethodHead, url, nil))
		if r.Code != want {
			t.Errorf("%s gets %d; want %d", device, r.Code, want)
		}
	}
	kept := filepath.Join(w.dir, "packages", "packages")
	entries, err := os.ReadDir(kept)
	if err != nil || len(entries) != 1 {
		t.Fatalf("in the store: %v, %v", entries, err)
	}
	if err := os.Remove(filepath.Join(kept, entries[0].Name())); err != nil {
		t.Fatal(err)
	}
	w.until("a request that is told to come again", func(e dmdevice.Event) bool {
		return e.Kind == dmdevice.EventDownload && strings.Contains(e.Text, "503")
	})
	w.logged("package fetched again")
	if _, err := os.Stat(filepath.Join(kept, entries[0].Name())); err != nil {
		t.Error(err)
	}
}

// TestPackageURLs: a URL is the same after a restart, differs by device and
// package, and one of another key is none.
func TestPackageURLs(t *testing.T) {
	db := store.NewMemory()
	open := func(db store.Store) *packages {
		p, err := newPackages(Packages{Store: delivery.StoreOptions{Dir: t.TempDir()}, Base: "http://x/", Lifetime: time.Hour}, newLongNames(), db, slog.New(slog.DiscardHandler), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.close() })
		return p
	}
	url := func(p *packages, device, digest string) string {
		u, err := p.URL(device, mapping.PackageInfo{Digest: digest})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	a, b, other := open(db), open(db), open(store.NewMemory())
	d1, d2 := strings.Repeat("1", 64), strings.Repeat("2", 64)
	first := url(a, "IMEI:1", d1)
	if again := url(b, "IMEI:1", d1); again != first || !strings.HasPrefix(first, "http://x/packages/") {
		t.Errorf("%s, after a restart %s", first, again)
	}
	seen := map[string]bool{first: true}
	for _, u := range []string{url(a, "IMEI:2", d1), url(a, "IMEI:1", d2), url(other, "IMEI:1", d1),
		url(a, strings.Repeat("x", 65), d1), url(a, strings.Repeat("x", 66), d1), url(a, strings.Repeat("x", 64), d1)} {
		if seen[u] {
			t.Errorf("%s twice", u)
		}
		seen[u] = true
	}
	for _, bad := range []mapping.PackageInfo{{}, {Digest: "x"}} {
		if u, err := a.URL("IMEI:1", bad); err == nil {
			t.Errorf("%+v has the URL %s", bad, u)
		}
	}
	if u, err := a.URL("IMEI:1", mapping.PackageInfo{URI: "http://h/p#sha256=" + d1}); err != nil || u != "http://h/p" {
		t.Errorf("passed through: %s, %v", u, err)
	}
}

// failingStore refuses to write when it is told to.
type failingStore struct {
	store.Store
	full atomic.Bool
}

func (s *failingStore) Write(changes ...store.Change) ([]uint64, error) {
	if s.full.Load() {
		return nil, store.ErrFull
	}
	return s.Store.Write(changes...)
}

// TestLegacyDiskFull: a device whose message cannot be stored is answered 503
// and comes again; the bridge says that it cannot write. When there is room
// the update goes on.
func TestLegacyDiskFull(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	db := &failingStore{Store: w.db}
	w.db = db
	b := w.bridge()
	device := dmdevice.Config{Timing: dmdevice.Timing{Install: 100 * time.Millisecond}}
	w.device(device)
	w.until("State 50", func(e dmdevice.Event) bool { return e.State == fwupdate.StateStartingUpdate })
	db.full.Store(true)
	w.until("a session that fails", func(e dmdevice.Event) bool { return e.Kind == dmdevice.EventEnded && strings.Contains(e.Text, "503") })
	if h := (seen{b.engine, nil, b.legacy}).Health(); h.OK || len(h.Conditions) != 1 || !strings.Contains(h.Conditions[0].Text, "disk full") {
		t.Errorf("healthy: %+v", h)
	}
	db.full.Store(false)
	w.over(1)
	w.until("answered alert", of(dmdevice.EventOver))
	if h := (seen{b.engine, nil, b.legacy}).Health(); !h.OK || len(h.Conditions) != 0 || h.LegacyDevices != 1 {
		t.Errorf("with room: %+v", h)
	}
}
