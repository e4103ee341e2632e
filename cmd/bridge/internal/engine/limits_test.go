package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func code(err error) lwm2m9.ResponseCode {
	if refused, ok := errors.AsType[*server.Refused](err); ok {
		return refused.Code
	}
	return 0
}

func TestLimitOfDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.opt.MaxDevices = 3
		w.info = func(string) bool { return false }
		w.start()
		defer func() { w.stop() }()
		for i := range 4 {
			err := w.net.add(fmt.Sprint("d", i)).register(t.Context(), w.engine)
			if i < 3 && err != nil || i == 3 && code(err) != lwm2m9.CodeForbidden {
				t.Errorf("device %d: %v", i+1, err)
			}
		}
		if err := w.net.devices["d0"].register(t.Context(), w.engine); err != nil {
			t.Errorf("a device that is known: %v", err)
		}
		if n := w.engine.Health().Devices; n != 3 {
			t.Errorf("%d devices", n)
		}
	})
}

func TestLimitOfNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.stop() }()
		longest := store.MaxKey - len(keyPrefix)
		for name, want := range map[string]lwm2m9.ResponseCode{
			"": lwm2m9.CodeBadRequest, strings.Repeat("x", longest): 0, strings.Repeat("x", longest+1): lwm2m9.CodeBadRequest,
			strings.Repeat("/", longest/3): 0, strings.Repeat("/", longest/3+1): lwm2m9.CodeBadRequest,
		} {
			err := w.net.add(name).register(t.Context(), w.engine)
			if code(err) != want || want == 0 && err != nil {
				t.Errorf("name of %d bytes: %v; want %v", len(name), err, want)
			}
			if _, err := w.engine.Device(name); want != 0 && !errors.Is(err, ErrUnknownDevice) {
				t.Errorf("Device of %d bytes: %v", len(name), err)
			}
		}
	})
}

func TestLimitOfInbox(t *testing.T) {
	m := newMailbox()
	const limit = 3
	for i := range limit + 1 {
		err := m.offer(event{endpoint: "x", what: notified{}}, limit)
		if (err != nil) != (i == limit) || err != nil && !errors.Is(err, ErrBusy) {
			t.Errorf("event %d: %v", i+1, err)
		}
	}
	m.push(event{what: granted{}}) // outcomes always come in
	if got := len(m.take(100)); got != limit+1 {
		t.Errorf("%d events; want %d", got, limit+1)
	}
	reply := make(chan error, 1)
	if err := m.offer(event{reply: reply}, limit); err != nil {
		t.Error(err)
	}
	m.close()
	if err := <-reply; !errors.Is(err, ErrStopped) {
		t.Errorf("who waited at the end: %v", err)
	}
	if err := m.offer(event{}, limit); !errors.Is(err, ErrStopped) {
		t.Errorf("who came after the end: %v", err)
	}
	if code(toDevice(ErrBusy)) != lwm2m9.CodeUnavailable || code(toDevice(ErrStopped)) != lwm2m9.CodeUnavailable {
		t.Error("a device is not told to come again")
	}
}

func TestLimitOfTimelineAndOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.opt.Timeline, w.opt.Outbox, w.opt.AlertTries = 5, 2, 1
		w.poll = time.Minute
		w.dm.alert = func(int) syncml.Code { return syncml.StatusCommandFailed } // each is parked at once
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		for n := 1; n <= 3; n++ {
			w.dm.orders(imeiA, campaign(fmt.Sprint("p", n), pkgURL, fmt.Sprint("c", n))...)
			w.until("parked", 24*time.Hour, func() bool {
				d := w.detail(devA)
				k := len(d.Outbox)
				return k > 0 && d.Outbox[k-1].Correlator == fmt.Sprint("c", n) && d.Outbox[k-1].Parked
			})
			d := w.detail(devA)
			if len(d.Outbox) != min(n, 2) || len(d.Timeline) != 5 {
				t.Errorf("after %d updates: %d in the outbox, %d lines", n, len(d.Outbox), len(d.Timeline))
			}
		}
		if d := w.detail(devA); d.Outbox[0].Correlator != "c2" {
			t.Errorf("the wrong one went: %+v", d.Outbox)
		}
		if !strings.Contains(w.story(), "notification 200 of p1 dropped") {
			t.Errorf("nobody was told:\n%s", w.story())
		}
	})
}

func TestCacheForgetsTheOldest(t *testing.T) {
	c := newCache(2)
	for _, name := range []string{"a", "b", "c"} {
		c.put(cached{rec: newRecord(name)})
	}
	if _, ok := c.take("a"); ok {
		t.Error("a is there, one over the limit")
	}
	for _, name := range []string{"b", "c"} {
		if got, ok := c.take(name); !ok || got.rec.Endpoint != name {
			t.Errorf("%s is not there", name)
		}
		if _, ok := c.take(name); ok {
			t.Errorf("%s was taken twice", name)
		}
	}
}

func TestAdmission(t *testing.T) {
	a := newAdmission(2)
	var got []string
	enter := func(name string) bool { return a.enter(func() { got = append(got, name) }) }
	if !enter("a") || !enter("b") || enter("c") || enter("d") {
		t.Error("want places for two")
	}
	a.leave()
	a.leave()
	if fmt.Sprint(got) != "[c d]" {
		t.Errorf("granted to %v; want c, then d", got)
	}
	a.leave()
	if !enter("e") || enter("f") {
		t.Error("a place was lost or made")
	}
}

