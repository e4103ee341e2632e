package session

import "time"

// Limits of a [Lockout] whose fields are zero.
const (
	DefaultFreeTries = 3                // wrong passwords without consequences
	DefaultFirstWait = time.Second      // after the first one too many; doubled by each further one
	DefaultMaxWait   = 15 * time.Minute // it grows no further: somebody else may be lying about who he is
	DefaultForget    = 24 * time.Hour   // after the last wrong password
	DefaultMaxNames  = 100_000          // names remembered
)

// Lockout counts wrong passwords, by the device that they were for and by the
// peer that they came from, and says how long either has to wait. It keeps no
// clock. It is not safe for use by more than one goroutine. The zero value is
// ready.
//
// What is refused meanwhile is refused before any credentials are compared, so
// that waiting cannot be used for guessing. A device that somebody guesses at is
// locked out with him, for MaxWait at most at a time.
type Lockout struct {
	FreeTries int           // wrong passwords of a name before it has to wait
	FirstWait time.Duration // doubled by each further one
	MaxWait   time.Duration
	Forget    time.Duration // a name without wrong passwords for so long is forgotten
	MaxNames  int           // when there are more, the oldest go first

	names map[lockName]*lockCount
	order []lockName // by first appearance, for making room
}

// lockName is a device or a peer.
type lockName struct {
	peer bool
	name string
}

type lockCount struct {
	wrong int
	last  time.Time // of the last wrong one
	until time.Time
}

// Alarm says that a name has used up its free tries, or that the wait has come
// to its maximum: worth an operator's look.
type Alarm struct {
	Peer  bool // whether Name is a peer's address or else a device's
	Name  string
	Wrong int // passwords so far
	Wait  time.Duration
}

// Wait is how long a device, or a peer, has to wait before its credentials are
// looked at; 0 if not at all.
func (l *Lockout) Wait(device, peer string, now time.Time) time.Duration {
	var wait time.Duration
	for _, n := range [...]lockName{{false, device}, {true, peer}} {
		if c := l.names[n]; c != nil {
			wait = max(wait, c.until.Sub(now))
		}
	}
	return wait
}

// Wrong counts a wrong password ([AuthWrong]) and returns the alarms that it
// raises, each once until the name is forgotten.
func (l *Lockout) Wrong(device, peer string, now time.Time) []Alarm {
	var alarms []Alarm
	for _, n := range [...]lockName{{false, device}, {true, peer}} {
		c := l.count(n, now)
		before := l.waitAfter(c.wrong)
		c.wrong++
		c.last = now
		wait := l.waitAfter(c.wrong)
		c.until = now.Add(wait)
		if wait > 0 && before == 0 || wait == l.maxWait() && before < wait {
			alarms = append(alarms, Alarm{Peer: n.peer, Name: n.name, Wrong: c.wrong, Wait: wait})
		}
	}
	return alarms
}

// Right forgets a device that has proved itself. The peer keeps its count: one
// account of his own does not make a guesser honest.
func (l *Lockout) Right(device string) { delete(l.names, lockName{false, device}) }

// waitAfter is the wait after a number of wrong passwords.
func (l *Lockout) waitAfter(wrong int) time.Duration {
	over := wrong - or(l.FreeTries, DefaultFreeTries)
	if over <= 0 {
		return 0
	}
	wait := or(l.FirstWait, DefaultFirstWait)
	for ; over > 1 && wait < l.maxWait(); over-- {
		wait *= 2
	}
	return min(wait, l.maxWait())
}

func (l *Lockout) maxWait() time.Duration { return or(l.MaxWait, DefaultMaxWait) }

// count is the count of a name, new if it has none or its last wrong password
// was long ago.
func (l *Lockout) count(n lockName, now time.Time) *lockCount {
	if l.names == nil {
		l.names = map[lockName]*lockCount{}
	}
	c := l.names[n]
	if c != nil && now.Sub(c.last) < or(l.Forget, DefaultForget) {
		return c
	}
	if c == nil {
		l.makeRoom()
		l.order = append(l.order, n)
	}
	c = &lockCount{}
	l.names[n] = c
	return c
}

// makeRoom forgets the names that have been there longest. Those that Right
// has forgotten may stand in the order still; they go first.
func (l *Lockout) makeRoom() {
	most := or(l.MaxNames, DefaultMaxNames)
	for len(l.order) >= most {
		delete(l.names, l.order[0])
		l.order = l.order[1:]
	}
}

// or is a, or the default where it is zero.
func or[T int | time.Duration](a, standard T) T {
	if a > 0 {
		return a
	}
	return standard
}
