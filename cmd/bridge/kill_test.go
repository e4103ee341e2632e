package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// TestKill kills the bridge with SIGKILL at a step of an update, starts it
// again on the same directory, and looks at both sides: the update succeeds,
// Install was carried out once, the server got one result.
func TestKill(t *testing.T) {
	for _, at := range []string{
		"session", "write-uri", "downloading", "delivered", "install", "installing", "installed", "activate", "enabled", "alert",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			k := newKillTest(t, at)
			k.start()
			k.device()
			k.killAndRestart()
			ctx, cancel := context.WithTimeout(k.ctx, 90*time.Second)
			defer cancel()
			if err := k.dm.Wait(ctx, 1); err != nil {
				t.Fatalf("the update did not end: %v; %+v\n%s", err, k.dm.Campaigns(), k.log())
			}
			k.judge()
		})
	}
}

type killTest struct {
	t      *testing.T
	at     string
	ctx    context.Context
	wg     sync.WaitGroup
	dir    string
	coap   string
	dm     *dmserver.Server
	dev    *lwm2mdevice.Device
	strike chan struct{} // closed when the step has come
	once   sync.Once
	child  *exec.Cmd
	out    *os.File
}

// newKillBase is what both directions have.
func newKillBase(t *testing.T, at string) *killTest {
	ctx, cancel := context.WithCancel(context.Background())
	k := &killTest{t: t, at: at, ctx: ctx, dir: t.TempDir(), strike: make(chan struct{})}
	t.Cleanup(k.wg.Wait)
	t.Cleanup(cancel)
	return k
}

func newKillTest(t *testing.T, at string) *killTest {
	k := newKillBase(t, at)
	packs := k.serve(pkgserver.New(pkgserver.Config{}))
	var err error
	k.dm, err = dmserver.New(dmserver.Config{
		Auth: dmserver.AuthMD5, Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, Password: "secret"}},
		Campaigns: []dmserver.Campaign{{Package: "pkg1", Name: "radio", Version: "2.0", Correlator: "job-1",
			URL: packs + pkgserver.Path("ok", "radio", "2.0")}},
		OnEvent: func(e dmserver.Event) {
			if e.Kind == dmserver.EventAlert {
				k.reached("alert")
			} else if e.Kind == dmserver.EventSession {
				k.reached("session")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.configure(k.serve(k.dm) + "/dm")
	return k
}

func (k *killTest) reached(step string) {
	if step == k.at {
		k.once.Do(func() { close(k.strike) })
	}
}

func (k *killTest) serve(h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(k.ctx, func() { s.Close() })
	k.wg.Go(func() {
		defer stop()
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			k.t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// configure writes the bridge's configuration, with a port that is free now
// and stays the same over the restart.
func (k *killTest) configure(dmURL string) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	k.coap = c.LocalAddr().String()
	c.Close()
	k.install(fmt.Sprintf(`coap: {listen: %q, secure: {listen: ""}, request_timeout: 3s}
http: {listen: ""}
log: {level: debug}
store: {reserve: 16MiB}
drive: {poll: 1s, settle: 1s, retry: 1s}
dm: {backoff_min: 1s, backoff_max: 2s}
dm_servers:
  - name: legacy
    url: %s
    server_id: legacy
    devices: ["kill-*"]
    account: {client: {scheme: md5, user: kill-device, secret: secret}, device_id: "{endpoint}", mode: template}
`, k.coap, dmURL))
}

// install puts the bridge and its configuration into the directory.
func (k *killTest) install(yaml string) {
	if err := os.WriteFile(filepath.Join(k.dir, "bridge.yaml"), []byte(yaml), 0o600); err != nil {
		k.t.Fatal(err)
	}
	var err error
	if k.out, err = os.Create(filepath.Join(k.dir, "log")); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { k.out.Close() })
	// The test binary is the bridge when it is called so (TestMain).
	self, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(k.dir, "bridge")); err != nil {
		k.t.Fatal(err)
	}
}

func (k *killTest) log() string {
	b, _ := os.ReadFile(filepath.Join(k.dir, "log"))
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

func (k *killTest) start() {
	k.t.Helper()
	k.child = exec.Command(filepath.Join(k.dir, "bridge"), "serve", "--config", filepath.Join(k.dir, "bridge.yaml"), "--data", filepath.Join(k.dir, "data"))
	k.child.Stdout, k.child.Stderr = k.out, k.out
	if err := k.child.Start(); err != nil {
		k.t.Fatal(err)
	}
	child := k.child
	k.t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
}

func (k *killTest) killAndRestart() {
	k.t.Helper()
	select {
	case <-k.strike:
	case <-time.After(60 * time.Second): // a bound, not a verdict
		k.t.Fatalf("step %s never came\n%s", k.at, k.log())
	}
	if err := k.child.Process.Kill(); err != nil {
		k.t.Fatal(err)
	}
	k.child.Wait()
	k.start()
}

// device starts the device; it registers again and again until the bridge is
// there.
func (k *killTest) device() {
	steps := map[lwm2mdevice.Op]bool{lwm2mdevice.OpWriteURI: true, lwm2mdevice.OpInstall: true, lwm2mdevice.OpActivate: true}
	var err error
	k.dev, err = lwm2mdevice.New(lwm2mdevice.Config{
		Endpoint: "kill-device", Server: k.coap, Dialect: lwm2m9.Registered, Lifetime: time.Hour, UpdateEvery: 2 * time.Second,
		Timing: lwm2mdevice.Timing{
			Download: 300 * time.Millisecond, Verify: 100 * time.Millisecond, Install: 500 * time.Millisecond,
			Activate: 300 * time.Millisecond, Retry: 300 * time.Millisecond, Request: time.Second, Ack: 500 * time.Millisecond,
		},
		OnEvent: func(e lwm2mdevice.Event) {
			switch e.Kind {
			case lwm2mdevice.EventDone:
				if steps[e.Op] {
					k.reached(e.Op.String())
				}
			case lwm2mdevice.EventStep:
				k.reached(e.Step.String())
			}
		},
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.wg.Go(func() {
		if err := k.dev.Run(k.ctx); err != nil {
			k.t.Error(err)
		}
	})
}

func (k *killTest) judge() {
	r := k.dm.Campaigns()[0]
	if r.Code != 200 || r.Correlator != "job-1" {
		k.t.Errorf("the server was told %d, correlator %q; want 200, job-1\n%s", r.Code, r.Correlator, k.log())
	}
	if r.AlertsAfter != 0 {
		k.t.Errorf("%d results after the server had answered one", r.AlertsAfter)
	}
	if n := k.dev.Counts().Done[lwm2mdevice.OpInstall]; n != 1 {
		k.t.Errorf("Install was carried out %d times\n%s", n, k.log())
	}
	if is := k.dev.Instances(); len(is) != 1 || is[0].State != lwm2m9.Installed || is[0].Activation != lwm2m9.Enabled {
		k.t.Errorf("the device shows %+v", is)
	}
}
