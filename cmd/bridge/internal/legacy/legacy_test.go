package legacy

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWholeCampaign(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p 1", Correlator: "c1"})
	if len(w.wakes) != 1 {
		t.Fatalf("%d triggers", len(w.wakes))
	}
	said := w.call(device).session(obliging(10))
	want := strings.TrimSpace(`
Get ./DevDetail/FwV
Get ./DevDetail/SwV
Get ./DevDetail/HwV
Get ./DevDetail/DevTyp
Add ./FwUpdate/p%201
Add ./FwUpdate/p%201/PkgName
Add ./FwUpdate/p%201/PkgVersion
Add ./FwUpdate/p%201/DownloadAndUpdate
Add ./FwUpdate/p%201/DownloadAndUpdate/PkgURL
Exec ./FwUpdate/p%201/DownloadAndUpdate
`)
	if got := strings.TrimSpace(said); got != want {
		t.Errorf("the device was told\n%s\nwant\n%s", got, want)
	}
	w.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
	if said := w.call(device).session(obliging(30)); strings.TrimSpace(said) != "Get ./FwUpdate/p%201/State" {
		t.Errorf("the next session: %s", said)
	}
	if got := w.slot().Reason; !strings.Contains(got, "State 30") {
		t.Errorf("Status Reason %q", got)
	}
	said = w.call(device).session(obliging(100), final("p%201", "c1", "200"))
	w.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	if !strings.Contains(said, "Delete ./FwUpdate/p%201") || !strings.Contains(said, "DevDetail/FwV") {
		t.Errorf("the last session: %s", said)
	}
	if len(w.packs.held) != 0 {
		t.Errorf("held: %v", w.packs.held)
	}
	w.must(mapping.ActivateAsked{})
	if said := w.call(device).session(obliging(100)); said != "" {
		t.Errorf("there is nothing to say, and it says %s", said)
	}
}

// TestRestartAnywhere stops the bridge after each message of a campaign: Exec
// goes out once, and the campaign ends well.
func TestRestartAnywhere(t *testing.T) {
	for stop := range 12 {
		w := newWorld(t)
		restart := func(at int) {
			if at == stop {
				w.start()
				w.settle()
			}
		}
		step := 0
		next := func() { restart(step); step++ }
		if err := w.e.operate(device, mapping.WroteURI{URI: "http://h.example/fw.bin"}, nil); err != nil {
			t.Fatal(err)
		}
		next() // before the fetch
		w.settle()
		next()
		w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
		next()
		execs := 0
		count := func(op *syncml.Op) (int, string) {
			if op.Cmd == syncml.CmdExec {
				execs++
			}
			return obliging(10)(op)
		}
		for range 3 {
			c := w.call(device)
			for range 6 {
				if step++; step == stop { // in the middle of the session
					w.start()
					w.settle()
					break
				}
				if err := c.says(count); err != nil {
					t.Fatal(err)
				}
				if len(c.jobs) == 0 {
					c.visit.Gone()
					break
				}
			}
			w.settle()
		}
		if execs > 1 {
			t.Errorf("stop at %d: %d Execs", stop, execs)
		}
		w.call(device).session(obliging(100), final("p1", "c1", "200"))
		if m := w.slot().Machine; execs == 1 && m.State != lwm2m9.Installed {
			t.Errorf("stop at %d: %v %v", stop, m, w.slot().Reason)
		}
	}
}

// TestStoreFails: nothing is said that is not stored, and nothing is lost.
func TestStoreFails(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	full := errors.New("disk full")
	w.db.fail = full
	if err := w.e.operate(device, mapping.InstallAsked{Package: "p1", Correlator: "c1"}, nil); !errors.Is(err, ErrStore) || !errors.Is(err, full) {
		t.Fatalf("Install: %v", err)
	}
	w.db.fail = nil
	w.settle()
	if len(w.wakes) != 0 || w.slot().Campaign.Phase != mapping.CampaignNone {
		t.Fatal("an Install that was not stored counts")
	}
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	c := w.call(device)
	for c.first || !strings.Contains(c.commands(), "Exec") {
		w.db.fail = full
		before := c.commands()
		if err := c.says(obliging(10)); !errors.Is(err, ErrStore) {
			t.Fatalf("a message that is not stored: %v", err)
		}
		if c.commands() != before {
			t.Fatal("it is answered all the same")
		}
		w.db.fail = nil
		if err := c.says(obliging(10)); err != nil { // the device repeats it
			t.Fatal(err)
		}
	}
	c.session(obliging(10))
	w.call(device).session(obliging(100), final("p1", "", "200"))
	w.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
}

