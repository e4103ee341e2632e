package bridge

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pebble(tb testing.TB) store.Store {
	db, err := store.OpenPebble(filepath.Join(tb.TempDir(), "store"), store.Options{Reserve: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// Every fault of a device, and what the legacy server is told in the end.
func TestUpdatesOverSockets(t *testing.T) {
	for _, tt := range []struct {
		fault     string
		behaviour string
		dialect   lwm2m9.Dialect
		code      int
		installs  int
	}{
		{"", "ok", lwm2m9.Registered, 200, 1},
		{"", "ok", lwm2m9.Draft, 200, 1},
		{"", "corrupt", lwm2m9.Registered, 402, 0},
		{"", "corrupt", lwm2m9.Draft, 402, 0},
		{"", "status-404", lwm2m9.Registered, 409, 0},
		{"download=not-enough-storage", "ok", lwm2m9.Registered, 501, 0},
		{"download=connection-lost", "ok", lwm2m9.Draft, 503, 0},
		{"download=invalid-uri", "ok", lwm2m9.Registered, 411, 0},
		{"download=unsupported-type", "ok", lwm2m9.Registered, 405, 0},
		{"install", "ok", lwm2m9.Registered, 410, 1},
		{"install=out-of-memory", "ok", lwm2m9.Draft, 502, 1},
		{"lose-answer@install", "ok", lwm2m9.Registered, 200, 1},
		{"refuse@install=5.03*2", "ok", lwm2m9.Registered, 200, 1},
		{"reboot@downloading", "ok", lwm2m9.Registered, 200, 1},
		{"reboot@downloading=lose", "ok", lwm2m9.Draft, 200, 1},
		{"reboot@delivered", "ok", lwm2m9.Registered, 200, 1},
		{"reboot@installing", "ok", lwm2m9.Registered, 200, 1},
		{"reboot@installed", "ok", lwm2m9.Draft, 200, 1},
		{"rebind@downloading", "ok", lwm2m9.Registered, 200, 1},
		{"coalesce", "ok", lwm2m9.Registered, 200, 1},
		{"torn", "corrupt", lwm2m9.Registered, 402, 0},
		{"no-observe", "ok", lwm2m9.Registered, 200, 1},
		{"quiet", "ok", lwm2m9.Registered, 200, 1},
		{"drop=0.1", "ok", lwm2m9.Registered, 200, 1},
		{"repeat=0.3", "ok", lwm2m9.Draft, 200, 1},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tt.dialect, tt.behaviour, tt.fault), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.campaign(tt.behaviour)
			if err := w.dm.AddCampaign(c); err != nil {
				t.Fatal(err)
			}
			w.bridge(store.NewMemory(), engine.Options{})
			cfg := lwm2mdevice.Config{
				Endpoint: "urn:imei:356000000000001", Dialect: tt.dialect, Seed: 1,
				Timing: lwm2mdevice.Timing{Ack: 200 * time.Millisecond},
			}
			if tt.fault != "" {
				f, err := lwm2mdevice.ParseFault(tt.fault)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Faults = append(cfg.Faults, f)
			}
			d := w.device(cfg)
			w.wait(1)
			r := w.dm.Campaigns()[0]
			if r.Code != tt.code || r.Correlator != "job" || r.AlertsBefore != 1 || r.AlertsAfter != 0 {
				t.Errorf("server was told %d, correlator %q, in %d+%d alerts; want %d once", r.Code, r.Correlator, r.AlertsBefore, r.AlertsAfter, tt.code)
			}
			if n := d.Counts().Done[lwm2mdevice.OpInstall]; n != tt.installs {
				t.Errorf("Install was carried out %d times, want %d", n, tt.installs)
			}
		})
	}
}
