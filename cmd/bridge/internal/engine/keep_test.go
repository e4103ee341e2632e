package engine

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// stored is the device's record as it is in the store.
func (w *world) stored(endpoint string) *record {
	w.t.Helper()
	e, err := w.store.Get(keyOf(endpoint))
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := decodeRecord(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec
}

// TestNonceIsDurableBeforeTheNextMessage: a nonce that the server has given
// out is the only one it takes next time, whatever happens to this process.
func TestNonceIsDurableBeforeTheNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.acc.Client.Scheme = session.SchemeMD5
		w.dm.chal = &syncml.Chal{Meta: syncml.Meta{
			Type: "syncml:auth-md5", Format: "b64", NextNonce: syncml.Secret(base64.StdEncoding.EncodeToString([]byte("next nonce"))),
		}}
		second := 0
		w.dm.onPost = func(m *syncml.Message) {
			if m.Header.MsgID != "2" {
				return
			}
			second++
			if got := string(w.stored(devA).DM.Nonces.Client); got != "next nonce" {
				t.Errorf("message 2 goes out with nonce %q stored", got)
			}
		}
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
		w.register(dev)
		w.until("the end", time.Hour, w.answered(devA, imeiA))
		if second == 0 {
			t.Error("no session had a second message")
		}
	})
}

// TestTheInstanceOfAPackageIsUsedAgain: a second update of p goes where the
// first went, although another instance is free.
func TestTheInstanceOfAPackageIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.poll = time.Minute
		dev := w.net.add(devA)
		dev.instances[0].Machine = lwm2m9.Machine{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}
		dev.instances[1] = &software{Machine: lwm2m9.NewMachine()}
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "first")...)
		w.register(dev)
		w.until("the end", time.Hour, w.answered(devA, imeiA))
		if p, ok := w.stored(devA).Tree.Package("p1"); !ok || p.Bound != 2 {
			t.Fatalf("package %+v; want it bound to instance 1", p)
		}
		dev.change(func() { dev.instances[0].Machine = lwm2m9.NewMachine() })
		exec := op(syncml.CmdExec, "./FwUpdate/p1/DownloadAndUpdate", "", "")
		w.dm.orders(imeiA, exec)
		w.until("the second update", 24*time.Hour, func() bool {
			alerts, _ := w.dm.seen(imeiA)
			return len(alerts) == 2
		})
		if dev.ran("PUT /9/1/3") != 2 || dev.ran("PUT /9/0/3") != 0 {
			t.Errorf("the second update went elsewhere: %v", dev.order)
		}
	})
}

// TestAWriteSeparatesTornReadings: the same torn pair before and after a Write
// decides nothing.
func TestAWriteSeparatesTornReadings(t *testing.T) {
	for _, wrote := range []mapping.Op{mapping.OpNone, mapping.OpWriteURI, mapping.OpUninstall} {
		w := newWorld(t)
		e := New(Options{Store: w.store, Poster: w.dm, Directory: w})
		tu := &turn{shard: e.shards[0], slot: &slot{endpoint: devA}, rec: newRecord(devA), now: time.Now()}
		torn := func() *mapping.Answer {
			return &mapping.Answer{Outcome: mapping.Accepted, Torn: true, Instances: []lwm2m9.Instance{{RawState: 2, RawResult: 1}}}
		}
		tu.learn(torn(), mapping.OpRead)
		if wrote != mapping.OpNone {
			tu.learn(&mapping.Answer{Outcome: mapping.NoAnswer}, wrote)
		}
		last := torn()
		tu.learn(last, mapping.OpRead)
		want := lwm2m9.Draft
		if wrote != mapping.OpNone {
			want = lwm2m9.DialectUnknown
		}
		if last.Dialect != want || last.Instances[0].State != want.State(2) {
			t.Errorf("after %v: %v, %v; want %v", wrote, last.Dialect, last.Instances[0].State, want)
		}
	}
}

// TestNothingStaysUnderWayForADriveThatIsOver: a request that waits for a
// sleeping device does not outlive its drive.
func TestNothingStaysUnderWayForADriveThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := updating(t, 30, func(w *world, d *fakeDevice) {
			d.reg.Queue = true
			w.poll = time.Hour
		})
		defer func() { w.stop() }()
		dev.change(func() { dev.offline = true })
		w.until("a request that waits", time.Hour, func() bool { return w.net.underWay() == 1 })
		<-time.After(time.Minute)
		if err := w.engine.Cancel(t.Context(), devA); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if n := w.net.underWay(); n > 1 {
			t.Errorf("%d requests under way; want what the cleanup asks at most", n)
		}
		w.until("the end", 24*time.Hour, w.answered(devA, imeiA))
		synctest.Wait()
		if n := w.net.underWay(); n != 0 {
			t.Errorf("%d requests under way after the end", n)
		}
	})
}

// TestAPlaceIsNotLostWithAFailedWrite: a device whose turn for a session
// comes while it cannot be stored hands it on, and gets another later.
func TestAPlaceIsNotLostWithAFailedWrite(t *testing.T) {
	for name, early := range map[string]bool{"the grant itself cannot be stored": false, "the grant comes while the device waits for the store": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.opt.Sessions, w.opt.Shards = 1, 1
				w.opt.StoreRetry = Backoff{Base: time.Hour, Cap: time.Hour}
				w.dm.latency = 10 * time.Second
				st := &failingStore{Store: w.store}
				w.startWith(st, w.net, w.dm)
				defer func() { w.stop() }()
				a, b, c := w.net.add("a"), w.net.add("b"), w.net.add("c")
				w.register(a)
				<-time.After(time.Second) // a has the place
				w.register(b)
				<-time.After(time.Second) // b waits for it
				st.set(func(_ int, changes []store.Change) error {
					if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Key == keyOf("b") }) {
						return errors.New("b cannot be stored")
					}
					return nil
				})
				if early {
					w.engine.Expired(t.Context(), b.reg)
				}
				w.register(c)
				good := func(name string) func() bool { return func() bool { return w.detail(name).DM.OK } }
				w.until("a's session", 10*time.Minute, good("a"))
				w.until("c's session", 10*time.Minute, good("c"))
				if w.detail("b").DM.Sessions != 0 {
					t.Error("b had a session that was not stored")
				}
				st.set(nil)
				<-time.After(2 * time.Hour)
				w.register(b)
				w.until("b's session", 3*time.Hour, good("b"))
			})
		})
	}
}

// TestADeviceThatDoesNotIdentifyItself: the session does not wait for ever,
// and an Update asks again.
func TestADeviceThatDoesNotIdentifyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		dev.mute["GET /3/0"] = 1
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		w.until("session", 5*time.Minute, func() bool { return w.detail(devA).DM.OK })
		w.dm.look(func() {
			if man := w.dm.device(imeiA).results["./DevInfo/Man"]; man != "unknown" {
				t.Errorf("Man is %q; want unknown", man)
			}
		})
		if err := w.engine.Update(t.Context(), dev.reg); err != nil {
			t.Error(err)
		}
		w.until("identity", time.Minute, func() bool { return w.detail(devA).Identity.Manufacturer == "ACME" })
		before := dev.ran("GET /3/0")
		if err := w.engine.Update(t.Context(), dev.reg); err != nil {
			t.Error(err)
		}
		<-time.After(time.Minute)
		if n := dev.ran("GET /3/0") - before; n != 0 {
			t.Errorf("/3/0 is read %d more times", n)
		}
	})
}
