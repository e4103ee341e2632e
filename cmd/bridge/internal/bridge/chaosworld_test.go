package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// life is one run of the bridge, which can be cut off: from then on nothing
// of it is written or sent any more, as after a crash.
type life struct {
	bridge *Bridge
	stop   context.CancelFunc
	ended  chan struct{}

	mu   sync.RWMutex
	over bool // guarded by mu
}

// do does something to the world, unless the life is over.
func (l *life) do(f func()) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.over {
		f()
	}
	return !l.over
}

// kill ends the life: clean, or as if the process had died.
func (l *life) kill(clean bool) {
	if !clean {
		l.mu.Lock()
		l.over = true
		l.mu.Unlock()
	}
	l.stop()
	<-l.ended
}

var errDead = errors.New("the process is dead")

type lifeStore struct {
	store.Store
	l *life
}

func (s lifeStore) Write(c ...store.Change) (r []uint64, err error) {
	if !s.l.do(func() { r, err = s.Store.Write(c...) }) {
		return nil, errDead
	}
	return r, err
}

type lifeConn struct {
	net.PacketConn
	l *life
}

func (c lifeConn) WriteTo(b []byte, to net.Addr) (n int, err error) {
	n = len(b)
	c.l.do(func() { n, err = c.PacketConn.WriteTo(b, to) })
	return n, err
}

// cut breaks the connections of a life that is over.
func (c *chaos) cut(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l := c.now.Load(); l == nil || !l.do(func() {}) {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	})
}

// chaos is a bridge that is stopped and started, between many devices and as
// many DM servers, each with faults of its own.
type chaos struct {
	*world
	plans   []plan
	servers []*dmserver.Server
	devices []*lwm2mdevice.Device
	seen    []*sightings
	db      store.Store
	lives   int
	now     atomic.Pointer[life]
}

// sightings is what a device has shown.
type sightings struct {
	mu        sync.Mutex
	inEffect  bool     // INSTALLED and ACTIVE, after an Install of ours
	installed bool     // an Install of ours was carried out
	log       []string // of device and server
}

func (s *sightings) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, time.Now().Format("05.000 ")+line)
}

func newChaos(tb testing.TB, plans []plan) *chaos {
	c := &chaos{world: newWorld(tb), plans: plans, db: store.NewMemory()}
	for range plans {
		c.seen = append(c.seen, &sightings{})
	}
	c.serveDM()
	return c
}

// serveDM gives each device a DM server of its own, because quirks strike
// whoever comes first.
func (c *chaos) serveDM() {
	l := c.listen()
	mux := http.NewServeMux()
	c.dmURL = "http://" + l.Addr().String() + "/dm/"
	for i, p := range c.plans {
		campaign := c.campaign(p.behaviour)
		campaign.Style, campaign.Poll, campaign.Delete, campaign.Correlator = p.style, p.poll, p.remove, "job-"+strconv.Itoa(p.n)
		s, err := dmserver.New(dmserver.Config{
			URL: c.dmURL + strconv.Itoa(i), Auth: dmserver.AuthMD5, Campaigns: []dmserver.Campaign{campaign}, Quirks: p.quirks,
			Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, Password: "secret"}}, RespURI: p.respURI, Seed: uint64(p.n),
			OnEvent: func(e dmserver.Event) {
				c.seen[i].add("dm " + e.Kind.String() + " " + e.Text + " " + string(e.Answer.Cmd) + " " + e.Answer.URI + " " + e.Answer.Status.String() + " " + e.Result.Phase.String())
			},
		})
		if err != nil {
			c.tb.Fatal(err)
		}
		c.servers = append(c.servers, s)
		mux.Handle("/dm/"+strconv.Itoa(i), c.cut(s))
	}
	c.serveOn(l, mux)
}

