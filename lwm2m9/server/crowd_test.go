package server_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestOthersNotDelayed: a device that answers 5.03 for minutes, one that says
// nothing, and one that floods the server cost the others no time, and leave
// nothing behind.
func TestOthersNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		busy, mute, flood, good := b.device("192.0.2.10:1", "busy"), b.device("192.0.2.11:1", "mute"), b.device("192.0.2.12:1", "flood"), b.device("192.0.2.13:1", "good")
		for _, d := range []*device{busy, mute, flood, good} {
			d.register()
		}
		busy.answer = func(*coap.Request) coap.Response {
			return coap.Response{Code: coap.ServiceUnavailable, Format: coap.NoFormat}
		}
		mute.stop()
		var others sync.WaitGroup
		others.Go(func() {
			for begin := time.Now(); time.Since(begin) < 5*time.Minute; <-time.After(time.Second) {
				if _, err := b.s.Do(within(t, time.Minute), "busy", server.Read("/9/0", server.TLV)); !refusedWith(err, lwm2m9.CodeUnavailable) {
					t.Errorf("busy: %v", err)
				}
			}
		})
		others.Go(func() { _, _ = b.s.Do(within(t, 5*time.Minute), "mute", server.Read("/9/0", server.TLV)) })
		for i := range 1000 { // all at once
			others.Go(func() {
				q := coap.Request{Method: coap.POST, Path: []string{"rd"}, Query: []string{fmt.Sprintf("ep=flood-%d", i), "lt=x"}, Format: coap.NoFormat, Accept: coap.NoFormat}
				_, _ = flood.e.Do(within(t, 2*time.Minute), serverAt, q)
			})
		}
		for range 100 {
			begin := time.Now()
			if code := good.update(); code != coap.Changed {
				t.Errorf("update: %v", code)
			}
			if _, err := b.s.Do(within(t, time.Minute), "good", server.Read("/9/0", server.TLV)); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Fatalf("took %v among the others", took)
			}
		}
		others.Wait()
		check(t, "registered", names(b.s), "busy flood good mute")
	})
}