func TestPackageFails(t *testing.T) {
	w := newWorld(t)
	w.packs.fail = &PackageError{Result: lwm2m9.ResultConnectionLost, Reason: "no route"}
	w.must(mapping.WroteURI{URI: "http://h.example/fw.bin"})
	w.shows(lwm2m9.Initial, lwm2m9.ResultConnectionLost)
	if got := w.slot().Reason; got != "no route" {
		t.Errorf("Status Reason %q", got)
	}
	w.packs.fail = errors.New("secret detail")
	w.must(mapping.WroteURI{URI: "http://h.example/fw.bin"})
	w.shows(lwm2m9.Initial, lwm2m9.ResultDeviceError)
	if got := w.slot().Reason; strings.Contains(got, "secret") {
		t.Errorf("Status Reason %q", got)
	}
	w.packs.fail, w.packs.altered = nil, true
	w.must(mapping.WroteURI{URI: "http://h.example/fw.bin"})
	w.shows(lwm2m9.Initial, lwm2m9.ResultIntegrityFailure)
	if len(w.packs.held) != 0 {
		t.Errorf("held: %v", w.packs.held)
	}
}

// TestReceivedIsNotLost: the store fails just when a package has come.
func TestReceivedIsNotLost(t *testing.T) {
	w := newWorld(t)
	if err := w.e.operate(device, mapping.WroteURI{URI: "http://h.example/fw.bin"}, nil); err != nil {
		t.Fatal(err)
	}
	all := w.e.effects.take()
	w.db.fail = errors.New("disk full")
	for _, perform := range all {
		perform(t.Context())
	}
	w.shows(lwm2m9.DownloadStarted, lwm2m9.ResultDownloading)
	w.db.fail, w.unlisted = nil, true
	w.start()
	w.settle()
	w.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
}

