package lwm2mserver_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience only keeps a broken test from hanging.
const patience = 30 * time.Second

// bed is a server and its devices.
type bed struct {
	*lwm2mserver.Server
	mu     sync.Mutex
	events []string      // guarded by mu
	grown  chan struct{} // closed and replaced with each event; guarded by mu
}

func (b *bed) add(e lwm2mserver.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e.String())
	close(b.grown)
	b.grown = make(chan struct{})
}

func (b *bed) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// saw says whether an event contains a text.
func (b *bed) saw(text string) bool {
	return slices.ContainsFunc(b.all(), func(e string) bool { return strings.Contains(e, text) })
}

// happens waits until so many events contain a text.
func (b *bed) happens(t *testing.T, text string, times int) {
	t.Helper()
	bound := time.After(patience)
	for {
		n := 0
		b.mu.Lock()
		all, grown := slices.Clone(b.events), b.grown
		b.mu.Unlock()
		for _, e := range all {
			if strings.Contains(e, text) {
				n++
			}
		}
		if n >= times {
			return
		}
		select {
		case <-grown:
		case <-bound:
			t.Fatalf("%q only %d times:\n%s", text, n, strings.Join(all, "\n"))
		}
	}
}

func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func packages(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(pkgserver.New(pkgserver.Config{}))
	t.Cleanup(s.Close)
	return s.URL
}

func listen(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func script(t *testing.T, text string) lwm2mserver.Script {
	t.Helper()
	s, err := lwm2mserver.LoadScript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newBed runs a server with a script.
func newBed(t *testing.T, c lwm2mserver.Config) *bed {
	t.Helper()
	b := &bed{grown: make(chan struct{})}
	c.Conn, c.OnEvent, c.AckTimeout, c.Retry, c.Poll = listen(t), b.add, 50*time.Millisecond, 20*time.Millisecond, 10*time.Millisecond
	s, err := lwm2mserver.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = s
	background(t, s.Run)
	return b
}

// device runs a device that registers there.
func (b *bed) device(t *testing.T, name string, faults []string, change func(*lwm2mdevice.Config)) *lwm2mdevice.Device {
	t.Helper()
	c := lwm2mdevice.Config{Endpoint: name, Server: b.Addr().String(), Timing: lwm2mdevice.Timing{Retry: 20 * time.Millisecond, Ack: 20 * time.Millisecond}}
	for _, text := range faults {
		f, err := lwm2mdevice.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Faults = append(c.Faults, f)
	}
	if change != nil {
		change(&c)
	}
	d, err := lwm2mdevice.New(c)
	if err != nil {
		t.Fatal(err)
	}
	background(t, d.Run)
	return d
}

// waits returns the results of n devices.
func (b *bed) waits(t *testing.T, n int) []lwm2mserver.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Wait(ctx, n); err != nil {
		t.Fatalf("the script does not end:\n%s", strings.Join(b.all(), "\n"))
	}
	return b.Results()
}

// TestDefaultScript: a whole update, in both dialects.
func TestDefaultScript(t *testing.T) {
	for _, d := range []lwm2m9.Dialect{lwm2m9.Registered, lwm2m9.Draft} {
		t.Run(d.String(), func(t *testing.T) {
			s := lwm2mserver.DefaultScript()
			s.Dialect = d.String()
			b := newBed(t, lwm2mserver.Config{Script: s, PackageURL: packages(t) + "/ok/radio-2.0.pkg"})
			dev := b.device(t, "one", nil, func(c *lwm2mdevice.Config) { c.Dialect = d })
			if r := b.waits(t, 1)[0]; !r.OK() || r.Endpoint != "one" {
				t.Errorf("%+v\n%s", r, strings.Join(b.all(), "\n"))
			}
			if i := dev.Instances()[0]; i.State != lwm2m9.Installed || i.Activation != lwm2m9.Enabled || dev.Counts().Done[lwm2mdevice.OpInstall] != 1 {
				t.Errorf("%+v, %+v", i, dev.Counts())
			}
		})
	}
}

// TestScripts: what a script says comes true, or the result says which step
// failed and why.
func TestScripts(t *testing.T) {
	pkg := filepath.Join(t.TempDir(), "p.pkg")
	if err := os.WriteFile(pkg, pkgserver.Body(pkgserver.Config{Size: 5000}, "ok", "radio", "2.0"), 0o600); err != nil {
		t.Fatal(err)
	}
	const good = "observe 7 9 12, write 3, wait state=DELIVERED, install, wait installed|failed"
	for _, tc := range []struct {
		name, steps string
		faults      []string
		step, err   string // of the failure; empty: none
	}{
		{"push", "observe 7 9 12, push " + pkg + ", wait state=DELIVERED, expect name=radio version=2.0 result=downloaded-and-integrity-verified", nil, "", ""},
		{"every state", "observe 7 9, write 3, wait state=DOWNLOAD-STARTED, wait state=DOWNLOADED, wait state=DELIVERED", []string{"slow@downloading=20ms", "slow@downloaded=20ms"}, "", ""},
		{"uninstall", good + ", uninstall, wait state=INITIAL", nil, "", ""},
		{"for update", good + ", uninstall 0='1', wait state=INITIAL", nil, "", ""},
		{"activation", good + ", activate, wait active, deactivate, wait activation=DISABLED", nil, "", ""},
		{"instances", "create 1, instance 1, " + good + ", expect installed, instance 0, expect state=INITIAL, delete 1", nil, "", ""},
		{"wrong state", good + ", refused 4.05 write 3, refused 4.05 install, refused 4.04 read 99", nil, "", ""},
		{"bad download", "observe 7 9 12, write 3, wait failed, expect state=INITIAL result=not-enough-storage", []string{"download=not-enough-storage"}, "", ""},
		{"bad install", good + ", expect failed state=DELIVERED result=58", []string{"install"}, "", ""},
		{"second install", good + ", install, wait installed", []string{"install*1"}, "", ""},
		{"second download", "observe 7 9 12, write 3, wait failed, write 3, wait state=DELIVERED|failed, expect state=DELIVERED",
			[]string{"download=connection-lost*1", "slow@downloading=20ms"}, "", ""},
		{"polling", good + ", expect installed", []string{"no-observe"}, "", ""},
		{"reboot", good + ", expect installed", []string{"reboot@installing"}, "", ""},
		{"losses", good + ", expect installed", []string{"drop=0.1", "repeat=0.1"}, "", ""},
		{"lost answer", good + ", expect installed", []string{"lose-answer@write-uri*1"}, "", ""},

		{"not installed", good + ", expect installed", []string{"install"}, "expect installed", "want installed; it shows DELIVERED"},
		{"time-out", "observe 7 9 12, write 3, wait installed timeout=30ms", nil, "wait installed timeout=30ms", "not within 30ms; it shows"},
		{"refusal", "install", nil, "install", "4.05"},
		{"no refusal", "refused 4.05 write 3", nil, "refused 4.05 write 3", "did not refuse it, want 4.05"},
		{"other refusal", "refused 4.04 install", nil, "refused 4.04 install", "4.05, want 4.04"},
		{"refused write", "observe 7 9 12, write 3", []string{"refuse@write-uri=5.03"}, "write 3", "5.03"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			text.WriteString("steps:\n")
			for step := range strings.SplitSeq(tc.steps, ", ") {
				fmt.Fprintf(&text, "  - %q\n", step)
			}
			b := newBed(t, lwm2mserver.Config{Script: script(t, text.String()), PackageURL: packages(t) + "/ok/radio-2.0.pkg"})
			b.device(t, "dev", tc.faults, nil)
			r := b.waits(t, 1)[0]
			switch {
			case tc.err == "" && !r.OK(), tc.err != "" && r.OK(),
				tc.err != "" && (r.Step != tc.step || !strings.Contains(r.Err.Error(), tc.err)):
				t.Errorf("%+v, want %q at %q\n%s", r, tc.err, tc.step, strings.Join(b.all(), "\n"))
			}
		})
	}
}

