package client

import "time"

// phase is where a registration is.
type phase uint8

// The phases. What the machine has sent is answered in registering, updating
// and leaving; in waiting and registered only time and wishes count.
//
//	idle -> registering <-> waiting
//	           |  ^            ^
//	           v  |            v
//	       registered <---> updating
//	           |
//	           v
//	        leaving -> gone, or waiting when disabled for a time
const (
	idle phase = iota
	registering
	registered
	updating
	waiting // for the end of a pause
	leaving // de-registering
	gone
)

var phaseNames = [...]string{"idle", "registering", "registered", "updating", "waiting", "leaving", "gone"}

func (p phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "phase?"
}

// machine is the registration of a client: a value, without clock or socket.
type machine struct {
	phase    phase
	version  int       // index of the version tried, in the policy's list
	failures int       // in a row
	known    bool      // the server has a registration, with a location
	asked    time.Time // when the last message went out
	expires  time.Time // the end of the lifetime at the server
	due      time.Time // when to act; zero for never
	resume   time.Time // after leaving: when to come back; zero for never
	stop     bool      // it is to leave for good
	// What the server has not been told yet, and what the message under way
	// tells it.
	links, params, poked bool
	tells                tells
}

type tells struct{ links, params bool }

// policy is what a machine decides with.
type policy struct {
	lifetime               time.Duration
	versions               int // how many
	minBackoff, maxBackoff time.Duration
	random                 float64 // in [0,1), fresh for each step
}

// eventKind is what may happen to a machine.
type eventKind uint8

const (
	evStart   eventKind = iota
	evTick              // time has passed
	evOK                // 2.01 with a location, 2.04, 2.02
	evVersion           // 4.12
	evUnknown           // 4.04
	evRefused           // any other 4.xx
	evLater             // 5.xx, no answer, nonsense
	evMoved             // instances have come or gone
	evParams            // lifetime or binding has changed
	evTrigger           // an Update is wanted
	evDisable           // leave, and come back after the time given
	evStop              // leave for good
)

var eventNames = [...]string{"start", "tick", "ok", "version", "unknown", "refused", "later", "moved", "params", "trigger", "disable", "stop"}

func (k eventKind) String() string { return eventNames[k] }

type event struct {
	kind  eventKind
	after time.Duration // of evDisable
}

// action is what the caller of step is to do.
type action uint8

const (
	nothing action = iota
	sendRegister
	sendUpdate // with what machine.tells says
	sendDeregister
)

// step is the whole machine. An answer is taken only while one is awaited.
func (m machine) step(p policy, now time.Time, ev event) (machine, action) {
	act := m.take(p, now, ev)
	return m, act
}

func (m *machine) take(p policy, now time.Time, ev event) action {
	switch ev.kind {
	case evMoved:
		m.links = true
	case evParams:
		m.params = true
	case evTrigger:
		m.poked = true
	case evStop:
		m.stop, m.resume = true, time.Time{}
	case evDisable:
		if !m.stop {
			m.resume = now.Add(ev.after)
		}
	case evStart:
		if m.phase == idle {
			return m.register(now)
		}
	case evTick:
		if (m.phase == waiting || m.phase == registered) && !m.due.IsZero() && !now.Before(m.due) {
			return m.act(now)
		}
	default:
		return m.answered(p, now, ev.kind)
	}
	return m.wish(now)
}

// sending says whether an answer is awaited.
func (m *machine) sending() bool {
	return m.phase == registering || m.phase == updating || m.phase == leaving
}

// wish does what is wanted, if it can be done now.
func (m *machine) wish(now time.Time) action {
	switch {
	case m.sending() || m.phase == gone:
	case m.stop || !m.resume.IsZero() && m.phase == registered:
		return m.leave(now)
	case m.phase == registered && (m.links || m.params || m.poked):
		return m.update(now)
	}
	return nothing
}

// act is what is done when the time has come.
func (m *machine) act(now time.Time) action {
	if m.known && now.Before(m.expires) {
		return m.update(now)
	}
	return m.register(now)
}

func (m *machine) register(now time.Time) action {
	m.phase, m.asked, m.due = registering, now, time.Time{}
	m.known, m.resume = false, time.Time{}
	m.tells = tells{true, true}
	m.links, m.params, m.poked = false, false, false
	return sendRegister
}

func (m *machine) update(now time.Time) action {
	m.phase, m.asked, m.due = updating, now, time.Time{}
	m.tells = tells{m.links, m.params}
	m.links, m.params, m.poked = false, false, false
	return sendUpdate
}

// leave de-registers, if there is something to de-register.
func (m *machine) leave(now time.Time) action {
	m.due = time.Time{}
	if m.known && now.Before(m.expires) {
		m.phase, m.asked = leaving, now
		return sendDeregister
	}
	m.left(now)
	return nothing
}

// left is after leaving.
func (m *machine) left(now time.Time) {
	m.known, m.failures = false, 0
	m.phase, m.due = gone, time.Time{}
	if !m.stop {
		m.phase, m.due = waiting, m.resume
		if m.due.Before(now) {
			m.due = now
		}
	}
}

// answered takes in what became of the message under way.
func (m *machine) answered(p policy, now time.Time, kind eventKind) action {
	switch {
	case !m.sending():
		return nothing
	case m.phase == leaving:
		m.left(now) // whatever it said: the lifetime ends the rest
		return nothing
	case kind == evOK:
		m.phase, m.known, m.failures = registered, true, 0
		m.expires = m.asked.Add(p.lifetime)
		m.due = m.asked.Add(p.interval())
		return m.wish(now)
	}
	m.links, m.params = m.links || m.tells.links, m.params || m.tells.params
	was := m.phase
	if kind != evLater {
		m.known = false
	}
	switch {
	case m.stop:
		return m.leave(now)
	case was == updating && kind == evUnknown:
		return m.register(now)
	case was == registering && kind == evVersion:
		if m.version++; m.version < p.versions {
			return m.register(now)
		}
		m.version = 0
	}
	m.failures++
	m.phase, m.due = waiting, now.Add(p.backoff(m.failures))
	return nothing
}

// margin is what an Update needs at most: the retransmission of two (RFC 7252,
// 4.8.2: MAX_TRANSMIT_WAIT) and the pause between them.
const margin = 5 * time.Minute

// interval is the time from one Update to the next: the lifetime less what is
// needed to try again, half of it at most, and up to a fifth shorter, so that
// those that registered together do not update together.
func (p policy) interval() time.Duration {
	latest := p.lifetime - min(p.lifetime/2, margin)
	return latest - time.Duration(float64(latest)*p.random/5)
}

// backoff is the pause after so many failures in a row.
func (p policy) backoff(failures int) time.Duration {
	d := p.minBackoff
	for i := 1; i < failures && d < p.maxBackoff; i++ {
		d *= 2
	}
	d = min(d, p.maxBackoff)
	return d - time.Duration(float64(d)*p.random/2)
}
