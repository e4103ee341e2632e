package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a command prints; it can be waited for.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func newScreen() *screen { return &screen{grown: make(chan struct{}, 1)} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows waits for a match and returns its first group.
func (s *screen) shows(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	bound := time.After(30 * time.Second) // against hanging, no verdict
	for {
		if m := re.FindStringSubmatch(s.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-s.grown:
		case <-bound:
			t.Fatalf("never showed %s:\n%s", pattern, s)
		}
	}
}

// command is a command running in this process.
type command struct {
	out, err *screen
	stop     func() int // ends it as Ctrl-C does; the exit code
	ended    chan struct{}
}

func begin(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := &command{out: newScreen(), err: newScreen(), ended: make(chan struct{})}
	code := 0
	go func() {
		defer close(c.ended)
		code = run(ctx, args, strings.NewReader(""), c.out, c.err)
	}()
	c.stop = func() int { cancel(); <-c.ended; return code }
	t.Cleanup(func() { c.stop() })
	return c
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const quietConfig = "coap: {listen: \"127.0.0.1:0\", secure: {listen: \"\"}}\nhttp: {listen: \"127.0.0.1:0\"}\nstore: {reserve: 16MiB}\n"

func TestServe(t *testing.T) {
	config, data := write(t, "bridge.yaml", quietConfig), t.TempDir()
	c := begin(t, "serve", "--config", config, "--data", data)
	c.err.shows(t, "bridge is up")
	if !strings.Contains(c.err.String(), "no DM server is configured") {
		t.Errorf("does not say what is missing:\n%s", c.err)
	}
	second := begin(t, "serve", "--config", config, "--data", data)
	<-second.ended
	if code := second.stop(); code != exitFailed || !strings.Contains(second.err.String(), data) || !strings.Contains(second.err.String(), "another bridge") {
		t.Errorf("a second bridge on the same directory: exit %d\n%s", code, second.err)
	}
	if code := c.stop(); code != exitDone || !strings.Contains(c.err.String(), "bridge has stopped") {
		t.Errorf("interrupted: exit %d\n%s", code, c.err)
	}
	again := begin(t, "serve", "--config", config, "--data", data)
	again.err.shows(t, "bridge is up")
	if code := again.stop(); code != exitDone {
		t.Errorf("started again: exit %d\n%s", code, again.err)
	}
}

// TestPortInUse names the key, the address and what to do.
func TestPortInUse(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for key, addr := range map[string]string{"coap": udp.LocalAddr().String(), "http": tcp.Addr().String()} {
		config := strings.Replace(quietConfig, key+`: {listen: "127.0.0.1:0"`, fmt.Sprintf("%s: {listen: %q", key, addr), 1)
		c := begin(t, "serve", "--config", write(t, "bridge.yaml", config), "--data", t.TempDir())
		<-c.ended
		for _, part := range []string{key + ".listen", addr, "address already in use", "choose another port"} {
			if code := c.stop(); code != exitFailed || !strings.Contains(c.err.String(), part) {
				t.Errorf("%s taken: exit %d, does not say %q:\n%s", key, code, part, c.err)
			}
		}
	}
}

// TestServeBadConfig: all problems at once, and nothing is begun.
func TestServeBadConfig(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c := begin(t, "serve", "--config", write(t, "bad.yaml", "coap:\n  lisen: \":5683\"\ndrive: {poll: 1ms}\n"), "--data", data)
	<-c.ended
	for _, part := range []string{"bad.yaml:2:", "lisen", "bad.yaml:3:", "drive.poll", "2 problems"} {
		if code := c.stop(); code != exitFailed || !strings.Contains(c.err.String(), part) {
			t.Errorf("exit %d, does not say %q:\n%s", code, part, c.err)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
}

// TestByHand does what the help of the commands says: packages, a DM server, a
// bridge and a device, each with its own command.
func TestByHand(t *testing.T) {
	packs := begin(t, "sim", "packages", "--listen", "127.0.0.1:0").out.shows(t, `packages at (\S+),`)
	script := write(t, "campaign.yaml", `
auth: md5
accounts: [{device: "*", password: secret}]
campaigns: [{package: pkg1, name: radio, version: "2.0", url: "`+packs+`/ok/radio-2.0.pkg", correlator: job-1}]
`)
	dm := begin(t, "sim", "dm-server", "--script", script, "--listen", "127.0.0.1:0", "--once", "1")
	url := dm.out.shows(t, `DM server at (\S+)\n`)
	bridge := begin(t, "serve", "--data", t.TempDir(), "--config", write(t, "bridge.yaml", quietConfig+`
dm_servers:
  - name: legacy
    url: `+url+`
    server_id: legacy
    devices: ["urn:imei:*"]
    account: {mode: template, device_id: "IMEI:{imei}", client: {scheme: md5, user: "IMEI:{imei}", secret: secret}}
`))
	coap := bridge.err.shows(t, `bridge is up.* coap=(\S+) `)
	dev := begin(t, "sim", "lwm2m-device", "--server", coap, "--endpoint", "urn:imei:356938035643809", "--download", "5ms", "--install", "5ms", "--fault", "coalesce")
	<-dm.ended
	if code := dm.stop(); code != exitDone || !strings.Contains(dm.out.String(), "IMEI:356938035643809 pkg1 succeeded: result 200") {
		t.Errorf("dm-server: exit %d\n%s%s\nbridge:\n%s", code, dm.out, dm.err, bridge.err)
	}
	dev.out.shows(t, "INSTALLED, software successfully installed, ENABLED")
	if code := dev.stop(); code != exitDone {
		t.Errorf("lwm2m-device: exit %d\n%s", code, dev.err)
	}
}

func TestDemo(t *testing.T) {
	c := begin(t, "demo", "--once")
	<-c.ended
	if code := c.stop(); code != exitDone {
		t.Fatalf("exit %d\n%s\n%s", code, c.out, c.err)
	}
	for _, pattern := range []string{
		`device 1 +10 Idle +INITIAL`, `device 1 +30 Download progressing +DOWNLOAD STARTED`, `device 1 +40 Download complete +DELIVERED`,
		`device 1 +50 Starting update +DELIVERED`, `device 1 +100 Update successful +INSTALLED, ACTIVE`,
		`device 2 .*dialect is draft`, `device 3 +80 Update failed +INITIAL`, `final notification 402`,
		`device 4 +reboots .* result 200 success +INSTALLED, ACTIVE +yes`, `device 5 .* State 100 Update successful`, `device 6 .* result 409`,
		`legacy 1 +- +DELIVERED +trigger sent`, `legacy 2 .*handed over to the device`, `legacy 1 .* INSTALLED +final alert: 200`,
		`legacy 3 +100 .* INSTALLED +State: 100`, `legacy 4 +100 Update successful +INSTALLED +State: 100`,
		`legacy 5 +the download fails +DELIVERED, connection lost .* State 20 Download failed +yes`, `legacy 6 +reboots .* INSTALLED, ACTIVE +State 100 .* yes`,
	} {
		if !regexp.MustCompile(pattern).MatchString(c.out.String()) {
			t.Errorf("does not show %s:\n%s", pattern, c.out)
		}
	}
	if strings.Contains(c.out.String(), "\x1b") {
		t.Error("colours, although this is no terminal")
	}
}

// TestDemoDirections: one of the two alone.
func TestDemoDirections(t *testing.T) {
	for direction, others := range map[string]string{"A": "legacy 1", "b": "device 1"} {
		c := begin(t, "demo", "--once", "--direction", direction, "--devices", "1")
		<-c.ended
		if code := c.stop(); code != exitDone || strings.Contains(c.out.String(), others) {
			t.Errorf("--direction %s: exit %d\n%s\n%s", direction, code, c.out, c.err)
		}
	}
}