func TestDueHeap(t *testing.T) {
	var h dueHeap
	base := time.Unix(1000, 0)
	slots := map[string]*slot{}
	for i, name := range []string{"c", "a", "b", "never"} {
		slots[name] = &slot{endpoint: name, index: -1}
		h.set(slots[name], base.Add(time.Duration(i)*time.Second))
	}
	h.set(slots["never"], time.Time{})
	h.set(slots["c"], base.Add(5*time.Second)) // from first to last
	order := ""
	for {
		at, ok := h.next()
		if !ok {
			break
		}
		if _, early := h.pop(at.Add(-1)); early {
			t.Error("popped before its time")
		}
		s, ok := h.pop(at)
		if !ok {
			t.Fatal("not popped at its time")
		}
		order += s.endpoint
	}
	if order != "abc" || slots["a"].index != -1 {
		t.Errorf("order %q; want abc", order)
	}
}

// TestSecretsStayInside: passwords and nonces are in neither view nor log.
func TestSecretsStayInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		var log bytes.Buffer
		w.opt.Log = slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(b)
		}), &slog.HandlerOptions{Level: slog.LevelDebug}))
		w.opt.Rand = bytes.NewReader(bytes.Repeat([]byte("NONCENONCENONCE!"), 100))
		w.acc.Client.Scheme = session.SchemeMD5
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", "http://someone:hidden-pw@pkg.test/x.bin", "c")...)
		w.register(dev)
		w.until("the end", time.Hour, w.answered(devA, imeiA))
		rec, err := func() (*record, error) {
			e, err := w.store.Get(keyOf(devA))
			if err != nil {
				return nil, err
			}
			rec, err := decodeRecord(e)
			if err != nil {
				return nil, err
			}
			rec.DM.Nonces = session.Nonces{Client: []byte("client-nonce"), Server: []byte("server-nonce")}
			return rec, nil
		}()
		if err != nil {
			t.Fatal(err)
		}
		detail, err := json.Marshal(w.engine.detail(rec))
		if err != nil {
			t.Fatal(err)
		}
		status, _ := json.Marshal(w.engine.status(rec))
		mu.Lock()
		defer mu.Unlock()
		shown := string(detail) + string(status) + log.String()
		for _, secret := range []string{"pass-word", "hidden-pw", "nonce", "NONCE", "Y2xpZW50LW5vbmNl", "c2VydmVyLW5vbmNl"} {
			if i := strings.Index(shown, secret); i >= 0 {
				t.Errorf("%q is shown: …%s…", secret, shown[max(0, i-80):min(len(shown), i+80)])
			}
		}
		if !strings.Contains(log.String(), "fwupdate=\"100 Update successful\" object9=\"INSTALLED, ACTIVE\"") {
			t.Errorf("the log does not speak as the time line does:\n%s", log.String())
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// TestManyDevicesAtOnce: many updates on few shards, with a cache far too
// small; each device gets its own, once.
func TestManyDevicesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.opt.Shards, w.opt.Cache, w.opt.Batch = 3, 9, 16
		w.start()
		defer func() { w.stop() }()
		const devices = 60
		var wg sync.WaitGroup
		for i := range devices {
			name := fmt.Sprint("many/", i)
			dev := w.net.add(name)
			dev.download = time.Duration(i) * 100 * time.Millisecond
			w.dm.orders("IMEI:"+name, campaign("p", pkgURL, name)...)
			wg.Go(func() {
				if err := dev.register(t.Context(), w.engine); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		for i := range devices {
			name := fmt.Sprint("many/", i)
			w.until(name, time.Hour, w.answered(name, "IMEI:"+name))
			alerts, _ := w.dm.seen("IMEI:" + name)
			if len(alerts) != 1 || alerts[0].data != "200" || alerts[0].correlator != name || w.net.devices[name].ran("POST /9/0/4") != 1 {
				t.Errorf("%s: %+v", name, alerts)
			}
		}
		var names []string
		for after, more := "", true; more; {
			list, m, err := w.engine.List(after, 7)
			if err != nil || m && len(list) != 7 {
				t.Fatalf("a page of %d: %v", len(list), err)
			}
			for _, s := range list {
				names = append(names, s.Name)
			}
			after, more = list[len(list)-1].Name, m
		}
		if len(names) != devices {
			t.Errorf("pages show %d devices", len(names))
		}
	})
}

func TestRunWithoutLoad(t *testing.T) {
	w := newWorld(t)
	e := New(Options{Store: w.store, Poster: w.dm, Directory: w})
	if err := e.Run(t.Context()); err == nil {
		t.Error("want an error")
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(w.net); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Load of a closed store: %v", err)
	}
}

// TestStopCutsOffWhatWaits: Run returns although device and server are silent.
func TestStopCutsOffWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dm.latency = time.Hour
		dev := w.net.add(devA)
		w.start()
		w.register(dev)
		w.until("POST", time.Minute, func() bool {
			open := 0
			w.dm.look(func() { open = w.dm.open })
			return open == 1
		})
		dev.change(func() { dev.offline = true })
		w.register(dev) // reads /3/0 of a device that is gone again
		dev.change(func() { dev.offline = true })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.engine.Update(ctx, dev.reg); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that does not wait: %v", err)
		}
		begin := time.Now()
		w.stop()
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Run took %v to end", d)
		}
	})
}
