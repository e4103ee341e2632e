package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the benchmarks of direction B do. LEGACY_DEVICES and LEGACY_CAMPAIGNS
// change the first two.
const (
	legacyFleetDevices  = 5000
	legacyCampaigns     = 1000
	legacyCampaignPause = 15 * time.Second // between the observations and the campaigns
	firstMessages       = 3                // of a device's first session: challenge, proof, DevDetail
)

// What is counted of what the LwM2M server says, once for each device.
const (
	lineRegistered = " registered"
	linePause      = "step: pause"
	lineEnded      = " ended as expected"
)

// BenchmarkVirtualDevices runs "bridge serve" with legacy devices that are shown
// to "bridge sim lwm2m-server", as two processes. It reports how fast they are
// registered, each with three observations, and what one costs in memory: what
// the bridge's resident set is larger than with one device.
func BenchmarkVirtualDevices(b *testing.B) {
	for b.Loop() {
		alone := newLegacyBench(b, 1, "expect state=INITIAL")
		alone.until(lineEnded, 1)
		idle := alone.rss()
		alone.end()
		n := benchNumber(b, "LEGACY_DEVICES", legacyFleetDevices)
		start := time.Now()
		f := newLegacyBench(b, n, "expect state=INITIAL")
		f.until(lineRegistered, n)
		registered := time.Since(start)
		f.until(lineEnded, n)
		observed := time.Since(start)
		b.ReportMetric((f.rss()-idle)/float64(n)/1024, "bridge-RSS-KiB/device")
		b.ReportMetric(float64(n)/registered.Seconds(), "registrations/s")
		b.ReportMetric(observed.Seconds(), "s-until-all-observed")
		b.ReportMetric(f.cpu(), "bridge-cpu-s-until-then")
		f.end()
	}
	b.ReportMetric(0, "ns/op")
}

func benchNumber(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s: want a number", name)
	}
	return n
}

// legacyBench is a bridge for direction B and its LwM2M server, both as
// processes of their own.
type legacyBench struct {
	fleetBench
	dm, gateway string
	dir         string
	lines       chan string    // of the LwM2M server
	seen        map[string]int // lines so far with each of legacyLines
	all         []*exec.Cmd
}

func newLegacyBench(b *testing.B, n int, steps ...string) *legacyBench {
	return startLegacyBench(b, n, "", steps...)
}

// startLegacyBench is newLegacyBench with packages from a mirror, if there is one.
func startLegacyBench(b *testing.B, n int, mirror string, steps ...string) *legacyBench {
	dir := b.TempDir()
	f := &legacyBench{fleetBench: fleetBench{b: b, binary: filepath.Join(dir, "bridge"), http: freeTCP(b)}, dm: freeTCP(b), gateway: freeTCP(b), dir: dir, seen: map[string]int{}}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Symlink(self, f.binary); err != nil { // the test binary is the bridge when it is called so (TestMain)
		b.Fatal(err)
	}
	script := f.file("script.yaml", "timeout: 5m\nretries: 20\nsteps:\n  - observe 7 9 12\n  - "+strings.Join(steps, "\n  - ")+"\n")
	out := f.process("sim", "lwm2m-server", "--listen", "127.0.0.1:0", "--script", script)
	in := bufio.NewScanner(out)
	if !in.Scan() {
		b.Fatal("the LwM2M server says nothing")
	}
	addr := in.Text()[strings.LastIndexByte(in.Text(), ' ')+1:]
	f.lines = make(chan string, 1000)
	go func() {
		defer close(f.lines)
		for in.Scan() {
			f.lines <- in.Text()
		}
	}()
	f.serve(n, addr, mirror)
	return f
}

func (f *legacyBench) file(name, text string) string {
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.b.Fatal(err)
	}
	return path
}

// process starts one; its output comes back.
func (f *legacyBench) process(args ...string) io.Reader {
	cmd := exec.Command(f.binary, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		f.b.Fatal(err)
	}
	f.all = append(f.all, cmd)
	f.b.Cleanup(func() { cmd.Process.Kill() }) // when end was not reached
	return out
}

// serve starts the bridge with n devices.
func (f *legacyBench) serve(n int, addr, mirror string) {
	var ids strings.Builder
	for i := range n {
		fmt.Fprintf(&ids, "IMEI:35%d, ", i+1)
	}
	config := f.file("bridge.yaml", fmt.Sprintf(`coap: {secure: {listen: ""}}
http: {listen: %q}
log: {level: error}
legacy:
  listen: %q
  url: http://%[2]s/dm
  groups:
    - name: phones
      devices: [%s]
      account: {client: {scheme: md5, user: dev, secret: s1}, server: {scheme: md5, secret: s2}}
      address: "{imei}"
  lwm2m_servers: [{name: main, address: %q, devices: ["*"], lifetime: 1h}]
packages: {url: %q, allow: {networks: [127.0.0.0/8], ports: ["0"]}}
triggers: {out: {channel: kannel, url: "http://%s/cgi-bin/sendsms"}}
`, f.http, f.dm, strings.TrimSuffix(ids.String(), ", "), addr, cmp.Or(mirror, "http://"+f.dm), f.gateway))
	f.process("serve", "--config", config, "--data", filepath.Join(f.dir, "data"))
	f.bridge = f.all[len(f.all)-1]
}

// devices starts as many as the bridge has, which have a session and then wait
// for triggers.
func (f *legacyBench) devices(more ...string) {
	s1, s2 := f.file("s1", "s1"), f.file("s2", "s2")
	out := f.process(append([]string{"sim", "dm-device", "--server", "http://" + f.dm + "/dm", "--server-id", "fwbridge",
		"--device-id", "IMEI:35%d", "--number", "35%d", "--count", strconv.Itoa(benchNumber(f.b, "LEGACY_CAMPAIGNS", legacyCampaigns)),
		"--gateway", f.gateway, "--auth", "md5", "--user", "dev", "--secret-file", s1, "--server-auth", "md5", "--server-secret-file", s2}, more...)...)
	go func() { _, _ = io.Copy(io.Discard, out) }()
}

// until waits until the LwM2M server has said something n times.
func (f *legacyBench) until(text string, n int) {
	f.b.Helper()
	hang := time.After(5 * time.Minute)
	for f.seen[text] < n {
		select {
		case line, ok := <-f.lines:
			if !ok || strings.Contains(line, " ended: ") {
				f.b.Fatalf("the LwM2M server: %s", line)
			}
			for _, t := range []string{lineRegistered, linePause, lineEnded} {
				if strings.Contains(line, t) {
					f.seen[t]++
				}
			}
		case <-hang:
			f.b.Fatalf("%q came %d times, not %d", text, f.seen[text], n)
		}
	}
}

// end ends the processes.
func (f *legacyBench) end() {
	for _, cmd := range f.all {
		cmd.Process.Signal(os.Interrupt)
	}
	for range f.lines {
		continue
	}
	for _, cmd := range f.all {
		cmd.Wait()
	}
}

// freeTCP is a loopback address that is free now.
func freeTCP(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
