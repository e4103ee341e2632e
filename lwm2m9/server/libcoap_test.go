package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// libcoapServer is the server of Debian's libcoap3-bin.
const libcoapServer = "coap-server-notls"

const packageSize = 4 << 20

// BenchmarkAgainstLibcoap fetches 4 MiB block by block from this server and
// from libcoap's, the two taking turns, with one and the same client: a plain
// socket that asks for the next block when the last one has come.
func BenchmarkAgainstLibcoap(b *testing.B) {
	if _, err := exec.LookPath(libcoapServer); err != nil {
		b.Skipf("%s is not there: apt-get install libcoap3-bin", libcoapServer)
	}
	body := packageBody(packageSize)
	peers := map[string]*net.UDPAddr{"ours": packageServer(b, packageSize), "libcoap": libcoap(b, body)}
	took := make(map[string]time.Duration)
	for b.Loop() {
		for name, at := range peers {
			start := time.Now()
			fetchBlocks(b, at, name == "ours", body)
			took[name] += time.Since(start)
		}
	}
	rate := func(name string) float64 { return float64(b.N) * packageSize / (1 << 20) / took[name].Seconds() }
	b.ReportMetric(rate("ours"), "ours-MiB/s")
	b.ReportMetric(rate("libcoap"), "libcoap-MiB/s")
	b.ReportMetric(rate("ours")/rate("libcoap"), "x-libcoap")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFairness lets 200 devices fetch at once, and says how much longer
// the slowest one took than the median of them: in the median of all runs.
func BenchmarkFairness(b *testing.B) {
	const devices = 200
	body := packageBody(128 << 10)
	at := packageServer(b, len(body))
	var slowest, median, ratio []float64
	for b.Loop() {
		took := make([]float64, devices)
		var wg sync.WaitGroup
		for i := range took {
			wg.Go(func() {
				start := time.Now()
				fetchBlocks(b, at, true, body)
				took[i] = time.Since(start).Seconds()
			})
		}
		wg.Wait()
		slices.Sort(took)
		last, middle := took[devices-1], took[devices/2]
		slowest, median, ratio = append(slowest, last), append(median, middle), append(ratio, last/middle)
	}
	typical := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(typical(median)*1000, "median-ms")
	b.ReportMetric(typical(slowest)*1000, "slowest-ms")
	b.ReportMetric(typical(ratio), "slowest/median")
	b.ReportMetric(0, "ns/op")
}

// benchServer is set, to the size of its package, in the environment of the
// process that is the server of these benchmarks.
const benchServer = "LWM2M_BENCH_PACKAGE"

// packageBody is what that server has under any token.
func packageBody(size int) []byte {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i * 7)
	}
	return body
}

// packageServer starts a process that serves a package of this size on
// loopback.
func packageServer(b *testing.B, size int) *net.UDPAddr {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"="+strconv.Itoa(size))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close() // it ends by this
		_ = cmd.Wait()
	})
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		b.Fatal(err)
	}
	at, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		b.Fatal(err)
	}
	return at
}

// servePackages is that process: it ends with its input.
func servePackages(size string) int {
	n, err := strconv.Atoi(size)
	if err != nil {
		return 2
	}
	body := packageBody(n)
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 1
	}
	s := server.New(server.Options{Conn: c, Handler: &handler{}, Packages: func(context.Context, string, string) (server.Package, error) {
		return server.Package{Body: server.Body{ReaderAt: bytes.NewReader(body), Size: int64(n)}, ETag: []byte("e")}, nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	fmt.Println(c.LocalAddr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	if <-ended != nil {
		return 1
	}
	return 0
}

// libcoap starts libcoap's server and puts the body there.
func libcoap(b *testing.B, body []byte) *net.UDPAddr {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	at := c.LocalAddr().(*net.UDPAddr) // free a moment ago
	c.Close()
	cmd := exec.Command(libcoapServer, "-A", "127.0.0.1", "-p", strconv.Itoa(at.Port), "-d", "4", "-v", "1")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	own, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	e := coap.New(own, coap.Options{Transmission: coap.Transmission{AckTimeout: 100 * time.Millisecond}})
	defer background(b, e.Run)()
	put := coap.Request{Method: coap.PUT, Path: []string{"p", "x"}, Format: 42, Accept: coap.NoFormat, Payload: body}
	resp, err := e.Do(within(b, time.Minute), at.AddrPort(), put)
	if err != nil || resp.Code.Class() != 2 {
		b.Fatalf("PUT to libcoap: %v, %v", resp.Code, err)
	}
	return at
}

// fetchBlocks fetches a body block by block and compares it.
func fetchBlocks(b *testing.B, at *net.UDPAddr, ours bool, want []byte) {
	c, err := net.DialUDP("udp4", nil, at)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for off := 0; off < len(want); off += coap.MaxBlockSize {
		num := off / coap.MaxBlockSize
		m := []byte{0x44, byte(coap.GET), byte(num >> 8), byte(num), 't', 'o', 'k', 'n', 0xb1, 'p', 0x01, 'x', 0xc3, 0, 0, 0}
		binary.BigEndian.PutUint32(m[len(m)-4:], 0xc3<<24|uint32(num)<<4|6)
		if got, err := exchange(c, m, buf); err != nil || !bytes.HasSuffix(got, want[off:min(off+coap.MaxBlockSize, len(want))]) {
			b.Errorf("ours %v, block %d: %d bytes, %v", ours, num, len(got), err)
			return
		}
	}
}

// exchange sends m until it is answered.
func exchange(c *net.UDPConn, m, buf []byte) ([]byte, error) {
	for range 5 {
		if _, err := c.Write(m); err != nil {
			return nil, err
		}
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if n, err := c.Read(buf); err == nil {
			return buf[:n], nil
		}
	}
	return nil, fmt.Errorf("no answer")
}
