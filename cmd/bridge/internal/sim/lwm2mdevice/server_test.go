package lwm2mdevice

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience only keeps a broken test from hanging.
const patience = 20 * time.Second

// lwm2mServer is a small LwM2M server on plain go-coap: it accepts
// registrations and sends what the test says.
type lwm2mServer struct {
	t    *testing.T
	addr string

	mu     sync.Mutex
	conn   mux.Conn   // of the last registration or update
	regs   []string   // queries and payload of each registration
	refuse codes.Code // answers registrations while not 0
	forget bool       // answers the next update 4.04

	heard chan string // "register", "update", "deregister"
}

func newServer(t *testing.T) *lwm2mServer {
	t.Helper()
	s := &lwm2mServer{t: t, heard: make(chan string, 100)}
	l, err := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.LocalAddr().String()
	stop := make(chan struct{})
	srv := udp.NewServer(options.WithMux(mux.HandlerFunc(s.serve)), options.WithErrors(func(error) {}),
		options.WithTransmission(1, 50*time.Millisecond, 4), options.WithPeriodicRunner(ticker(stop)))
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); l.Close(); <-done; close(stop) })
	return s
}

// ticker is a periodic runner that ends.
func ticker(stop chan struct{}) func(func(time.Time) bool) {
	return func(f func(time.Time) bool) {
		go func() {
			t := time.NewTicker(20 * time.Millisecond)
			defer t.Stop()
			for {
				select {
				case <-stop:
					return
				case now := <-t.C:
					if !f(now) {
						return
					}
				}
			}
		}()
	}
}

func (s *lwm2mServer) serve(w mux.ResponseWriter, r *mux.Message) {
	p, _ := r.Path()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = w.Conn()
	switch {
	case r.Code() == codes.POST && p == "/rd":
		body, _ := r.ReadBody()
		q, _ := r.Queries()
		s.regs = append(s.regs, strings.Join(q, "&")+" "+string(body))
		if s.refuse != 0 {
			w.SetResponse(s.refuse, message.TextPlain, nil)
			s.refuse = 0
			return
		}
		w.SetResponse(codes.Created, message.TextPlain, nil, message.Option{ID: message.LocationPath, Value: []byte("rd")},
			message.Option{ID: message.LocationPath, Value: []byte("x1")})
		s.heard <- "register"
	case r.Code() == codes.POST && s.forget:
		s.forget = false
		w.SetResponse(codes.NotFound, message.TextPlain, nil)
	case r.Code() == codes.POST:
		w.SetResponse(codes.Changed, message.TextPlain, nil)
		body := ""
		if r.Body() != nil {
			b, _ := r.ReadBody()
			body = " " + string(b)
		}
		s.heard <- "update" + body
	case r.Code() == codes.DELETE:
		w.SetResponse(codes.Deleted, message.TextPlain, nil)
		s.heard <- "deregister"
	}
}

func (s *lwm2mServer) wait(what string) {
	s.t.Helper()
	for {
		select {
		case got := <-s.heard:
			if strings.HasPrefix(got, what) {
				return
			}
		case <-time.After(patience):
			s.t.Fatalf("no %s came", what)
		}
	}
}

// said is what came back, free of go-coap.
type said struct {
	code   lwm2m9.ResponseCode
	format int
	body   string
	path   string
}

func (a said) String() string { return fmt.Sprintf("%s %q", a.code, a.body) }

// do sends a request to the device and waits; err is a time-out.
func (s *lwm2mServer) do(within time.Duration, code codes.Code, path string, opts ...func(*pool.Message)) (said, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	m := conn.AcquireMessage(ctx)
	defer conn.ReleaseMessage(m)
	m.SetCode(code)
	m.SetToken(message.Token(fmt.Sprintf("%08d", time.Now().UnixNano()%1e8)))
	m.SetPath(path)
	for _, o := range opts {
		o(m)
	}
	resp, err := conn.Do(m)
	if err != nil {
		return said{}, err
	}
	defer conn.ReleaseMessage(resp)
	a := said{code: lwm2m9.ResponseCode(resp.Code()), format: noFormat}
	if f, err := resp.ContentFormat(); err == nil {
		a.format = int(f)
	}
	if resp.Body() != nil {
		b, _ := resp.ReadBody()
		a.body = string(b)
	}
	a.path, _ = resp.Options().LocationPath()
	return a, nil
}

func (s *lwm2mServer) must(code codes.Code, path string, opts ...func(*pool.Message)) said {
	s.t.Helper()
	a, err := s.do(patience, code, path, opts...)
	if err != nil {
		s.t.Fatalf("%v %s: %v", code, path, err)
	}
	return a
}

func accept(f int) func(*pool.Message) {
	return func(m *pool.Message) { m.SetAccept(message.MediaType(f)) }
}

