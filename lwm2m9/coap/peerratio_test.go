package coap_test

import (
	"bufio"
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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// benchRole is set in the environment of a process that is one of the servers
// of the comparisons with go-coap.
const benchRole = "COAP_BENCH_SERVER"

// benchPackage is the size of the body that the servers have under /package.
const benchPackage = 4 << 20

// benchServers are what such a process can be.
var benchServers = map[string]func(ctx context.Context, c *net.UDPConn) error{
	"ours":    serveOurs,
	"go-coap": serveGoCoAP,
}

func serveOurs(ctx context.Context, c *net.UDPConn) error {
	body := make([]byte, benchPackage)
	return coap.New(c, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
		if r.Path[0] == "package" {
			return coap.Response{Code: coap.Content, Format: 42, Payload: body}
		}
		return coap.Response{Code: coap.Content, Payload: []byte("0")}
	}}).Run(ctx)
}

// serveGoCoAP is a go-coap server as its examples build one; the package is a
// reader, as its interface wants it.
func serveGoCoAP(ctx context.Context, c *net.UDPConn) error {
	body := make([]byte, benchPackage)
	r := mux.NewRouter()
	answer := func(format message.MediaType, body []byte) mux.HandlerFunc {
		return func(w mux.ResponseWriter, _ *mux.Message) {
			_ = w.SetResponse(codes.Content, format, bytes.NewReader(body))
		}
	}
	_ = r.Handle("/9/0/7", answer(message.TextPlain, []byte("0")))
	_ = r.Handle("/package", answer(message.AppOctets, body))
	s := udp.NewServer(options.WithMux(r), options.WithContext(ctx),
		options.WithBlockwise(true, blockwise.SZX1024, 3*time.Second), options.WithErrors(func(error) {}))
	context.AfterFunc(ctx, s.Stop)
	return s.Serve(coapnet.NewUDPConn("udp4", c))
}

// benchProcess is the main function of such a process: it prints its address,
// and its CPU time in nanoseconds for each line that it reads.
func benchProcess(role string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 1
	}
	_ = c.SetReadBuffer(1 << 20)
	go func() { _ = benchServers[role](ctx, c) }()
	fmt.Println(c.LocalAddr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var use syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
			return 1
		}
		fmt.Println(use.Utime.Nano() + use.Stime.Nano())
	}
	return 0
}

// benchPeer starts a process in the role and returns its address and a
// function that asks for its CPU time.
func benchPeer(b *testing.B, role string) (*net.UDPAddr, func() time.Duration) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchRole+"="+role)
	cmd.Stderr = os.Stderr
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
	lines := bufio.NewReader(out)
	line := func() string {
		s, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimSpace(s)
	}
	addr, err := net.ResolveUDPAddr("udp4", line())
	if err != nil {
		b.Fatal(err)
	}
	return addr, func() time.Duration {
		if _, err := io.WriteString(in, "\n"); err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseInt(line(), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(ns)
	}
}

// BenchmarkAgainstGoCoAP compares a server of ours with one of go-coap, each
// a process of its own: the CPU time, user and system, of a confirmable GET
// that 256 peers take turns to send (a peer sends few, because go-coap's costs
// grow with their number); and the rate at which one peer fetches a body of 4 MiB
// block by block. The client is a plain socket.
func BenchmarkAgainstGoCoAP(b *testing.B) {
	b.Run("get", func(b *testing.B) {
		const gets = 20 // of each peer, in each turn
		rounds := benchTurns(b, func(to *net.UDPAddr) int { return getsOf(b, to, gets) })
		ours, theirs := rounds["ours"], rounds["go-coap"]
		b.ReportMetric(ours.cpu.Seconds()*1e6, "ours-us/get")
		b.ReportMetric(theirs.cpu.Seconds()*1e6, "go-coap-us/get")
		b.ReportMetric(float64(ours.cpu)/float64(theirs.cpu), "cpu-ratio")
	})
	b.Run("block2", func(b *testing.B) {
		rounds := benchTurns(b, func(to *net.UDPAddr) int { return blocksOf(b, to) })
		ours, theirs := rounds["ours"], rounds["go-coap"]
		rate := func(r round) float64 { return 1024 / r.wall.Seconds() / (1 << 20) }
		b.ReportMetric(rate(ours), "ours-MiB/s")
		b.ReportMetric(rate(theirs), "go-coap-MiB/s")
		b.ReportMetric(rate(ours)/rate(theirs), "x-go-coap")
	})
}

