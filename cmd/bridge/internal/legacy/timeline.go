package legacy

import (
	"context"
	"log/slog"
	"slices"
	"time"
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
// stay. It can be called again when there are more.
func (t *turn) keep() {
	if len(t.lines) == 0 {
		return
	}
	over := max(0, len(t.past)+len(t.lines)-t.e.o.Timeline)
	past := t.past[min(over, len(t.past)):]
	t.rec.Timeline = slices.Concat(past, t.lines[over-len(t.past)+len(past):])
}

// show logs a durable line and hands it on.
func (e *Engine) show(en Entry) {
	e.o.Log.LogAttrs(context.Background(), slog.LevelInfo, "timeline", slog.String("device", en.Device),
		slog.String("fwupdate", en.FwUpdate), slog.String("object9", en.Object9), slog.String("note", en.Note))
	e.o.OnTimeline(en)
}
