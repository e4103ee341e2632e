package delivery

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// benchSize is the package of the benchmark, benchRange what is asked for at
// once, in bytes.
const (
	benchSize  = 64 << 20
	benchRange = 1 << 20
)

const nginxPath = "/usr/sbin/nginx"

// BenchmarkServe is the CPU that serving 64 MiB takes, in ranges of 1 MiB on a
// connection that is kept, and in one answer; beside nginx, if it is there. The
// servers are processes of their own and take turns. "xnginx" is how many times
// as much is served for the same CPU.
func BenchmarkServe(b *testing.B) {
	ours := startOurs(b)
	var theirs *peer
	if _, err := os.Stat(nginxPath); err != nil {
		b.Logf("without nginx: %v", err)
	} else {
		theirs = startNginx(b)
	}
	for _, shape := range []struct {
		name string
		size int
	}{{"ranges", benchRange}, {"whole", benchSize}} {
		b.Run(shape.name, func(b *testing.B) {
			b.SetBytes(benchSize)
			ours.pull(b, shape.size) // warm
			us, them := -ours.cpu(b), time.Duration(0)
			if theirs != nil {
				theirs.pull(b, shape.size)
				them = -theirs.cpu(b)
			}
			for b.Loop() {
				ours.pull(b, shape.size)
				if theirs != nil {
					theirs.pull(b, shape.size)
				}
			}
			us += ours.cpu(b)
			b.ReportMetric(float64(us.Microseconds())/float64(b.N), "cpu-us/64MiB")
			if theirs != nil {
				them += theirs.cpu(b)
				b.ReportMetric(float64(them.Microseconds())/float64(b.N), "nginx-cpu-us/64MiB")
				b.ReportMetric(float64(them)/float64(max(us, 1)), "xnginx")
			}
		})
	}
}

// peer is a server process.
type peer struct {
	pid  int
	addr string
	path string
	conn net.Conn
	r    *bufio.Reader
}

// startOurs runs this test binary as a server, with one P, as nginx has one
// worker.
func startOurs(b *testing.B) *peer {
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeForBenchmark$")
	cmd.Env = append(os.Environ(), benchEnv+"="+b.TempDir(), "GOMAXPROCS=1")
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
	web := &http.Server{Handler: s}
	go func() { _ = web.Serve(l) }()
	fmt.Println(l.Addr(), pathOf(t, s, grantOf(put(t, store, "", random(benchSize)))))
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = web.Close()
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
			p.conn, p.r = c, bufio.NewReaderSize(c, 256<<10)
			return p
		}
		<-tick.C
	}
	b.Fatal("the server does not listen")
	return nil
}

// pull asks for the package in pieces of size.
func (p *peer) pull(b *testing.B, size int) {
	for at := 0; at < benchSize; at += size {
		_, err := fmt.Fprintf(p.conn, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n", p.path, at, at+size-1)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(p.r, nil)
		if err != nil || resp.StatusCode != http.StatusPartialContent {
			b.Fatal(resp, err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(size) {
			b.Fatal(n, err)
		}
	}
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
