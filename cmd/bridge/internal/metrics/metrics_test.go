package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything has a sample of every family.
func everything() Sources {
	return Sources{
		Health: func() engine.Health {
			return engine.Health{OK: true, Devices: 3, LegacyDevices: 2, Suspects: 1, Triggers: map[string]uint64{"taken": 4}}
		},
		Census: func() engine.Census {
			return engine.Census{
				Phases: map[mapping.Phase]int64{mapping.PhaseDownload: 2}, Letters: 5, Parked: 1,
				Sessions: map[session.End]uint64{session.EndDone: 7, session.EndNot: 8}, Results: map[fwupdate.Code]uint64{200: 6},
			}
		},
		Registered: func() int { return 3 },
		DTLS: func() dtls.Stats {
			return dtls.Stats{Associations: 1, Completed: 5, Resumed: 2, Failed: 3, Refused: 4, Discarded: 6}
		},
		Campaigns: func() legacy.Census {
			return legacy.Census{
				Phases: map[mapping.CampaignPhase]int64{mapping.CampaignRunning: 1}, Results: map[lwm2m9.UpdateResult]uint64{lwm2m9.ResultInstalled: 9},
			}
		},
		Sessions: func() dmlisten.Counts {
			return dmlisten.Counts{Sessions: 1, Messages: 2, Wrong: 3, Alarms: 4, HTTP: map[int]uint64{503: 5}, Ends: map[session.End]uint64{session.EndDone: 6}}
		},
		Store: func() delivery.Usage { return delivery.Usage{Bytes: 10, MaxBytes: 20, Packages: 1, MaxPackages: 2} },
		Fetches: func() delivery.FetchCounts {
			return delivery.FetchCounts{Running: 1, Bytes: 2, Done: 3, Failed: map[delivery.Kind]uint64{delivery.KindTimeout: 4}}
		},
		Served: func() delivery.ServeCounts {
			return delivery.ServeCounts{Running: 1, Bytes: 2, Done: 3, Broken: 4, Refused: 5}
		},
		Reports: func() report.Counts { return report.Counts{Waiting: 1, Accepted: 2, Refused: 3, Dropped: 4} },
		Moving:  func() map[transfer.Way]int { return map[transfer.Way]int{transfer.CoAP: 7, transfer.HTTP: 1} },
	}
}

// used is a Metrics whose own counters have counted.
func used(t *testing.T) *Metrics {
	t.Helper()
	m := New()
	m.Block(transfer.Push, 100)
	m.Moved(transfer.Push, true)
	m.Moved(transfer.CoAP, false)
	m.Moved(transfer.Fetch, true) // counted elsewhere
	if _, err := m.Store(store.NewMemory()).Write(store.Change{Key: "k", Value: []byte("v"), Expect: store.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	_, _ = m.Devices(devices{}).Do(t.Context(), "d", server.Request{})
	return m
}

func scrape(t *testing.T, m *Metrics, s Sources) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(s, nil).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s\n%s", w.Code, w.Header(), w.Body)
	}
	return w.Body.String()
}

