package legacy

import (
	"context"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// Entry is one line of a device's time line: what both sides see, or something
// that an operator should know, or both.
type Entry struct {
	Device   string    `json:"-"` // the record's
	Time     time.Time `json:"time"`
	FwUpdate string    `json:"fwupdate,omitempty"` // State and its words, as last read
	Object9  string    `json:"object9,omitempty"`  // "0 DELIVERED": instance and state
	Note     string    `json:"note,omitempty"`
}

// line adds a line, with what both sides see now. It is shown when it is
// durable.
func (t *turn) line(note string) {
	en := Entry{Device: t.id, Time: t.now, Note: note}
	en.FwUpdate, en.Object9 = words(t.rec.Virtual)
	t.lines = append(t.lines, en)
}

// keep puts the turn's lines into the record's time line, of which the newest
// stay.
func (t *turn) keep() {
	if len(t.lines) == 0 {
		return
	}
	past, lines := t.rec.Timeline, t.lines
	over := max(0, len(past)+len(lines)-t.e.o.Timeline)
	past, lines = past[min(over, len(past)):], lines[max(0, over-len(past)):]
	all := append(make([]store.Packed[Entry], 0, len(past)+len(lines)), past...) // not in place: past is also that of was
	for i := range lines {
		all = append(all, store.Pack(&lines[i]))
	}
	t.rec.Timeline = all
}

// lines are those of a record's time line, the oldest first.
func (r *record) lines() []Entry {
	all := make([]Entry, len(r.Timeline))
	for i, line := range r.Timeline {
		all[i] = line.Value()
		all[i].Device = r.Device
	}
	return all
}

// show logs a durable line and hands it on.
func (e *Engine) show(en Entry) {
	e.o.Log.LogAttrs(context.Background(), slog.LevelInfo, "timeline", slog.String("device", en.Device),
		slog.String("fwupdate", en.FwUpdate), slog.String("object9", en.Object9), slog.String("note", en.Note))
	e.o.OnTimeline(en)
}
