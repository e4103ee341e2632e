package client_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchRole) != "" {
		os.Exit(benchServer())
	}
	goleak.VerifyTestMain(m)
}

const serverAddr = "192.0.2.1:5683"

var serverAt = netip.MustParseAddrPort(serverAddr)

// handler notes what the server is told.
type handler struct {
	mu     sync.Mutex
	calls  []string
	regs   map[string]server.Registration
	notes  []string
	refuse func(kind string) error
}

func (h *handler) call(kind string, r server.Registration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, kind)
	if h.refuse != nil {
		if err := h.refuse(kind); err != nil {
			return err
		}
	}
	if h.regs == nil {
		h.regs = map[string]server.Registration{}
	}
	h.regs[r.Endpoint] = r
	return nil
}

func (h *handler) Register(_ context.Context, r server.Registration) error {
	return h.call("register", r)
}
func (h *handler) Update(_ context.Context, r server.Registration) error { return h.call("update", r) }
func (h *handler) Deregister(_ context.Context, r server.Registration) error {
	return h.call("deregister", r)
}
func (h *handler) Expired(_ context.Context, r server.Registration) { h.call("expired", r) }
func (h *handler) Notified(_ context.Context, n server.Notification) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, n.Path+"="+string(n.Payload))
}

func (h *handler) setRefuse(f func(kind string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = f
}

// took is what was called since the last time, tookNotes what was notified.
func (h *handler) took() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := strings.Join(h.calls, " ")
	h.calls = nil
	return s
}

func (h *handler) tookNotes() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := strings.Join(h.notes, " ")
	h.notes = nil
	return s
}

func (h *handler) reg(endpoint string) server.Registration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.regs[endpoint]
}

// bench is a network with a server and a host on it.
type bench struct {
	t    testing.TB
	n    *coaptest.Net
	h    *handler
	s    *server.Server
	host *client.Host
	next int // of the clients' addresses
}

// newBench is for a bubble of synctest.
func newBench(t testing.TB, o client.Options) *bench {
	b := &bench{t: t, n: coaptest.New(), h: &handler{}}
	b.s = server.New(server.Options{Conn: b.n.Listen(serverAddr), Handler: b.h})
	b.t.Cleanup(background(t, b.s.Run))
	b.host = client.New(o)
	b.t.Cleanup(background(t, b.host.Run))
	return b
}

// background runs f until stop, which waits for it.
func background(t testing.TB, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// config is a client on the bench's network, from an address of its own.
func (b *bench) config() client.Config {
	b.next++
	own := fmt.Sprintf("198.51.100.%d:%d", b.next/1000+1, 40000+b.next%1000)
	return client.Config{
		Endpoint: "dev", Server: serverAt, Lifetime: time.Hour,
		Dial: func(netip.AddrPort) (net.PacketConn, error) { return b.n.Listen(own), nil },
	}
}

// add adds a client with a thing.
func (b *bench) add(cfg client.Config, objects ...client.Object) *client.Client {
	b.t.Helper()
	c, err := b.host.Add(cfg, objects...)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// do sends a request to the device "dev".
func (b *bench) do(r server.Request) (server.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return b.s.Do(ctx, "dev", r)
}

// thing is an object with a resource of every kind.
type thing struct {
	mu        sync.Mutex
	instances map[uint16]map[wire.Path]wire.Value
	fail      error
	writes    []client.Write
	executed  string
	most      int
}

const thingID = 42

var thingDefinition = &client.Definition{ID: thingID, Resources: []client.Resource{
	{ID: 0, Name: "Count", Operations: lwm2m9.OpRead, Type: wire.TypeInteger},
	{ID: 1, Name: "Text", Operations: lwm2m9.OpRead | lwm2m9.OpWrite, Type: wire.TypeString},
	{ID: 2, Name: "Package", Operations: lwm2m9.OpWrite, Type: wire.TypeOpaque},
	{ID: 3, Name: "Go", Operations: lwm2m9.OpExecute, Type: wire.TypeNone},
	{ID: 4, Name: "Many", Operations: lwm2m9.OpRead | lwm2m9.OpWrite, Type: wire.TypeInteger, Multiple: true},
	{ID: 5, Name: "Level", Operations: lwm2m9.OpRead | lwm2m9.OpWrite, Type: wire.TypeFloat},
	{ID: 6, Name: "Absent", Operations: lwm2m9.OpRead, Type: wire.TypeString},
	{ID: 7, Name: "Blob", Operations: lwm2m9.OpRead | lwm2m9.OpWrite, Type: wire.TypeOpaque},
}}

func newThing() *thing {
	at := wire.PathOf(thingID, 0)
	return &thing{instances: map[uint16]map[wire.Path]wire.Value{0: {
		at.Down(0): wire.Integer(7), at.Down(1): wire.String("seven"), at.Down(5): wire.Float(1.5),
		at.Down(4).Down(0): wire.Integer(40), at.Down(4).Down(2): wire.Integer(42), at.Down(7): wire.Opaque([]byte{1, 2}),
	}}}
}

func (x *thing) Definition() *client.Definition { return thingDefinition }

func (x *thing) Instances() []uint16 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.instances))
}

func (x *thing) Read(_ context.Context, p wire.Path) ([]wire.Entry, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail != nil {
		return nil, x.fail
	}
	var all []wire.Entry
	for path, v := range x.instances[p.ID(1)] {
		all = append(all, wire.Entry{Path: path, Value: v})
	}
	return all, nil
}

func (x *thing) Write(_ context.Context, w client.Write) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail != nil {
		return x.fail
	}
	x.writes = append(x.writes, w)
	values := x.instances[w.Path.ID(1)]
	if w.Replace {
		maps.DeleteFunc(values, func(p wire.Path, _ wire.Value) bool { return w.Path.Holds(p) })
	}
	for _, e := range w.Entries {
		switch e.Value.Type {
		case wire.TypeNone:
		case wire.TypeNull:
			delete(values, e.Path)
		default:
			values[e.Path] = e.Value
		}
	}
	return nil
}

func (x *thing) Execute(_ context.Context, p wire.Path, args []wire.Argument) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.executed = fmt.Sprint(p, args)
	return x.fail
}

func (x *thing) Create(_ context.Context, id uint16, entries []wire.Entry) (uint16, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail != nil {
		return 0, x.fail
	}
	made := uint16(0)
	for made = 0; x.instances[made] != nil; made++ {
	}
	if id != wire.NoInstance {
		made = id
	}
	x.instances[made] = map[wire.Path]wire.Value{}
	for _, e := range entries {
		at := wire.PathOf(thingID, made, e.Path.ID(2))
		if e.Path.Len() == 4 {
			at = at.Down(e.Path.ID(3))
		}
		x.instances[made][at] = e.Value
	}
	return made, nil
}

func (x *thing) Delete(_ context.Context, id uint16) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail == nil {
		delete(x.instances, id)
	}
	return x.fail
}

func (x *thing) MaxBytes(wire.Path) int { return x.most }

// set changes the value of a resource of instance 0.
func (x *thing) set(id uint16, v wire.Value) wire.Path {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := wire.PathOf(thingID, 0, id)
	x.instances[0][p] = v
	return p
}

func (x *thing) setFail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fail = err
}

func check(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// refused says whether the device refused with that code.
func refused(err error, code lwm2m9.ResponseCode) bool {
	r, ok := errors.AsType[*server.Refused](err)
	return ok && r.Code == code
}

func peerAt(addr string) netip.AddrPort { return netip.MustParseAddrPort(addr) }
