package client_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// benchRole in the environment makes this program the server of a benchmark.
const benchRole = "LWM2M_CLIENT_BENCH"

// quiet is a server.Handler that keeps nothing.
type quiet struct{}

func (quiet) Register(context.Context, server.Registration) error   { return nil }
func (quiet) Update(context.Context, server.Registration) error     { return nil }
func (quiet) Deregister(context.Context, server.Registration) error { return nil }
func (quiet) Expired(context.Context, server.Registration)          {}
func (quiet) Notified(context.Context, server.Notification)         {}

// benchServer serves until its standard input ends. Every line there makes it
// read /9/0/7 of the devices named bench-0 to bench-‹n-1›, and observe it.
func benchServer() int {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	s := server.New(server.Options{Conn: conn, Handler: quiet{}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	fmt.Println(conn.LocalAddr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var n, failed int
		fmt.Sscan(in.Text(), &n)
		for i := range n {
			if r, err := s.Do(ctx, benchName(i), server.Observe("/9/0/7", server.TextPlain)); err != nil || !r.Observed {
				failed++
			}
		}
		fmt.Println(failed)
	}
	cancel()
	if err := <-ended; err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func benchName(i int) string { return fmt.Sprintf("urn:imei:4901542%08d", i) }

// startServer starts the server of a benchmark in a process of its own; ask
// sends it a line and gives its answer.
func startServer(b *testing.B) (at netip.AddrPort, ask func(line string) string) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), benchRole+"=server")
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		b.Fatal("the server does not start", err1, err2)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	lines.Scan()
	return netip.MustParseAddrPort(lines.Text()), func(line string) string {
		fmt.Fprintln(in, line)
		lines.Scan()
		return lines.Text()
	}
}

// object9 is a small Object 9: what an owner has for each device.
type object9 struct{ state int64 }

var object9Definition = client.Object9(lwm2m9.Registered, lwm2m9.RIDPackage, lwm2m9.RIDPackageURI)

func (o *object9) Definition() *client.Definition { return object9Definition }
func (o *object9) Instances() []uint16            { return []uint16{0} }
func (o *object9) Read(context.Context, wire.Path) ([]wire.Entry, error) {
	at := wire.PathOf(9, 0)
	return []wire.Entry{
		{Path: at.Down(7), Value: wire.Integer(o.state)}, {Path: at.Down(9), Value: wire.Integer(0)},
		{Path: at.Down(12), Value: wire.Boolean(false)},
	}, nil
}

// BenchmarkIdleClients registers 5,000 devices over sockets of their own at a
// server in another process, and says what one costs: heap and stacks, right
// after the registration with the state that CoAP has to keep then; and again
// with /9/0/7 observed, which includes having answered a request.
func BenchmarkIdleClients(b *testing.B) {
	const devices = 5000
	for b.Loop() {
		at, ask := startServer(b)
		host := client.New(client.Options{})
		stop := background(b, host.Run)
		before := used()
		kept := make(chan struct{}, devices)
		device := client.NewDevice(func() client.DeviceInfo { return client.DeviceInfo{Manufacturer: "m"} }, client.DeviceActions{})
		start := time.Now()
		for i := range devices {
			_, err := host.Add(client.Config{
				Endpoint: benchName(i), Server: at, Lifetime: 24 * time.Hour,
				Keep: func(client.State) error { kept <- struct{}{}; return nil },
			}, &object9{}, device)
			if err != nil {
				b.Skip("sockets: ", err)
			}
		}
		for range devices {
			<-kept
		}
		b.ReportMetric(devices/time.Since(start).Seconds(), "registrations/s")
		b.ReportMetric(float64(used()-before)/devices, "B/client")
		b.ReportMetric(float64(runtime.NumGoroutine())/devices, "goroutines/client")
		if failed := strings.TrimSpace(ask(fmt.Sprint(devices))); failed != "0" {
			b.Errorf("%s of %d could not be observed", failed, devices)
		}
		b.ReportMetric(float64(used()-before)/devices, "B/observed-client")
		stop()
	}
}

// used is the bytes of heap and stacks in use.
func used() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
