package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// TestCensus: an update is counted once, and what is stored is counted again
// after a restart, what has happened is not.
func TestCensus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		w.start()
		w.dm.orders(imeiA, campaign("p1", pkgURL, "corr-1")...)
		w.register(dev)
		w.until("final notification", time.Hour, w.answered(devA, imeiA))
		c := w.engine.Census()
		if c.Phases[mapping.PhaseOver] != 1 || c.Phases[mapping.PhaseDownload] != 0 || c.Letters != 0 || c.Results[200] != 1 || c.Sessions[session.EndDone] < 2 {
			t.Errorf("after an update: %+v", c)
		}
		w.stop()
		w.start()
		defer func() { w.stop() }()
		if c := w.engine.Census(); c.Phases[mapping.PhaseOver] != 1 || len(c.Results) != 0 {
			t.Errorf("after a restart: %+v", c)
		}
	})
}