func TestValues(t *testing.T) {
	text := scrape(t, used(t), everything())
	for _, line := range []string{
		`fwbridge_healthy 1`, `fwbridge_devices{direction="a"} 3`, `fwbridge_devices{direction="b"} 2`, `fwbridge_devices_registered 3`,
		`fwbridge_suspects_total 1`, `fwbridge_drives{phase="download"} 2`, `fwbridge_drives_ended_total{code="200"} 6`,
		`fwbridge_notifications_waiting 5`, `fwbridge_notifications_parked 1`, `fwbridge_campaigns{phase="running"} 1`,
		`fwbridge_dm_sessions_ended_total{end="done",role="client"} 7`, `fwbridge_dm_sessions_ended_total{end="server not reached",role="client"} 8`,
		`fwbridge_dm_sessions_ended_total{end="done",role="server"} 6`, `fwbridge_dm_lockouts_total 4`, `fwbridge_dm_requests_refused_total{status="503"} 5`,
		`fwbridge_triggers_total{verdict="taken"} 4`, `fwbridge_dtls_handshakes_total{outcome="full"} 3`, `fwbridge_package_bytes 10`,
		`fwbridge_fetches_total{outcome="timeout"} 4`, `fwbridge_served_bytes_total 2`, `fwbridge_install_reports_waiting 1`,
		`fwbridge_install_reports_total{outcome="taken"} 2`, `fwbridge_install_reports_total{outcome="dropped"} 4`, `fwbridge_block_bytes_total{way="push"} 100`,
		`fwbridge_block_transfers_total{outcome="done",way="push"} 1`, `fwbridge_block_transfers_total{outcome="broken",way="coap"} 1`,
		`fwbridge_block_transfers{way="coap"} 7`, `fwbridge_block_transfers{way="push"} 0`,
		`fwbridge_store_write_seconds_count 1`, `fwbridge_coap_requests_total{outcome="answered"} 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(text, `way="fetch"`) || strings.Contains(text, `way="http"`) {
		t.Error("a way that is not over CoAP")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestWithoutParts: what is off has no samples, and nothing breaks.
func TestWithoutParts(t *testing.T) {
	if text := scrape(t, New(), Sources{}); strings.Contains(text, "fwbridge_drives") || !strings.Contains(text, "go_goroutines") {
		t.Error(text)
	}
}

// TestDocumented: docs/metrics.md names every metric, with its labels, and no
// other.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(fwbridge_[a-z_]+)` \\|").FindAllStringSubmatch(string(doc), -1) {
		documented = append(documented, m[1])
	}
	gathered, err := used(t).registry(everything()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var exported []string
	for _, f := range gathered {
		if !strings.HasPrefix(f.GetName(), "fwbridge_") {
			continue
		}
		exported = append(exported, f.GetName())
		row := regexp.MustCompile("(?m)^\\| `" + f.GetName() + "` \\|.*$").FindString(string(doc))
		for _, l := range f.GetMetric()[0].GetLabel() {
			if !strings.Contains(row, "`"+l.GetName()+"`") {
				t.Errorf("%s: its label %s is not documented", f.GetName(), l.GetName())
			}
			if slices.Contains([]string{"device", "endpoint"}, l.GetName()) {
				t.Errorf("%s has a label for devices", f.GetName())
			}
		}
	}
	for _, f := range families {
		if !slices.Contains(exported, f.name) {
			t.Errorf("%s has no sample in this test", f.name)
		}
	}
	slices.Sort(documented)
	slices.Sort(exported)
	if diff := cmp.Diff(exported, documented); diff != "" {
		t.Errorf("metrics (-) and their documentation (+):\n%s", diff)
	}
}

// devices answer with an error.
type devices struct {
	engine.Devices
	err error
}

func (d devices) Do(context.Context, string, server.Request) (server.Response, error) {
	return server.Response{}, d.err
}

func TestOutcomes(t *testing.T) {
	for want, err := range map[string]error{
		"answered": nil, "refused": &server.Refused{Code: lwm2m9.CodeNotFound}, "garbage": server.ErrGarbage,
		"unsent": server.ErrAsleep, "silent": server.ErrNoAnswer,
	} {
		m := New()
		if _, got := m.Devices(devices{err: err}).Do(t.Context(), "d", server.Request{}); !errors.Is(got, err) {
			t.Errorf("%s: the error is changed: %v", want, got)
		}
		if text := scrape(t, m, Sources{}); !strings.Contains(text, `fwbridge_coap_requests_total{outcome="`+want+`"} 1`) {
			t.Errorf("%v is not %s:\n%s", err, want, text)
		}
	}
}

// failing refuses writes.
type failing struct {
	store.Store
	err error
}

func (f failing) Write(...store.Change) ([]uint64, error) { return nil, f.err }

func TestWriteFailures(t *testing.T) {
	for err, want := range map[error]string{store.ErrFull: "1", store.ErrConflict: "0"} {
		m := New()
		if _, got := m.Store(failing{err: err}).Write(); got != err {
			t.Error(got)
		}
		if text := scrape(t, m, Sources{}); !strings.Contains(text, "\nfwbridge_store_write_failures_total "+want+"\n") {
			t.Errorf("%v: want %s", err, want)
		}
	}
}
