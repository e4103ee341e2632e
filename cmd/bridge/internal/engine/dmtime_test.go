package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestSessionTimeout: a server that draws a session out is given up, whether
// it has always one more thing to ask or answers slowly or not at all. Devices
// of others go on meanwhile, for the place is free again.
func TestSessionTimeout(t *testing.T) {
	const limit = 5 * time.Minute
	for name, prepare := range map[string]func(*world){
		"always one more": func(w *world) {
			w.dm.latency = 20 * time.Second
			for range 200 {
				w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
			}
		},
		"silent": func(w *world) {
			w.dm.latency = time.Hour
			w.opt.PostTimeout, w.opt.PostTries = time.Minute, 100
		},
		"one POST of any length": func(w *world) {
			w.dm.latency = time.Hour
			w.opt.PostTimeout, w.opt.PostTries = 10*time.Hour, 100
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.opt.SessionTimeout = limit
				prepare(w)
				dev := w.net.add(devA)
				w.start()
				defer func() { w.stop() }()
				w.register(dev)
				begin := time.Now()
				w.until("the end", time.Hour, func() bool { return w.detail(devA).DM.Failures > 0 })
				took := time.Since(begin)
				if took < limit*3/4 || took > limit+time.Minute {
					t.Errorf("given up after %v; want about %v", took, limit)
				}
				if d := w.detail(devA).DM; !strings.Contains(d.Status, "the session took longer than 5m0s") {
					t.Errorf("shown as %q", d.Status)
				}
			})
		})
	}
}
