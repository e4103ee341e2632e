package interop

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// software is an Object 9 that downloads and installs at once: a Package URI
// leads to DELIVERED, Install to INSTALLED, with the registered numbers.
type software struct {
	mu        sync.Mutex
	instances map[uint16]map[uint16]wire.Value
	changed   func(...wire.Path)
}

var softwareTable = client.Object9(lwm2m9.Registered, lwm2m9.RIDPackage, lwm2m9.RIDPackageURI)

func newSoftware() *software {
	s := &software{instances: make(map[uint16]map[uint16]wire.Value)}
	s.add(0)
	return s
}

func (s *software) add(id uint16) {
	s.instances[id] = map[uint16]wire.Value{
		0: wire.String("firmware"), 1: wire.String("1.0"), 7: wire.Integer(0), 9: wire.Integer(0), 12: wire.Boolean(false),
	}
}

func (s *software) Definition() *client.Definition { return softwareTable }

func (s *software) Instances() []uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []uint16
	for id := range s.instances {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (s *software) Read(_ context.Context, p wire.Path) ([]wire.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []wire.Entry
	for id, v := range s.instances[p.ID(1)] {
		entries = append(entries, wire.Entry{Path: wire.PathOf(9, p.ID(1), id), Value: v})
	}
	return entries, nil
}

func (s *software) Write(_ context.Context, w client.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range w.Entries {
		switch id := e.Path.ID(1); e.Path.ID(2) {
		case 2, 3:
			if s.instances[id][7] != wire.Integer(0) {
				return &client.Error{Code: lwm2m9.CodeMethodNotAllowed}
			}
			s.set(id, 0, wire.String(e.Value.Str))
			s.set(id, 9, wire.Integer(3))
			s.set(id, 7, wire.Integer(3))
		}
	}
	return nil
}

func (s *software) Execute(_ context.Context, p wire.Path, _ []wire.Argument) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch id := p.ID(1); p.ID(2) {
	case 4:
		s.set(id, 9, wire.Integer(2))
		s.set(id, 7, wire.Integer(4))
	case 10:
		s.set(id, 12, wire.Boolean(true))
	default:
		return &client.Error{Code: lwm2m9.CodeMethodNotAllowed}
	}
	return nil
}

func (s *software) Create(_ context.Context, id uint16, _ []wire.Entry) (uint16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == wire.NoInstance {
		id = uint16(len(s.instances))
	}
	s.add(id)
	return id, nil
}

func (s *software) Delete(_ context.Context, id uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.instances, id)
	return nil
}

func (s *software) set(instance, id uint16, v wire.Value) {
	s.instances[instance][id] = v
	s.changed(wire.PathOf(9, instance, id))
}

// TestVirtualDevices: devices of lwm2m9/client at Leshan, which drives Object 9
// of each through an update and makes a second instance.
func TestVirtualDevices(t *testing.T) {
	l := StartServer(t)
	host := startHost(t)
	key := []byte("0123456789abcdef")
	if err := l.AddPSK(t.Context(), "urn:imei:490154203237518", "me", key); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, version string
		cfg           client.Config
	}{
		{"LwM2M 1.2, which Leshan takes without knowing it", "1.2", client.Config{Endpoint: "1.2", Server: l.CoAP}},
		{"LwM2M 1.0", "1.0", client.Config{Endpoint: "1.0", Server: l.CoAP, Versions: []string{"1.0"}}},
		{"queue mode, confirmable", "1.1", client.Config{Endpoint: "queue", Server: l.CoAP, Versions: []string{"1.1"}, Queue: true, Confirmable: true}},
		{"DTLS", "1.2", client.Config{
			Endpoint: "urn:imei:490154203237518", Server: l.CoAPS,
			Dial: func(server netip.AddrPort) (net.PacketConn, error) {
				return dtls.Dial(udp(t), server, dtls.ClientOptions{Identity: "me", Key: dtls.Key(key)})
			},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			update(ctx, t, l, host, tt.cfg, tt.version)
		})
	}
	for _, c := range l.Complaints() {
		// The last notification of an instance that was deleted (RFC 7641, 4.2)
		// is a warning to Leshan.
		if !strings.Contains(c, "Unexpected response code [4.04] for Observation") || !strings.Contains(c, "path=/9/1/") {
			t.Errorf("Leshan complains: %s", c)
		}
	}
}

