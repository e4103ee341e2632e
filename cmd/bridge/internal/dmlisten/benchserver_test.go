package dmlisten

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/syncml/session"
)

const (
	// benchChild is set in the environment of the process that is the server of
	// BenchmarkMessages.
	benchChild = "DMLISTEN_BENCH_SERVER"
	// benchProfile may be set to a file name: the server process writes the
	// profile of its CPU time there. -cpuprofile is that of the devices.
	benchProfile = "DMLISTEN_BENCH_PROFILE"
)

// benchServer starts the server process and returns its address and a function
// that asks how much CPU time it has used.
func benchServer(b *testing.B) (string, func() time.Duration) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchChild+"=1")
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
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		b.Fatal(err)
	}
	return url, func() time.Duration {
		resp, err := http.Get(url + "/cpu")
		if err != nil {
			b.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		ns, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(ns)
	}
}

// benchGets is what every session asks for.
var benchGets = []Job{
	{Key: "1", Command: get("./DevInfo/Man")}, {Key: "2", Command: get("./DevInfo/Mod")}, {Key: "3", Command: get("./DevInfo/Lang")},
	{Key: "4", Command: get("./DevInfo/DmV")}, {Key: "5", Command: get("./DevInfo/DevId")}, {Key: "6", Command: get("./DevDetail/SwV")},
}

// benchWork has the same to say in every session and remembers nothing but the
// nonces: [Memory] keeps every result for ever, and the benchmark would measure
// how the garbage collector walks over them.
type benchWork struct {
	mu      sync.Mutex
	devices map[string]session.ServerConfig
}

func (w *benchWork) Open(_ context.Context, c Caller) (session.ServerConfig, Visit, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	cfg, ok := w.devices[keyOf(c.DeviceID)]
	if !ok {
		return cfg, nil, ErrUnknownDevice
	}
	return cfg, &benchVisit{w: w, device: keyOf(c.DeviceID)}, nil
}

type benchVisit struct {
	w      *benchWork
	device string
	asked  bool
	good   int // results
}

func (v *benchVisit) Heard(_ context.Context, got session.Received) ([]Job, error) {
	v.w.mu.Lock()
	cfg := v.w.devices[v.device]
	cfg.Nonces = got.Nonces
	v.w.devices[v.device] = cfg
	v.w.mu.Unlock()
	for _, r := range got.Results {
		if r.OK() && len(r.Found) == 1 {
			v.good++
		}
	}
	if v.asked {
		return nil, nil
	}
	v.asked = true
	return benchGets, nil
}

// Said hangs up on a device whose session ends without all it was asked for,
// which fails the benchmark.
func (v *benchVisit) Said(unsent []session.Result, end session.End) {
	if end != session.EndNot && (end != session.EndDone || v.good != len(benchGets) || len(unsent) > 0) {
		panic(fmt.Sprintf("session %v with %d of %d results", end, v.good, len(benchGets)))
	}
}

func (v *benchVisit) Gone() {}

// benchServe is the server process of BenchmarkMessages: it says its address and
// works until its standard input ends.
func benchServe() error {
	runtime.GOMAXPROCS(1)
	work := &benchWork{devices: map[string]session.ServerConfig{}}
	for n := range benchDevices {
		acc := account(n, session.SchemeMD5)
		work.devices[keyOf(acc.DeviceID)] = serverSide(acc)
	}
	mux := http.NewServeMux()
	mux.Handle(DefaultPath, New(Options{Work: work}))
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		used, err := cpuTime()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, int64(used))
	})
	if name := os.Getenv(benchProfile); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Printf("http://%s\n", l.Addr())
	return Serve(ctx, l, mux, nil)
}

// cpuTime is what this process has used, user and system.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
