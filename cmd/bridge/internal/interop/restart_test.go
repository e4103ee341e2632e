package interop

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestServerRestart: a server that has forgotten everything answers the next
// Update with 4.04, and the devices register again, those with DTLS after a new
// handshake.
func TestServerRestart(t *testing.T) {
	l := StartServer(t)
	host := startHost(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	key := []byte("0123456789abcdef")
	know := func() {
		if err := l.AddPSK(ctx, "secure", "me", key); err != nil {
			t.Fatal(err)
		}
	}
	know()
	events := l.Events(t, "")
	plain := addDevice(t, host, client.Config{Endpoint: "plain", Server: l.CoAP, Lifetime: 5 * time.Minute})
	secured := addDevice(t, host, client.Config{
		Endpoint: "secure", Server: l.CoAPS, Lifetime: 5 * time.Minute,
		Dial: func(server netip.AddrPort) (net.PacketConn, error) {
			return dtls.Dial(udp(t), server, dtls.ClientOptions{Identity: "me", Key: dtls.Key(key), Silence: ackTimeout})
		},
	})
	events.WaitFor(ctx, Registration, "plain")
	events.WaitFor(ctx, Registration, "secure")

	l.Restart(t)
	know()
	events = l.Events(t, "")
	plain.Update()
	secured.Update()
	for _, name := range []string{"plain", "secure"} {
		events.WaitFor(ctx, Registration, name)
		if a, err := l.Read(ctx, name, "/3/0/1", DefaultFormat); err != nil || a.Code() != 205 || a.Content.Value != "MC70 ü" {
			t.Errorf("%s after the restart: %+v, %v", name, a, err)
		}
	}
	for _, c := range l.Complaints() {
		t.Errorf("Leshan complains: %s", c)
	}
}
