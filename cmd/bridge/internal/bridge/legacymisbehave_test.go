package bridge

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// TestLegacyMisbehaviour: whatever a package server does, the LwM2M server gets
// the Update Result that direction A's State and code stand for, the instance is
// INITIAL, the device hears of nothing, and nothing is left in the store.
func TestLegacyMisbehaviour(t *testing.T) {
	for _, row := range misbehaviour {
		t.Run(strings.ReplaceAll(row.name, ",", ""), func(t *testing.T) {
			s := httptest.NewServer(pkgserver.New(pkgserver.Config{}))
			defer s.Close()
			base, behaviour := s.URL, row.behaviour
			if behaviour == "" {
				gone := httptest.NewServer(nil)
				gone.Close()
				base, behaviour = gone.URL, "ok"
			}
			state, steps := lwm2m9.Initial, []string{"observe 7 9 12", "write 3 " + base + pkgserver.Path(behaviour, "radio", "2.0") + row.behind}
			if row.code.Success() {
				state, steps = lwm2m9.Delivered, append(steps, "wait state=DELIVERED")
			} else {
				steps = append(steps, "wait failed")
			}
			w := newLegacyWorld(t, append(steps, "expect state="+state.String()+" result="+words(row.result))...)
			w.set = func(p *Packages) {
				p.Fetcher.Backoff, p.Fetcher.MaxBackoff = time.Millisecond, time.Millisecond
				if row.set != nil {
					row.set(p)
				}
			}
			b := w.bridge()
			w.device(dmdevice.Config{})
			w.over(1)
			if n := w.count(of(dmdevice.EventTriggered)) + w.count(of(dmdevice.EventDownload)); n != 0 {
				t.Errorf("the device was asked for something\n%s", w.story())
			}
			if left := b.packs.store.Usage(); state == lwm2m9.Initial && (left.Bytes != 0 || left.Packages != 0) {
				t.Errorf("left in the store: %+v", left)
			}
		})
	}
}
