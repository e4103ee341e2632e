package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// TestBusyDevice: a device that answers everything with 5.03 for minutes is
// asked again now and then, is not failed for it, and holds nobody up.
func TestBusyDevice(t *testing.T) {
	const busyFor, most = 20 * time.Minute, 60 // requests in that time
	for _, tc := range []struct {
		name  string
		state int // of the legacy side, when it begins
	}{{"from the start", 10}, {"while it downloads", 30}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				busy := func(d *fakeDevice) { d.refuse["*"] = lwm2m9.CodeUnavailable }
				w, dev := updating(t, tc.state, func(_ *world, d *fakeDevice) {
					if tc.state == 10 {
						busy(d)
					}
				})
				defer func() { w.stop() }()
				asked := 0
				dev.change(func() { busy(dev); asked = len(dev.order) })

				other := w.net.add("other")
				w.dm.orders("IMEI:other", campaign("p1", pkgURL, "c")...)
				begin := time.Now()
				w.register(other)
				w.until("the other's update", busyFor/2, w.answered("other", "IMEI:other"))
				<-time.After(busyFor - time.Since(begin))
				synctest.Wait()
				dev.change(func() {
					if n := len(dev.order) - asked; n == 0 || n > most {
						t.Errorf("asked %d times in %v, want 1 to %d", n, busyFor, most)
					}
					delete(dev.refuse, "*")
				})
				w.ends(dev, "200", 100)
			})
		})
	}
}