func TestUnknownDevices(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		_, _, err := w.e.Open(t.Context(), dmlisten.Caller{Peek: session.Peek{DeviceID: "stranger"}})
		if !errors.Is(err, dmlisten.ErrUnknownDevice) {
			t.Fatal(err)
		}
	}
	if s := w.e.Strangers(); len(s) != 1 || s[0].Device != "stranger" || s[0].Times != 2 {
		t.Errorf("%+v", s)
	}
	const adopted = "IMEI:1"
	if _, err := w.e.virtual(adopted); !errors.Is(err, ErrUnknown) {
		t.Fatalf("known before it came: %v", err)
	}
	w.call(adopted).visit.Gone() // without the secret
	if s := w.e.Strangers(); len(s) != 2 || s[0].Device != adopted && s[1].Device != adopted {
		t.Errorf("one that may be adopted and does not know the secret: %+v", s)
	}
	if _, err := w.e.virtual(adopted); !errors.Is(err, ErrUnknown) {
		t.Fatalf("known without the secret: %v", err)
	}
	w.call(adopted).session(obliging(10))
	if s := w.e.Strangers(); len(s) != 1 || s[0].Device != "stranger" {
		t.Errorf("after adoption: %+v", s)
	}
	if err := w.e.look(adopted, func(r *record) {
		if !r.Adopted || r.known()["./DevInfo/Man"] != "Contoso" || r.known()["./DevDetail/FwV"] != "v1" {
			t.Errorf("%+v", r)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(w.shown) != 2 {
		t.Errorf("shown: %v", w.shown)
	}
}

// TestStrangersAreBounded keeps the latest.
func TestStrangersAreBounded(t *testing.T) {
	w := newWorld(t)
	for n := range maxStrangers + 1 {
		w.now = w.now.Add(time.Second)
		w.e.strangers.saw(dmlisten.Caller{Peek: session.Peek{DeviceID: time.Duration(n).String()}}, w.now)
	}
	s := w.e.Strangers()
	if len(s) != maxStrangers || s[len(s)-1].Device != "1ns" {
		t.Errorf("%d, the oldest %+v", len(s), s[len(s)-1])
	}
}

// TestNewerSession: the end of an older session is not that of a newer one.
func TestNewerSession(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	old := w.call(device)
	if err := old.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	c := w.call(device)
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	if err := old.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	if len(old.jobs) > 0 {
		t.Errorf("the older session is told:\n%s", old.commands())
	}
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	old.visit.Gone()
	w.settle()
	if v, _ := w.e.virtual(device); !v.Open || v.Task != mapping.TaskExec {
		t.Fatalf("the newer session is closed: %+v", v)
	}
	c.session(obliging(10))
}

// TestUnsent: what could not be sent is tried in a later session.
func TestUnsent(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	c := w.call(device)
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	var unsent []session.Result
	for _, j := range c.jobs {
		unsent = append(unsent, session.Result{Key: j.Key, Err: errors.New("too large")})
	}
	c.visit.Said(unsent, session.EndNot)
	c.visit.Gone()
	if s := w.slot(); s.Campaign.Phase != mapping.CampaignContact || s.Campaign.Tries != 1 {
		t.Fatalf("%+v", s.Campaign)
	}
	w.now = w.now.Add(w.e.o.Policy.Retry)
	w.settle()
	if len(w.wakes) != 2 {
		t.Errorf("%d triggers", len(w.wakes))
	}
}

// TestObject9 is the object as the LwM2M client sees it.
func TestObject9(t *testing.T) {
	w := newWorld(t)
	o := w.e.Object9(device, lwm2m9.Registered).(*object9)
	at := wire.PathOf(9, 0)
	code := func(err error) lwm2m9.ResponseCode {
		if e, ok := errors.AsType[*client.Error](err); ok {
			return e.Code
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	}
	write := func(r uint16, v wire.Value) lwm2m9.ResponseCode {
		p := at.Down(r)
		return code(o.Write(t.Context(), client.Write{Path: p, Entries: []wire.Entry{{Path: p, Value: v}}}))
	}
	execute := func(r uint16, args ...wire.Argument) lwm2m9.ResponseCode {
		return code(o.Execute(t.Context(), at.Down(r), args))
	}
	for _, step := range []struct {
		what string
		do   func() lwm2m9.ResponseCode
		want lwm2m9.ResponseCode
	}{
		{"Install too early", func() lwm2m9.ResponseCode { return execute(4) }, lwm2m9.CodeMethodNotAllowed},
		{"an odd argument", func() lwm2m9.ResponseCode { return execute(6, wire.Argument{ID: 7}) }, lwm2m9.CodeBadRequest},
		{"push", func() lwm2m9.ResponseCode { return write(2, wire.Opaque([]byte("package"))) }, 0},
		{"push again", func() lwm2m9.ResponseCode { return write(2, wire.Opaque([]byte("package"))) }, lwm2m9.CodeMethodNotAllowed},
	} {
		if got := step.do(); got != step.want {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
		w.settle()
	}
	w.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
	if got := o.Instances(); len(got) != 2 {
		t.Errorf("instances %v: none in INITIAL", got)
	}
	id, err := o.Create(t.Context(), wire.NoInstance, []wire.Entry{{Path: wire.PathOf(9, wire.NoInstance, 3), Value: wire.String("http://h.example/x")}})
	if err != nil || id != 2 {
		t.Errorf("Create: %d, %v", id, err)
	}
	w.settle()
	if err := o.Delete(t.Context(), 2); err != nil {
		t.Error(err)
	}
	if got := execute(4); got != 0 {
		t.Errorf("Install: %v", got)
	}
	entries, err := o.Read(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]wire.Value{}
	for _, en := range entries {
		seen[en.Path.ID(2)] = en.Value
	}
	if seen[7] != wire.Integer(3) || seen[9] != wire.Integer(3) || seen[16].Str == "" {
		t.Errorf("it reads %v", seen)
	}
	if o.MaxBytes(at.Down(3)) != maxWrite || o.MaxBytes(at.Down(2)) != w.packs.MaxPush() {
		t.Error("bounds of a Write")
	}
}

// TestDeadlines: a device that never comes is woken again and given up.
func TestDeadlines(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	w.now = w.now.Add(w.e.o.Policy.Wake)
	w.settle()
	if len(w.wakes) != 2 || w.wakes[0] == w.wakes[1] {
		t.Errorf("triggers %v", w.wakes)
	}
	w.now = w.now.Add(w.e.o.Policy.Contact)
	w.settle()
	w.shows(lwm2m9.Delivered, lwm2m9.ResultDeviceError)
}

func change(key string, value []byte) store.Change {
	return store.Change{Key: key, Value: value, Expect: store.AnyRevision}
}

// inside lets cmp look into what is packed.
var inside = cmp.Exporter(func(reflect.Type) bool { return true })

// TestBrokenRecord is left alone.
func TestBrokenRecord(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	bad, err := json.Marshal(struct {
		record
		Future int `json:"future"`
	}{*w.stored(), 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Write(change(keyOf(device), bad)); err != nil {
		t.Fatal(err)
	}
	w.start()
	if err := w.e.operate(device, mapping.InstallAsked{}, nil); !errors.Is(err, ErrRecord) {
		t.Errorf("Install: %v", err)
	}
	if _, _, err := w.e.Open(t.Context(), dmlisten.Caller{Peek: session.Peek{DeviceID: device}}); !errors.Is(err, ErrRecord) {
		t.Errorf("Open: %v", err)
	}
	if after, err := w.db.Get(keyOf(device)); err != nil || string(after.Value) != string(bad) {
		t.Error("the record was overwritten")
	}
}

// TestRecordHasOneForm: what is written is what an earlier bridge wrote, with
// nothing packed, and what the library writes, and reads.
func TestRecordHasOneForm(t *testing.T) {
	r := afterCampaign(t)
	mode, err := cbor.EncOptions{Sort: cbor.SortLengthFirst, Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	want, err := mode.Marshal(r)
	if got := r.encode(nil); err != nil || string(got) != string(want) {
		t.Errorf("%q, and the library\n%q, %v", got, want, err)
	}
	back, err := decodeRecord(store.Entry{Key: keyOf(device), Value: want})
	if earlier, err := os.ReadFile("testdata/record.cbor"); err != nil || string(earlier) != string(want) {
		t.Errorf("%q, and an earlier bridge\n%q, %v", want, earlier, err)
	}
	back.known()
	if diff := cmp.Diff(r, back, inside, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestOpenSessionIsNotStored, while nothing is under way in it.
func TestOpenSessionIsNotStored(t *testing.T) {
	for _, task := range []mapping.Task{mapping.TaskNone, mapping.TaskNone + 1} {
		r := newRecord(device, time.Unix(1e9, 0))
		r.Virtual.Open, r.Virtual.Task = true, task
		back, err := decodeRecord(store.Entry{Key: keyOf(device), Value: r.encode(nil)})
		if err != nil || back.Virtual.Open != (task != mapping.TaskNone) || !r.Virtual.Open {
			t.Errorf("task %v: stored open %v, and it is %v afterwards; %v", task, back.Virtual.Open, r.Virtual.Open, err)
		}
	}
}

// TestRecordOfAnEarlierBridge: they wrote JSON.
func TestRecordOfAnEarlierBridge(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.call(device).session(obliging(10))
	before := w.stored()
	old, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Write(change(keyOf(device), old)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.stored(), inside); diff != "" {
		t.Errorf("read otherwise (-want +got)\n%s", diff)
	}
	w.start()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	if len(w.wakes) != 1 {
		t.Errorf("%d triggers; want 1", len(w.wakes))
	}
}

// TestWorstStatusCounts: of the Adds before an Exec that is refused.
func TestWorstStatusCounts(t *testing.T) {
	for _, test := range []struct {
		status map[string]int // by the end of the URI, first of Adds
		exec   int
		want   lwm2m9.UpdateResult
	}{
		{map[string]int{"/PkgName": 418}, 202, lwm2m9.ResultVerified},
		{map[string]int{"/PkgName": 500, "/PkgURL": 404}, 405, lwm2m9.ResultUnsupportedType},
		{map[string]int{"/PkgName": 404, "/PkgURL": 500}, 500, lwm2m9.ResultUnsupportedType},
		{map[string]int{"/PkgName": 0, "/PkgURL": 200}, 404, lwm2m9.ResultVerified}, // no number: later
		{map[string]int{"/PkgURL": 420}, 404, lwm2m9.ResultNotEnoughStorage},
		{map[string]int{"/PkgURL": 420}, 202, lwm2m9.ResultVerified}, // the device has begun
	} {
		w := newWorld(t)
		w.deliver()
		w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
		w.call(device).session(func(op *syncml.Op) (int, string) {
			for end, status := range test.status {
				if strings.HasSuffix(op.Items[0].Target.URI, end) {
					return status, ""
				}
			}
			if op.Cmd == syncml.CmdExec {
				return test.exec, ""
			}
			return obliging(10)(op)
		})
		if got := w.slot().Machine.Result; got != test.want {
			t.Errorf("%v, Exec %d: %v, want %v", test.status, test.exec, got, test.want)
		}
	}
}

// TestChanged: an LwM2M server is told of what is different, and of nothing
// else.
func TestChanged(t *testing.T) {
	w := newWorld(t)
	told := func() string {
		var all []string
		for _, c := range w.changes {
			for _, p := range changed(c) {
				all = append(all, p.String())
			}
			if c.Moved {
				all = append(all, "moved")
			}
		}
		w.changes = nil
		return strings.Join(all, " ")
	}
	w.deliver()
	if got, want := told(), "/9/0/0 /9/0/7 /9/0/9 moved /9/0/0 /9/0/1 /9/0/7 /9/0/9 /9/0/7 /9/0/9"; got != want {
		t.Errorf("delivered: %s\nwant %s", got, want)
	}
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	if got := told(); got != "/9/0/16" {
		t.Errorf("Install: %s", got)
	}
	w.call(device).session(obliging(10))
	if got := told(); strings.Contains(got, "/9/0/7") || !strings.Contains(got, "/3/0/3") {
		t.Errorf("handed over: %s", got)
	}
	w.call(device).session(obliging(100), final("p1", "", "200"))
	if got := told(); !strings.Contains(got, "/9/0/7 /9/0/9 /9/0/16") {
		t.Errorf("installed: %s", got)
	}
}

// TestView is what the API shows.
func TestView(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	w.call(device).session(obliging(10))
	w.call(device).session(obliging(30))
	v, err := w.e.View(device)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Instances) != 2 || v.Instances[0].FwUpdate != "30 Download progressing" || v.Instances[0].State != "DELIVERED" ||
		v.Instances[0].Phase != "running" || v.Endpoint != "urn:imei:356938035643809" || v.Info["./DevInfo/Mod"] != "X1" || len(v.Timeline) == 0 {
		t.Errorf("%+v", v)
	}
	if _, err := w.e.View("nobody"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if ids := w.e.Devices(); len(ids) != 1 || ids[0] != device {
		t.Errorf("%v", ids)
	}
}

// TestObject3 shows what the device has told.
func TestObject3(t *testing.T) {
	w := newWorld(t)
	w.call(device).session(obliging(10))
	entries, err := w.e.Object3(device).Read(t.Context(), wire.PathOf(3, 0))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]string{}
	for _, en := range entries {
		seen[en.Path.ID(2)] = en.Value.Str
	}
	if seen[0] != "Contoso" || seen[1] != "X1" || seen[2] != device || seen[3] != "v1" {
		t.Errorf("%v", seen)
	}
}

// TestInstallInSession: an Install that comes while the device is in a session
// is said in it.
func TestInstallInSession(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	c := w.call(device)
	if err := c.says(obliging(10)); err != nil {
		t.Fatal(err)
	}
	if got := c.commands(); strings.Contains(got, "Add") || !strings.Contains(got, "DevDetail") {
		t.Fatalf("said: %s", got)
	}
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	said := c.session(obliging(10))
	if strings.Count(said, "PkgURL") != 1 || strings.Count(said, "Exec") != 1 {
		t.Errorf("the device was told\n%s", said)
	}
	if len(w.wakes) != 0 {
		t.Errorf("a device that was there is woken: %v", w.wakes)
	}
}

// TestInfosAreBounded: a device with much to tell of itself does not hide what
// /3 shows, and what is known can change.
func TestInfosAreBounded(t *testing.T) {
	w := newWorld(t)
	tell := func(info map[string]string) map[string]string {
		var known map[string]string
		if err := w.e.turn(device, false, func(tn *turn) error {
			tn.learn(info)
			known = tn.rec.known()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return known
	}
	many := map[string]string{}
	for n := range maxInfos + 1 {
		many["./DevInfo/Ext/"+strings.Repeat("x", n+1)] = "1"
	}
	if known := tell(many); len(known) != maxInfos {
		t.Errorf("%d are kept, want %d", len(known), maxInfos)
	}
	known := tell(map[string]string{"./DevDetail/FwV": "2.0", "./DevInfo/Man": strings.Repeat("m", maxInfo), "./DevInfo/Mod": strings.Repeat("m", maxInfo+1)})
	if known["./DevDetail/FwV"] != "2.0" || len(known["./DevInfo/Man"]) != maxInfo || known["./DevInfo/Mod"] != "" {
		t.Errorf("%v", known)
	}
	if known := tell(map[string]string{"./DevDetail/FwV": "3.0"}); known["./DevDetail/FwV"] != "3.0" {
		t.Errorf("it has stayed %q", known["./DevDetail/FwV"])
	}
}
