package legacy

import (
	"slices"
	"sync"
)

// maxNotes bounds what waits for the time line of one device; the oldest goes
// first.
const maxNotes = 8

// notes are lines that wait for the next turn of their device that is written
// anyway: of a package on its way is told often, and no decision hangs on it.
// They are shown at once, and lost when the bridge ends before that turn.
type notes struct {
	mu   sync.Mutex
	last uint64
	of   map[string][]note // by device
}

// note is one line. It has a number because times may be equal, and clocks set.
type note struct {
	Entry
	n uint64
}

// Note adds a line to a device's time line, for what is said by others than the
// engine. It costs no write of its own: the line is in the View at once, and
// durable with what is stored of the device next. It does not wait. A device
// without a record has none.
func (e *Engine) Note(id, text string) {
	l := e.lane(id)
	known := true // whoever moves bytes does not wait for a turn that is being stored
	if l.mu.TryLock() {
		known = l.seats[id] != nil
		l.mu.Unlock()
	}
	if known {
		e.notes.add(Entry{Device: id, Time: e.o.Now().Round(0).UTC(), Note: text})
	}
}

func (n *notes) add(en Entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = make(map[string][]note)
	}
	n.last++
	all := append(n.of[en.Device], note{en, n.last})
	n.of[en.Device] = all[max(0, len(all)-maxNotes):]
}

// waiting are the notes of a device.
func (n *notes) waiting(id string) []note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.of[id])
}

// written drops those up to the last one that is durable.
func (n *notes) written(id string, last uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rest := slices.DeleteFunc(n.of[id], func(no note) bool { return no.n <= last })
	if n.of[id] = rest; len(rest) == 0 {
		delete(n.of, id)
	}
}

// takeNotes puts what waits into the time line of a turn that is going to be
// written, before its own lines, with what both sides saw then. After the turn it
// is durable, or waits on.
func (t *turn) takeNotes() {
	all := t.e.notes.waiting(t.id)
	if len(all) == 0 {
		return
	}
	lines := make([]Entry, len(all))
	for i, no := range all {
		t.noted, lines[i] = no.n, no.Entry
		lines[i].FwUpdate, lines[i].Object9 = words(t.before)
	}
	t.lines = append(lines, t.lines...)
}
