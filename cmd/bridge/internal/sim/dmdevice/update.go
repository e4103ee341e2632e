package dmdevice

import (
	"context"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// The Generic Alert of a finished DownloadAndUpdate (fwupdate-csp.md).
const (
	alertType   = "org.openmobilealliance.dm.firmwareupdate.downloadandupdate"
	alertFormat = "int"
	alertMark   = "critical" // of a failure
)

// phase is what an update does next.
type phase uint8

const (
	begin    phase = iota // State 10: the download begins
	fetching              // State 30: a request
	checking              // State 40: the package is checked
	ending                // State 50: the install ends
)

// job is an update that runs.
type job struct {
	exec  fwupdate.Execution
	phase phase
	at    time.Time // when the phase goes on
	stuck bool
	// halved says that Halfway is behind us.
	halved bool
	load   download
}

// advance does the next piece of an update.
func (d *Device) advance(ctx context.Context) {
	j, t := d.job, &d.f.cfg.Timing
	switch j.phase {
	case begin:
		d.step(fetching, t.Download, fwupdate.StateDownloading, Downloading)
	case fetching:
		d.download(ctx)
	case checking:
		d.check()
	case ending:
		if f, ok := d.faults.strike(FailUpdate, nil); ok {
			d.struck(f.text())
			d.finish(fwupdate.StateUpdateFailed, f.Result)
			return
		}
		d.installed()
		d.finish(fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess)
	}
}

// step enters a State: what comes then, and after which time.
func (d *Device) step(then phase, after time.Duration, state fwupdate.State, s Step) {
	d.job.phase, d.job.at = then, time.Now().Add(after)
	d.show(d.job.exec.Package, state)
	d.enter(s)
}

func (d *Device) show(id string, s fwupdate.State) {
	d.tree.SetState(id, s)
	d.event(Event{Kind: EventState, Package: id, State: s})
}

// download does one request of the download.
func (d *Device) download(ctx context.Context) {
	j := d.job
	if f, ok := d.faults.strike(FailDownload, nil); ok {
		d.struck(f.text())
		d.finish(fwupdate.StateDownloadFailed, f.Result)
		return
	}
	done, err := d.request(ctx, &j.load, j.exec.URL)
	if failed, ok := errors.AsType[*downloadError](err); ok {
		d.event(Event{Kind: EventDownload, Package: j.exec.Package, Text: failed.Error()})
		d.finish(fwupdate.StateDownloadFailed, failed.code)
		return
	}
	switch {
	case err != nil: // we stop
	case done:
		d.step(checking, d.f.cfg.Timing.Verify, fwupdate.StateDownloadComplete, Downloaded)
	default:
		j.at = time.Now().Add(d.f.cfg.Timing.Chunk)
		if !j.halved && 2*int64(len(j.load.body)) >= j.load.size {
			j.halved = true
			d.enter(Halfway)
		}
	}
}

// check looks at the package, if it is one that can be looked at.
func (d *Device) check() {
	j := d.job
	p, err := simpackage.Open(j.load.body)
	switch {
	case errors.Is(err, simpackage.ErrDigest):
		d.finish(fwupdate.StateUpdateFailed, fwupdate.CodeCorrupted)
		return
	case err == nil && p.Version != "":
		j.exec.Version = p.Version // what it really is
	}
	j.load.body = nil
	d.tree.SetBusy(j.exec.Package, fwupdate.Committed)
	d.step(ending, d.f.cfg.Timing.Install, fwupdate.StateStartingUpdate, Updating)
}

// installed shows the new firmware.
func (d *Device) installed() {
	e := d.job.exec
	id := d.tree.Identity()
	if e.Version != "" {
		id.FirmwareVersion = e.Version
		d.tree.SetIdentity(id)
	}
	d.tree.SetInstalled([]fwupdate.Installed{{ID: e.Package, Name: e.Name, Version: e.Version}})
}

// finish is the end of an update: the State says so, and the alert will.
func (d *Device) finish(s fwupdate.State, code fwupdate.Code) {
	e := d.job.exec
	d.job = nil
	d.show(e.Package, s)
	d.tree.SetBusy(e.Package, fwupdate.NotBusy)
	if d.old() || d.strikes(NoAlert) { // in DM 1.1.2 the server polls
		d.over(e.Package, code)
		return
	}
	note := session.Notification{Key: e.Package, Type: alertType, Format: alertFormat, Source: fwupdate.UpdateURI(e.Package),
		Correlator: e.Correlator, Data: code.String()}
	if !code.Success() {
		note.Mark = alertMark
	}
	d.report = &report{note: note, code: code, at: time.Now().Add(d.f.cfg.Timing.Report)}
	d.enterReport()
}

// enterReport has the faults strike that come before the alert.
func (d *Device) enterReport() {
	if f, ok := d.faults.at(Stuck, Reporting); ok {
		d.struck(f.text())
		d.report.at = time.Time{}
	}
	if f, ok := d.faults.at(Slow, Reporting); ok {
		d.struck(f.text())
		d.report.at = time.Now().Add(f.Duration)
	}
	d.powerAt(Reporting)
}

// over is the end that everybody knows of.
func (d *Device) over(id string, code fwupdate.Code) {
	p, _ := d.tree.Package(id)
	d.event(Event{Kind: EventOver, Package: id, State: p.State, Code: code})
	d.f.over(Result{Device: d.acc.DeviceID, Package: id, State: p.State, Code: code})
}
