package bridge

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
)

// BenchmarkUpdates runs whole updates through the engine, a synced Pebble
// store and loopback sockets: registration, DM session, download over HTTP,
// install, activation, final notification. 64 devices at a time; the
// simulators run in the same process and are part of the figures.
func BenchmarkUpdates(b *testing.B) {
	const atOnce = 64
	w := newWorld(b)
	if err := w.dm.AddCampaign(w.campaign("ok")); err != nil {
		b.Fatal(err)
	}
	w.bridge(pebble(b), engine.Options{Timeline: 16})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(atOnce, b.N-done)
		for i := range n {
			w.device(lwm2mdevice.Config{Endpoint: fmt.Sprintf("bench-%d", done+i)})
		}
		done += n
		w.wait(done)
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/update")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1024, "KiB/update")
}

// idleDevices is how many registered devices BenchmarkIdleDevices has.
const idleDevices = 10_000

// BenchmarkIdleDevices reports what a device costs that is registered and
// does nothing: heap and goroutines of the whole bridge, per device. One
// operation is the registration of all of them.
func BenchmarkIdleDevices(b *testing.B) {
	for b.Loop() {
		idle(b)
	}
}

func idle(b *testing.B) {
	w := newWorld(b)
	db := pebble(b)
	heap, goroutines := settled()
	bridge := w.bridge(db, engine.Options{Directory: everyone{}, Cache: 64})
	began := time.Now()
	p := newPeer(b, w.addr)
	for i := range idleDevices {
		p.register(fmt.Sprintf("idle-%d", i))
	}
	took := time.Since(began)
	p.quiet()
	heapAfter, goroutinesAfter := settled()
	b.ReportMetric((heapAfter-heap)/idleDevices, "heap-B/device")
	b.ReportMetric((goroutinesAfter-goroutines)/idleDevices, "goroutines/device")
	b.ReportMetric(idleDevices/took.Seconds(), "registrations/s")
	runtime.KeepAlive(bridge)
}

func settled() (heap, goroutines float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(runtime.NumGoroutine())
}

// peer is the least that registers devices: one socket for all of them, which
// answers every request with 4.04.
type peer struct {
	b    *testing.B
	conn net.Conn
	mid  int32
	buf  []byte
}

func newPeer(b *testing.B, addr string) *peer {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &peer{b: b, conn: conn, buf: make([]byte, 2048)}
}

func (p *peer) register(endpoint string) {
	p.mid++
	opts := make(message.Options, 0, 8)
	buf := make([]byte, 256)
	add := func(id message.OptionID, v string) {
		var n int
		var err error
		if opts, n, err = opts.AddString(buf, id, v); err != nil {
			p.b.Fatal(err)
		}
		buf = buf[n:]
	}
	add(message.URIPath, "rd")
	opts, _, _ = opts.AddUint32(buf, message.ContentFormat, uint32(message.AppLinkFormat))
	buf = buf[4:]
	add(message.URIQuery, "ep="+endpoint)
	add(message.URIQuery, "lt=86400")
	add(message.URIQuery, "lwm2m=1.1")
	p.send(message.Message{
		Type: message.Confirmable, Code: codes.POST, MessageID: p.mid & 0xffff, Token: message.Token{byte(p.mid >> 8), byte(p.mid)},
		Options: opts, Payload: []byte("</3/0>,</9/0>"),
	})
	for !p.answered(p.mid & 0xffff) {
	}
}

func (p *peer) send(m message.Message) {
	b := make([]byte, 1500)
	n, err := coder.DefaultCoder.Encode(m, b)
	if err != nil {
		p.b.Fatal(err)
	}
	if _, err := p.conn.Write(b[:n]); err != nil {
		p.b.Fatal(err)
	}
}

// answered takes one datagram: true for the answer to the registration mid,
// false after a request was refused.
func (p *peer) answered(mid int32) bool {
	p.b.Helper()
	p.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := p.conn.Read(p.buf)
	if err != nil {
		p.b.Fatal(err)
	}
	m := message.Message{Options: make(message.Options, 0, 16)}
	if _, err := coder.DefaultCoder.Decode(p.buf[:n], &m); err != nil {
		p.b.Fatal(err)
	}
	if m.Code >= 0x40 {
		if m.Code != codes.Created {
			p.b.Fatalf("registration answered %v", m.Code)
		}
		return m.MessageID == mid
	}
	p.send(message.Message{Type: message.Acknowledgement, Code: codes.NotFound, MessageID: m.MessageID, Token: m.Token})
	return false
}

// quiet answers until the bridge has nothing more to ask.
func (p *peer) quiet() {
	for {
		p.conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := p.conn.Read(p.buf)
		if err != nil {
			return
		}
		m := message.Message{Options: make(message.Options, 0, 16)}
		if _, err := coder.DefaultCoder.Decode(p.buf[:n], &m); err == nil && m.Code < 0x40 && m.Code != 0 {
			p.send(message.Message{Type: message.Acknowledgement, Code: codes.NotFound, MessageID: m.MessageID, Token: m.Token})
		}
	}
}
