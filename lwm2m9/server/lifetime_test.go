package server_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

func kindOf(p coaptest.Packet) string { return coaptest.Kind(p.Data) }

// loseEmptyAcks loses every acknowledgement without a response.
func loseEmptyAcks(p coaptest.Packet) []coaptest.Arrival {
	if kindOf(p) == "ACK 0.00" {
		return nil
	}
	return coaptest.Deliver(p)
}

// TestExpiry: a lifetime ends to the second, unless an Update comes before.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		a, c := b.device("192.0.2.20:1", "a"), b.device("192.0.2.21:1", "c")
		a.register("lt=60")
		c.register("lt=60")
		time.Sleep(59 * time.Second)
		c.update()
		check(t, "before the end", names(b.s), "a c")
		b.h.took()
		time.Sleep(time.Second)
		synctest.Wait()
		check(t, "handler", b.h.took(), "expired a")
		check(t, "left", names(b.s), "c")
		if code := a.update(); code != coap.NotFound {
			t.Errorf("update afterwards: %v", code)
		}
		time.Sleep(59*time.Second - 1)
		check(t, "just before the end", b.h.took(), "")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		check(t, "handler", b.h.took(), "expired c")
	})
}

// TestUpdateWhileExpiring: the one that comes first wins, and the handler hears
// of it in that order.
func TestUpdateWhileExpiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		d.register("lt=60")
		time.Sleep(59 * time.Second)
		b.h.before = func(string, server.Registration) error { time.Sleep(5 * time.Second); return nil }
		if code := d.update(); code != coap.Changed { // ends at 64 s
			t.Error(code)
		}
		time.Sleep(55 * time.Second)
		synctest.Wait()
		check(t, "handler", b.h.took(), "register d, update d, expired d")
	})
}

// TestShorterLifetime: an Update can bring the end nearer.
func TestShorterLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		b.device("192.0.2.20:1", "a").register("lt=600")
		d := b.device(deviceAddr, "d")
		d.register("lt=86400")
		d.update("lt=60")
		b.h.took()
		time.Sleep(60 * time.Second)
		synctest.Wait()
		check(t, "handler", b.h.took(), "expired d")
	})
}

// TestUpdateBeforeExpiry: an Update that came in time counts, also when the
// handler was busy with the device until after the end.
func TestUpdateBeforeExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, d := observing(t)
		d.update("lt=60")
		other := b.device("192.0.2.10:1", "d")
		other.id = d.id
		time.Sleep(58 * time.Second)
		b.h.took()
		b.h.before = func(string, server.Registration) error { time.Sleep(5 * time.Second); return nil }
		if err := d.notify("/9/0/7", "1"); err != nil { // from 58 s to 63 s
			t.Error(err)
		}
		time.Sleep(time.Second)
		if code := other.update(); code != coap.Changed { // at 59 s; its turn is at 63 s
			t.Errorf("update in time: %v", code)
		}
		synctest.Wait()
		check(t, "handler", b.h.took(), "notified d /9/0/7=1, update d")
		time.Sleep(55 * time.Second)
		synctest.Wait()
		check(t, "handler a lifetime later", b.h.took(), "expired d")
	})
}

// TestRestore: after a restart, from what the handler was given, as JSON.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, n: coaptest.New(), h: &handler{}}
		_, stop := b.start(server.Options{}, nil)
		awake, asleep, late := b.device("192.0.2.20:1", "awake"), b.device("192.0.2.21:1", "asleep"), b.device("192.0.2.22:1", "late")
		awake.register("lt=600")
		asleep.register("lt=600", "b=UQ")
		late.register("lt=30")
		var stored []server.Registration
		for _, r := range b.h.regs {
			j, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back server.Registration
			if err := json.Unmarshal(j, &back); err != nil {
				t.Fatal(err)
			}
			stored = append(stored, back)
		}
		stop()
		b.h.took()
		time.Sleep(time.Minute)

		s := b.serve(server.Options{}, stored)
		synctest.Wait()
		check(t, "handler after the restart", b.h.took(), "expired late")
		got, _ := s.Lookup("awake")
		if diff := cmp.Diff(stored[0], got, cmpopts.EquateComparable(deviceAt)); diff != "" {
			t.Errorf("restored:\n%s", diff)
		}
		if _, err := s.Do(within(t, time.Minute), "awake", server.Read("/9/0/7", server.NoFormat)); err != nil {
			t.Error(err)
		}
		if _, err := s.Do(within(t, time.Minute), "asleep", server.Read("/9/0/7", server.NoFormat)); !errors.Is(err, server.ErrAsleep) {
			t.Errorf("asleep: %v", err)
		}
		if code := asleep.update(); code != coap.Changed {
			t.Errorf("update with the id of the last life: %v", code)
		}
		if _, err := s.Do(within(t, time.Minute), "asleep", server.Read("/9/0/7", server.NoFormat)); err != nil {
			t.Error(err)
		}
		awake.register()
		if r := b.h.last(); r.Epoch <= stored[0].Epoch {
			t.Errorf("epoch %d after %d", r.Epoch, stored[0].Epoch)
		}
		time.Sleep(600 * time.Second)
		synctest.Wait()
		check(t, "handler at the end", b.h.took(), "update asleep, register awake, expired asleep")
	})
}

