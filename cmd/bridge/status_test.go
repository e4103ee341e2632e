package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/status"
)

// bridgeWithDevice runs a bridge that keeps packages, and a device of it.
func bridgeWithDevice(t *testing.T, fault ...string) (data, addr string) {
	t.Helper()
	data = t.TempDir()
	c := begin(t, "serve", "--config", write(t, "bridge.yaml", quietConfig+"packages: {way: push}\n"), "--data", data)
	addr = c.err.shows(t, `coap=(\S+)`)
	device := begin(t, append([]string{"sim", "lwm2m-device", "--endpoint", "meter-7", "--server", addr}, fault...)...)
	device.out.shows(t, "registered")
	return data, c.err.shows(t, `http=(\S+)`)
}

// call runs a command to its end.
func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// shows runs a command that has to succeed and to show something.
func shows(t *testing.T, what []string, args ...string) string {
	t.Helper()
	code, out, errOut := call(t, args...)
	for _, w := range what {
		if code != exitDone || !strings.Contains(out, w) {
			t.Errorf("%q: exit %d, does not show %q:\n%s%s", args, code, w, out, errOut)
		}
	}
	return out
}

// refused runs a command that has to fail and to say why.
func refused(t *testing.T, want int, why string, args ...string) {
	t.Helper()
	if code, out, errOut := call(t, args...); code != want || !strings.Contains(errOut, why) {
		t.Errorf("%q: exit %d, want %d and %q:\n%s%s", args, code, want, why, out, errOut)
	}
}

// TestStatusAndPush looks at a running bridge, puts packages into its store and
// pushes one.
func TestStatusAndPush(t *testing.T) {
	data, at := bridgeWithDevice(t)
	shows(t, []string{"healthy", "LwM2M devices (direction A): 1", "meter-7", "10 Idle"}, "status", "--data", data)
	shows(t, []string{"meter-7"}, "status", "--url", "http://"+at)
	shows(t, []string{"meter-7, LwM2M device (direction A)", "Time line"}, "status", "meter-7", "--data", data)
	refused(t, exitFailed, "meter-8: the bridge knows no such device", "status", "meter-8", "--data", data)
	var o status.Overview
	if err := json.Unmarshal([]byte(shows(t, nil, "status", "--json", "--data", data)), &o); err != nil || len(o.Devices) != 1 || !o.Devices[0].Registered {
		t.Errorf("%+v, %v", o, err)
	}

	file := filepath.Join(t.TempDir(), "firmware.bin")
	if err := os.WriteFile(file, simpackage.Build(simpackage.Package{Name: "fw", Version: "2", Payload: bytes.Repeat([]byte("firmware"), 5000)}), 0o600); err != nil {
		t.Fatal(err)
	}
	digest, _, _ := strings.Cut(shows(t, []string{" bytes"}, "package", "add", file, "--data", data), " ")
	shows(t, []string{digest, "1 package"}, "package", "list", "--data", data)
	refused(t, exitFailed, "port 9 is not among packages.allow.ports", "package", "add", "http://127.0.0.1:9/x", "--data", data)
	refused(t, exitUsage, "want a SHA-256", "package", "remove", "xyz", "--data", data)
	refused(t, exitFailed, "meter-8: no such device", "package", "push", "meter-8", digest[:8], "--data", data)
	refused(t, exitFailed, "0000: no such package", "package", "push", "meter-7", "0000", "--data", data)
	refused(t, exitFailed, "the device answered 4.04", "package", "push", "meter-7", digest[:8], "--instance", "77", "--data", data)

	code, out, errOut := call(t, "package", "push", "meter-7", digest[:8], "--data", data)
	if code != exitDone || !strings.Contains(out, "meter-7 has the package") || !strings.Contains(errOut, "pushed 100%") {
		t.Errorf("push: exit %d\n%s%s", code, out, errOut)
	}
	shows(t, []string{"Packages on their way", "pushed to it", "100%", "done"}, "status", "meter-7", "--data", data)
	refused(t, exitFailed, "the instance is not INITIAL", "package", "push", "meter-7", file, "--data", data)
	shows(t, []string{" is removed"}, "package", "remove", digest, "--data", data)
}

// TestMetricsServed: the numbers of a running bridge.
func TestMetricsServed(t *testing.T) {
	_, at := bridgeWithDevice(t)
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	for _, line := range []string{"fwbridge_healthy 1", "fwbridge_devices_registered 1", `fwbridge_devices{direction="a"} 1`, "fwbridge_packages 0"} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("missing %s in:\n%s", line, body)
		}
	}
}

// TestPushBusyDevice: what a device says against a push is told with what it
// means.
func TestPushBusyDevice(t *testing.T) {
	data, _ := bridgeWithDevice(t, "--fault", "refuse@write-package=4.13*9")
	file := write(t, "firmware.bin", strings.Repeat("x", 5000))
	refused(t, exitFailed, "4.13: it has not enough storage", "package", "push", "meter-7", file, "--data", data)
}
