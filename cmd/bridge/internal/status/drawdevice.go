package status

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Draw prints a device.
func (d Device) Draw(w io.Writer) error {
	p := newPage(w)
	switch {
	case d.Device != nil:
		p.detail(d)
	case d.Legacy != nil:
		p.legacyDetail(d)
	}
	return p.end()
}

func (p *page) detail(d Device) {
	v := d.Device
	p.line("%s, LwM2M device (direction A)", clean(v.Name))
	p.row("registered", yes(v.Registered)+", LwM2M "+dash(v.Registration.Version)+", heard of "+ago(v.Registration.Heard, d.Time))
	p.row("dialect", v.Dialect)
	p.row("./FwUpdate", v.FwUpdate)
	p.row("Object 9", v.Object9)
	if v.Drive != nil {
		p.row("update", v.Drive.Package+": "+v.Drive.Phase+", instance "+dash(v.Drive.Instance))
	}
	p.row("DM server", dash(v.Server)+", last session: "+v.DM.Status)
	for _, l := range v.Outbox {
		text := "result " + l.Code + " of " + l.Package + " since " + ago(l.Since, d.Time)
		if l.Parked {
			text += ", given up"
		}
		p.row("waiting", text)
	}
	if len(v.Instances) > 0 {
		p.title("Object 9")
		p.row("INSTANCE", "STATE", "RESULT", "PACKAGE")
		for _, i := range v.Instances {
			p.row(i.Path, objectWords(i.State, i.Activation), i.Result, strings.TrimSpace(i.Name+" "+i.Version))
		}
	}
	p.transfers(d.Transfers)
	p.title("Time line")
	p.row("TIME", "./FwUpdate", "OBJECT 9", "NOTE")
	for _, l := range v.Timeline {
		p.row(l.Time.Format(time.DateTime), dash(l.FwUpdate), dash(l.Object9), l.Note)
	}
}

func (p *page) legacyDetail(d Device) {
	v := d.Legacy
	seen := ago(v.Seen, d.Time)
	if v.InSession {
		seen = "now"
	}
	p.line("%s, legacy device (direction B)", clean(v.Device))
	p.row("shown as", dash(v.Endpoint)+" to "+shownTo(*v))
	p.row("last session", seen)
	p.title("Updates")
	p.row("INSTANCE", "OBJECT 9", "RESULT", "./FwUpdate", "PHASE", "PACKAGE")
	for _, i := range v.Instances {
		p.row(fmt.Sprint(i.ID), objectWords(i.State, i.Activation), i.Result, dash(i.FwUpdate), dash(i.Phase), dash(i.URI))
		if i.Reason != "" {
			p.row("", "", "", "", "", i.Reason) // a row with fewer cells would end the columns
		}
	}
	p.transfers(d.Transfers)
	p.title("Time line")
	p.row("TIME", "./FwUpdate", "OBJECT 9", "NOTE")
	for _, l := range v.Timeline {
		p.row(l.Time.Format(time.DateTime), dash(l.FwUpdate), dash(l.Object9), l.Note)
	}
}
