package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var _ Poster = (*dmhttp.Client)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	devA   = "urn:imei:356000000000001"
	imeiA  = "IMEI:356000000000001"
	pkgURL = "http://pkg.test/fw2.bin"
)

// world is an engine with everything around it.
type world struct {
	t     *testing.T
	store store.Store
	net   *network
	dm    *dmServer
	opt   Options
	acc   session.Account
	poll  time.Duration
	info  func(endpoint string) bool // who has an account; nil: everybody

	engine *Engine
	stop   func()

	mu    sync.Mutex
	lines []Entry
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, store: store.NewMemory(), net: newNetwork(), dm: newDMServer(), poll: time.Hour,
		acc: session.Account{
			DeviceID: imeiA, ServerID: "dm.test", URL: "http://dm.test/dm", Version: syncml.DM12, Encoding: syncml.XML,
			Client: session.Credentials{Scheme: session.SchemeBasic, User: "user-name", Secret: "pass-word"},
		},
	}
	w.opt = Options{Shards: 2}
	return w
}

// AccountFor implements Directory.
func (w *world) AccountFor(endpoint string) (ServerInfo, session.Account, bool) {
	acc := w.acc
	if endpoint != devA {
		acc.DeviceID = "IMEI:" + endpoint
	}
	return ServerInfo{Name: "legacy", Poll: w.poll}, acc, w.info == nil || w.info(endpoint)
}

// PolicyFor implements Directory.
func (w *world) PolicyFor(string) mapping.Policy { return mapping.DefaultPolicy() }

// DialectFor implements Directory.
func (w *world) DialectFor(string) lwm2m9.Dialect { return lwm2m9.DialectUnknown }

// start runs an engine on the world's store.
func (w *world) start() {
	w.t.Helper()
	w.startWith(w.store, w.net, w.dm)
}

func (w *world) startWith(st store.Store, d Devices, p Poster) {
	w.t.Helper()
	o := w.opt
	o.Store, o.Poster, o.Directory = st, p, w
	o.OnTimeline = func(e Entry) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines = append(w.lines, e)
	}
	w.engine = New(o)
	if err := w.engine.Load(d); err != nil {
		w.t.Fatal(err)
	}
	w.net.mu.Lock()
	w.net.handler = w.engine
	w.net.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	e := w.engine
	go func() { done <- e.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.net.mu.Lock()
		w.net.handler = nil
		w.net.mu.Unlock()
	}
}

// until lets time pass until cond holds, at most limit.
func (w *world) until(what string, limit time.Duration, cond func() bool) bool {
	w.t.Helper()
	for begin := time.Now(); ; {
		synctest.Wait()
		if cond() {
			return true
		}
		passed := time.Since(begin)
		if passed > limit {
			w.t.Errorf("%s: not within %v\n%s", what, limit, w.story())
			return false
		}
		<-time.After(max(100*time.Millisecond, passed/50))
	}
}

func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := ""
	for _, e := range w.lines {
		s += e.Time.Format("15:04:05.000") + " " + e.Package + " " + e.View.Phase.String() + ": " + e.Legacy() + " / " + e.Object() + " " + e.Note + "\n"
	}
	return s
}

// detail is the device as the API shows it.
func (w *world) detail(endpoint string) Detail {
	w.t.Helper()
	d, err := w.engine.Device(endpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// answered says whether a final notification was answered with 2xx and left
// the outbox.
func (w *world) answered(endpoint, id string) func() bool {
	return func() bool {
		alerts, _ := w.dm.seen(id)
		if len(alerts) == 0 || !alerts[len(alerts)-1].answered.Success() {
			return false
		}
		d, err := w.engine.Device(endpoint)
		return err == nil && len(d.Outbox) == 0
	}
}

func (w *world) register(d *fakeDevice) {
	w.t.Helper()
	if err := d.register(w.t.Context(), w.engine); err != nil {
		w.t.Fatal(err)
	}
}
