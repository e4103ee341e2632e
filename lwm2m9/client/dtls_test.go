package client_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TestDTLS: devices with a key each, over DTLS from end to end.
func TestDTLS(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	keys := dtls.KeyFunc(func(_ context.Context, identity string) (dtls.Key, bool) {
		return dtls.Key("key of " + identity), true
	})
	secure, err := dtls.Listen(socket, dtls.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(background(t, secure.Run))
	h := &registering{endpoints: make(chan string, 100), notes: make(chan string, 100)}
	s := server.New(server.Options{Conn: secure, Handler: h})
	t.Cleanup(background(t, s.Run))
	host := client.New(client.Options{})
	t.Cleanup(background(t, host.Run))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 3 {
		name := fmt.Sprint("urn:dev:", i)
		o := newThing()
		c, err := host.Add(client.Config{
			Endpoint: name, Server: socket.LocalAddr().(*net.UDPAddr).AddrPort(),
			Dial: func(to netip.AddrPort) (net.PacketConn, error) {
				own, err := net.ListenPacket("udp", "127.0.0.1:0")
				if err != nil {
					return nil, err
				}
				return dtls.Dial(own, to, dtls.ClientOptions{Identity: name, Key: dtls.Key("key of " + name)})
			},
		}, o)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "registered", <-h.endpoints, name)
		if r, err := s.Do(ctx, name, server.Observe("/42/0/0", server.TextPlain)); err != nil || !r.Observed {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		c.Changed(o.set(0, wire.Integer(int64(i))))
		check(t, "notification", <-h.notes, fmt.Sprint(name, " ", i))
		if err := c.Remove(ctx); err != nil {
			t.Error(err)
		}
	}
}