func content(f int, b string) func(*pool.Message) {
	return func(m *pool.Message) {
		if f != noFormat {
			m.SetContentFormat(message.MediaType(f))
		}
		m.SetBody(bytes.NewReader([]byte(b)))
	}
}

func (s *lwm2mServer) writeURI(uri string) said {
	s.t.Helper()
	return s.must(codes.PUT, "/9/0/3", content(textPlain, uri))
}

func (s *lwm2mServer) exec(rid string, args ...string) said {
	s.t.Helper()
	if len(args) > 0 {
		return s.must(codes.POST, "/9/0/"+rid, content(textPlain, args[0]))
	}
	return s.must(codes.POST, "/9/0/"+rid)
}

// pair reads 7 and 9 as text.
func (s *lwm2mServer) pair() string {
	s.t.Helper()
	return s.must(codes.GET, "/9/0/7").body + "," + s.must(codes.GET, "/9/0/9").body
}

// observed is a running observation.
type observed struct {
	t    *testing.T
	path string
	got  chan string
}

// observe observes a path; the values arrive as text, TLV as hex.
func (s *lwm2mServer) observe(path string, opts ...message.Option) *observed {
	s.t.Helper()
	o := &observed{t: s.t, path: path, got: make(chan string, 300)}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_, err := conn.Observe(ctx, path, func(m *pool.Message) {
		b, _ := io.ReadAll(m.Body())
		if f, _ := m.ContentFormat(); int(f) == tlv {
			o.got <- fmt.Sprintf("%x", b)
			return
		}
		o.got <- string(b)
	}, opts...)
	if err != nil {
		s.t.Fatalf("observe %s: %v", path, err)
	}
	return o
}

// until waits for a value. What came before is not looked at: go-coap hands
// notifications to several goroutines and then drops those that come late.
func (o *observed) until(want string) {
	o.t.Helper()
	var all []string
	for {
		select {
		case v := <-o.got:
			all = append(all, v)
			if v == want {
				return
			}
		case <-time.After(patience):
			o.t.Fatalf("%s: %q never came, only %q", o.path, want, all)
		}
	}
}

// events collects what a device does.
type events struct {
	t    *testing.T
	ch   chan Event
	sent map[string][]string // values notified so far, by path
}

// notified waits until a value of a path goes out, and returns all values of
// the path that went out, in order.
func (e *events) notified(path, want string) []string {
	e.t.Helper()
	if s := e.sent[path]; len(s) == 0 || s[len(s)-1] != want {
		e.until(path+" = "+want, func(ev Event) bool {
			return ev.Kind == EventNotified && ev.Path == path && ev.Text == want
		})
	}
	return e.sent[path]
}

func (e *events) until(what string, want func(Event) bool) Event {
	e.t.Helper()
	var seen []string
	for {
		select {
		case ev := <-e.ch:
			if ev.Kind == EventNotified {
				e.sent[ev.Path] = append(e.sent[ev.Path], ev.Text)
			}
			if want(ev) {
				return ev
			}
			seen = append(seen, ev.String())
		case <-time.After(patience):
			e.t.Fatalf("%s never came, only:\n%s", what, strings.Join(seen, "\n"))
		}
	}
}

func (e *events) kind(k EventKind) Event {
	e.t.Helper()
	return e.until(k.String(), func(ev Event) bool { return ev.Kind == k })
}

func (e *events) step(s Step) Event {
	e.t.Helper()
	return e.until(s.String(), func(ev Event) bool { return ev.Kind == EventStep && ev.Step == s })
}

// shows waits until the instance shows the state, result and activation.
func (e *events) shows(m lwm2m9.Machine) {
	e.t.Helper()
	e.until(fmt.Sprint(m), func(ev Event) bool {
		i := ev.Instance
		return ev.Kind == EventChanged && lwm2m9.Machine{State: i.State, Result: i.Result, Activation: i.Activation} == m
	})
}

// device starts a device with faults in their text form, and waits until it is
// registered.
func (s *lwm2mServer) device(cfg Config, faults ...string) (*Device, *events) {
	s.t.Helper()
	for _, f := range faults {
		one, err := ParseFault(f)
		if err != nil {
			s.t.Fatal(err)
		}
		cfg.Faults = append(cfg.Faults, one)
	}
	e := &events{s.t, make(chan Event, 2000), map[string][]string{}}
	def(&cfg.Endpoint, "urn:imei:490154203237518")
	def(&cfg.Server, s.addr)
	def(&cfg.Timing.Ack, 50*time.Millisecond)
	def(&cfg.Timing.Retry, 20*time.Millisecond)
	def(&cfg.Timing.Request, 2*time.Second)
	cfg.OnEvent = func(ev Event) { e.ch <- ev }
	d, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	e.kind(EventRegistered)
	return d, e
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
