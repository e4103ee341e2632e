package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// failingStore fails writes on demand: nothing of them is stored.
type failingStore struct {
	store.Store
	mu   sync.Mutex
	n    int
	fail func(n int, c []store.Change) error // nil: never
}

func (s *failingStore) Write(c ...store.Change) ([]uint64, error) {
	s.mu.Lock()
	s.n++
	var err error
	if s.fail != nil {
		err = s.fail(s.n, c)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.Write(c...)
}

func (s *failingStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *failingStore) set(fail func(n int, c []store.Change) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// TestEveryWriteFailsOnce: whatever write fails, for whatever reason, the
// update comes to its end and nothing is done twice.
func TestEveryWriteFailsOnce(t *testing.T) {
	once := func(t *testing.T, at int, cause error) (writes int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			dev := w.net.add(devA)
			st := &failingStore{Store: w.store}
			st.set(func(n int, _ []store.Change) error {
				if n == at {
					return cause
				}
				return nil
			})
			w.startWith(st, w.net, w.dm)
			defer func() { w.stop() }()
			w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
			w.until("registered", time.Hour, func() bool { return dev.register(t.Context(), w.engine) == nil })
			if !w.until(fmt.Sprintf("the end, write %d fails", at), 24*time.Hour, w.answered(devA, imeiA)) {
				return
			}
			alerts, _ := w.dm.seen(imeiA)
			if n := len(alerts); n > 2 || alerts[n-1].data != "200" {
				t.Errorf("write %d fails: notifications %+v", at, alerts)
			}
			if n := dev.ran("POST /9/0/4"); n != 1 {
				t.Errorf("write %d fails: Install ran %d times", at, n)
			}
			// The last write may be one after the end: of who the device is now.
			w.until(fmt.Sprintf("health after write %d failed", at), time.Minute, func() bool {
				h := w.engine.Health()
				return h.OK && len(h.Conditions) == 0
			})
			st.set(nil)
			writes = st.count()
		})
		return writes
	}
	for _, cause := range []error{store.ErrFull, store.ErrConflict, errors.New("i/o error")} {
		writes := once(t, 0, nil)
		if writes < 15 {
			t.Fatalf("only %d writes", writes)
		}
		for at := 1; at <= writes && !t.Failed(); at++ {
			once(t, at, fmt.Errorf("write %d: %w", at, cause))
		}
	}
}

func TestDiskFullIsShownAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev, other := w.net.add(devA), w.net.add("other")
		st := &failingStore{Store: w.store}
		w.startWith(st, w.net, w.dm)
		defer func() { w.stop() }()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "c")...)
		w.register(dev)
		w.until("download", time.Minute, func() bool { return w.detail(devA).State == 30 })

		st.set(func(int, []store.Change) error { return fmt.Errorf("%w: no space left on device", store.ErrFull) })
		err := other.register(t.Context(), w.engine)
		if refused, ok := errors.AsType[*server.Refused](err); !ok || refused.Code != lwm2m9.CodeUnavailable || !errors.Is(err, ErrStore) {
			t.Errorf("Register on a full disk: %v; want 5.03", err)
		}
		if err := w.engine.Update(t.Context(), dev.reg); !errors.Is(err, ErrStore) {
			t.Errorf("Update on a full disk: %v", err)
		}
		installs, posts := 0, 0
		w.until("delivered", time.Minute, func() (there bool) {
			w.dm.look(func() { posts = w.dm.posts })
			dev.change(func() { installs, there = len(dev.order), dev.instances[0].State == lwm2m9.Delivered })
			return there
		})
		<-time.After(time.Hour)
		synctest.Wait()
		tried := st.count()
		for range 100 {
			w.engine.Notified(t.Context(), server.Notification{Endpoint: devA, Path: "/9/0/7"})
			synctest.Wait()
		}
		if n := st.count() - tried; n > 1 {
			t.Errorf("%d writes tried for notifications on a full disk", n)
		}
		if h := w.engine.Health(); h.OK || len(h.Conditions) != 1 || !strings.Contains(h.Conditions[0].Text, "no space left") {
			t.Errorf("health on a full disk: %+v", h)
		}
		dev.change(func() {
			if len(dev.order) > installs+1 { // at most what was under way
				t.Errorf("spoke to the device while nothing could be stored: %v", dev.order[installs:])
			}
		})
		w.dm.look(func() {
			if w.dm.posts != posts {
				t.Errorf("%d POSTs while nothing could be stored", w.dm.posts-posts)
			}
		})

		st.set(nil)
		w.until("the end", time.Hour, w.answered(devA, imeiA))
		if h := w.engine.Health(); !h.OK || len(h.Conditions) != 0 {
			t.Errorf("health afterwards: %+v", h)
		}
		if err := other.register(t.Context(), w.engine); err != nil {
			t.Errorf("Register afterwards: %v", err)
		}
		if n := dev.ran("POST /9/0/4"); n != 1 {
			t.Errorf("Install ran %d times", n)
		}
	})
}

