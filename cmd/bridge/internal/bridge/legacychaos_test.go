package bridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// What may be wrong with a device of TestLegacyChaos. It has up to two faults
// and one quirk.
var (
	legacyChaosFaults = []string{
		"download", "update", "refuse@add=500*2", "refuse@exec=503*2", "refuse@any=404", "refuse@get=404",
		"reboot@exec", "reboot@exec=lose", "reboot@downloading", "reboot@halfway", "reboot@updating", "reboot@updating=lose", "reboot@reporting",
		"away@halfway=300ms", "away@reporting=500ms", "slow@updating=300ms", "stuck@updating",
		"no-alert", "lose-alert*2", "alert-twice", "lose-answer@first", "lose-answer@exec", "lose-answer@alert", "lose-answer@any*3", "wrong-password*1",
	}
	legacyChaosQuirks = []dmdevice.Quirk{
		dmdevice.NoImplicitAdd, dmdevice.ExecIsDone, dmdevice.AlertFirst, dmdevice.ChallengeFirst, dmdevice.Resend, dmdevice.LoseNonce,
		dmdevice.NoHead, dmdevice.NoRange, dmdevice.SessionOne, dmdevice.TargetDevInfo, dmdevice.AtomicFlat, dmdevice.IgnoreRespURI,
	}
	legacyChaosSteps = []string{"observe 7 9 12", "write 3", "wait state=DELIVERED|failed", "install", "wait installed|failed"}
)

// legacyPlan is a device of TestLegacyChaos.
type legacyPlan struct {
	id  string
	cfg dmdevice.Config
}

func newLegacyPlan(t *testing.T, seed uint64, n int) legacyPlan {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	p := legacyPlan{id: fmt.Sprintf("IMEI:35200000%07d", n)}
	p.cfg = dmdevice.Config{
		DeviceID: p.id, Auth: session.SchemeMD5, User: "dev", Secret: "s1", ServerAuth: session.SchemeMD5, ServerSecret: "s2",
		Every: time.Duration(100+r.IntN(150)) * time.Millisecond, Seed: seed,
		Timing: dmdevice.Timing{Begin: 20 * time.Millisecond, Download: 20 * time.Millisecond, Install: 40 * time.Millisecond, Report: 20 * time.Millisecond},
	}
	if r.IntN(3) == 0 {
		p.cfg.Version = syncml.DM112
	}
	if r.IntN(2) == 0 {
		p.cfg.Encoding = syncml.WBXML
	}
	for range r.IntN(3) {
		f, err := dmdevice.ParseFault(legacyChaosFaults[r.IntN(len(legacyChaosFaults))])
		if err != nil {
			t.Fatal(err)
		}
		p.cfg.Faults = append(p.cfg.Faults, f)
	}
	if r.IntN(2) == 0 {
		p.cfg.Quirks = append(p.cfg.Quirks, legacyChaosQuirks[r.IntN(len(legacyChaosQuirks))])
	}
	return p
}

func (p legacyPlan) String() string {
	return fmt.Sprintf("%s DM %v, WBXML %v, faults %+v, quirks %v", p.id, p.cfg.Version, p.cfg.Encoding == syncml.WBXML, p.cfg.Faults, p.cfg.Quirks)
}

// TestLegacyChaos is TestChaos for direction B: devices with faults and quirks
// from a seed, and a bridge that ends and comes back. For more than a look:
//
//	CHAOS_DEVICES=200 CHAOS_SEED=7 go test -run TestLegacyChaos ./cmd/bridge/internal/bridge
func TestLegacyChaos(t *testing.T) {
	seed, n, ends := number(t, "CHAOS_SEED", 1), int(number(t, "CHAOS_DEVICES", 24)), int(number(t, "CHAOS_ENDS", 3))
	t.Logf("CHAOS_SEED=%d CHAOS_DEVICES=%d CHAOS_ENDS=%d", seed, n, ends)
	w := newLegacyWorld(t, legacyChaosSteps...)
	var plans []legacyPlan
	var ids []string
	for i := range n {
		plans = append(plans, newLegacyPlan(t, seed, i))
		ids = append(ids, plans[i].id)
	}
	change := []string{"devices: [" + listed + "]", "devices: [" + strings.Join(ids, ", ") + "]", "campaign: {", "campaign: {contact: 20s, final: 6s, doubt: 1s, "}
	b := w.bridge(change...)
	for _, p := range plans {
		w.device(p.cfg)
	}
	r := rand.New(rand.NewPCG(seed, 1<<32))
	for range ends {
		w.pass(time.Duration(50+r.IntN(500)) * time.Millisecond)
		w.stop()
		b = w.bridge(change...)
	}
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute) // against hanging, no verdict
	defer cancel()
	if err := w.lwm2m.Wait(ctx, n); err != nil {
		t.Errorf("not every campaign has ended: %v", err)
	}
	failed := map[string]error{}
	for _, r := range w.lwm2m.Results() {
		failed[r.Endpoint] = r.Err
	}
	for _, p := range plans {
		v, err := b.legacy.View(p.id)
		if err != nil {
			t.Fatal(err)
		}
		bad := w.judgeLegacy(p, v.Instances[0].State == lwm2m9.Installed.String())
		if err, over := failed[v.Endpoint]; !over || err != nil {
			bad = append(bad, fmt.Sprintf("the LwM2M server's script: over %v, %v", over, err))
		}
		if len(bad) > 0 {
			t.Errorf("%v:\n%s\n%s\n%+v", p, strings.Join(bad, "\n"), w.storyOf(p.id, v.Endpoint), v)
		}
	}
}

// pass lets time pass.
func (w *legacyWorld) pass(d time.Duration) {
	select {
	case <-w.ctx.Done():
	case <-time.After(d):
	}
}

// judgeLegacy has the properties of a device: an Exec is carried out once, and
// INSTALLED is shown when and only when the device has succeeded and could say so.
func (w *legacyWorld) judgeLegacy(p legacyPlan, installed bool) (bad []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	execs := map[string]int{} // by package: every campaign has its own
	succeeded, told := false, false
	for _, e := range w.events {
		switch {
		case e.Device != p.id:
		case e.Kind == dmdevice.EventExecuted:
			execs[e.Package]++
		case e.Kind == dmdevice.EventState && e.State == 100:
			succeeded = true
		case e.Kind == dmdevice.EventAnswered && e.Code.Success() && e.Status == syncml.StatusOK:
			told = true
		}
	}
	for x, n := range execs {
		if n != 1 {
			bad = append(bad, fmt.Sprintf("the Exec of ./FwUpdate/%s was carried out %d times", x, n))
		}
	}
	if installed && !succeeded {
		bad = append(bad, "INSTALLED, and the device has not succeeded")
	}
	if told && !installed && len(execs) == 1 {
		bad = append(bad, "the device has told its success, and INSTALLED is not shown")
	}
	return bad
}

// storyOf is what was seen of a device.
func (w *legacyWorld) storyOf(id, endpoint string) string {
	var lines []string
	for line := range strings.SplitSeq(w.story(), "\n") {
		if strings.HasPrefix(line, id+" ") || strings.HasPrefix(line, endpoint+" ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
