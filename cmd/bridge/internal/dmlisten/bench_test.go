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
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// benchChild is set in the environment of the process that is the server of
// BenchmarkMessages.
const benchChild = "DMLISTEN_BENCH_SERVER"

// BenchmarkMessages measures what one core serves. The server is a process of
// its own with GOMAXPROCS(1); parallel devices (session.Client with a
// fwupdate.Tree) in this process hold sessions with it over loopback, MD5 in
// both directions with nonces that are known, six Gets in each session. A
// session is begun, authenticated, served and ended every two messages: package
// 1 with DevInfo, package 3 with what came of the Gets.
//
//	msgs/s         what was answered a second, devices and server sharing the machine
//	msgs/cpu-s     messages for each second of CPU time that the server process
//	               used, user and system: HTTP, session, table, garbage
//	               collection. This is what one core can do.
//	all-msgs/cpu-s the same with the CPU time of the devices, their trees and their
//	               HTTP clients added: as if one core did both
//	server-us/msg  the first, as microseconds a message
//	B/msg          the mean size of the messages of the devices
func BenchmarkMessages(b *testing.B) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		b.Run(enc.String(), func(b *testing.B) { benchMessages(b, enc) })
	}
}

const benchDevices = 64

func benchMessages(b *testing.B, enc syncml.Encoding) {
	url, cpu := benchServer(b)
	devices := make(chan *simDevice, benchDevices)
	for n := range benchDevices {
		d := newDevice(b, n, session.SchemeMD5, url+DefaultPath)
		d.acc.Encoding = enc
		if end, err := d.run(b.Context()); end != session.EndDone { // nonces are agreed here
			b.Fatal(end, err)
		}
		devices <- d
	}
	var messages, size atomic.Int64
	before := cpu()
	ours, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(max(1, benchDevices/4/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		d := <-devices
		defer func() { devices <- d }()
		left := 0
		for pb.Next() { // one turn is one message
			if left > 0 {
				left--
				continue
			}
			n, before := d.messages, d.bytes
			if end, err := d.run(b.Context()); end != session.EndDone {
				b.Error(end, err)
				return
			}
			left = d.messages - n - 1
			messages.Add(int64(d.messages - n))
			size.Add(int64(d.bytes - before))
		}
	})
	b.StopTimer()
	used := cpu() - before
	all, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	all += used - ours
	sent := float64(messages.Load())
	b.ReportMetric(float64(size.Load())/sent, "B/msg")
	b.ReportMetric(sent/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(sent/used.Seconds(), "msgs/cpu-s")
	b.ReportMetric(sent/all.Seconds(), "all-msgs/cpu-s")
	b.ReportMetric(float64(used.Microseconds())/sent, "server-us/msg")
}

// benchServer starts the server process and returns its address and a function
// that asks how much CPU time it has used.
func benchServer(b *testing.B) (string, func() time.Duration) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchChild+"=1")
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

// endlessWork has the same to say in every session.
type endlessWork struct{ *Memory }

func (w endlessWork) Open(ctx context.Context, c Caller) (session.ServerConfig, Visit, error) {
	w.Send(c.DeviceID, get("./DevInfo/Man"), get("./DevInfo/Mod"), get("./DevInfo/Lang"), get("./DevInfo/DmV"), get("./DevInfo/DevId"), get("./DevDetail/SwV"))
	return w.Memory.Open(ctx, c)
}

// benchServe is the server process of BenchmarkMessages: it says its address and
// works until its standard input ends.
func benchServe() error {
	runtime.GOMAXPROCS(1)
	work := NewMemory()
	for n := range benchDevices {
		work.Add(serverSide(account(n, session.SchemeMD5)))
	}
	mux := http.NewServeMux()
	mux.Handle(DefaultPath, New(Options{Work: endlessWork{work}}))
	mux.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		used, err := cpuTime()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, int64(used))
	})
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
