package interop

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
)

// TestBridge: direction B as a whole. The bridge shows legacy devices to
// Leshan, which updates them through its REST API; the devices are ours, and
// speak DM with the bridge.
func TestBridge(t *testing.T) {
	l := StartServer(t)
	t.Run("a listed device without security", func(t *testing.T) {
		leshanUpdates(t, l, shownDevice{id: "IMEI:350000000000001", endpoint: "urn:imei:350000000000001"})
	})
	t.Run("an adopted device over DTLS", func(t *testing.T) {
		d := shownDevice{id: "IMEI:350000000000002", endpoint: "urn:imei:350000000000002", adopted: true, key: []byte("0123456789abcdef")}
		if err := l.AddPSK(t.Context(), d.endpoint, d.endpoint, d.key); err != nil {
			t.Fatal(err)
		}
		leshanUpdates(t, l, d)
	})
	for _, c := range l.Complaints() {
		t.Errorf("Leshan complains: %s", c)
	}
}

// leshanUpdates leads a device through what can happen to it: a package that
// is not there, one that the device cannot install, one that is taken away, one
// that it installs, and one during which the bridge is restarted.
func leshanUpdates(t *testing.T, l *Leshan, d shownDevice) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	s := &showing{t: t, l: l, w: newBridgeWorld(t, l, d), name: d.endpoint}
	s.events, s.record = l.Events(t, ""), l.Events(t, "")
	s.w.start()
	s.w.device("update=410") // the first update fails
	s.registered(ctx, d)

	s.observe(ctx, "/9/0", "/9/0/7", "/9/0/9", "/9/0/12")
	s.write(ctx, 204, "/9/0/3", s.w.packs+"/none-1.0.bin")
	s.notes(ctx, "/9/0/9", 56.0) // invalid URI
	s.shows(ctx, "/9/0", map[int]any{7: 0.0, 9: 56.0, 12: false})
	s.write(ctx, 400, "/9/0/3", "http://h/"+strings.Repeat("x", 256-len("http://h/")))

	s.deliver(ctx, "/9/0", "radio-2.0.bin")
	s.execute(ctx, 204, "/9/0/4")
	s.notes(ctx, "/9/0/9", 58.0) // installation failure
	s.shows(ctx, "/9/0", map[int]any{7: 3.0, 9: 58.0, 12: false})
	s.execute(ctx, 405, "/9/0/10")
	s.execute(ctx, 204, "/9/0/6")
	s.notes(ctx, "/9/0/7", 0.0)
	s.shows(ctx, "/9/0", map[int]any{7: 0.0, 9: 0.0, 12: false})

	s.deliver(ctx, "/9/0", "radio-2.0.bin")
	s.install(ctx, "/9/0")
	s.inOrder(ctx, "/9/0")
	s.installed(ctx, 2, "radio-2.0.bin")

	made := s.create(ctx)
	s.observe(ctx, made+"/7", made+"/9", made+"/12")
	s.deliver(ctx, made, "radio-3.0.bin")
	s.w.hold() // the device gets the package after release
	s.execute(ctx, 204, made+"/4")
	s.w.until("third download", func(e dmdevice.Event) bool { return e.State == fwupdate.StateDownloading && s.w.executed() == 3 })
	s.w.restart()
	s.events.WaitFor(ctx, Registration, s.name)
	for _, r := range []struct {
		path  string
		value any
	}{{made + "/7", 3.0}, {made + "/9", 3.0}, {made + "/12", false}, {"/9/0/7", 4.0}, {"/9/0/12", true}} {
		a, err := l.Observe(ctx, s.name, r.path, DefaultFormat)
		if s.code(205, a, err); a.Content == nil || a.Content.Value != r.value {
			t.Errorf("observed anew: %s %+v, want %v", r.path, a.Content, r.value)
		}
	}
	s.execute(ctx, 204, made+"/4") // while it runs, nothing more
	s.w.release()
	s.notes(ctx, made+"/9", 2.0)
	s.notes(ctx, made+"/7", 4.0)
	s.installed(ctx, 3, "radio-3.0.bin")
}

// showing is a legacy device as Leshan sees it.
type showing struct {
	t      *testing.T
	l      *Leshan
	w      *bridgeWorld
	name   string
	events *Events
	record *Events // a second stream, for the order
}

func (s *showing) code(want int, a Answer, err error) {
	s.t.Helper()
	if err != nil || a.Code() != want {
		s.t.Errorf("%+v, %v; want %d", a, err, want)
	}
}

// registered checks the registration, and what was learned from the device in
// its first session.
func (s *showing) registered(ctx context.Context, d shownDevice) {
	s.t.Helper()
	s.events.WaitFor(ctx, Registration, s.name)
	c, err := s.l.Client(ctx, s.name)
	if err != nil || c.Lifetime != 60 || c.Secure != (d.key != nil) || !slices.Equal(c.Paths(), []string{"/", "/1", "/1/0", "/3", "/3/0", "/9/0"}) {
		s.t.Errorf("registered as %+v, %v", c, err)
	}
	s.w.until("a session", func(e dmdevice.Event) bool { return e.Kind == dmdevice.EventEnded })
	s.shows(ctx, "/3/0", map[int]any{0: "fwbridge", 1: "simulated device", 2: d.id, 3: "1.0"})
}

func (s *showing) observe(ctx context.Context, paths ...string) {
	s.t.Helper()
	for _, p := range paths {
		a, err := s.l.Observe(ctx, s.name, p, DefaultFormat)
		s.code(205, a, err)
	}
}

func (s *showing) write(ctx context.Context, want int, path, value string) {
	s.t.Helper()
	a, err := s.l.Write(ctx, s.name, path, DefaultFormat, value)
	s.code(want, a, err)
}