// TestRestoreRefused: what cannot be taken back.
func TestRestoreRefused(t *testing.T) {
	s := server.New(server.Options{MaxRegistrations: 1})
	good := server.Registration{Endpoint: "a", ID: "1"}
	for i, r := range []server.Registration{{ID: "1"}, {Endpoint: "a"}, good, good, {Endpoint: "b", ID: "2"}} {
		if err := s.Restore(r); (err == nil) != (i == 2) {
			t.Errorf("registration %d: %v", i, err)
		}
	}
}

// TestQueueMode: requests wait until the device is heard from and then go out
// in order, one at a time; they are given up by their own deadline only, and it
// is known that they were not sent.
func TestQueueMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{AwakeWindow: 20 * time.Second})
		d := b.device(deviceAddr, "d")
		d.register("b=UQ")
		read := func(path string, limit time.Duration) error {
			_, err := b.s.Do(within(t, limit), "d", server.Read(path, server.NoFormat))
			return err
		}
		if err := read("/1", time.Minute); err != nil { // awake after its registration
			t.Error(err)
		}
		time.Sleep(19 * time.Second)
		if err := read("/2", time.Minute); err != nil { // its answer has renewed the window
			t.Error(err)
		}
		time.Sleep(19 * time.Second)
		if err := read("/2", time.Minute); err != nil { // here it is needed
			t.Error(err)
		}
		time.Sleep(20 * time.Second)
		d.took()
		sent := len(b.n.Sent())
		done := make(chan error, 3)
		go func() { done <- read("/3", 10*time.Hour) }()
		synctest.Wait()
		go func() { done <- read("/4", 10*time.Hour) }()
		if err := read("/5", time.Hour); !errors.Is(err, server.ErrNotSent) || !errors.Is(err, server.ErrNoAnswer) {
			t.Errorf("asleep for an hour: %v; want not sent", err)
		}
		if len(b.n.Sent()) != sent {
			t.Error("something was sent to a device that sleeps")
		}
		d.update()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		check(t, "asked", d.took(), "GET /3, GET /4")

	})
}

// TestFallenAsleep: that a device sleeps earlier than thought is found out
// once, and those who wait are spared; slow is not asleep.
func TestFallenAsleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{AwakeWindow: 10 * time.Minute})
		d := b.device(deviceAddr, "d")
		d.register("b=UQ")
		d.stop()
		read := func(path string, limit time.Duration) error {
			_, err := b.s.Do(within(t, limit), "d", server.Read(path, server.NoFormat))
			return err
		}
		if err := read("/1", 5*time.Second); !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) {
			t.Errorf("slow: %v", err)
		}
		waiting := make(chan error, 1)
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			waiting <- read("/3", time.Hour)
		}()
		if err := read("/2", 10*time.Hour); !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) {
			t.Errorf("no answer: %v; want that it may have been carried out", err)
		}
		if wait := time.Since(start); wait > coap.MaxTransmitWait {
			t.Errorf("given up after %v", wait)
		}
		sent := len(b.n.Sent())
		if err := <-waiting; !errors.Is(err, server.ErrAsleep) || len(b.n.Sent()) != sent {
			t.Errorf("the next one: %v, %d datagrams; want ErrAsleep and none", err, len(b.n.Sent())-sent)
		}
	})
}

// TestQueueModeExpires: requests that wait for a device that leaves for good.
func TestQueueModeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		b.device(deviceAddr, "d").register("b=UQ", "lt=300")
		time.Sleep(100 * time.Second)
		if _, err := b.s.Do(within(t, time.Hour), "d", server.Delete("/9/0")); !errors.Is(err, server.ErrNotRegistered) {
			t.Errorf("%v; want ErrNotRegistered", err)
		}
	})
}