// TestObservesAgain: after a new registration the observations are made anew.
func TestObservesAgain(t *testing.T) {
	b := newBed(t, lwm2mserver.Config{Script: script(t, "steps: [observe 7 9 12, write 3, 'wait installed timeout=20s']"),
		PackageURL: packages(t) + "/ok/radio-2.0.pkg"})
	dev := b.device(t, "dev", []string{"reboot@delivered"}, nil)
	b.happens(t, "Observe /9/0/7: 2.05", 2)
	if dev.Counts().Boots != 2 {
		t.Errorf("%+v", dev.Counts())
	}
}

// TestEager: Install goes out at every notification of DELIVERED, without a
// step that says so.
func TestEager(t *testing.T) {
	s := script(t, "eager: true\nsteps: [observe 7 9 12, write 3, wait installed, install]")
	b := newBed(t, lwm2mserver.Config{Script: s, PackageURL: packages(t) + "/ok/radio-2.0.pkg"})
	b.device(t, "dev", nil, nil)
	if r := b.waits(t, 1)[0]; !r.OK() || !b.saw("Execute /9/0/4, eagerly: 2.04") {
		t.Errorf("%+v\n%s", r, strings.Join(b.all(), "\n"))
	}
}

// TestManyDevices: each has its own script run; strangers are left alone.
func TestManyDevices(t *testing.T) {
	s := lwm2mserver.DefaultScript()
	s.Devices = "dev-*"
	b := newBed(t, lwm2mserver.Config{Script: s, PackageURL: packages(t) + "/ok/radio-2.0.pkg"})
	const n = 20
	stranger := b.device(t, "stranger", nil, nil)
	for i := range n {
		b.device(t, fmt.Sprintf("dev-%d", i), nil, nil)
	}
	for _, r := range b.waits(t, n) {
		if !r.OK() || !strings.HasPrefix(r.Endpoint, "dev-") {
			t.Errorf("%+v", r)
		}
	}
	if c := stranger.Counts(); c.Registers != 1 || len(c.Done) != 0 {
		t.Errorf("the stranger: %+v", c)
	}
}

// TestDTLS: with keys only who has one gets in.
func TestDTLS(t *testing.T) {
	keys, err := lwm2mserver.LoadKeys(strings.NewReader("# devices\none 00112233445566778899aabbccddeeff\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, lwm2mserver.Config{Script: lwm2mserver.DefaultScript(), PackageURL: packages(t) + "/ok/radio-2.0.pkg", Keys: keys})
	b.device(t, "one", nil, func(c *lwm2mdevice.Config) {
		c.DTLS = &dtls.ClientOptions{Identity: "one", Key: keys["one"]}
	})
	if r := b.waits(t, 1)[0]; !r.OK() {
		t.Errorf("%+v\n%s", r, strings.Join(b.all(), "\n"))
	}
}