// TestOneBadRecordDoesNotHoldUpTheOthers: a record that cannot be written,
// because somebody else changed it, fails alone.
func TestOneBadRecordDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.opt.Shards = 1
		w.info = func(string) bool { return false } // no DM sessions: registrations only
		st := &failingStore{Store: w.store}
		w.startWith(st, w.net, w.dm)
		defer func() { w.stop() }()
		var devs []*fakeDevice
		for i := range 5 {
			devs = append(devs, w.net.add(fmt.Sprint("d", i)))
			w.register(devs[i])
		}
		w.until("identified", time.Minute, func() bool { return w.detail("d4").Identity.Model != "" })
		entry, err := w.store.Get(keyOf("d2"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Write(store.Change{Key: entry.Key, Value: entry.Value, Expect: store.AnyRevision}); err != nil {
			t.Fatal(err)
		}
		errs := make([]error, len(devs))
		var wg sync.WaitGroup
		for i, d := range devs {
			wg.Go(func() {
				errs[i] = w.engine.Update(t.Context(), server.Registration{Endpoint: d.endpoint, ID: "new", Heard: time.Now()})
			})
		}
		wg.Wait()
		for i, err := range errs {
			if (err != nil) != (i == 2) {
				t.Errorf("device %d: %v", i, err)
			}
		}
		// What somebody else wrote counts, and is built upon.
		if err := w.engine.Update(t.Context(), devs[2].reg); err != nil {
			t.Errorf("after the conflict: %v", err)
		}
		if h := w.engine.Health(); !h.OK {
			t.Errorf("health %+v", h)
		}
	})
}

func TestRecordsThatCannotBeReadAreLeftAlone(t *testing.T) {
	valid := func(t *testing.T) []byte {
		b, err := newRecord(devA).encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tc := range []struct {
		name  string
		value func(*testing.T) []byte
		says  string
	}{
		{"not JSON", func(*testing.T) []byte { return []byte("\x00broken") }, "invalid"},
		{"newer version", func(*testing.T) []byte { return fmt.Appendf(nil, `{"v":%d,"x":1}`, recordVersion+1) }, fmt.Sprintf("version %d", recordVersion+1)},
		{"no version", func(*testing.T) []byte { return []byte(`{}`) }, "version 0"},
		{"unknown field", func(t *testing.T) []byte {
			return bytes.Replace(valid(t), fmt.Appendf(nil, `"v":%d`, recordVersion), fmt.Appendf(nil, `"v":%d,"extra":1`, recordVersion), 1)
		}, "extra"},
		{"something behind", func(t *testing.T) []byte { return append(valid(t), "{}"...) }, "after top-level"},
		{"another device's", func(t *testing.T) []byte { return bytes.Replace(valid(t), []byte(devA), []byte("somebody"), 1) }, "another device"},
		{"no tree", func(*testing.T) []byte { return []byte(`{"v":2,"endpoint":"` + devA + `"}`) }, "no tree"},
		{"wrong type", func(t *testing.T) []byte {
			return bytes.Replace(valid(t), []byte(`"dm":{`), []byte(`"drives":"many","dm":{`), 1)
		}, "drives"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				value := tc.value(t)
				if _, err := w.store.Write(store.Change{Key: keyOf(devA), Value: value}); err != nil {
					t.Fatal(err)
				}
				bad, good := w.net.add(devA), w.net.add("good")
				w.start()
				defer func() { w.stop() }()
				err := bad.register(t.Context(), w.engine)
				if _, refused := errors.AsType[*server.Refused](err); !errors.Is(err, ErrRecord) || refused || !strings.Contains(err.Error(), keyOf(devA)) {
					t.Errorf("Register: %v; want ErrRecord with the key, which is 5.00", err)
				}
				w.register(good) // others go on
				<-time.After(24 * time.Hour)
				synctest.Wait()
				if e, err := w.store.Get(keyOf(devA)); err != nil || !bytes.Equal(e.Value, value) || e.Revision != 1 {
					t.Errorf("the record was touched: revision %d, %v", e.Revision, err)
				}
				h := w.engine.Health()
				if !h.OK || len(h.Conditions) != 1 || !strings.Contains(h.Conditions[0].Text, tc.says) || h.Devices != 2 {
					t.Errorf("health %+v; want a condition with %q", h, tc.says)
				}
				list, _, err := w.engine.List("", 10)
				if err != nil || len(list) != 2 || list[1].Name != devA || list[1].Error == "" || list[0].Error != "" {
					t.Errorf("list %+v, %v", list, err)
				}
				if _, err := w.engine.Device(devA); !errors.Is(err, ErrRecord) {
					t.Errorf("Device: %v", err)
				}
			})
		})
	}
}

func TestARecordSpoiltWhileRunningIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		w.until("session", time.Minute, func() bool { return w.detail(devA).DM.OK })
		spoilt := store.Change{Key: keyOf(devA), Value: []byte("{"), Expect: store.AnyRevision}
		if _, err := w.store.Write(spoilt); err != nil {
			t.Fatal(err)
		}
		for range 3 { // a conflict first, then the reading
			if err := dev.register(t.Context(), w.engine); err == nil {
				t.Error("Register succeeded")
			}
		}
		if err := dev.register(t.Context(), w.engine); !errors.Is(err, ErrRecord) {
			t.Errorf("Register: %v; want ErrRecord", err)
		}
		<-time.After(24 * time.Hour)
		if e, _ := w.store.Get(keyOf(devA)); string(e.Value) != "{" {
			t.Errorf("overwritten with %s", e.Value)
		}
	})
}
