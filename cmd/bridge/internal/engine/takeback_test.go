package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/syncml"
)

// always lends the same to everybody.
func always(string, bool) (string, syncml.Secret, bool) { return "me", "pw", true }

// held is what an instance of a device has of what was lent to it.
func (d *fakeDevice) held(id lwm2m9.InstanceID) (text string) {
	d.change(func() { text = d.instances[id].user + ":" + d.instances[id].password })
	return text
}

// lentNow is what the record says that the device may have.
func (w *world) lentNow() loan {
	w.t.Helper()
	e, err := w.store.Get(keyOf(devA))
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := decodeRecord(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Lent
}

// settled waits until nothing that was lent is with the device.
func (w *world) settled(d *fakeDevice) {
	w.t.Helper()
	w.until("everything is taken back", time.Hour, func() bool { return len(w.lentNow().Instances) == 0 })
	if got := d.held(0); got != ":" {
		w.t.Errorf("the device has %q still", got)
	}
}

// TestTakeBack: however the drive ends, what was lent for it is gone then.
func TestTakeBack(t *testing.T) {
	for _, tc := range []struct {
		name  string
		setup func(*world, *fakeDevice)
		code  string
		shown string // to the package server
		asked int    // Writes of Password
	}{
		{"success", func(*world, *fakeDevice) {}, "200", pkgURL + " me:pw", 2},
		{"failure", func(_ *world, d *fakeDevice) { d.downloadFails = lwm2m9.ResultIntegrityFailure }, "402", pkgURL + " me:pw", 2},
		{"another way", func(w *world, d *fakeDevice) {
			d.downloadFails = lwm2m9.ResultInvalidURI
			w.opt.Delivery = &fakeDelivery{}
		}, "411", "coap://bridge.test/p/token-proxy-coap :", 3},
		{"refused", func(_ *world, d *fakeDevice) {
			d.refuse["PUT /9/0/14"], d.refuse["PUT /9/0/15"] = lwm2m9.CodeNotFound, lwm2m9.CodeNotFound
		}, "200", pkgURL + " :", 1},
		{"nobody lends", func(w *world, _ *fakeDevice) { w.opt.Lender = nil }, "200", pkgURL + " :", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				dev := w.net.add(devA)
				w.opt.Lender = always
				tc.setup(w, dev)
				w.start()
				defer func() { w.stop() }()
				w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
				w.register(dev)
				w.until("final notification", 12*time.Hour, w.answered(devA, imeiA))
				w.settled(dev)
				if alerts, _ := w.dm.seen(imeiA); len(alerts) != 1 || alerts[0].data != tc.code {
					t.Errorf("alerts %+v, want %s", alerts, tc.code)
				}
				if got := dev.instances[0].shown; got != tc.shown {
					t.Errorf("the package server was shown %q, want %q", got, tc.shown)
				}
				if n := dev.ran("PUT /9/0/15"); n != tc.asked {
					t.Errorf("Password was written %d times, want %d", n, tc.asked)
				}
			})
		})
	}
}

// keeper is a network whose device does not hear that it shall give the password
// back, so many times.
type keeper struct {
	*network
	asked, times int
}

func (d *keeper) Do(ctx context.Context, endpoint string, r server.Request) (server.Response, error) {
	if r.Method != server.PUT || r.Path != "/9/0/15" || len(r.Payload) > 0 {
		return d.network.Do(ctx, endpoint, r)
	}
	d.mu.Lock()
	d.asked++
	lost := d.asked <= d.times
	d.mu.Unlock()
	if lost {
		<-ctx.Done()
		return server.Response{}, server.ErrNoAnswer
	}
	return d.network.Do(ctx, endpoint, r)
}

