package lwm2mdevice

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// bridge is this project's own LwM2M server behind its own DTLS: what the
// simulated device is for.
type bridge struct {
	t     *testing.T
	conn  *dtls.Conn
	lwm2m *server.Server
	said  chan string // register, update, deregister
}

func newBridge(t *testing.T, keys map[string]string) *bridge {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	find := dtls.KeyFunc(func(_ context.Context, identity string) (dtls.Key, bool) {
		key, ok := keys[identity]
		return dtls.Key(key), ok
	})
	b := &bridge{t: t, said: make(chan string, 100)}
	if b.conn, err = dtls.Listen(udp, dtls.Options{Keys: find}); err != nil {
		t.Fatal(err)
	}
	b.lwm2m = server.New(server.Options{Conn: b.conn, Handler: b})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- b.conn.Run(ctx) }()
	go func() { done <- b.lwm2m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return b
}

func (b *bridge) say(what string) error {
	b.said <- what
	return nil
}

func (b *bridge) Register(context.Context, server.Registration) error   { return b.say("register") }
func (b *bridge) Update(context.Context, server.Registration) error     { return b.say("update") }
func (b *bridge) Deregister(context.Context, server.Registration) error { return b.say("deregister") }
func (b *bridge) Expired(context.Context, server.Registration)          {}
func (b *bridge) Notified(context.Context, server.Notification)         {}

func (b *bridge) wait(what string) {
	b.t.Helper()
	for {
		select {
		case got := <-b.said:
			if got == what {
				return
			}
		case <-time.After(patience):
			b.t.Fatalf("no %s came; DTLS %+v", what, b.conn.Stats())
		}
	}
}

// start runs a device that speaks DTLS; stop waits for its end.
func (b *bridge) start(cfg Config, faults ...string) (d *Device, stop func()) {
	b.t.Helper()
	for _, text := range faults {
		f, err := ParseFault(text)
		if err != nil {
			b.t.Fatal(err)
		}
		cfg.Faults = append(cfg.Faults, f)
	}
	cfg.Server = b.conn.LocalAddr().String()
	cfg.Timing.Ack, cfg.Timing.Retry = 200*time.Millisecond, 50*time.Millisecond
	def(&cfg.Timing.Request, 3*time.Second)
	d, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
	}
	return d, stop
}

func psk(identity, key string) *dtls.ClientOptions {
	return &dtls.ClientOptions{Identity: identity, Key: dtls.Key(key), MinBackoff: 20 * time.Millisecond, MaxBackoff: 50 * time.Millisecond}
}

// TestDTLS: registered, read, and gone with a good-bye, all encrypted.
func TestDTLS(t *testing.T) {
	b := newBridge(t, map[string]string{"dev-1": "key of dev-1"})
	registered := make(chan struct{}, 1) // it has its answer: the server knows of it before
	_, stop := b.start(Config{Endpoint: "dev-1", DTLS: psk("dev-1", "key of dev-1"), Deregister: true, OnEvent: func(e Event) {
		if e.Kind == EventRegistered {
			registered <- struct{}{}
		}
	}})
	b.wait("register")
	<-registered
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := b.lwm2m.Do(ctx, "dev-1", server.Request{Method: server.GET, Path: "/9/0/7", Format: server.NoFormat, Accept: server.TextPlain})
	if err != nil || r.Code != lwm2m9.CodeContent || string(r.Payload) != "0" {
		t.Errorf("Read: %+v, %v", r, err)
	}
	stop()
	b.wait("deregister")
}

// TestDTLSMoves: behind another port the association goes on, by its
// Connection ID, with no second handshake.
func TestDTLSMoves(t *testing.T) {
	b := newBridge(t, map[string]string{"dev-1": "key of dev-1"})
	_, stop := b.start(Config{Endpoint: "dev-1", DTLS: psk("dev-1", "key of dev-1")}, "rebind@registered")
	defer stop()
	b.wait("register")
	b.wait("update")
	if s := b.conn.Stats(); s.Completed != 1 || s.Moved != 1 {
		t.Errorf("%d handshakes, %d moves, want 1 and 1", s.Completed, s.Moved)
	}
}

// TestDTLSReboots: a reboot forgets the association.
func TestDTLSReboots(t *testing.T) {
	b := newBridge(t, map[string]string{"dev-1": "key of dev-1"})
	_, stop := b.start(Config{Endpoint: "dev-1", DTLS: psk("dev-1", "key of dev-1")}, "reboot@registered")
	defer stop()
	b.wait("register")
	b.wait("register")
	if s := b.conn.Stats(); s.Completed != 2 || s.Moved != 0 {
		t.Errorf("%d handshakes, %d moves, want 2 and 0", s.Completed, s.Moved)
	}
}

// TestDTLSWithLosses: a fifth of all datagrams is lost, of the handshake too.
func TestDTLSWithLosses(t *testing.T) {
	b := newBridge(t, map[string]string{"dev-1": "key of dev-1"})
	d, stop := b.start(Config{Endpoint: "dev-1", DTLS: psk("dev-1", "key of dev-1"), Seed: 3, UpdateEvery: 20 * time.Millisecond}, "drop=0.2", "repeat=0.2")
	defer stop()
	b.wait("register")
	for range 5 {
		b.wait("update")
	}
	if c := d.Counts(); c.Lost == 0 || c.Repeated == 0 {
		t.Errorf("counts %+v", c)
	}
}

// TestDTLSWrongKey: it never registers, and says why.
func TestDTLSWrongKey(t *testing.T) {
	b := newBridge(t, map[string]string{"dev-1": "key of dev-1"})
	failed := make(chan string, 1)
	cfg := Config{Endpoint: "dev-1", DTLS: psk("dev-1", "another key"), OnEvent: func(e Event) {
		if e.Kind == EventFailed {
			select {
			case failed <- e.Text:
			default:
			}
		}
	}}
	cfg.Timing.Request = 300 * time.Millisecond
	_, stop := b.start(cfg)
	select {
	case <-failed:
	case <-time.After(patience):
		t.Error("no word of failure")
	}
	stop()
	if s := b.conn.Stats(); s.Completed != 0 || len(b.said) != 0 {
		t.Errorf("%d handshakes with the wrong key, %d messages", s.Completed, len(b.said))
	}
}
