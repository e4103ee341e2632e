package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What BenchmarkFleet does. FLEET_DEVICES changes the first.
const (
	fleetDevices  = 15_000
	fleetLength   = 60 * time.Second // of the simulator
	fleetLifetime = 30 * time.Second // a device that is not updated is gone before the end
)

// BenchmarkFleet runs "bridge serve", on a synced Pebble store, and "bridge sim
// lwm2m-device" as two processes, and reports what the registrations cost. A
// device counts as registered with its 2.01, which goes out after the synced
// write. At the end every first lifetime is over: who is still registered was kept
// alive by updates. With ramp=0s all devices start in the same moment, which
// overflows the socket's buffer, so that many have to repeat themselves.
func BenchmarkFleet(b *testing.B) {
	for _, ramp := range []string{"0s", "5s"} {
		b.Run("ramp="+ramp, func(b *testing.B) {
			for b.Loop() {
				runFleet(b, "--ramp", ramp)
			}
		})
	}
}

func runFleet(b *testing.B, more ...string) {
	devices := fleetDevices
	if text := os.Getenv("FLEET_DEVICES"); text != "" {
		var err error
		if devices, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	f := newFleetBench(b)
	idle := f.rss()
	sim := exec.Command(f.binary, append([]string{"sim", "lwm2m-device", "--server", f.coap, "--endpoint", "bench-%d",
		"--count", strconv.Itoa(devices), "--lifetime", fleetLifetime.String(), "--for", fleetLength.String()}, more...)...)
	var out, errOut bytes.Buffer
	sim.Stdout, sim.Stderr = &out, &errOut
	if err := sim.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	cpu, err := f.untilAll(devices, ended)
	if err != nil {
		b.Fatalf("the simulator: %v\n%s%s", err, &out, &errOut)
	}
	f.report(b, sim, out.String(), devices, cpu, idle)
}

// untilAll waits for the end of the simulator. It returns the bridge's CPU time
// up to when it knew all devices.
func (f *fleetBench) untilAll(devices int, ended <-chan error) (cpu float64, err error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for all := false; ; {
		select {
		case err := <-ended:
			return cpu, err
		case <-tick.C:
		}
		if !all {
			cpu, all = f.cpu(), f.devices() >= devices
		}
	}
}

// report tells the figures.
func (f *fleetBench) report(b *testing.B, sim *exec.Cmd, out string, devices int, cpu, idle float64) {
	end := regexp.MustCompile(`end: (\d+) of \d+ devices registered, (\d+) registrations, (\d+) updates, (\d+) failures.* after ([0-9.]+) s`).FindStringSubmatch(out)
	if end == nil {
		b.Fatalf("no last line:\n%s", out)
	}
	var n [6]float64
	for i, text := range end[1:] {
		n[i], _ = strconv.ParseFloat(text, 64) // the expression matches numbers
	}
	b.ReportMetric(float64(devices-f.present()), "gone-at-the-end")
	b.ReportMetric(n[4], "s-until-all-durable")
	b.ReportMetric(cpu, "bridge-cpu-s-until-then")
	b.ReportMetric((f.cpu()-cpu)/max(1, n[2])*1e6, "bridge-cpu-µs/update")
	b.ReportMetric(n[1]-float64(devices), "registered-again")
	b.ReportMetric(n[2]/float64(devices), "updates/device")
	b.ReportMetric((sim.ProcessState.UserTime() + sim.ProcessState.SystemTime()).Seconds(), "sim-cpu-s-in-all")
	b.ReportMetric((f.rss()-idle)/float64(devices)/1024, "bridge-RSS-KiB/device")
}

// fleetBench is a bridge that runs as its own process.
type fleetBench struct {
	b                  *testing.B
	binary, coap, http string
	bridge             *exec.Cmd
}

func newFleetBench(b *testing.B) *fleetBench {
	dir := b.TempDir()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	f := &fleetBench{b: b, binary: filepath.Join(dir, "bridge"), coap: freeAddr(b), http: freeAddr(b)}
	if err := os.Symlink(self, f.binary); err != nil { // the test binary is the bridge when it is called so (TestMain)
		b.Fatal(err)
	}
	config := filepath.Join(dir, "bridge.yaml")
	yaml := fmt.Sprintf("coap: {listen: %q, secure: {listen: \"\"}}\nhttp: {listen: %q}\nlog: {level: warn}\n", f.coap, f.http)
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		b.Fatal(err)
	}
	f.bridge = exec.Command(f.binary, "serve", "--config", config, "--data", filepath.Join(dir, "data"))
	if err := f.bridge.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		f.bridge.Process.Signal(os.Interrupt)
		f.bridge.Wait()
	})
	for f.devices() < 0 {
		time.Sleep(50 * time.Millisecond) // of a measurement, not of a test
	}
	return f
}

// freeAddr is a loopback address that is free now for UDP and TCP.
func freeAddr(b *testing.B) string {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func (f *fleetBench) get(path string, into any) bool {
	resp, err := http.Get("http://" + f.http + path)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into) == nil
}

// devices is how many devices the bridge knows; -1 while it does not answer.
func (f *fleetBench) devices() int {
	var h struct{ Devices int }
	if !f.get("/healthz", &h) {
		return -1
	}
	return h.Devices
}

// present is how many devices the bridge has as registered now.
func (f *fleetBench) present() (n int) {
	after := ""
	for {
		var page struct {
			Devices []struct{ Registered bool }
			Next    string
		}
		if !f.get("/api/v1/devices?limit=1000&after="+after, &page) {
			f.b.Fatal("the bridge does not list its devices")
		}
		for _, d := range page.Devices {
			if d.Registered {
				n++
			}
		}
		if after = page.Next; after == "" {
			return n
		}
	}
}

// proc is a file of the bridge in /proc: the benchmark is for Linux.
func (f *fleetBench) proc(name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", f.bridge.Process.Pid, name))
	if err != nil {
		f.b.Skip("no /proc: ", err)
	}
	return string(text)
}

// cpu is the bridge's CPU time so far, in seconds.
func (f *fleetBench) cpu() float64 {
	_, after, _ := strings.Cut(f.proc("stat"), ") ")
	parts := strings.Fields(after)
	user, _ := strconv.ParseFloat(parts[11], 64)
	system, _ := strconv.ParseFloat(parts[12], 64)
	return (user + system) / 100 // USER_HZ
}

// rss is the bridge's memory, in bytes.
func (f *fleetBench) rss() float64 {
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(f.proc("status"))
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	return n * 1024
}
