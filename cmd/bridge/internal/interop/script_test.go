package interop

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TestScript: the newer Leshan leads virtual devices through reads in every
// format, composites, an update and a second instance; then they send unasked,
// also from another address.
func TestScript(t *testing.T) {
	psk := PSK{Identity: "me", Key: []byte("0123456789abcdef")}
	s := StartScript(t, "secure", psk)
	host := startHost(t)
	t.Run("LwM2M 1.1", func(t *testing.T) {
		follow(t, s, host, client.Config{Endpoint: "plain", Server: s.CoAP, Versions: []string{"1.1"}})
	})
	t.Run("DTLS", func(t *testing.T) {
		n := newNAT(t, s.CoAPS)
		var conn *dtls.Client
		c := follow(t, s, host, client.Config{
			Endpoint: "secure", Server: n.addr(),
			Dial: func(server netip.AddrPort) (_ net.PacketConn, err error) {
				conn, err = dtls.Dial(udp(t), server, dtls.ClientOptions{Identity: psk.Identity, Key: dtls.Key(psk.Key)})
				return conn, err
			},
		})
		moved := n.move()
		c.Update()
		if err := s.Await("secure updated from /" + moved.String()); err != nil {
			t.Error(err)
		}
		if got := conn.Stats(); got.Handshakes != 1 {
			t.Errorf("%+v; want one handshake", got)
		}
	})
	for _, c := range s.Complaints() {
		t.Errorf("Leshan complains: %s", c)
	}
}

// startHost runs a host of virtual devices.
func startHost(t *testing.T) *client.Host {
	host := client.New(client.Options{AckTimeout: ackTimeout, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- host.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return host
}

// follow adds a virtual device, waits for the end of the script, and sends.
func follow(t *testing.T, s *Script, host *client.Host, cfg client.Config) *client.Client {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cfg.Lifetime = 5 * time.Minute
	c := addDevice(t, host, cfg)
	if err := s.Await(cfg.Endpoint + " done"); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ctx, wire.Entry{Path: wire.PathOf(9, 0, 7), Value: wire.Integer(4)},
		wire.Entry{Path: wire.PathOf(9, 0, 12), Value: wire.Boolean(true)}); err != nil {
		t.Errorf("send: %v", err)
	}
	if err := s.Await(cfg.Endpoint + " sent"); err != nil {
		t.Error(err)
	}
	return c
}

// addDevice adds a virtual device with Objects 3 and 9.
func addDevice(t *testing.T, host *client.Host, cfg client.Config) *client.Client {
	s := newSoftware()
	var device *client.Client
	ready := make(chan struct{})
	s.changed = func(p ...wire.Path) { <-ready; device.Changed(p...) }
	device, err := host.Add(cfg, s, client.NewDevice(func() client.DeviceInfo {
		return client.DeviceInfo{Manufacturer: "Contoso", Model: "MC70 ü", Serial: "12345", Firmware: "1.0"}
	}, client.DeviceActions{}))
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	return device
}
