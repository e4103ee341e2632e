package delivery

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
)

// benchSize is the package of the benchmark, benchRange what is asked for at
// once, in bytes.
const (
	benchSize    = 64 << 20
	benchRange   = 1 << 20
	benchClients = 16 // at the same time
)

const nginxPath = "/usr/sbin/nginx"

// BenchmarkServe is the CPU that serving 64 MiB takes, in ranges of 1 MiB and in
// one answer, on connections that are kept; beside nginx, if it is there. The
// servers are processes of their own and take turns. "xnginx" is how many times
// as much is served for the same CPU. With one client alone it says more of what
// waiting costs: Go's scheduler looks for work for a while before it sleeps.
func BenchmarkServe(b *testing.B) {
	ours := startOurs(b)
	var theirs *peer
	if _, err := os.Stat(nginxPath); err != nil {
		b.Logf("without nginx: %v", err)
	} else {
		theirs = startNginx(b)
	}
	for _, shape := range []struct {
		name          string
		clients, size int
	}{{"ranges", benchClients, benchRange}, {"whole", benchClients, benchSize}, {"one-client-ranges", 1, benchRange}, {"one-client-whole", 1, benchSize}} {
		b.Run(shape.name, func(b *testing.B) {
			b.SetBytes(int64(shape.clients) * benchSize)
			ours.pull(b, shape.clients, shape.size) // warm
			us, them := -ours.cpu(b), time.Duration(0)
			if theirs != nil {
				theirs.pull(b, shape.clients, shape.size)
				them = -theirs.cpu(b)
			}
			for b.Loop() {
				ours.pull(b, shape.clients, shape.size)
				if theirs != nil {
					theirs.pull(b, shape.clients, shape.size)
				}
			}
			us += ours.cpu(b)
			packages := float64(b.N * shape.clients)
			b.ReportMetric(float64(us.Microseconds())/packages, "cpu-us/64MiB")
			if theirs != nil {
				them += theirs.cpu(b)
				b.ReportMetric(float64(them.Microseconds())/packages, "nginx-cpu-us/64MiB")
				b.ReportMetric(float64(them)/float64(max(us, 1)), "xnginx")
			}
		})
	}
}

// peer is a server process.
type peer struct {
	pid   int
	addr  string
	path  string
	lines []line
}

// line is a connection that is kept.
type line struct {
	net.Conn
	r *bufio.Reader
}

// startOurs runs this test binary as a server, behind the listener of the bridge.
func startOurs(b *testing.B) *peer {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeForBenchmark$")
	cmd.Env = append(os.Environ(), benchEnv+"="+b.TempDir())
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
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	p := &peer{pid: cmd.Process.Pid}
	if _, err := fmt.Fscanln(out, &p.addr, &p.path); err != nil {
		b.Fatal(err)
	}
	return p.dial(b)
}

const benchEnv = "FWBRIDGE_SERVE_FOR_BENCHMARK"

// TestServeForBenchmark is the server of BenchmarkServe, until its input ends.
func TestServeForBenchmark(t *testing.T) {
	dir := os.Getenv(benchEnv)
	if dir == "" {
		t.Skip("only for BenchmarkServe")
	}
	store := openStore(t, StoreOptions{Dir: dir})
	s := newServer(t, ServerOptions{Store: store, Progress: func(Transfer) {}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- dmlisten.Serve(ctx, l, s, nil) }() // as the bridge does
	fmt.Println(l.Addr(), pathOf(t, s, grantOf(put(t, store, "", random(benchSize)))))
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	<-over
}

func startNginx(b *testing.B) *peer {
	dir := b.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the worker may be nobody
		b.Fatal(err)
	}
	if err := os.WriteFile(dir+"/p.bin", random(benchSize), 0o644); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p := &peer{addr: l.Addr().String(), path: "/p.bin"}
	l.Close()
	conf := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; root %[1]s; default_type application/octet-stream; } }`, dir, p.addr)
	if err := os.WriteFile(dir+"/nginx.conf", []byte(conf), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(nginxPath, "-c", dir+"/nginx.conf", "-p", dir, "-e", dir+"/error.log")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p.pid = cmd.Process.Pid
	return p.dial(b)
}

func (p *peer) dial(b *testing.B) *peer {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			b.Cleanup(func() { c.Close() })
			if p.lines = append(p.lines, line{c, bufio.NewReaderSize(c, 256<<10)}); len(p.lines) == benchClients {
				return p
			}
			continue
		}
		<-tick.C
	}
	b.Fatal("the server does not listen")
	return nil
}

// pull asks for the package in pieces of size, over so many connections at the
// same time.
func (p *peer) pull(b *testing.B, clients, size int) {
	var all sync.WaitGroup
	for _, c := range p.lines[:clients] {
		all.Go(func() {
			if err := c.pull(p.path, size); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

func (c line) pull(path string, size int) error {
	for at := 0; at < benchSize; at += size {
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n", path, at, at+size-1)
		if err != nil {
			return err
		}
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(size) || resp.StatusCode != http.StatusPartialContent {
			return fmt.Errorf("status %d, %d bytes: %w", resp.StatusCode, n, err)
		}
	}
	return nil
}

// cpu is the CPU time that the process has used, all its threads.
func (p *peer) cpu(b *testing.B) time.Duration {
	var sum time.Duration
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil || len(threads) == 0 {
		b.Fatal("no CPU time: ", err)
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has just ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}