// TestTakeBackLater: a device that does not answer at the end is asked when it
// is heard from, and not for ever; the drive is over all the same.
func TestTakeBackLater(t *testing.T) {
	for times, want := range map[int]string{1: ":", maxTakeBacks - 1: ":", maxTakeBacks: "me:pw"} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				dev, net := w.net.add(devA), &keeper{network: w.net, times: times}
				w.opt.Lender = always
				w.startWith(w.store, net, w.dm)
				defer func() { w.stop() }()
				w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
				w.register(dev)
				w.until("final notification", 12*time.Hour, w.answered(devA, imeiA))
				heard := 0
				w.until("the end", 24*time.Hour, func() bool {
					if l := w.lentNow(); l.Tries > heard {
						heard++
						if err := w.engine.Update(t.Context(), dev.reg); err != nil {
							t.Error(err)
						}
					}
					return len(w.lentNow().Instances) == 0
				})
				if got := dev.held(0); got != want {
					t.Errorf("the device has %q, want %q\n%s", got, want, w.story())
				}
				if n := min(times+1, maxTakeBacks); net.asked != n || heard != n-1 {
					t.Errorf("asked %d times after %d Updates, want %d", net.asked, heard, n)
				}
			})
		})
	}
}

// TestTakeBackAfterDeath: a process that dies at any moment of the lending
// leaves nothing with the device.
func TestTakeBackAfterDeath(t *testing.T) {
	moments := 1
	for at := 0; at <= moments; at++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			dev := w.net.add(devA)
			w.opt.Lender = always
			b := newBomb(at)
			w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
			w.startWith(mortalStore{w.store, b, func() {}}, mortalDevices{w.net, b}, mortalPoster{w.dm, b})
			registered := dev.register(t.Context(), w.engine) == nil
			over := func() bool { return w.answered(devA, imeiA)() && len(w.lentNow().Instances) == 0 }
			w.until("death or the end", 48*time.Hour, func() bool { return b.dead() || over() })
			w.stop()
			if b.dead() {
				w.start()
				if !registered {
					w.register(dev)
				}
				w.until("the end after death "+b.where, 48*time.Hour, over)
				w.stop()
			}
			if got := dev.held(0); got != ":" {
				t.Errorf("died %s: the device has %q still", b.where, got)
			}
			if at == 0 {
				moments = b.n
			}
		})
	}
	if moments < 50 {
		t.Errorf("only %d moments: the harness sees nothing", moments)
	}
}

// TestTakeBackBeforeNext: a drive that begins meanwhile stops it, so that
// nothing empty comes after what is lent anew.
func TestTakeBackBeforeNext(t *testing.T) {
	cancelled := false
	tn := &turn{live: live{taking: &taking{cancel: func() { cancelled = true }}}, rec: &record{Present: true, Lent: loan{Instances: []lwm2m9.InstanceID{3}}}}
	old := tn.live.taking
	tn.stopTaking()
	for _, start := range tn.effects {
		start(t.Context())
	}
	tn.tookBack(tookBack{by: old, done: true})
	if !cancelled || len(tn.rec.Lent.Instances) != 1 {
		t.Errorf("cancelled %t, %+v", cancelled, tn.rec.Lent)
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{"done": {nil, true}, "refused": {refusal(lwm2m9.CodeNotFound), true}, "no answer": {server.ErrNoAnswer, false}, "gone": {server.ErrNotRegistered, false}} {
		dev := &scripted{answers: map[string]any{"PUT /9/3/15 text": c.err, "PUT /9/3/14 text": server.Response{}}}
		if c.err == nil {
			dev.answers["PUT /9/3/15 text"] = server.Response{}
		}
		if got := (asker{devices: dev, timeout: time.Minute}).takeBack(context.Background(), []lwm2m9.InstanceID{3}); got != c.want {
			t.Errorf("%s: %t after %q", name, got, dev.log)
		}
	}
}

// TestTakeBackAfterRestart: also when nothing else is due.
func TestTakeBackAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		w.opt.Lender = always
		w.startWith(w.store, &keeper{network: w.net, times: 1}, w.dm)
		w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
		w.register(dev)
		w.until("final notification", 12*time.Hour, w.answered(devA, imeiA))
		w.until("a try", time.Hour, func() bool { return w.lentNow().Tries == 1 })
		w.stop()
		w.start()
		defer func() { w.stop() }()
		w.until("everything is taken back", time.Minute, func() bool { return dev.held(0) == ":" })
	})
}
