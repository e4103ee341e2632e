package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what never takes long.
const patience = 30 * time.Second

// lwm2mServer is a server that takes every registration.
type lwm2mServer struct {
	mu     sync.Mutex
	epochs map[string]int // registrations by endpoint
}

func (s *lwm2mServer) Register(_ context.Context, r server.Registration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs[r.Endpoint]++
	return nil
}
func (s *lwm2mServer) Update(context.Context, server.Registration) error     { return nil }
func (s *lwm2mServer) Deregister(context.Context, server.Registration) error { return nil }
func (s *lwm2mServer) Expired(context.Context, server.Registration)          {}
func (s *lwm2mServer) Notified(context.Context, server.Notification)         {}

// serve starts a server, with DTLS if keys are given.
func serve(t *testing.T, keys dtls.Keys) (s *lwm2mServer, addr string) {
	t.Helper()
	if keys == nil {
		return serveWith(t, nil)
	}
	return serveWith(t, &dtls.Options{Keys: keys})
}

func serveWith(t *testing.T, o *dtls.Options) (s *lwm2mServer, addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	if o != nil {
		secure, err := dtls.Listen(conn, *o)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { secure.Run(ctx) })
		conn = secure
	}
	s = &lwm2mServer{epochs: map[string]int{}}
	anyone := func(context.Context, string, string) error { return nil } // our certificates are all for localhost
	run := server.New(server.Options{Conn: conn, Handler: s, Authorize: anyone}).Run
	wg.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return s, conn.LocalAddr().String()
}

// lines is where a fleet prints; until waits for a text.
type lines struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) until(t *testing.T, text string) {
	t.Helper()
	end := time.After(patience)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.more:
		case <-end:
			t.Fatalf("%q never came, only:\n%s", text, l)
		}
	}
}

