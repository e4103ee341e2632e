package legacy

import "time"

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
	t.rec.Timeline = append(t.rec.Timeline, en)
	t.trim()
}

// trim keeps the newest lines.
func (t *turn) trim() {
	if over := len(t.rec.Timeline) - t.e.o.Timeline; over > 0 {
		t.rec.Timeline = append([]Entry(nil), t.rec.Timeline[over:]...)
	}
}

// show logs a durable line and hands it on.
func (e *Engine) show(en Entry) {
	e.o.Log.Info("timeline", "device", en.Device, "fwupdate", en.FwUpdate, "object9", en.Object9, "note", en.Note)
	e.o.OnTimeline(en)
}
