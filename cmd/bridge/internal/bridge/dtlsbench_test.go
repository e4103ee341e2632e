package bridge

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

const (
	// idleSecure is how many registered devices BenchmarkIdleSecureDevices has.
	idleSecure = 1000
	// maxSecure is what one may cost, in bytes of heap and stacks (issue 4).
	maxSecure = 24 << 10
)

// BenchmarkIdleSecureDevices reports what a device costs the whole bridge that
// is registered over DTLS and does nothing. The devices are gone when it is
// measured, without a word: the bridge cannot know.
func BenchmarkIdleSecureDevices(b *testing.B) {
	for b.Loop() {
		idleOverDTLS(b)
	}
}

func idleOverDTLS(b *testing.B) {
	w := newWorld(b)
	plain, err1 := net.ListenPacket("udp", "127.0.0.1:0")
	secure, err2 := net.ListenPacket("udp", "127.0.0.1:0")
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	anyKey := func(context.Context, string) (dtls.Key, bool) { return dtls.Key("0123456789abcdef"), true }
	bridge, err := New(Options{
		Devices: plain, Secure: secure, DTLS: dtls.Options{Keys: dtls.KeyFunc(anyKey)},
		Engine: engine.Options{Store: pebble(b), Directory: everyone{}, Cache: 64}, Server: server.Options{AckTimeout: 200 * time.Millisecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	w.wg.Go(func() {
		if err := bridge.Run(w.ctx); err != nil {
			b.Error(err)
		}
	})
	to := secure.LocalAddr().(*net.UDPAddr).AddrPort()
	w.registerSecure(b, to, "first") // what is made once
	heap, goroutines := settledAll()
	for i := range idleSecure {
		w.registerSecure(b, to, fmt.Sprintf("idle-%d", i))
	}
	if n := len(bridge.server.Registrations()); n != idleSecure+1 {
		b.Errorf("%d are registered", n)
	}
	after, more := settledAll()
	per := (after - heap) / idleSecure
	b.ReportMetric(per, "B/device")
	b.ReportMetric((more-goroutines)/idleSecure, "goroutines/device")
	if per > maxSecure {
		b.Errorf("%.0f bytes; want %d at most", per, maxSecure)
	}
	runtime.KeepAlive(bridge)
}

// deaf is a socket that can stop sending, so that its device goes without a word.
type deaf struct {
	*net.UDPConn
	off atomic.Bool
}

func (d *deaf) WriteTo(p []byte, a net.Addr) (int, error) {
	if d.off.Load() {
		return len(p), nil
	}
	return d.UDPConn.WriteTo(p, a)
}

// registerSecure registers a device over DTLS, answers what it is asked with
// 4.04 until nothing is asked, and leaves without a word.
func (w *world) registerSecure(b *testing.B, to netip.AddrPort, endpoint string) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	d := &deaf{UDPConn: conn.(*net.UDPConn)}
	c, err := dtls.Dial(d, to, dtls.ClientOptions{Identity: endpoint, Key: dtls.Key("0123456789abcdef")})
	if err != nil {
		b.Fatal(err)
	}
	asked := make(chan struct{}, 16)
	e := coap.New(c, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
		asked <- struct{}{}
		return coap.Response{Code: coap.NotFound, Format: coap.NoFormat}
	}})
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	r, err := e.Do(ctx, to, coap.Request{
		Method: coap.POST, Path: []string{"rd"}, Query: []string{"ep=" + endpoint, "lt=86400", "lwm2m=1.1"}, Format: 40, Accept: coap.NoFormat,
		Payload: []byte("</3/0>,</9/0>"),
	})
	if err != nil || r.Code != coap.Created {
		b.Fatal(r.Code, err)
	}
	for range secureQuestions {
		<-asked
	}
	d.off.Store(true)
	cancel()
	<-done
}

// secureQuestions is how many requests a device that answers 4.04 is asked
// when it registers.
const secureQuestions = 1

// settledAll is heap and stacks in use, and goroutines.
func settledAll() (bytes, goroutines float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())
}
