package bridge

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
)

// number reads an environment variable.
func number(tb testing.TB, name string, otherwise uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestChaos lets everything go wrong at once, and checks what has to be true
// for each device in the end. For more than a look:
//
//	CHAOS_DEVICES=200 CHAOS_SEED=7 go test -run TestChaos ./cmd/bridge/internal/bridge
//
// CHAOS_ONLY=17 runs only that device of the plan, CHAOS_ENDS=0 never stops
// the bridge.
func TestChaos(t *testing.T) {
	seed := number(t, "CHAOS_SEED", 1)
	n := int(number(t, "CHAOS_DEVICES", 24))
	ends := int(number(t, "CHAOS_ENDS", 3))
	only := int(number(t, "CHAOS_ONLY", uint64(n)))
	t.Logf("CHAOS_SEED=%d CHAOS_DEVICES=%d CHAOS_ENDS=%d", seed, n, ends)
	var plans []plan
	for i := range n {
		if only == n || only == i {
			plans = append(plans, newPlan(t, seed, i))
		}
	}
	c := newChaos(t, plans)
	c.begin()
	c.start()
	c.disturb(rand.New(rand.NewPCG(seed, 1<<32)), ends)
	c.settle()
	for i := range plans {
		c.check(i)
	}
}

// disturb stops and starts the bridge at random moments.
func (c *chaos) disturb(r *rand.Rand, ends int) {
	for range ends {
		c.pass(time.Duration(30+r.IntN(700)) * time.Millisecond)
		c.now.Load().kill(r.IntN(3) == 0)
		c.pass(time.Duration(r.IntN(200)) * time.Millisecond)
		c.begin()
	}
}

func (c *chaos) pass(d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d):
	}
}

// stuck is long after the last wait of any policy.
const stuck = 2 * time.Minute

// settle waits until every device is done, and then for two more sessions of
// each, in which nothing more may happen.
func (c *chaos) settle() {
	deadline := time.Now().Add(stuck)
	for i := range c.plans {
		for !c.done(i) {
			if time.Now().After(deadline) {
				c.tb.Errorf("stuck: %s", c.report(i))
				break
			}
			c.pass(20 * time.Millisecond)
		}
	}
	before := make([]int, len(c.plans))
	for i, s := range c.servers {
		before[i] = s.Counts().Sessions
	}
	for i, s := range c.servers {
		// Who has gone, and has no package, has no sessions either.
		for s.Counts().Sessions < before[i]+2 && time.Now().Before(deadline) && c.detail(i).Registered {
			c.pass(20 * time.Millisecond)
		}
	}
}

// done says whether the server knows the end and the bridge has nothing left
// to do.
func (c *chaos) done(i int) bool {
	d, err := c.now.Load().bridge.Engine().Device(c.plans[i].endpoint)
	if err != nil {
		return false
	}
	list := c.servers[i].Campaigns()
	if final := len(list) == 1 && list[0].Phase.Final(); !final && !gone(d) {
		return false
	}
	for _, l := range d.Outbox {
		if !l.Parked {
			return false
		}
	}
	return d.Drive == nil || d.Drive.Over
}

// gone is a device that left before it was told to do anything: nobody waits
// for it, and it has no sessions.
func gone(d engine.Detail) bool { return !d.Registered && d.Drive == nil }

func (c *chaos) detail(i int) engine.Detail {
	d, err := c.now.Load().bridge.Engine().Device(c.plans[i].endpoint)
	if err != nil {
		c.tb.Errorf("%s: %v", c.plans[i].endpoint, err)
	}
	return d
}

var finalNote = regexp.MustCompile(`^(?:final notification|result) (\d+), `)

// endings are the results of all drives of a device, in order.
func endings(d engine.Detail) (list []int) {
	for _, l := range d.Timeline {
		if m := finalNote.FindStringSubmatch(l.Note); m != nil {
			n, _ := strconv.Atoi(m[1])
			list = append(list, n)
		}
	}
	return list
}

// check has the properties of a device.
func (c *chaos) check(i int) {
	p, d := c.plans[i], c.detail(i)
	list := c.servers[i].Campaigns()
	if len(list) == 0 {
		return // it left before its first session
	}
	r := list[0]
	bad := func(format string, args ...any) {
		c.tb.Helper()
		c.tb.Errorf("%s\n%s", fmt.Sprintf(format, args...), c.report(i))
	}
	ended := endings(d)
	installs := c.devices[i].Counts().Done[lwm2mdevice.OpInstall]
	if installs > len(ended) {
		bad("%d Installs for %d updates", installs, len(ended))
	}
	if len(ended) == 0 {
		if r.Phase == dmserver.Finished {
			bad("finished without an update")
		} else {
			c.tb.Logf("no update: %v %s", p, r.Reason)
		}
		return
	}
	if len(ended) > 1 && !p.quirky(dmserver.SecondExec) && p.version != syncml.DM112 {
		bad("%d updates for one Exec", len(ended))
	}
	c.checkAlerts(p, d, r, len(ended), bad)
	c.checkTruth(i, ended, bad)
}