// BenchmarkOneTalkativePeer is the round trip over loopback around the
// 12,000th message of one peer, through that around the 1,000th: the median of
// a thousand each.
func BenchmarkOneTalkativePeer(b *testing.B) {
	const half = 500
	var early, late []float64
	for b.Loop() {
		to, _ := benchPeer(b, "ours")
		c, err := net.DialUDP("udp4", nil, to)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 2048)
		for k := range 12_000 + half {
			start := time.Now()
			if _, err := c.Write(append(raw(0, coap.GET, uint16(k), "tokn"), 0xb1, '9')); err != nil {
				b.Fatal(err)
			}
			mustAnswer(b, c, buf)
			switch took := float64(time.Since(start).Nanoseconds()); {
			case k >= 1_000-half && k < 1_000+half:
				early = append(early, took)
			case k >= 12_000-half:
				late = append(late, took)
			}
		}
		c.Close()
	}
	slices.Sort(early)
	slices.Sort(late)
	first, last := early[len(early)/2], late[len(late)/2]
	b.ReportMetric(first, "ns/1000th")
	b.ReportMetric(last, "ns/12000th")
	b.ReportMetric(last/first, "ratio")
	b.ReportMetric(0, "ns/op")
}

// round is what one message cost, over all turns.
type round struct{ cpu, wall time.Duration }

// benchTurns lets the two servers take turns at the same work.
func benchTurns(b *testing.B, work func(*net.UDPAddr) int) map[string]round {
	type total struct {
		round
		n int
	}
	totals := make(map[string]*total)
	peers := make(map[string]*net.UDPAddr)
	cpus := make(map[string]func() time.Duration)
	for role := range benchServers {
		peers[role], cpus[role] = benchPeer(b, role)
		totals[role] = new(total)
	}
	for b.Loop() {
		for role, t := range totals {
			cpu, start := cpus[role](), time.Now()
			t.n += work(peers[role])
			t.wall += time.Since(start)
			t.cpu += cpus[role]() - cpu
		}
	}
	b.ReportMetric(0, "ns/op") // that of both together says nothing
	per := make(map[string]round)
	for role, t := range totals {
		per[role] = round{t.cpu / time.Duration(t.n), t.wall / time.Duration(t.n)}
	}
	return per
}

// getsOf sends n GETs from each of 256 sockets, one after the other on each,
// sixteen sockets at a time.
func getsOf(b *testing.B, to *net.UDPAddr, n int) int {
	const peers, together = 256, 16
	socks := make([]*net.UDPConn, peers)
	for i := range socks {
		c, err := net.DialUDP("udp4", nil, to)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		socks[i] = c
	}
	options := []byte{0xb1, '9', 0x01, '0', 0x01, '7'}
	buf := make([]byte, 2048)
	for i := 0; i < peers; i += together {
		for k := range n {
			for _, c := range socks[i : i+together] {
				if _, err := c.Write(append(raw(0, coap.GET, uint16(k), "tokn"), options...)); err != nil {
					b.Fatal(err)
				}
			}
			for _, c := range socks[i : i+together] {
				mustAnswer(b, c, buf)
			}
		}
	}
	return peers * n
}

// blocksOf fetches /package block by block, and returns how many there were.
func blocksOf(b *testing.B, to *net.UDPAddr) int {
	c, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 2048)
	blocks := benchPackage / coap.MaxBlockSize
	for num := range blocks {
		m := append(raw(0, coap.GET, uint16(num), "tokn"), 0xb7)
		m = append(m, "package"...)
		m = append(m, 0xc3, 0, 0, 0) // Block2, 23 = 11 + 12
		binary.BigEndian.PutUint32(m[len(m)-4:], 0xc3<<24|uint32(num)<<4|6)
		if _, err := c.Write(m); err != nil {
			b.Fatal(err)
		}
		if n := mustAnswer(b, c, buf); n < coap.MaxBlockSize {
			b.Fatalf("block %d: %d bytes", num, n)
		}
	}
	return blocks
}

func mustAnswer(b *testing.B, c *net.UDPConn, buf []byte) int {
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := c.Read(buf)
	if err != nil {
		b.Fatal(err)
	}
	if coap.Code(buf[1]) != coap.Content {
		b.Fatalf("answered %v", coap.Code(buf[1]))
	}
	return n
}
