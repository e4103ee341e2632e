package status

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// Draw prints a bridge. Names and texts come from devices and servers: nothing
// of them moves the terminal's cursor.
func (o Overview) Draw(w io.Writer) error {
	p := newPage(w)
	p.line("%s  %s", healthText(o.Health), o.Time.Format(time.DateTime))
	for _, c := range o.Health.Conditions {
		p.line("! %s: %s%s", c.Name, clean(c.Text), since(c.Since, o.Time))
	}
	p.devices(o)
	p.legacy(o)
	p.transfers(o.Transfers)
	if len(o.Strangers) > 0 {
		p.title("Refused, because nobody knows them")
		p.row("DEVICE", "FROM", "TIMES", "LAST")
		for _, s := range o.Strangers {
			p.row(s.Device, s.Peer, fmt.Sprint(s.Times), ago(s.Last, o.Time))
		}
	}
	if o.More {
		p.title("There are more devices: --limit shows them")
	}
	return p.end()
}

func healthText(h engine.Health) string {
	if h.OK {
		return "healthy"
	}
	return "NOT HEALTHY"
}

func (p *page) devices(o Overview) {
	p.title(fmt.Sprintf("LwM2M devices (direction A): %d", o.Health.Devices))
	if len(o.Devices) == 0 {
		return
	}
	p.row("DEVICE", "HERE", "./FwUpdate", "OBJECT 9", "PHASE", "DM SERVER", "LAST SESSION", "CHANGED")
	for _, d := range o.Devices {
		if d.Error != "" {
			p.row(d.Name, "?", "the record cannot be read")
			continue
		}
		p.row(d.Name, yes(d.Registered), d.FwUpdate, d.Object9, dash(d.Phase), dash(d.Server), d.DM.Status, ago(d.Changed, o.Time))
	}
}

func (p *page) legacy(o Overview) {
	if len(o.Legacy) == 0 && o.Health.LegacyDevices == 0 {
		return
	}
	p.title(fmt.Sprintf("Legacy devices (direction B): %d", o.Health.LegacyDevices))
	p.row("DEVICE", "INSTANCE", "OBJECT 9", "RESULT", "./FwUpdate", "PHASE", "SHOWN TO", "LAST SESSION")
	for _, d := range o.Legacy {
		if d.Error != "" {
			p.row(d.Device, "?", "the record cannot be read")
			continue
		}
		name, seen := d.Device, ago(d.Seen, o.Time)
		if d.InSession {
			seen = "now"
		}
		for _, i := range d.Instances {
			p.row(name, fmt.Sprint(i.ID), objectWords(i.State, i.Activation), i.Result, dash(i.FwUpdate), dash(i.Phase), shownTo(d), seen)
			name = ""
		}
	}
}

func objectWords(state, activation string) string {
	if strings.EqualFold(activation, "enabled") {
		return state + ", ACTIVE"
	}
	return state
}

// shownTo are the LwM2M servers of a legacy device.
func shownTo(d Legacy) string {
	var all []string
	for _, s := range d.Servers {
		if s.Registered {
			all = append(all, s.Server)
		} else {
			all = append(all, s.Server+" ("+s.Phase+")")
		}
	}
	return dash(strings.Join(all, ", "))
}

// wayNames are the ways of a package for people.
var wayNames = map[transfer.Way]string{
	transfer.Fetch: "into the bridge", transfer.HTTP: "to it, HTTP", transfer.CoAP: "to it, CoAP", transfer.Push: "pushed to it",
}

func (p *page) transfers(all []transfer.View) {
	if len(all) == 0 {
		return
	}
	p.title("Packages on their way, or over in the last minute")
	for _, v := range all {
		end, line := "", Line
		if v.Done {
			line = soFar
		}
		switch {
		case v.Error != "":
			end = "broken: " + v.Error
		case v.Done:
			end = "done"
		case v.Pause != "":
			end = v.Pause
		case v.Waiting:
			end = "waits for its turn"
		}
		p.row(cmp.Or(v.Device, "the store"), cmp.Or(wayNames[v.Way], string(v.Way)), line(v.Bytes, v.Total, v.Rate), end)
	}
}

// page writes lines and tables.
type page struct {
	w   *tabwriter.Writer
	err error
}

func newPage(w io.Writer) *page { return &page{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (p *page) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

// title begins a part: columns do not reach over it.
func (p *page) title(text string) {
	if err := p.w.Flush(); err != nil && p.err == nil {
		p.err = err
	}
	p.line("\n%s", text)
	if err := p.w.Flush(); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *page) row(cells ...string) {
	for i, c := range cells {
		cells[i] = clean(c)
	}
	p.line("%s", strings.TrimRight("  "+strings.Join(cells, "\t"), "\t "))
}

func (p *page) end() error {
	if err := p.w.Flush(); p.err == nil {
		return err
	}
	return p.err
}

// clean takes out what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(s string) string { return cmp.Or(s, "-") }

// ago is how long before now something was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return max(0, now.Sub(t)).Round(time.Second).String() + " ago"
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " (since " + ago(t, now) + ")"
}
