package lwm2mdevice

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

// fleetSize is how many devices BenchmarkDevices has at once.
const fleetSize = 2000

// BenchmarkDevices reports what a registered device costs the simulator: memory
// of the process, stacks included, and goroutines. One operation is the
// registration of all of them at the least that answers 2.01.
func BenchmarkDevices(b *testing.B) {
	for b.Loop() {
		devices(b)
	}
}

func devices(b *testing.B) {
	addr, stop := registrar(b)
	defer stop()
	heap, goroutines := memory()
	ctx, cancel := context.WithCancel(context.Background())
	var up, ended sync.WaitGroup
	up.Add(fleetSize)
	for i := range fleetSize {
		var once sync.Once
		d, err := New(Config{Endpoint: fmt.Sprint("dev-", i), Server: addr, OnEvent: func(e Event) {
			if e.Kind == EventRegistered {
				once.Do(up.Done)
			}
		}})
		if err != nil {
			b.Fatal(err)
		}
		ended.Go(func() {
			if err := d.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	up.Wait()
	heapAfter, goroutinesAfter := memory()
	b.ReportMetric((heapAfter-heap)/fleetSize/1024, "KiB/device")
	b.ReportMetric((goroutinesAfter-goroutines)/fleetSize, "goroutines/device")
	cancel()
	ended.Wait()
}

func memory() (bytes, goroutines float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())
}

// registrar answers every request with 2.01 and a location.
func registrar(b *testing.B) (addr string, stop func()) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf, out := make([]byte, 2048), make([]byte, 64)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			m := message.Message{Options: make(message.Options, 0, 16)}
			if _, err := coder.DefaultCoder.Decode(buf[:n], &m); err != nil {
				continue
			}
			opts := message.Options{{ID: message.LocationPath, Value: []byte("rd")}, {ID: message.LocationPath, Value: []byte("1")}}
			answer := message.Message{Type: message.Acknowledgement, Code: codes.Created, MessageID: m.MessageID, Token: m.Token, Options: opts}
			if n, err = coder.DefaultCoder.Encode(answer, out); err == nil {
				c.WriteToUDPAddrPort(out[:n], from)
			}
		}
	}()
	return c.LocalAddr().String(), func() { c.Close(); <-done }
}
