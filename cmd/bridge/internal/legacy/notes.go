package legacy

import (
	"slices"
	"sync"
	"time"
)

// maxNotes bounds what waits for the time line of one device; the oldest goes
// first.
const maxNotes = 8

// notes are lines that wait for the next turn of their device, which writes
// its record anyway: of a package on its way is told often, and no decision
// hangs on it. They are shown at once, and lost when the bridge is killed before
// that turn.
type notes struct {
	mu sync.Mutex
	of map[string][]Entry // by device
}

// Note adds a line to a device's time line, for what is said by others than the
// engine. It costs no write of its own: the line is in the View at once, and
// durable with the device's next turn. A device without a record has none.
func (e *Engine) Note(id, text string) {
	l := e.lane(id)
	l.mu.Lock()
	known := l.seats[id] != nil
	l.mu.Unlock()
	if known {
		e.notes.add(Entry{Device: id, Time: e.o.Now().Round(0).UTC(), Note: text})
	}
}

func (n *notes) add(en Entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = make(map[string][]Entry)
	}
	all := append(n.of[en.Device], en)
	n.of[en.Device] = all[max(0, len(all)-maxNotes):]
}

// waiting are the notes of a device.
func (n *notes) waiting(id string) []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.of[id])
}

// written drops those up to the time of the last one that is durable.
func (n *notes) written(id string, last time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rest := slices.DeleteFunc(n.of[id], func(en Entry) bool { return !en.Time.After(last) })
	if n.of[id] = rest; len(rest) == 0 {
		delete(n.of, id)
	}
}

// takeNotes puts what waits into the time line of a turn. After the turn it is
// durable, or waits on.
func (t *turn) takeNotes() {
	for _, en := range t.e.notes.waiting(t.id) {
		t.noted = en.Time
		t.append(en)
	}
}
