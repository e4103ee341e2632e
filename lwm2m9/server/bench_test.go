package server_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// silent is a Handler that keeps nothing.
type silent struct{}

func (silent) Register(context.Context, server.Registration) error   { return nil }
func (silent) Update(context.Context, server.Registration) error     { return nil }
func (silent) Deregister(context.Context, server.Registration) error { return nil }
func (silent) Expired(context.Context, server.Registration)          {}
func (silent) Notified(context.Context, server.Notification)         {}

// BenchmarkIdleDevice reports what a registered device costs that says
// nothing: right after its registration, with the peer's state that RFC 7252
// asks for during EXCHANGE_LIFETIME.
func BenchmarkIdleDevice(b *testing.B) {
	const devices = 10_000
	for b.Loop() {
		b.StopTimer()
		n := coaptest.New()
		s := server.New(server.Options{Conn: n.Listen(serverAddr), Handler: silent{}})
		stop := background(b, s.Run)
		before, goroutines := memory()
		b.StartTimer()
		registerAll(b, n, devices)
		b.StopTimer()
		after, more := memory()
		if got := len(s.Registrations()); got != devices {
			b.Fatalf("%d registered", got)
		}
		b.ReportMetric(float64(after-before)/devices, "bytes/device")
		b.ReportMetric(float64(more-goroutines)/devices, "goroutines/device")
		stop()
		b.StartTimer()
	}
}

// memory is the heap in use and the number of goroutines.
func memory() (heap int64, goroutines int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}

// registerAll registers devices from addresses of their own, each with a
// datagram of its own making; what it needs itself is garbage afterwards.
func registerAll(b *testing.B, n *coaptest.Net, devices int) {
	n.Forget()
	for i := range devices {
		conn := n.Listen(fmt.Sprintf("10.%d.%d.%d:5683", i>>16&255, i>>8&255, i&255))
		conn.Send(serverAt, registerDatagram(uint16(i), "urn:imei:4901542"+strconv.Itoa(10000000+i)))
		buf := make([]byte, 128)
		if k, _, err := conn.ReadFrom(buf); err != nil || coaptest.Kind(buf[:k]) != "ACK 2.01" {
			b.Fatalf("device %d: %v, %s", i, err, coaptest.Kind(buf[:k]))
		}
		conn.Close()
	}
	n.Forget()
}

// registerDatagram is a registration as the recorded client sends it.
func registerDatagram(mid uint16, endpoint string) []byte {
	d := []byte{0x44, 0x02, byte(mid >> 8), byte(mid), 't', 'o', 'k', 'n', 0xb2, 'r', 'd', 0x11, 40}
	d = append(d, 0x39) // Uri-Query
	d = append(d, "lwm2m=1.1"...)
	d = append(d, 0x0d, byte(len(endpoint)+3-13))
	d = append(d, "ep="+endpoint...)
	d = append(d, 0x05)
	d = append(d, "lt=60"...)
	return append(d, "\xff</1/0>,</3/0>,</4/0>,</9/0>,</9/1>,</10>;ver=1.1,</10/0>"...)
}

// BenchmarkRead is one Read over loopback sockets, device included.
func BenchmarkRead(b *testing.B) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := server.New(server.Options{Conn: conn, Handler: silent{}})
	b.Cleanup(background(b, s.Run))
	own, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	device := coap.New(own, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
		return coap.Response{Code: coap.Content, Payload: []byte("0")}
	}})
	b.Cleanup(background(b, device.Run))
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	register := coap.Request{Method: coap.POST, Path: []string{"rd"}, Query: []string{"ep=d"}, Format: coap.NoFormat, Accept: coap.NoFormat}
	if _, err := device.Do(within(b, time.Minute), at, register); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Do(context.Background(), "d", server.Read("/9/0/7", server.TextPlain)); err != nil {
			b.Fatal(err)
		}
	}
}
