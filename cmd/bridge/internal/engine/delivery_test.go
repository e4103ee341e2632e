package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// fakeDelivery is a store of packages that says what it was asked.
type fakeDelivery struct {
	mu    sync.Mutex
	said  []string
	fails []error // one a Fetch
	gone  int     // Opens that find nothing
	way   mapping.Way
}

func (f *fakeDelivery) say(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, s)
}

func (f *fakeDelivery) story() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.said, ", ")
}

func (f *fakeDelivery) Route(_, model string) mapping.Route {
	f.say("route " + model)
	return mapping.Route{Can: mapping.WaysOf(mapping.WayDirect, mapping.WayProxyCoAP, mapping.WayPush), Worked: f.way}
}
func (f *fakeDelivery) Worked(_, model string, way mapping.Way) {
	f.say("worked " + model + " " + way.String())
}

func (f *fakeDelivery) Fetch(context.Context, string, string) error {
	f.say("fetch")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fails) == 0 {
		return nil
	}
	err := f.fails[0]
	f.fails = f.fails[1:]
	return err
}

func (f *fakeDelivery) URI(_, _ string, way mapping.Way) (string, error) {
	return "coap://bridge.test/p/token-" + way.String(), nil
}

func (f *fakeDelivery) Open(string, string) (PackageBody, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone > 0 {
		f.gone--
		return nil, errors.New("no such file")
	}
	return body{strings.NewReader("the package")}, nil
}

func (f *fakeDelivery) Release(_, _ string, way mapping.Way, code fwupdate.Code) {
	f.say(fmt.Sprintf("release %v %v", way, code))
}

type body struct{ *strings.Reader }

func (b body) Size() int64                   { return b.Reader.Size() }
func (body) Pace(context.Context, int) error { return nil }
func (body) Done(error)                      {}

func TestDelivery(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(*fakeDevice, *fakeDelivery)
		code  string // of the final notification
		uri   string // what the device got
		said  string
	}{
		{"direct", func(*fakeDevice, *fakeDelivery) {}, "200", pkgURL, "route ACME/M1, worked ACME/M1 direct"},
		{"a device without Package URI", func(d *fakeDevice, _ *fakeDelivery) {
			d.refuse["PUT /9/0/3"] = lwm2m9.CodeMethodNotAllowed
		}, "200", "pushed: the package", "route ACME/M1, fetch, fetch, worked ACME/M1 push, release push 200"},
		{"remembered", func(_ *fakeDevice, f *fakeDelivery) { f.way = mapping.WayProxyCoAP },
			"200", "coap://bridge.test/p/token-proxy-coap", "route ACME/M1, fetch, worked ACME/M1 proxy-coap, release proxy-coap 200"},
		{"a fetch that fails for now", func(_ *fakeDevice, f *fakeDelivery) {
			f.way, f.fails = mapping.WayPush, []error{errors.New("stopping")}
		}, "200", "pushed: the package", "route ACME/M1, fetch, fetch, worked ACME/M1 push, release push 200"},
		{"a package that is not there any more", func(_ *fakeDevice, f *fakeDelivery) { f.way, f.gone = mapping.WayPush, 1 },
			"200", "pushed: the package", "route ACME/M1, fetch, fetch, worked ACME/M1 push, release push 200"},
		{"a package server that refuses", func(_ *fakeDevice, f *fakeDelivery) {
			f.way, f.fails = mapping.WayPush, []error{&DeliveryError{Fault: mapping.FaultPackageAuth, Err: errors.New("401")}}
		}, "406", "", "route ACME/M1, fetch, release push 406"},
		{"a package that is too large", func(_ *fakeDevice, f *fakeDelivery) {
			f.way, f.fails = mapping.WayPush, []error{&DeliveryError{Result: lwm2m9.ResultNotEnoughStorage, Err: errors.New("size")}}
		}, "501", "", "route ACME/M1, fetch, release push 501"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				dev, f := w.net.add(devA), &fakeDelivery{}
				test.setup(dev, f)
				w.opt.Delivery = f
				w.start()
				defer func() { w.stop() }()
				w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
				w.register(dev)
				if !w.until("final notification", 12*time.Hour, w.answered(devA, imeiA)) {
					return
				}
				alerts, _ := w.dm.seen(imeiA)
				if len(alerts) != 1 || alerts[0].data != test.code {
					t.Errorf("alerts %+v, want %s", alerts, test.code)
				}
				if got := f.story(); got != test.said {
					t.Errorf("it was asked %q, want %q", got, test.said)
				}
				if d, ok, err := w.engine.Drive(devA); err != nil || !ok || !d.Over() || d.Verdict.Code.String() != test.code || d.Order.Execution.URL != pkgURL {
					t.Errorf("stored is %+v, %v, %v", d, ok, err)
				}
				if _, ok, err := w.engine.Drive("nobody"); ok || err != nil {
					t.Errorf("nobody has a drive: %v", err)
				}
				dev.change(func() {
					if got := dev.instances[0].uri; got != test.uri {
						t.Errorf("the device got %q, want %q", got, test.uri)
					}
				})
			})
		})
	}
}

// TestDeliveryRestarts: a bridge that is stopped while it fetches asks again.
func TestDeliveryRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev, f := w.net.add(devA), &fakeDelivery{way: mapping.WayPush}
		w.opt.Delivery = f
		w.start()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
		w.register(dev)
		if !w.until("a fetch", time.Hour, func() bool { return strings.Contains(f.story(), "fetch") }) {
			return
		}
		w.stop()
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		if !w.until("final notification", 12*time.Hour, w.answered(devA, imeiA)) {
			return
		}
		if got := f.story(); !strings.HasSuffix(got, "worked ACME/M1 push, release push 200") {
			t.Errorf("it was asked %q", got)
		}
	})
}

// TestGiveUpInSameTurn: a request that a drive makes and gives up in one turn,
// because two events came together, is cut off too: else a package would be
// fetched, and kept, for a drive that is over.
func TestGiveUpInSameTurn(t *testing.T) {
	cancelled, ask := false, &asking{}
	tn := &turn{live: live{ask: ask}}
	tn.effects = append(tn.effects, func(context.Context) { ask.cancel = func() { cancelled = true } }) // as ask does
	tn.giveUpAsking()
	tn.giveUpAsking() // there is nothing any more
	for _, start := range tn.effects {
		start(t.Context())
	}
	if !cancelled || len(tn.effects) != 2 || tn.live.ask != nil {
		t.Errorf("cancelled %t, %d effects", cancelled, len(tn.effects))
	}
	unasked := &turn{live: live{ask: &asking{}}} // it only waits, to knock
	unasked.giveUpAsking()
	for _, start := range unasked.effects {
		start(t.Context())
	}
}