func (s *showing) execute(ctx context.Context, want int, path string) {
	s.t.Helper()
	a, err := s.l.Execute(ctx, s.name, path, "")
	s.code(want, a, err)
}

func (s *showing) notes(ctx context.Context, path string, value any) {
	s.t.Helper()
	s.events.WaitNote(ctx, s.name, path, value)
}

// shows reads an instance.
func (s *showing) shows(ctx context.Context, instance string, want map[int]any) {
	s.t.Helper()
	a, err := s.l.Read(ctx, s.name, instance, DefaultFormat)
	s.code(205, a, err)
	for id, v := range want {
		if a.Content == nil || a.Content.Resource(id) != v {
			s.t.Errorf("%s/%d is not %v: %+v", instance, id, v, a.Content)
		}
	}
}

// deliver writes a Package URI. The package comes when the server was told of
// the download.
func (s *showing) deliver(ctx context.Context, instance, file string) {
	s.t.Helper()
	s.write(ctx, 204, instance+"/3", s.w.packs+"/"+file)
	s.notes(ctx, instance+"/7", 1.0)
	s.write(ctx, 405, instance+"/3", s.w.packs+"/other.bin")
	s.w.gate <- struct{}{}
	s.notes(ctx, instance+"/9", 3.0)
	s.notes(ctx, instance+"/7", 3.0)
	s.shows(ctx, instance, map[int]any{7: 3.0, 9: 3.0, 12: false})
}

// install has a delivered package installed and activated; Install comes twice,
// as some servers have it.
func (s *showing) install(ctx context.Context, instance string) {
	s.t.Helper()
	s.execute(ctx, 204, instance+"/4")
	s.execute(ctx, 204, instance+"/4")
	s.notes(ctx, instance+"/9", 2.0)
	s.notes(ctx, instance+"/7", 4.0)
	s.execute(ctx, 204, instance+"/10")
	s.notes(ctx, instance+"/12", true)
	s.execute(ctx, 405, instance+"/11")
	s.shows(ctx, instance, map[int]any{7: 4.0, 9: 2.0, 12: true})
}

// inOrder checks the notifications of an instance so far: of what changes
// quickly there may be fewer, but never in another order (RFC 7641, 1.3).
func (s *showing) inOrder(ctx context.Context, instance string) {
	s.t.Helper()
	whole := map[int][]any{
		7: {1.0, 0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 4.0},
		9: {1.0, 56.0, 0.0, 1.0, 0.0, 3.0, 58.0, 0.0, 1.0, 0.0, 3.0, 2.0},
		// 12 is noted once.
		12: {true},
	}
	single, together := map[int][]any{}, map[int][]any{}
	s.record.Wait(ctx, "notification of activation in "+instance, func(e Event) bool {
		var n Note
		if e.Name != Notification || json.Unmarshal(e.Data, &n) != nil || n.Endpoint != s.name {
			return false
		}
		for id := range whole {
			switch n.Path {
			case instance:
				if v, seen := n.Value.Resource(id), together[id]; len(seen) == 0 || seen[len(seen)-1] != v {
					together[id] = append(seen, v)
				}
			case instance + "/" + map[int]string{7: "7", 9: "9", 12: "12"}[id]:
				single[id] = append(single[id], n.Value.Value)
			}
		}
		return len(single[12]) > 0 && len(together[12]) > 1 // both told of the activation
	})
	for id, want := range whole {
		if got := single[id]; !within(got, want) || got[len(got)-1] != want[len(want)-1] {
			s.t.Errorf("notified of %s/%d %v; want, in this order, of %v", instance, id, got, want)
		}
		// The instance tells of every resource, whichever has changed.
		if got := together[id]; id != 12 && !within(got, want) {
			s.t.Errorf("notified of %s with %d as %v; want, in this order, %v", instance, id, got, want)
		}
	}
}

// within says whether some comes out of all by leaving values away.
func within(some, all []any) bool {
	for _, v := range all {
		if len(some) > 0 && some[0] == v {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// installed checks that the device has it, from the bridge, and was told to
// once.
func (s *showing) installed(ctx context.Context, updates int, file string) {
	s.t.Helper()
	s.w.until("the end", func(e dmdevice.Event) bool { return e.Kind == dmdevice.EventOver && s.w.overs() == updates })
	if n := s.w.executed(); n != updates {
		s.t.Errorf("%d Execs, want %d", n, updates)
	}
	for _, text := range s.w.requests() {
		if strings.Contains(text, s.w.packs) {
			s.t.Errorf("the device fetches by itself: %s", text)
		}
	}
	version := strings.TrimSuffix(strings.TrimPrefix(file, "radio-"), ".bin")
	if err := s.l.jvm.await("firmware "+version, func() bool {
		a, err := s.l.Read(ctx, s.name, "/3/0/3", DefaultFormat)
		return err == nil && a.Content != nil && a.Content.Value == version
	}); err != nil {
		s.t.Error(err)
	}
}

// create makes an instance. There is one more than Leshan has asked for: one is
// always free.
func (s *showing) create(ctx context.Context) string {
	s.t.Helper()
	a, err := s.l.Create(ctx, s.name, "/9", DefaultFormat, nil)
	s.code(201, a, err)
	made := "/" + strings.TrimPrefix(a.Location, "/")
	s.events.Wait(ctx, "update with "+made, func(e Event) bool {
		c, err := s.l.Client(ctx, s.name)
		return e.Name == Updated && err == nil && slices.Contains(c.Paths(), made) && slices.Contains(c.Paths(), "/9/1") && made != "/9/1"
	})
	s.shows(ctx, made, map[int]any{7: 0.0, 9: 0.0, 12: false})
	return made
}
