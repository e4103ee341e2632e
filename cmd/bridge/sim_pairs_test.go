package main

import (
	"strings"
	"testing"
	"time"
)

// TestSimLwM2MPair: the two LwM2M simulators and the package server, as
// commands, update each other.
func TestSimLwM2MPair(t *testing.T) {
	packages := begin(t, "sim", "packages", "--listen", "127.0.0.1:0")
	base := packages.out.shows(t, `(http://127\.0\.0\.1:\d+)`)
	server := begin(t, "sim", "lwm2m-server", "--listen", "127.0.0.1:0", "--package-url", base+"/ok/radio-2.0.pkg", "--count", "2")
	addr := server.out.shows(t, `LwM2M server at (\S+)\n`)
	devices := begin(t, "sim", "lwm2m-device", "--server", addr, "--endpoint", "dev-%d", "--count", "2", "--download", "1ms", "--install", "1ms")
	if code := server.finish(t); code != exitDone || !strings.Contains(server.out.String(), "dev-1 ended as expected") {
		t.Errorf("exit %d\n%s%s", code, server.out, server.err)
	}
	if code := devices.stop(); code != exitDone || packages.stop() != exitDone {
		t.Errorf("the devices: exit %d\n%s", code, devices.err)
	}
}

// TestSimLwM2MServerFails: a device that does not end as the script expects is
// named, and the exit code says so.
func TestSimLwM2MServerFails(t *testing.T) {
	script := write(t, "s.yaml", "steps: [observe 7 9 12, expect installed]\n")
	server := begin(t, "sim", "lwm2m-server", "--listen", "127.0.0.1:0", "--script", script, "--count", "1")
	addr := server.out.shows(t, `LwM2M server at (\S+)\n`)
	begin(t, "sim", "lwm2m-device", "--server", addr, "--endpoint", "dev")
	if code := server.finish(t); code != exitFailed || !strings.Contains(server.out.String(), `dev failed at "expect installed": want installed; it shows INITIAL`) ||
		!strings.Contains(server.err.String(), "1 of 1 device did not end as expected") {
		t.Errorf("exit %d\n%s%s", code, server.out, server.err)
	}
}

const simCampaign = `auth: md5
accounts: [{device: "*", password: pw}]
server-auth: md5
server-id: fwbridge
server-password: spw
campaigns:
  - {package: x, name: radio, version: "2.0", url: "URL", correlator: job}
`

// TestSimDMPair: the two DM simulators update each other; the devices wait for
// a trigger, which comes through their SMS gateway and by UDP.
func TestSimDMPair(t *testing.T) {
	packages := begin(t, "sim", "packages", "--listen", "127.0.0.1:0")
	base := packages.out.shows(t, `(http://127\.0\.0\.1:\d+)`)
	script := write(t, "s.yaml", strings.ReplaceAll(simCampaign, "URL", base+"/ok/radio-2.0.pkg"))
	server := begin(t, "sim", "dm-server", "--script", script, "--listen", "127.0.0.1:0")
	dm := server.out.shows(t, `DM server at (\S+)\n`)
	pw, spw := write(t, "pw", "pw\n"), write(t, "spw", "spw\n")
	devices := begin(t, "sim", "dm-device", "--server", dm, "--device-id", "IMEI:%d", "--count", "2", "--auth", "md5", "--secret-file", pw,
		"--server-auth", "md5", "--server-secret-file", spw, "--quiet", "--number", "+49%d", "--udp", "127.0.0.1:0", "--gateway", "127.0.0.1:0",
		"--download", "1ms", "--install", "1ms", "--once", "2")
	udp, sms := devices.out.shows(t, `UDP at (\S+)\n`), devices.out.shows(t, `SMS at (\S+),`)
	if code := begin(t, "trigger", "--channel", "kannel", "--url", sms, "--to", "+491", "--server-id", "fwbridge", "--secret-file", spw).finish(t); code != exitDone {
		t.Fatalf("trigger by SMS: exit %d", code)
	}
	devices.out.shows(t, `IMEI:1 ./FwUpdate/x over: 200`)
	if strings.Contains(devices.out.String(), "IMEI:2 session") {
		t.Error("the trigger reached the wrong device")
	}
	// With the default nonce: it is for both, and IMEI:1 has nothing left to do.
	if code := begin(t, "trigger", "--channel", "udp", "--to", udp, "--server-id", "fwbridge", "--secret-file", spw).finish(t); code != exitDone {
		t.Fatalf("trigger by UDP: exit %d", code)
	}
	if code := devices.finish(t); code != exitDone || !strings.Contains(devices.out.String(), "IMEI:2 ./FwUpdate/x: State 100 Update successful, result 200 success") {
		t.Errorf("the devices: exit %d\n%s%s", code, devices.out, devices.err)
	}
	if code := server.stop(); code != exitDone || strings.Count(server.out.String(), "campaign: finished") != 2 {
		t.Errorf("the server: exit %d\n%s%s", code, server.out, server.err)
	}
}

// TestSimDMDeviceFails: an update without success is named, and the exit code
// says so.
func TestSimDMDeviceFails(t *testing.T) {
	script := write(t, "s.yaml", "campaigns: [{package: x, url: 'http://127.0.0.1:1/x'}]\n")
	server := begin(t, "sim", "dm-server", "--script", script, "--listen", "127.0.0.1:0")
	dm := server.out.shows(t, `DM server at (\S+)\n`)
	devices := begin(t, "sim", "dm-device", "--server", dm, "--device-id", "d", "--download", "1ms", "--once", "1", "--wbxml", "--quirk", "alert-first")
	if code := devices.finish(t); code != exitFailed || !strings.Contains(devices.out.String(), "d ./FwUpdate/x: State 20 Download failed, result 412") ||
		!strings.Contains(devices.err.String(), "1 of 1 update did not succeed") {
		t.Errorf("exit %d\n%s%s", code, devices.out, devices.err)
	}
}

// finish waits for the end of a command; the exit code.
func (c *command) finish(t *testing.T) int {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second): // against hanging, no verdict
		t.Fatalf("does not end:\n%s%s", c.out, c.err)
	}
	return c.stop()
}
