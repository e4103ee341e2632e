package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

func TestMain(m *testing.M) {
	if size := os.Getenv(benchServer); size != "" {
		os.Exit(servePackages(size))
	}
	goleak.VerifyTestMain(m)
}

const (
	serverAddr = "192.0.2.1:5683"
	deviceAddr = "192.0.2.9:40000"
)

var (
	serverAt = netip.MustParseAddrPort(serverAddr)
	deviceAt = netip.MustParseAddrPort(deviceAddr)
)

// handler writes down what it is told.
type handler struct {
	mu    sync.Mutex
	calls []string
	regs  []server.Registration
	notes []server.Notification
	// before, when set, runs before a call returns, and decides its result.
	before func(call string, r server.Registration) error
}

func (h *handler) call(kind string, r server.Registration) error {
	h.mu.Lock()
	h.calls = append(h.calls, kind+" "+r.Endpoint)
	h.regs = append(h.regs, r)
	before := h.before
	h.mu.Unlock()
	if before != nil {
		return before(kind, r)
	}
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
	h.calls = append(h.calls, fmt.Sprintf("notified %s %s=%s", n.Endpoint, n.Path, n.Payload))
	h.notes = append(h.notes, n)
	before := h.before
	h.mu.Unlock()
	if before != nil {
		before("notified", server.Registration{Endpoint: n.Endpoint})
	}
}

// took returns the calls since the last time.
func (h *handler) took() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := strings.Join(h.calls, ", ")
	h.calls = nil
	return s
}

// fail makes calls fail from now on; nil makes them succeed.
func (h *handler) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = func(string, server.Registration) error { return err }
}

// last is the registration of the last call.
func (h *handler) last() server.Registration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.regs[len(h.regs)-1]
}

// bench is a network with a server on it.
type bench struct {
	t *testing.T
	n *coaptest.Net
	h *handler
	s *server.Server
}

func newBench(t *testing.T, o server.Options) *bench {
	t.Helper()
	b := &bench{t: t, n: coaptest.New(), h: &handler{}}
	b.s = b.serve(o, nil)
	return b
}

// serve starts a server that ends with the test.
func (b *bench) serve(o server.Options, restored []server.Registration) *server.Server {
	b.t.Helper()
	s, stop := b.start(o, restored)
	b.t.Cleanup(stop)
	return s
}

func (b *bench) start(o server.Options, restored []server.Registration) (s *server.Server, stop func()) {
	b.t.Helper()
	o.Conn, o.Handler = b.n.Listen(serverAddr), b.h
	s = server.New(o)
	for _, r := range restored {
		if err := s.Restore(r); err != nil {
			b.t.Fatal(err)
		}
	}
	return s, background(b.t, s.Run)
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

// device is a simulated device: a CoAP endpoint with answers by path.
type device struct {
	b    *bench
	e    *coap.Endpoint
	name string
	id   string
	stop func()

	mu        sync.Mutex
	asked     []string // "GET /9/0/7", in order
	answer    func(r *coap.Request) coap.Response
	observers map[string]*coap.Observer
	sequence  uint32
}

// device starts a device without registering it.
func (b *bench) device(addr, name string) *device {
	d := &device{b: b, name: name, observers: map[string]*coap.Observer{}}
	d.e = coap.New(b.n.Listen(addr), coap.Options{Handler: d.serve})
	d.stop = background(b.t, d.e.Run)
	b.t.Cleanup(d.stop)
	return d
}

var methods = map[coap.Code]string{coap.GET: "GET", coap.POST: "POST", coap.PUT: "PUT", coap.DELETE: "DELETE"}

func (d *device) serve(_ context.Context, r *coap.Request) coap.Response {
	path := "/" + strings.Join(r.Path, "/")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, methods[r.Method]+" "+path)
	if d.answer != nil {
		return d.answer(r)
	}
	resp := coap.Response{Code: coap.Content, Payload: []byte("0")}
	switch {
	case r.Observe == coap.StartObserving:
		d.observers[path] = r.Observer()
		d.sequence++
		resp.Observed, resp.Sequence = true, d.sequence
	case r.Observe == coap.StopObserving:
		delete(d.observers, path)
	}
	return resp
}

// notify notifies the observer of a path.
func (d *device) notify(path, value string) error {
	d.mu.Lock()
	o := d.observers[path]
	d.sequence++
	resp := coap.Response{Code: coap.Content, Observed: true, Sequence: d.sequence, Payload: []byte(value)}
	d.mu.Unlock()
	return d.e.Notify(within(d.b.t, time.Minute), o, resp, true)
}

func (d *device) took() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.asked, ", ")
	d.asked = nil
	return s
}

const links = "</1/0>,</3/0>,</9/0>,</9/1>"

// register registers with further parameters and sets the id.
func (d *device) register(params ...string) coap.Code {
	d.b.t.Helper()
	query := append([]string{"ep=" + d.name}, params...)
	r := d.post(coap.POST, query, links, "rd")
	if r.Code == coap.Created {
		d.id = r.Location[len(r.Location)-1]
	}
	return r.Code
}

func (d *device) update(params ...string) coap.Code {
	d.b.t.Helper()
	return d.post(coap.POST, params, "", "rd", d.id).Code
}

func (d *device) post(method coap.Code, query []string, body string, path ...string) coap.Response {
	d.b.t.Helper()
	q := coap.Request{Method: method, Path: path, Query: query, Format: coap.NoFormat, Accept: coap.NoFormat}
	if body != "" {
		q.Format, q.Payload = 40, []byte(body)
	}
	r, err := d.e.Do(within(d.b.t, 5*time.Minute), serverAt, q)
	if err != nil {
		d.b.t.Fatalf("%s: %v", d.name, err)
	}
	return r
}

// within is a context that ends with its time, for one call.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// check compares what happened with what should have.
func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// names lists the endpoints registered.
func names(s *server.Server) string {
	var all []string
	for _, r := range s.Registrations() {
		all = append(all, r.Endpoint)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// refusedWith says whether the device refused with that code.
func refusedWith(err error, code lwm2m9.ResponseCode) bool {
	r, ok := errors.AsType[*server.Refused](err)
	return ok && r.Code == code
}
