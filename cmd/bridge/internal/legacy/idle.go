package legacy

import "github.com/fwbridge/fwbridge/mapping"

// idlePerLane is how many records of devices with nothing due each lane keeps
// decoded: an LwM2M server that is told of a change comes and reads, and a
// campaign's turns come one soon after the other. With DefaultLanes they are enough
// for campaigns of a thousand devices at once, whose names do not spread evenly.
const idlePerLane = 4

// idle is the seats of a lane whose records are kept although nothing is due,
// the oldest first to go.
type idle struct {
	seats [idlePerLane]*seat
	next  int
}

// rest keeps the record of a turn that is over, in place of the oldest one. It
// is called with the lane locked, and only for what is stored.
func (l *lane) rest(t *turn) {
	s := t.seat
	if s.rec == nil {
		s.rec = t.rec
	}
	if s.idle {
		return
	}
	i := &l.idle
	if old := i.seats[i.next]; old != nil {
		old.idle = false
		if old.rec != nil && !busy(old.rec.Virtual) {
			old.rec = nil
		}
	}
	i.seats[i.next], s.idle = s, true
	i.next = (i.next + 1) % idlePerLane
}

// busy says that something is due, whose record stays in memory.
func busy(v mapping.Virtual) bool { return v.Due() || v.Open || v.Fetching() }