// update adds a virtual device and has Leshan update it.
func update(ctx context.Context, t *testing.T, l *Leshan, host *client.Host, cfg client.Config, version string) {
	events := l.Events(t, "")
	cfg.Lifetime = 5 * time.Minute
	device := addDevice(t, host, cfg)
	name := cfg.Endpoint
	events.WaitFor(ctx, Registration, name)
	c, err := l.Client(ctx, name)
	if err != nil || c.Version != version || c.Lifetime != 300 || c.QueueMode != cfg.Queue {
		t.Errorf("registered as %+v, %v", c, err)
	}
	if got := c.Paths(); !slices.Equal(got, []string{"/", "/1", "/1/0", "/3", "/3/0", "/9/0"}) {
		t.Errorf("registered objects %q", got)
	}
	must := func(want int) func(Answer, error) Answer {
		t.Helper()
		return func(a Answer, err error) Answer {
			t.Helper()
			if err != nil || a.Code() != want {
				t.Errorf("%+v, %v; want %d", a, err, want)
			}
			return a
		}
	}
	formats := []Format{DefaultFormat, TLV, SenMLJSON}
	if version == "1.0" {
		formats = []Format{DefaultFormat, TLV, JSON}
	}
	for _, f := range formats {
		for _, object := range []string{"/1/0", "/3/0", "/9/0"} {
			a := must(205)(l.Read(ctx, name, object, f))
			if object == "/3/0" && a.Content != nil && a.Content.Resource(1) != "MC70 ü" {
				t.Errorf("read as %q: %+v", f, a.Content)
			}
		}
		must(205)(l.Read(ctx, name, "/9", f))
		must(205)(l.Read(ctx, name, "/9/0/7", f))
	}
	must(205)(l.Discover(ctx, name, "/9/0"))
	must(405)(l.Read(ctx, name, "/9/0/4", DefaultFormat))
	drive9(ctx, t, l, events, name, "/9/0")

	a := must(201)(l.Create(ctx, name, "/9", DefaultFormat, nil))
	if a.Location != "9/1" && a.Location != "/9/1" {
		t.Errorf("created %+v", a)
	}
	events.Wait(ctx, "update with /9/1", func(e Event) bool {
		c, err := l.Client(ctx, name)
		return e.Name == Updated && err == nil && slices.Contains(c.Paths(), "/9/1")
	})
	drive9(ctx, t, l, events, name, "/9/1")
	must(202)(l.Delete(ctx, name, "/9/1"))
	must(404)(l.Read(ctx, name, "/9/1", DefaultFormat))
	// The observers of /9/1 hear that it is gone. A notification that Leshan
	// still deals with when the registration ends is an error to it.
	if err := l.jvm.await("last notifications", func() bool {
		return strings.Count(l.Log(), "notification of ["+c.RegistrationID+":/9/1/") == 3
	}); err != nil {
		t.Error(err)
	}
	if err := device.Remove(ctx); err != nil {
		t.Error(err)
	}
	events.WaitFor(ctx, Deregistration, name)
}

// drive9 updates one instance: Package URI, Install, Activate.
func drive9(ctx context.Context, t *testing.T, l *Leshan, events *Events, name, instance string) {
	t.Helper()
	code := func(want int, a Answer, err error) {
		t.Helper()
		if err != nil || a.Code() != want {
			t.Errorf("%+v, %v; want %d", a, err, want)
		}
	}
	for _, r := range []string{"/7", "/9", "/12"} {
		a, err := l.Observe(ctx, name, instance+r, DefaultFormat)
		code(205, a, err)
	}
	a, err := l.WriteAttributes(ctx, name, instance+"/7", "pmin=0&pmax=60")
	code(204, a, err)
	a, err = l.Write(ctx, name, instance+"/3", DefaultFormat, "http://127.0.0.1/ü.pkg")
	code(204, a, err)
	events.WaitNote(ctx, name, instance+"/9", 3.0)
	events.WaitNote(ctx, name, instance+"/7", 3.0)
	a, err = l.Write(ctx, name, instance+"/3", DefaultFormat, "http://127.0.0.1/2.pkg")
	code(405, a, err)
	a, err = l.Execute(ctx, name, instance+"/4", "")
	code(204, a, err)
	events.WaitNote(ctx, name, instance+"/9", 2.0)
	events.WaitNote(ctx, name, instance+"/7", 4.0)
	a, err = l.Execute(ctx, name, instance+"/10", "")
	code(204, a, err)
	events.WaitNote(ctx, name, instance+"/12", true)
}
