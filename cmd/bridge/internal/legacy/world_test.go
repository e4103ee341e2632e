package legacy

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

const device = "IMEI:356938035643809"

// world is an engine with everything around it, in one goroutine: effects are
// performed when the test says so.
type world struct {
	t     testing.TB
	e     *Engine
	db    *flakyStore
	packs *fakePackages
	now   time.Time

	unlisted bool // from the next start on

	mu      sync.Mutex
	changes []Change
	shown   []string
	wakes   []uint16
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, db: &flakyStore{Store: store.NewMemory()}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.packs = &fakePackages{held: map[string]bool{}}
	w.start()
	return w
}

// start makes a new engine on what is stored, as after a restart.
func (w *world) start() {
	w.e = New(Options{
		Store: w.db, Directory: w, Packages: w.packs, Portraits: w, Now: func() time.Time { return w.now }, Lanes: 2, Timeline: 8,
		Wake: func(_ context.Context, _ Device, _ session.Nonces, id uint16) error {
			w.wakes = append(w.wakes, id)
			return nil
		},
	})
	if err := w.e.Load(); err != nil {
		w.t.Fatal(err)
	}
}

// settle performs the effects and ticks that are due.
func (w *world) settle() {
	for range 100 {
		all := w.e.effects.take()
		for _, perform := range all {
			perform(w.t.Context())
		}
		id, _ := w.e.next()
		if id != "" {
			w.e.tick(id)
		}
		if len(all) == 0 && id == "" {
			return
		}
	}
	w.t.Fatal("it never settles")
}

func (w *world) Device(id string) (Device, bool) {
	return Device{
		Account: session.Account{DeviceID: id, ServerID: "fwbridge"}, Endpoint: "urn:imei:" + strings.TrimPrefix(id, "IMEI:"),
		Adopt: id != device, Address: "192.0.2.1:2948",
	}, strings.HasPrefix(id, "IMEI:")
}

func (w *world) Listed() []string {
	if w.unlisted {
		return nil
	}
	return []string{device}
}

func (w *world) Show(id string, _ Device, _ map[string]json.RawMessage) {
	w.shown = append(w.shown, id)
}

func (w *world) Changed(_ string, c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
}

// writes are how many there were to the store.
func (w *world) writes() int { return w.db.n }

// stored is the device's record in the store.
func (w *world) stored() *record {
	w.t.Helper()
	entry, err := w.db.Get(keyOf(device))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := decodeRecord(entry)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// slot is what instance 0 shows.
func (w *world) slot() mapping.Slot {
	w.t.Helper()
	v, err := w.e.virtual(device)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Slots[0]
}

func (w *world) shows(st lwm2m9.UpdateState, r lwm2m9.UpdateResult) {
	w.t.Helper()
	if m := w.slot().Machine; m.State != st || m.Result != r {
		w.t.Fatalf("it shows %v, %v; want %v, %v (%s)", m.State, m.Result, st, r, w.slot().Reason)
	}
}

// must carries out an operation of an LwM2M server.
func (w *world) must(ev mapping.VirtualEvent) {
	w.t.Helper()
	if err := w.e.operate(device, ev, nil); err != nil {
		w.t.Fatalf("%T: %v", ev, err)
	}
	w.settle()
}

// deliver brings a package into the store.
func (w *world) deliver() {
	w.t.Helper()
	w.must(mapping.WroteURI{URI: "http://h.example/fw.bin"})
	w.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
}

// caller is a session of the device with the bridge.
type caller struct {
	w     *world
	visit dmlisten.Visit
	jobs  []dmlisten.Job
	first bool
}

func (w *world) call(id string) *caller {
	w.t.Helper()
	_, v, err := w.e.Open(w.t.Context(), dmlisten.Caller{Peek: session.Peek{DeviceID: id}})
	if err != nil {
		w.t.Fatal(err)
	}
	return &caller{w: w, visit: v, first: true}
}

// says sends a message of the device: answers to all jobs by status, and
// events.
func (c *caller) says(answer func(op *syncml.Op) (int, string), events ...session.Event) error {
	got := session.Received{Events: events, Nonces: session.Nonces{Client: []byte("n")}}
	if c.first {
		got.DevInfo = map[string]string{"./DevInfo/Man": "Contoso", "./DevInfo/Mod": "X1"}
	}
	for _, j := range c.jobs {
		op := j.Command.(*syncml.Op)
		code, data := answer(op)
		r := session.Result{Key: j.Key, Code: syncml.Code(code)}
		if data != "" {
			r.Found = []syncml.Item{{Source: op.Items[0].Target, Data: []byte(data)}}
		}
		got.Results = append(got.Results, r)
	}
	jobs, err := c.visit.Heard(c.w.t.Context(), got)
	if err == nil {
		c.jobs, c.first = jobs, false
	}
	return err
}

// commands are the jobs as text.
func (c *caller) commands() string {
	var all []string
	for _, j := range c.jobs {
		op := j.Command.(*syncml.Op)
		all = append(all, string(op.Cmd)+" "+op.Items[0].Target.URI)
	}
	return strings.Join(all, "\n")
}

// obliging is a device that does all it is told; its State is st.
func obliging(st int) func(op *syncml.Op) (int, string) {
	return func(op *syncml.Op) (int, string) {
		switch uri := op.Items[0].Target.URI; {
		case op.Cmd == syncml.CmdExec:
			return 202, ""
		case strings.HasSuffix(uri, "/State"):
			return 200, strconv.Itoa(st)
		case op.Cmd == syncml.CmdGet:
			return 200, "v1"
		}
		return 200, ""
	}
}

// session lets the device talk until there is nothing more to do.
func (c *caller) session(answer func(op *syncml.Op) (int, string), events ...session.Event) (said string) {
	c.w.t.Helper()
	for range 20 {
		if err := c.says(answer, events...); err != nil {
			c.w.t.Fatal(err)
		}
		events = nil
		if len(c.jobs) == 0 {
			c.visit.Gone()
			c.w.settle()
			return said
		}
		said += c.commands() + "\n"
	}
	c.w.t.Fatalf("the session never ends:\n%s", said)
	return ""
}

func final(pkg, correlator, code string) session.Event {
	return session.Event{
		Code: syncml.AlertGeneric, Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate",
		Source: "./FwUpdate/" + pkg + "/DownloadAndUpdate", Correlator: correlator, Data: code,
	}
}
