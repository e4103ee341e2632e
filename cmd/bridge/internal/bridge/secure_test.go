package bridge

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

func socket(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secureBridge runs a bridge for devices with and without security, and with a
// control socket in dir.
func (w *world) secureBridge(db store.Store, dir string) (b *Bridge, plain, secure netip.AddrPort) {
	w.tb.Helper()
	t := w.tb.(*testing.T)
	p, s := socket(t), socket(t)
	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err = New(Options{
		Devices: p, Secure: s, Control: l, DTLS: dtls.Options{Keys: credentials.New(db)},
		Engine: engine.Options{Store: db, Directory: everyone{url: w.dmURL, poll: time.Hour}, RequestTimeout: 2 * time.Second},
		Server: server.Options{AckTimeout: 200 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wg.Go(func() {
		if err := b.Run(w.ctx); err != nil {
			t.Error(err)
		}
	})
	return b, p.LocalAddr().(*net.UDPAddr).AddrPort(), s.LocalAddr().(*net.UDPAddr).AddrPort()
}

// dial is a device's association with the bridge.
func dial(t *testing.T, to netip.AddrPort, identity, key string) *dtls.Client {
	t.Helper()
	c, err := dtls.Dial(socket(t), to, dtls.ClientOptions{Identity: identity, Key: dtls.Key(key)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tunnel carries what comes to its socket through an association: DTLS for a
// device that has none. It returns the socket's address.
func (w *world) tunnel(t *testing.T, to netip.AddrPort, identity, key string) string {
	near, far := socket(t), dial(t, to, identity, key)
	var device atomic.Pointer[net.Addr]
	context.AfterFunc(w.ctx, func() {
		near.Close()
		far.Close()
	})
	pass := func(from net.PacketConn, on func([]byte, net.Addr)) {
		w.wg.Go(func() {
			for buf := make([]byte, 1<<16); ; {
				n, a, err := from.ReadFrom(buf)
				if err != nil {
					return
				}
				on(buf[:n], a)
			}
		})
	}
	pass(near, func(b []byte, a net.Addr) {
		device.Store(&a)
		_, _ = far.WriteTo(b, net.UDPAddrFromAddrPort(to)) // lost, as the network may
	})
	pass(far, func(b []byte, _ net.Addr) { _, _ = near.WriteTo(b, *device.Load()) })
	return near.LocalAddr().String()
}

// registerAs registers over a connection and returns the answer.
func registerAs(t *testing.T, conn net.PacketConn, to netip.AddrPort, endpoint string) (coap.Code, error) {
	t.Helper()
	e := coap.New(conn, coap.Options{Transmission: coap.Transmission{AckTimeout: 200 * time.Millisecond}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	r, err := e.Do(ctx, to, coap.Request{
		Method: coap.POST, Path: []string{"rd"}, Query: []string{"ep=" + endpoint, "lwm2m=1.1"}, Format: 40, Accept: coap.NoFormat,
		Payload: []byte("</3/0>,</9/0>"),
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return r.Code, err
}

// TestSecureUpdate: an update over DTLS with a pre-shared key, from the
// registration to the result, while others claim the device's name: with a key
// of their own, without any, and with a wrong one.
func TestSecureUpdate(t *testing.T) {
	const name, key = "urn:imei:356000000000001", "0123456789abcdef"
	w := newWorld(t)
	if err := w.dm.AddCampaign(w.campaign("ok")); err != nil {
		t.Fatal(err)
	}
	db, dir := store.NewMemory(), t.TempDir()
	b, plain, secure := w.secureBridge(db, dir)
	remote := control.Dial(dir)
	for _, d := range []credentials.Device{
		{Endpoint: name, Identity: "sim-1", Key: dtls.Key(key), PSK: true},
		{Endpoint: "other", Identity: "other", Key: dtls.Key("fedcba9876543210"), PSK: true},
	} {
		if err := remote.Add(t.Context(), d, false); err != nil { // while the bridge runs
			t.Fatal(err)
		}
	}
	w.addr = w.tunnel(t, secure, "sim-1", key)
	w.device(lwm2mdevice.Config{Endpoint: name, Dialect: lwm2m9.Registered, Seed: 1, Timing: lwm2mdevice.Timing{Ack: 200 * time.Millisecond}})

	if code, err := registerAs(t, dial(t, secure, "other", "fedcba9876543210"), secure, name); code != coap.Forbidden {
		t.Errorf("another identity: %v, %v; want 4.03", code, err)
	}
	if code, err := registerAs(t, socket(t), plain, name); code != coap.Forbidden {
		t.Errorf("without security: %v, %v; want 4.03", code, err)
	}
	if code, err := registerAs(t, dial(t, secure, "sim-1", "wrong"), secure, name); err == nil {
		t.Errorf("a wrong key: %v", code)
	}
	w.wait(1)
	if r := w.dm.Campaigns()[0]; r.Code != 200 {
		t.Errorf("the server was told %d, want 200", r.Code)
	}
	if code, err := registerAs(t, socket(t), plain, "free"); code != coap.Created {
		t.Errorf("without security, a name that has no credentials: %v, %v", code, err)
	}
	d, err := b.Engine().Device(name)
	if err != nil || d.Registration.Identity != "sim-1" {
		t.Errorf("registered by %q, %v", d.Registration.Identity, err)
	}
	if !strings.HasPrefix(d.Registration.Address, "127.0.0.1:") {
		t.Errorf("the device is shown at %s, want its real address", d.Registration.Address)
	}
	h := b.Engine().Health()
	told := ""
	for _, c := range h.Conditions {
		told += c.Name + ": " + c.Text + "\n"
	}
	if h.Suspects != 2 || strings.Count(told, "identity: ") != 2 || strings.Count(told, " at 127.0.0.1:") != 2 || !strings.Contains(told, `identity "other"`) || !strings.Contains(told, "a device without security") {
		t.Errorf("%d suspects; conditions:\n%s", h.Suspects, told)
	}

	// Credentials that are taken away are good no more, at once.
	if err := remote.Remove(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	if code, err := registerAs(t, dial(t, secure, "other", "fedcba9876543210"), secure, "other"); err == nil {
		t.Errorf("after its credentials were removed: %v", code)
	}
}
