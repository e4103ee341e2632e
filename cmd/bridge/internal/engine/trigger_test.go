package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// triggerWorld is a world whose server has a secret, with a registered device
// that has had its first session; begun lists "1200 2A7" of every session.
func triggerWorld(t *testing.T) (w *world, dev *fakeDevice, begun *[]string) {
	w, begun = newWorld(t), &[]string{}
	w.poll = 0
	w.acc.Server.Secret = "server-secret"
	w.dm.onPost = func(m *syncml.Message) {
		if a, ok := m.Body[0].(*syncml.Alert); ok && m.Header.MsgID == "1" {
			*begun = append(*begun, fmt.Sprintf("%d %s", a.Code, m.Header.SessionID))
		}
	}
	dev = w.net.add(devA)
	w.start()
	w.register(dev)
	w.until("first session", time.Minute, func() bool { return w.detail(devA).DM.OK })
	return w, dev, begun
}

// trigger is signed with a default nonce.
func trigger(session uint16) *notify.Message {
	m := &notify.Message{Version: notify.Version11, Initiator: notify.ByServer, SessionID: session, ServerID: "dm.test"}
	m.Sign(notify.Key{User: m.ServerID, Secret: "server-secret"}, notify.DefaultNonce)
	return m
}

func (w *world) begun(list *[]string) string {
	synctest.Wait()
	text := ""
	w.dm.look(func() { text = strings.Join(*list, ", ") })
	return text
}

// TestTriggerStartsOneSession: 1200 with that id, at once, and once however
// often it comes, also after a restart.
func TestTriggerStartsOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, begun := triggerWorld(t)
		defer func() { w.stop() }()
		if err := w.engine.Trigger(t.Context(), devA, trigger(0x2A7)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		for range 2 {
			if err := w.engine.Trigger(t.Context(), devA, trigger(0x2A7)); !errors.Is(err, ErrReplay) {
				t.Errorf("again: %v; want ErrReplay", err)
			}
			w.stop()
			w.start()
		}
		<-time.After(time.Hour)
		if got := w.begun(begun); got != "1201 1, 1200 2A7" {
			t.Errorf("sessions %s", got)
		}
		d := w.detail(devA)
		if v := d.Triggers; v.Taken != 1 || v.Replayed != 2 || v.Refused != 0 || v.Pending != "" || v.Last.IsZero() {
			t.Errorf("shown as %+v", v)
		}
		if note := d.Timeline[len(d.Timeline)-1].Note; note != "the DM server wants session 2A7, by the default nonce" {
			t.Errorf("time line ends with %q", note)
		}
		<-time.After(defaultTriggerWindow)
		if err := w.engine.Trigger(t.Context(), devA, trigger(0x2A7)); err != nil {
			t.Errorf("after the window: %v", err)
		}
	})
}

// TestTriggerWithTheStoredNonce, which only the record knows; and by the user
// name that some servers take for their id.
func TestTriggerWithTheStoredNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, begun := triggerWorld(t)
		defer func() { w.stop() }()
		w.stop()
		w.acc.Server.User = "server-user"
		w.opt.Trigger.Default = notify.DefaultNever
		nonce := []byte("0123456789abcdef")
		w.changeRecord(func(r *record) { r.DM.Nonces.Server = nonce })
		w.start()
		if err := w.engine.Trigger(t.Context(), devA, trigger(5)); !errors.Is(err, notify.ErrDigest) {
			t.Errorf("default nonce: %v", err)
		}
		for i, user := range []string{"dm.test", "server-user"} {
			m := trigger(uint16(6 + i))
			m.Sign(notify.Key{User: user, Secret: "server-secret"}, nonce)
			if err := w.engine.Trigger(t.Context(), devA, m); err != nil {
				t.Errorf("%s: %v", user, err)
			}
			<-time.After(time.Minute)
		}
		if got := w.begun(begun); got != "1201 1, 1200 6, 1200 7" {
			t.Errorf("sessions %s", got)
		}
	})
}

// changeRecord changes the device's record while no engine runs.
func (w *world) changeRecord(f func(*record)) {
	w.t.Helper()
	e, err := w.store.Get(keyOf(devA))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := decodeRecord(e)
	if err != nil {
		w.t.Fatal(err)
	}
	f(r)
	b, err := r.encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Write(store.Change{Key: keyOf(devA), Value: b, Expect: e.Revision}); err != nil {
		w.t.Fatal(err)
	}
}

