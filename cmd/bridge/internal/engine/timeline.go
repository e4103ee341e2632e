package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// Entry is one line of a device's time line: what both sides see, or
// something that an operator should know, or both.
type Entry struct {
	Endpoint string       `json:"-"` // the record's
	Time     time.Time    `json:"time"`
	Package  string       `json:"package,omitempty"` // the x of ./FwUpdate/x
	View     mapping.View `json:"view"`
	Note     string       `json:"note,omitempty"` // empty: the view changed
}

// Legacy is the view in the words of ./FwUpdate: "30 Download progressing".
// It is empty for a line without a drive.
func (e Entry) Legacy() string { return legacyWords(e.View) }

// Object is the view in the words of Object 9: "DOWNLOAD STARTED", or
// "INSTALLED, ACTIVE".
func (e Entry) Object() string { return objectWords(e.View) }

func legacyWords(v mapping.View) string {
	if v.State == 0 {
		return ""
	}
	return v.State.String() + " " + v.State.Name()
}

func objectWords(v mapping.View) string {
	if v.State == 0 {
		return ""
	}
	if v.Object == lwm2m9.Installed && v.Activation == lwm2m9.Enabled {
		return v.Object.String() + ", ACTIVE"
	}
	return v.Object.String()
}

// line adds a line to the time line. It is shown when it is durable.
func (t *turn) line(pkg string, v mapping.View, note string) {
	e := Entry{Endpoint: t.rec.Endpoint, Time: t.now, Package: pkg, View: v, Note: note}
	t.lines = append(t.lines, e)
	t.rec.Timeline = append(t.rec.Timeline, e)
	if over := len(t.rec.Timeline) - t.shard.o.Timeline; over > 0 {
		t.rec.Timeline = append([]Entry(nil), t.rec.Timeline[over:]...)
	}
}

// note adds a line with the drive's present view, if there is a drive.
func (t *turn) note(text string) {
	pkg, v := "", mapping.View{}
	if t.rec.Drive != nil {
		pkg, v = t.rec.Drive.Order.Execution.Package, t.rec.Drive.View()
	}
	t.line(pkg, v, text)
}

// Note adds a line to a device's time line, for what is said by others than the
// engine. It does not wait: an unknown device, or one whose shard is busy or
// cannot store it, has none. Half of the inbox is left to the devices: a package
// that many wait for is told of to all of them at once.
func (e *Engine) Note(endpoint, text string) {
	_ = e.shardOf(endpoint).box.offer(event{endpoint: endpoint, what: remarked{text}}, max(1, e.o.Inbox/2))
}

// show logs a durable line under the names of the time line and hands it on.
func (s *shard) show(e Entry) {
	level := slog.LevelInfo
	if e.View.State == fwupdate.StateDownloadFailed || e.View.State == fwupdate.StateUpdateFailed {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("device", e.Endpoint)}
	if v := lineView(e); v.State != 0 { // a drive has to do with it
		attrs = append(attrs, slog.String("package", v.Package), slog.String("phase", v.Phase),
			slog.String("fwupdate", v.FwUpdate), slog.String("object9", v.Object9), slog.String("result", v.Result))
	}
	if e.Note != "" {
		attrs = append(attrs, slog.String("note", e.Note))
	}
	s.o.Log.LogAttrs(context.Background(), level, "timeline", attrs...)
	s.o.OnTimeline(e)
}