// checkAlerts: told once, with the right code and correlator.
func (c *chaos) checkAlerts(p plan, d engine.Detail, r dmserver.Result, drives int, bad func(string, ...any)) {
	ended := endings(d)
	last := ended[len(ended)-1]
	if p.version == syncml.DM112 {
		if r.AlertsBefore+r.AlertsAfter > 0 {
			bad("alerts in DM 1.1.2")
		}
		if success := r.State == 100; r.Phase == dmserver.Finished && drives == 1 && success != (last == 200) {
			bad("State %d for code %d", r.State, last)
		}
		return
	}
	if r.AlertsBefore < 1 || r.AlertsAfter > c.lives-1+drives-1 {
		bad("%d+%d alerts", r.AlertsBefore, r.AlertsAfter)
	}
	if r.Correlator != "job-"+strconv.Itoa(p.n) || drives == 1 && r.Code != last {
		bad("told %d with correlator %q, decided %v", r.Code, r.Correlator, ended)
	}
	if len(d.Outbox) > 0 {
		bad("outbox %v", d.Outbox)
	}
}

// checkTruth: success is told when and only when the software is in effect,
// and State and code belong together.
func (c *chaos) checkTruth(i int, ended []int, bad func(string, ...any)) {
	p, d := c.plans[i], c.detail(i)
	last := ended[len(ended)-1]
	if d.Drive != nil && !verdicts[mapping.Verdict{State: fwupdate.State(d.State), Code: fwupdate.Code(last)}] {
		bad("State %d does not belong to code %d", d.State, last)
	}
	s := c.seen[i]
	s.mu.Lock()
	inEffect := s.inEffect
	s.mu.Unlock()
	if last == 200 && !inEffect {
		bad("success, but the software was never in effect")
	}
	for _, in := range c.devices[i].Instances() {
		if last != 200 && inEffect && in.State == lwm2m9.Installed && in.Activation == lwm2m9.Enabled && in.Name == "radio" && in.Version == "2.0" {
			if c.excused(p, d) {
				c.tb.Logf("failure %d, but in effect, for a reason: %v", last, p)
				continue
			}
			bad("failure %d, but the software is in effect", last)
		}
	}
}

// excused: the device went on after the bridge had to give it up.
func (c *chaos) excused(p plan, d engine.Detail) bool {
	for _, l := range d.Timeline {
		if strings.HasPrefix(l.Note, mapping.NoteDeadline.String()) || l.Note == mapping.NoteDataKept.String() {
			return true
		}
	}
	return p.has(lwm2mdevice.Silent)
}

// verdicts are all that mapping's tables have.
var verdicts = func() map[mapping.Verdict]bool {
	all := map[mapping.Verdict]bool{}
	for _, row := range mapping.ResultRows() {
		all[row.Download], all[row.Install] = true, true
	}
	for _, row := range mapping.FaultRows() {
		all[row.Download], all[row.Install] = true, true
	}
	return all
}()

// report is all that is known of a device.
func (c *chaos) report(i int) string {
	var b strings.Builder
	p := c.plans[i]
	fmt.Fprintf(&b, "CHAOS_ONLY=%d %v\n", p.n, p)
	for _, r := range c.servers[i].Campaigns() {
		fmt.Fprintf(&b, "server: %v %q exec %d code %d correlator %q state %v alerts %d+%d\n", r.Phase, r.Reason, r.ExecStatus, r.Code, r.Correlator, r.States, r.AlertsBefore, r.AlertsAfter)
	}
	counts := c.devices[i].Counts()
	fmt.Fprintf(&b, "device: %v done %v refused %v\n", c.devices[i].Instances(), counts.Done, counts.Refused)
	if d, err := c.now.Load().bridge.Engine().Device(p.endpoint); err != nil {
		fmt.Fprintln(&b, err)
	} else {
		fmt.Fprintf(&b, "bridge: State %d, drive %+v, outbox %v, dm %+v, dialect %s\n", d.State, d.Drive, d.Outbox, d.DM, d.Dialect)
		for _, l := range d.Timeline {
			fmt.Fprintf(&b, "  %s %d %s %s %s %s\n", l.Time.Local().Format("05.000"), l.State, l.Object9, l.Result, l.Phase, l.Note)
		}
	}
	c.seen[i].mu.Lock()
	defer c.seen[i].mu.Unlock()
	for _, l := range c.seen[i].log {
		fmt.Fprintf(&b, "    %s\n", l)
	}
	return b.String()
}