// run runs a fleet; stop ends it and waits.
func run(t *testing.T, cfg Config) (f *Fleet, out *lines, stop func()) {
	t.Helper()
	out = &lines{more: make(chan struct{}, 1)}
	cfg.Out = out
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return f, out, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestFleet: all are registered, over DTLS with a key each, and counted.
func TestFleet(t *testing.T) {
	keys := dtls.KeyFunc(func(_ context.Context, identity string) (dtls.Key, bool) { return Seed("s").Key(identity), true })
	for name, secure := range map[string]dtls.Keys{"UDP": nil, "DTLS": keys} {
		t.Run(name, func(t *testing.T) {
			s, addr := serve(t, secure)
			cfg := Config{Count: 50, Ramp: 50 * time.Millisecond, Every: time.Millisecond}
			cfg.Device.Endpoint, cfg.Device.Server = "dev-%d", addr
			if secure != nil {
				cfg.Credentials = Seed("s")
			}
			f, out, stop := run(t, cfg)
			defer stop()
			out.until(t, "all 50 devices registered after ")
			if c := f.Counts(); c.Registered != 50 || c.Never != 0 || c.Failures != 0 || c.AllAfter == 0 {
				t.Errorf("counts %+v", c)
			}
			stop()
			if text := out.String(); !strings.Contains(text, "end: 50 of 50 devices registered, 50 registrations, ") || strings.Contains(text, "dev-1") {
				t.Errorf("printed:\n%s", text)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.epochs) != 50 || s.epochs["dev-1"] != 1 || s.epochs["dev-50"] != 1 {
				t.Errorf("the server has %d endpoints: %v", len(s.epochs), s.epochs)
			}
		})
	}
}

// TestCertificates: each device proves itself with a certificate of its own, whose
// files have its number.
func TestCertificates(t *testing.T) {
	ca, dir := tlstest.NewCA(t, "CA"), t.TempDir()
	link := func(from, to string) {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		leaf := ca.Leaf(fmt.Sprint("dev-", n+1))
		link(leaf.Cert, fmt.Sprintf("%d.pem", n+1))
		link(leaf.Key, fmt.Sprintf("%d.key", n+1))
	}
	ours := ca.Leaf("server")
	own, err := tlsfiles.Files{CA: ca.File, Cert: ours.Cert, Key: ours.Key}.Client()
	if err != nil {
		t.Fatal(err)
	}
	s, addr := serveWith(t, &dtls.Options{Certificate: &own.Certificates[0], ClientCAs: own.RootCAs})
	cfg := Config{Count: 3, Every: time.Millisecond, Device: lwm2mdevice.Config{Endpoint: "dev-%d", Server: addr}}
	cfg.Credentials = Certificates{ServerName: "127.0.0.1",
		Files: tlsfiles.Files{CA: ca.File, Cert: filepath.Join(dir, "%d.pem"), Key: filepath.Join(dir, "%d.key")}}
	_, out, stop := run(t, cfg)
	defer stop()
	out.until(t, "all 3 devices registered after ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.epochs) != 3 {
		t.Errorf("registered: %v", s.epochs)
	}
}

// TestNarrated: of a few devices every event is told, and nothing is counted.
func TestNarrated(t *testing.T) {
	_, addr := serve(t, nil)
	cfg := Config{Count: 2, Narrate: true, Device: lwm2mdevice.Config{Endpoint: "dev-%d", Server: addr, Deregister: true}}
	_, out, stop := run(t, cfg)
	out.until(t, "dev-1 registered rd/")
	out.until(t, "dev-2 registered rd/")
	stop()
	if text := out.String(); !strings.Contains(text, "dev-1 deregistered") || strings.Contains(text, " devices") {
		t.Errorf("printed:\n%s", text)
	}
}

// TestReboots: who reboots is not registered until it is again.
func TestReboots(t *testing.T) {
	_, addr := serve(t, nil)
	cfg := Config{Count: 3, Every: time.Millisecond, Device: lwm2mdevice.Config{Endpoint: "dev-%d", Server: addr, RebootEvery: 50 * time.Millisecond}}
	f, out, stop := run(t, cfg)
	out.until(t, ", 9 reboots")
	stop()
	if c := f.Counts(); c.Registers < 6 || c.Registered > 3 || c.Registered < 0 || c.Reboots < 9 {
		t.Errorf("counts %+v", c)
	}
}

// TestSeeds: what makes a device decide is its seed, which its number gives.
func TestSeeds(t *testing.T) {
	cfg := Config{Count: 4, Ramp: 8 * time.Second, Credentials: Seed("s")}
	cfg.Device = lwm2mdevice.Config{Endpoint: "dev-%d", Server: "127.0.0.1:1", Seed: 10}
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range cfg.Count {
		c, err := f.config(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d %v %s", c.Endpoint, c.Seed, c.StartAfter, c.DTLS.Identity))
	}
	want := []string{"dev-1 10 0s dev-1", "dev-2 11 2s dev-2", "dev-3 12 4s dev-3", "dev-4 13 6s dev-4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices (-want +got)\n%s", diff)
	}
}

// TestCountedLine: rates, and why the last failure was; nothing when nothing
// changed.
func TestCountedLine(t *testing.T) {
	a := Counts{Devices: 9, Registered: 4, Never: 5, Registers: 4, Failures: 1, Why: "old", Time: time.Second}
	b := a
	b.Registered, b.Never, b.Registers, b.Updates, b.Failures, b.Why, b.Time = 6, 3, 8, 10, 2, "refused", 3*time.Second
	const want = "6 of 9 devices registered, 2 registrations/s, 5 updates/s, 2 failures, 0 reboots (last failure: refused)"
	if got := b.since(a); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	later := b
	later.Time += time.Second
	if got := later.since(b); got != "" {
		t.Errorf("a line without news: %s", got)
	}
}

func TestBounds(t *testing.T) {
	for _, tc := range []struct {
		count    int
		endpoint string
		ok       bool
	}{
		{0, "d%d", false}, {1, "d", true}, {2, "d", false}, {MaxDevices, "d%d", true}, {MaxDevices + 1, "d%d", false},
	} {
		_, err := New(Config{Count: tc.count, Device: lwm2mdevice.Config{Endpoint: tc.endpoint, Server: "127.0.0.1:1"}})
		if (err == nil) != tc.ok {
			t.Errorf("%d devices named %s: %v", tc.count, tc.endpoint, err)
		}
	}
}

// TestNoSockets: one device that cannot go on ends all, with its error.
func TestNoSockets(t *testing.T) {
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f, err := New(Config{Count: 3, Out: &lines{}, Device: lwm2mdevice.Config{
		Endpoint: "dev-%d", Server: "127.0.0.1:1", Listen: taken.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*net.OpError](f.Run(context.Background())); !ok {
		t.Errorf("Run: %v", err)
	}
}