// TestTriggersThatAreRefused start nothing, are counted, and leave one line in
// ten minutes.
func TestTriggersThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, begun := triggerWorld(t)
		defer func() { w.stop() }()
		lines := len(w.detail(devA).Timeline)
		for range 100 {
			m := trigger(9)
			m.Digest[0] ^= 1
			if err := w.engine.Trigger(t.Context(), devA, m); !errors.Is(err, notify.ErrDigest) {
				t.Fatalf("wrong digest: %v", err)
			}
		}
		m := trigger(9)
		m.ServerID = "another"
		if err := w.engine.Trigger(t.Context(), devA, m); !errors.Is(err, ErrNotTheServer) {
			t.Errorf("another server: %v", err)
		}
		if err := w.engine.Trigger(t.Context(), "nobody", trigger(9)); !errors.Is(err, ErrUnknownDevice) {
			t.Errorf("unknown device: %v", err)
		}
		d := w.detail(devA)
		if d.Triggers.Refused != 101 || d.Triggers.Taken != 0 || len(d.Timeline) != lines+1 || !strings.Contains(d.Timeline[lines].Note, "digest") {
			t.Errorf("%+v, time line %+v", d.Triggers, d.Timeline[lines:])
		}
		<-time.After(refusalPause)
		w.acc.Server.Secret = ""
		if err := w.engine.Trigger(t.Context(), devA, trigger(9)); !errors.Is(err, ErrNotTheServer) {
			t.Errorf("no secret: %v", err)
		}
		if d := w.detail(devA); len(d.Timeline) != lines+2 {
			t.Errorf("%d new lines after ten minutes", len(d.Timeline)-lines)
		}
		<-time.After(time.Hour)
		if got := w.begun(begun); got != "1201 1" {
			t.Errorf("sessions %s", got)
		}
	})
}

// TestTriggerMemoryIsBounded: the oldest of many is forgotten.
func TestTriggerMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _ := triggerWorld(t)
		defer func() { w.stop() }()
		for i := range uint16(maxSeen + 1) {
			if err := w.engine.Trigger(t.Context(), devA, trigger(i+1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.engine.Trigger(t.Context(), devA, trigger(2)); !errors.Is(err, ErrReplay) {
			t.Errorf("the second of %d: %v", maxSeen+1, err)
		}
		if err := w.engine.Trigger(t.Context(), devA, trigger(1)); err != nil {
			t.Errorf("the first of %d: %v", maxSeen+1, err)
		}
		synctest.Wait()
	})
}

// TestTriggerWaitsForItsDevice, but not for ever.
func TestTriggerWaitsForItsDevice(t *testing.T) {
	for away, want := range map[time.Duration]string{triggerValid - time.Hour: "1201 1, 1200 7", triggerValid + time.Hour: "1201 1"} {
		synctest.Test(t, func(t *testing.T) {
			w, dev, begun := triggerWorld(t)
			defer func() { w.stop() }()
			w.net.mu.Lock()
			r := dev.reg
			w.net.mu.Unlock()
			if err := w.engine.Deregister(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := w.engine.Trigger(t.Context(), devA, trigger(7)); err != nil {
				t.Fatal(err)
			}
			<-time.After(away)
			if got := w.begun(begun); got != "1201 1" {
				t.Errorf("sessions %s while it is away", got)
			}
			w.register(dev)
			<-time.After(time.Minute)
			if got := w.begun(begun); got != want {
				t.Errorf("away for %v: sessions %s; want %s", away, got, want)
			}
			if p := w.detail(devA).Triggers.Pending; p != "" {
				t.Errorf("pending %s", p)
			}
		})
	}
}

// TestTriggerWhileTheServerIsDown: it goes before the back-off, is tried
// again, and is given up.
func TestTriggerWhileTheServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, begun := triggerWorld(t)
		defer func() { w.stop() }()
		w.dm.look(func() { w.dm.header = syncml.StatusNotFound; w.dm.sessions = nil })
		if err := w.engine.Trigger(t.Context(), devA, trigger(7)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if err := w.engine.Trigger(t.Context(), devA, trigger(8)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if got := w.begun(begun); got != "1201 1, 1200 7, 1200 8" || w.detail(devA).Triggers.Pending != "8" {
			t.Errorf("sessions %s, pending %q", got, w.detail(devA).Triggers.Pending)
		}
		<-time.After(7 * 24 * time.Hour)
		if p := w.detail(devA).Triggers.Pending; p != "" {
			t.Errorf("pending %s", p)
		}
		if n := strings.Count(w.story(), "its sessions failed"); n != 1 {
			t.Errorf("%d lines tell of the end", n)
		}
	})
}

// TestRecordsBeforeTriggers: version 1 is read, and written as version 2.
func TestRecordsBeforeTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev, _ := triggerWorld(t)
		defer func() { w.stop() }()
		w.stop()
		w.changeRecord(func(r *record) { r.V = 1 })
		w.start()
		w.register(dev)
		w.changeRecord(func(r *record) {
			if r.V != recordVersion {
				t.Errorf("version %d", r.V)
			}
		})
	})
}
