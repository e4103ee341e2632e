package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// world is a bridge between a simulated DM server and simulated devices, over
// loopback sockets.
type world struct {
	tb    testing.TB
	ctx   context.Context
	wg    sync.WaitGroup
	dm    *dmserver.Server
	dmURL string
	packs string
	addr  string // of the bridge, for devices
	stop  func() // ends the bridge that was started last
}

// everyone belongs to one DM server: the device id is the endpoint name.
type everyone struct {
	url  string
	poll time.Duration
}

func (d everyone) AccountFor(endpoint string) (engine.ServerInfo, session.Account, bool) {
	return engine.ServerInfo{Name: "legacy", Poll: d.poll, Role: fwupdate.Manager}, session.Account{
		DeviceID: endpoint, ServerID: "legacy", URL: d.url, Version: syncml.DM12,
		Client: session.Credentials{Scheme: session.SchemeMD5, User: endpoint, Secret: "secret"}, MaxMsgSize: 16 << 10,
	}, d.url != ""
}

func (everyone) PolicyFor(string) mapping.Policy {
	p := mapping.DefaultPolicy()
	p.Poll, p.Settle, p.Retry = time.Second, 200*time.Millisecond, 200*time.Millisecond
	return p
}

func (everyone) DialectFor(string) lwm2m9.Dialect { return lwm2m9.DialectUnknown }

// newWorld starts the two servers. Everything ends with the test.
func newWorld(tb testing.TB, campaigns ...dmserver.Campaign) *world {
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{tb: tb, ctx: ctx}
	tb.Cleanup(w.wg.Wait)
	tb.Cleanup(cancel)
	w.packs = w.serve(pkgserver.New(pkgserver.Config{}))
	l := w.listen()
	w.dmURL = "http://" + l.Addr().String() + "/dm"
	var err error
	w.dm, err = dmserver.New(dmserver.Config{
		URL: w.dmURL, Auth: dmserver.AuthMD5, Campaigns: campaigns,
		Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, Password: "secret"}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.serveOn(l, w.dm)
	return w
}

func (w *world) listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.tb.Fatal(err)
	}
	return l
}

func (w *world) serve(h http.Handler) string {
	l := w.listen()
	w.serveOn(l, h)
	return "http://" + l.Addr().String()
}

func (w *world) serveOn(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(w.ctx, func() { s.Close() })
	w.wg.Go(func() {
		defer stop()
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.tb.Error(err)
		}
	})
}

// bridge starts the bridge on a store, with further options.
func (w *world) bridge(db store.Store, o engine.Options, more ...func(*Options)) *Bridge {
	w.tb.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.tb.Fatal(err)
	}
	w.addr = conn.LocalAddr().String()
	o.Store = db
	if o.Directory == nil {
		o.Directory = everyone{url: w.dmURL, poll: time.Hour}
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 2 * time.Second // loopback: what has not come by then will not come
	}
	all := Options{Devices: conn, Engine: o, Server: server.Options{AckTimeout: 200 * time.Millisecond}}
	for _, change := range more {
		change(&all)
	}
	b, err := New(all)
	if err != nil {
		w.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	w.stop = func() { cancel(); <-done }
	w.wg.Go(func() {
		defer close(done)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			w.tb.Error(err)
		}
	})
	return b
}

// device starts a simulated device.
func (w *world) device(c lwm2mdevice.Config) *lwm2mdevice.Device {
	w.tb.Helper()
	c.Server = w.addr
	d, err := lwm2mdevice.New(c)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.wg.Go(func() {
		if err := d.Run(w.ctx); err != nil {
			w.tb.Error(err)
		}
	})
	return d
}

func (w *world) campaign(behaviour string) dmserver.Campaign {
	return dmserver.Campaign{
		Device: dmserver.AnyDevice, Package: "pkg1", Name: "radio", Version: "2.0",
		URL: w.packs + pkgserver.Path(behaviour, "radio", "2.0"), Correlator: "job",
	}
}

// wait waits for n finished campaigns.
func (w *world) wait(n int) {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 3*time.Minute) // against hanging, no verdict
	defer cancel()
	if err := w.dm.Wait(ctx, n); err != nil {
		w.tb.Fatalf("%v; %+v", err, w.dm.Campaigns())
	}
}
