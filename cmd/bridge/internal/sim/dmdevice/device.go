package dmdevice

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Device is one device of a [Fleet].
type Device struct {
	f      *Fleet
	acc    session.Account
	number string
	quirks quirkSet
	faults *faults
	// looking says that messages of the server are looked at before the session
	// gets them.
	looking bool

	// Owned by the device's turn.
	tree      *fwupdate.Tree
	rand      *rand.Rand
	last      uint64    // session of the device's own
	away      time.Time // until then it is off
	off       bool      // it was off and has not said that it is up again
	scheduled time.Time // the next session of its own; zero: none
	again     time.Time // the session after one that failed; zero: none
	failures  int       // in a row
	job       *job      // the update; nil when none runs
	report    *report   // that waits for an answer; nil when none does
	credTaken bool      // in this session

	mu       sync.Mutex
	nonces   session.Nonces // guarded by mu
	asked    []string       // sessions that triggers want; guarded by mu
	lastSeen notify.Digest  // of the last trigger; guarded by mu
}

// report is a final alert on its way.
type report struct {
	note  session.Notification
	code  fwupdate.Code
	at    time.Time // not before
	tries int
	twice bool // it was answered and goes out once more
}

func newDevice(f *Fleet, n int) *Device {
	c := &f.cfg
	d := &Device{
		f: f, acc: c.account(n), quirks: newQuirkSet(c.Quirks), faults: newFaults(c.Faults),
		rand: rand.New(rand.NewPCG(c.Seed, uint64(n))),
	}
	if d.number = numbered(c.Number, n); c.Number == "" {
		d.number = d.acc.DeviceID
	}
	d.looking = d.quirks.rewriting()
	for _, death := range deaths {
		d.looking = d.looking || d.quirks.has(death.quirk)
	}
	for _, one := range c.Faults {
		d.looking = d.looking || one.Kind == LoseAnswer
	}
	d.tree = fwupdate.NewTree(c.identity(d.acc.DeviceID))
	d.tree.SetRoles(map[string]fwupdate.Role{c.ServerID: fwupdate.Manager})
	return d
}

// ID is the device's name in its messages.
func (d *Device) ID() string { return d.acc.DeviceID }

func keyOf(name string) string { return strings.ToLower(name) }

// fresh is a nonce: 16 bytes, since others choke servers.
func (d *Device) fresh() []byte {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(d.rand.Uint32())
	}
	return b
}

func (d *Device) remember(n session.Nonces) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nonces = n
}

func (d *Device) remembered() session.Nonces {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nonces
}

// event reports an event; only the device's turn calls it, and trigger.
func (d *Device) event(e Event) {
	e.Device = d.acc.DeviceID
	d.f.cfg.Log.Debug("device", "event", e.String())
	d.f.cfg.OnEvent(e)
}

// struck reports a fault.
func (d *Device) struck(text string) { d.event(Event{Kind: EventFault, Text: text}) }

// crash is the end of a session because of a quirk.
func (d *Device) crash(q Quirk, reboot bool) {
	d.f.count(func(c *Counts) { c.Crashes++ })
	d.struck(q.String() + ", " + q.About())
	if reboot {
		d.sleep(d.f.cfg.Timing.Reboot)
	}
}

// sleep turns the device off.
func (d *Device) sleep(how time.Duration) {
	if until := time.Now().Add(how); until.After(d.away) {
		d.away = until
	}
	d.off = true
}

// enter is called at each step of an update: it has the faults strike that
// belong there, and says whether the device is still up.
func (d *Device) enter(s Step) (up bool) {
	if f, ok := d.faults.at(Stuck, s); ok {
		d.struck(f.text())
		d.job.at = time.Time{}
		d.job.stuck = true
	}
	if f, ok := d.faults.at(Slow, s); ok {
		d.struck(f.text())
		d.job.at = time.Now().Add(f.Duration)
	}
	return d.powerAt(s)
}

// powerAt is enter for the faults of power.
func (d *Device) powerAt(s Step) (up bool) {
	if f, ok := d.faults.at(Away, s); ok {
		d.struck(f.text())
		d.sleep(f.Duration)
	}
	if f, ok := d.faults.at(Reboot, s); ok {
		d.struck(f.text())
		d.sleep(d.f.cfg.Timing.Reboot)
		if f.Lose {
			d.forget()
		}
	}
	return !d.off
}

// forget is a reboot that keeps nothing of the update.
func (d *Device) forget() {
	d.report = nil
	if d.job == nil {
		return
	}
	id := d.job.exec.Package
	d.job = nil
	d.tree.SetState(id, fwupdate.StateIdle)
	d.tree.SetBusy(id, fwupdate.NotBusy)
}

// text is a fault in words.
func (f Fault) text() string {
	s := faultWords[f.Kind]
	if f.Step != NoStep {
		s += " at " + f.Step.String()
	}
	if f.Duration > 0 {
		s += " for " + f.Duration.String()
	}
	if f.Lose {
		s += ", the update is forgotten"
	}
	return s
}

// old says whether the device speaks DM 1.1.2, which has no Generic Alert.
func (d *Device) old() bool { return d.acc.Version == syncml.DM112 }

// strikes is strike for a fault without parts; it reports it.
func (d *Device) strikes(k FaultKind) bool {
	_, ok := d.faults.strike(k, nil)
	if ok {
		d.struck(faultWords[k])
	}
	return ok
}
