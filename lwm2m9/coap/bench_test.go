package coap_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// BenchmarkTalkativePeer is one request served to a peer that has sent many
// before within EXCHANGE_LIFETIME: what it costs must not depend on them.
func BenchmarkTalkativePeer(b *testing.B) {
	for _, before := range []int{1000, 12_000, 60_000} {
		b.Run(fmt.Sprint("after=", before), func(b *testing.B) {
			n := coaptest.New()
			run(b, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
				return coap.Response{Code: coap.Content, Payload: []byte("0")}
			}})
			c := n.Listen(deviceAddr)
			buf := make([]byte, 100)
			mid := uint16(0)
			ask := func() {
				c.Send(serverAt, append(raw(0, coap.GET, mid, "t"), 0xb1, 'x'))
				mid++
				if _, _, err := c.ReadFrom(buf); err != nil {
					b.Fatal(err)
				}
				if mid%1000 == 0 {
					n.Forget()
				}
			}
			for range before {
				ask()
			}
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// BenchmarkGet is one round trip over loopback sockets, both ends ours.
func BenchmarkGet(b *testing.B) {
	listen := func(h coap.Handler) (*coap.Endpoint, *net.UDPConn) {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		e := coap.New(c, coap.Options{Handler: h})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		b.Cleanup(func() { cancel(); <-ended })
		return e, c
	}
	client, _ := listen(nil)
	_, c := listen(func(context.Context, *coap.Request) coap.Response {
		return coap.Response{Code: coap.Content, Payload: []byte("0")}
	})
	to := c.LocalAddr().(*net.UDPAddr).AddrPort()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Do(context.Background(), to, get("9", "0", "7")); err != nil {
			b.Fatal(err)
		}
	}
}

// sink is a connection that nothing comes from and that all goes to.
type sink struct{ net.PacketConn }

func (sink) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }

// BenchmarkNotify is one notification that is not confirmable, without the socket.
func BenchmarkNotify(b *testing.B) {
	e := coap.New(sink{}, coap.Options{})
	o := (&coap.Request{Method: coap.GET, Path: []string{"9", "0", "7"}, Peer: deviceAt, Token: coap.MakeToken([]byte("token"))}).Observer()
	resp := coap.Response{Code: coap.Content, Observed: true, Payload: []byte("3")}
	b.ReportAllocs()
	for b.Loop() {
		resp.Sequence++
		if err := e.Notify(b.Context(), o, resp, false); err != nil {
			b.Fatal(err)
		}
	}
}