// AccountFor implements engine.Directory.
func (c *chaos) AccountFor(endpoint string) (engine.ServerInfo, session.Account, bool) {
	for i, p := range c.plans {
		if p.endpoint == endpoint {
			return engine.ServerInfo{Name: "legacy", Poll: 300 * time.Millisecond, Role: fwupdate.Manager}, session.Account{
				DeviceID: endpoint, ServerID: "legacy", URL: c.dmURL + strconv.Itoa(i), Version: p.version, Encoding: p.encoding,
				Client: session.Credentials{Scheme: session.SchemeMD5, User: endpoint, Secret: "secret"}, MaxMsgSize: 16 << 10,
			}, true
		}
	}
	return engine.ServerInfo{}, session.Account{}, false
}

// PolicyFor implements engine.Directory: every wait is short.
func (c *chaos) PolicyFor(string) mapping.Policy {
	return mapping.Policy{
		Activate: true,
		Room:     2 * time.Second, Download: 2 * time.Second, Install: 2 * time.Second, Activation: time.Second, Cleanup: time.Second,
		Absent: 2 * time.Second, Poll: 150 * time.Millisecond, Settle: 150 * time.Millisecond, Retry: 60 * time.Millisecond,
	}
}

// DialectFor implements engine.Directory.
func (c *chaos) DialectFor(string) lwm2m9.Dialect { return lwm2m9.DialectUnknown }

// begin starts the bridge, at the address that it had before.
func (c *chaos) begin() {
	c.tb.Helper()
	at := "127.0.0.1:0"
	if c.addr != "" {
		at = c.addr
	}
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.addr = conn.LocalAddr().String()
	l := &life{ended: make(chan struct{})}
	short := engine.Backoff{Base: 30 * time.Millisecond, Cap: 200 * time.Millisecond}
	l.bridge, err = New(Options{
		Devices: lifeConn{conn, l},
		Engine: engine.Options{
			Store: lifeStore{c.db, l}, Directory: c,
			RequestTimeout: 500 * time.Millisecond, AsleepTimeout: 1500 * time.Millisecond, PostTimeout: 500 * time.Millisecond,
			PostRetry: short, SessionRetry: short, AlertRetry: short, StoreRetry: short, Timeline: 256, Sessions: len(c.plans),
		},
		Server: server.Options{AckTimeout: 50 * time.Millisecond, AwakeWindow: 90 * time.Millisecond},
	})
	if err != nil {
		c.tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(c.ctx)
	l.stop = stop
	c.lives++
	c.now.Store(l)
	c.wg.Go(func() {
		defer close(l.ended)
		if err := l.bridge.Run(ctx); err != nil {
			c.tb.Errorf("life %d: %v", c.lives, err)
		}
	})
}

// start brings the devices to life.
func (c *chaos) start() {
	for i, p := range c.plans {
		seen := c.seen[i]
		c.devices = append(c.devices, c.device(lwm2mdevice.Config{
			Endpoint: p.endpoint, Dialect: p.dialect, Version: p.object, Root: p.root, Lifetime: p.lifetime, UpdateEvery: 700 * time.Millisecond,
			QueueMode: p.queue, NonConfirmable: p.non, Instances: p.instances, Seed: uint64(p.n), Faults: p.faults,
			Timing: lwm2mdevice.Timing{
				Download: 10 * time.Millisecond, Verify: 10 * time.Millisecond, Install: 20 * time.Millisecond, Activate: 10 * time.Millisecond,
				Reboot: 50 * time.Millisecond, Retry: 200 * time.Millisecond, Ack: 100 * time.Millisecond, Request: time.Second, HTTP: time.Second,
			},
			OnEvent: seen.event,
		}))
	}
}

func (s *sightings) event(e lwm2mdevice.Event) {
	if e.Kind == lwm2mdevice.EventNotified {
		return
	}
	s.add(e.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installed = s.installed || e.Kind == lwm2mdevice.EventDone && e.Op == lwm2mdevice.OpInstall
	i := e.Instance
	s.inEffect = s.inEffect || s.installed && i.State == lwm2m9.Installed && i.Activation == lwm2m9.Enabled
}
