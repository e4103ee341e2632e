package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// observing is a device that is observed on 7 and 9, whichever way the path is
// spelled.
func observing(t *testing.T) (*bench, *device) {
	t.Helper()
	b := newBench(t, server.Options{})
	d := b.device(deviceAddr, "d")
	d.register()
	for _, path := range []string{"/9/0/7", "9/0/9/"} {
		if r, err := b.s.Do(within(t, time.Minute), "d", server.Observe(path, server.NoFormat)); err != nil || !r.Observed {
			t.Fatalf("observe: %+v, %v", r, err)
		}
	}
	b.h.took()
	return b, d
}

// TestNotified: notifications reach the handler for their path, in order.
func TestNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, d := observing(t)
		var want []string
		for i := range 5 {
			path := []string{"/9/0/7", "/9/0/9"}[i%2]
			if err := d.notify(path, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			want = append(want, fmt.Sprintf("notified d %s=%d", path, i))
		}
		check(t, "handler", b.h.took(), strings.Join(want, ", "))
		n := b.h.notes[0]
		if n.Endpoint != "d" || n.Format != server.TextPlain && n.Format != server.NoFormat || n.Sequence != 3 {
			t.Errorf("%+v", n)
		}

		// After a move through NAT, known by the token alone.
		moved := b.device("192.0.2.10:1", "d")
		moved.observers, moved.sequence = d.observers, d.sequence
		if err := moved.notify("/9/0/7", "moved"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		check(t, "handler", b.h.took(), "notified d /9/0/7=moved")
	})
}

// TestNotifiedLate: a notification that was overtaken is acknowledged and not
// handed on.
func TestNotifiedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, d := observing(t)
		next := 0
		for _, p := range b.n.Sent() {
			if p.From == deviceAt {
				next = p.N + 1
			}
		}
		b.n.SetRule(coaptest.Nth(deviceAt, serverAt, next, coaptest.Delay(1500*time.Millisecond)))
		slow := make(chan error, 1)
		go func() { slow <- d.notify("/9/0/7", "old") }()
		synctest.Wait()
		if err := d.notify("/9/0/7", "new"); err != nil {
			t.Error(err)
		}
		if err := <-slow; err != nil {
			t.Errorf("the late one: %v", err)
		}
		synctest.Wait()
		check(t, "handler", b.h.took(), "notified d /9/0/7=new")
	})
}

// TestObservationsEnd: at the server's wish, at the device's, with the
// registration, and when the path is observed anew.
func TestObservationsEnd(t *testing.T) {
	for _, x := range []struct {
		name string
		end  func(t *testing.T, b *bench, d *device)
		left string // paths of the first observations that are still heard
	}{
		{"CancelObservations", func(_ *testing.T, b *bench, _ *device) { b.s.CancelObservations("d") }, ""},
		{"cancel on both sides", func(t *testing.T, b *bench, d *device) {
			d.mu.Lock()
			known := d.observers["/9/0/7"]
			d.mu.Unlock()
			if _, err := b.s.Do(within(t, time.Minute), "d", server.CancelObserve("/9/0/7", server.NoFormat)); err != nil {
				t.Error(err)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.observers["/9/0/7"] != nil {
				t.Error("the device still has its observer")
			}
			d.observers["/9/0/7"] = known
		}, "/9/0/9"},
		{"cancel without one", func(t *testing.T, b *bench, d *device) {
			if _, err := b.s.Do(within(t, time.Minute), "d", server.CancelObserve("/9/0/12", server.NoFormat)); err != nil {
				t.Error(err)
			}
			check(t, "asked", d.took(), "GET /9/0/7, GET /9/0/9, GET /9/0/12")
		}, "/9/0/7 /9/0/9"},
		{"registered again", func(_ *testing.T, _ *bench, d *device) { d.register() }, ""},
		{"updated", func(_ *testing.T, _ *bench, d *device) { d.update() }, "/9/0/7 /9/0/9"},
		{"de-registered", func(_ *testing.T, _ *bench, d *device) { d.post(coap.DELETE, nil, "", "rd", d.id) }, ""},
		{"expired", func(*testing.T, *bench, *device) { time.Sleep(server.DefaultLifetime); synctest.Wait() }, ""},
		{"observed anew", func(t *testing.T, b *bench, d *device) {
			d.mu.Lock()
			known := d.observers["/9/0/7"]
			d.mu.Unlock()
			if _, err := b.s.Do(within(t, time.Minute), "d", server.Observe("/9/0/7", server.NoFormat)); err != nil {
				t.Error(err)
			}
			d.mu.Lock()
			d.observers["/9/0/7"] = known
			d.mu.Unlock()
		}, "/9/0/9"},
		{"by the device", func(t *testing.T, _ *bench, d *device) {
			r := coap.Response{Code: coap.NotFound, Format: coap.NoFormat}
			if err := d.e.Notify(within(t, time.Minute), d.observers["/9/0/7"], r, true); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}, "/9/0/9"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, d := observing(t)
				x.end(t, b, d)
				b.h.took()
				var left []string
				for _, path := range []string{"/9/0/7", "/9/0/9"} {
					switch err := d.notify(path, "x"); {
					case err == nil:
						left = append(left, path)
					case !errors.Is(err, coap.ErrReset):
						t.Errorf("%s: %v; want a reset", path, err)
					}
				}
				synctest.Wait()
				check(t, "still heard", strings.Join(left, " "), x.left)
				if got := strings.Count(b.h.took(), "notified"); got != len(left) {
					t.Errorf("the handler was told %d times", got)
				}
			})
		})
	}
}

// TestObserveNotTaken: a device that answers without an observation.
func TestObserveNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		d.register()
		d.answer = func(*coap.Request) coap.Response { return coap.Response{Code: coap.Content, Payload: []byte("0")} }
		r, err := b.s.Do(within(t, time.Minute), "d", server.Observe("/9/0/7", server.NoFormat))
		if err != nil || r.Observed || string(r.Payload) != "0" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
