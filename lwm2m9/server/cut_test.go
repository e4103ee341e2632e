package server_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestCutOff: a request to a device that rebooted or moved ends at once, and
// the next one goes to where the device is now. Nothing of the first is sent
// any more: the device might not know it as a duplicate.
func TestCutOff(t *testing.T) {
	for name, again := range map[string]func(first, second *device){
		"registers again": func(_, second *device) { second.register() },
		"moves":           func(first, second *device) { second.id = first.id; second.update() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, server.Options{})
				first := b.device(deviceAddr, "d")
				first.register()
				first.stop() // it will not answer
				start, ended := time.Now(), make(chan error, 1)
				go func() {
					_, err := b.s.Do(within(t, time.Hour), "d", server.Execute("/9/0/4", ""))
					ended <- err
				}()
				time.Sleep(5 * time.Second)
				second := b.device("192.0.2.10:1", "d")
				again(first, second)
				if err := <-ended; !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) || time.Since(start) != 5*time.Second {
					t.Errorf("%v after %v; want ErrNoAnswer, after it had been sent, when the device came back", err, time.Since(start))
				}
				if _, err := b.s.Do(within(t, time.Minute), "d", server.Read("/9/0/7", server.NoFormat)); err != nil {
					t.Error(err)
				}
				late := b.device(deviceAddr, "d") // where the first one was
				time.Sleep(coap.MaxTransmitWait)
				check(t, "asked at the old address", late.took(), "")
				check(t, "asked", second.took(), "GET /9/0/7")
			})
		})
	}
}
