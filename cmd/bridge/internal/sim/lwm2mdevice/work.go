package lwm2mdevice

import (
	"context"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// enter reports that an instance (nil: the device) has entered a step, and
// lets the faults of that step strike.
func (b *boot) enter(ctx context.Context, s *software, step Step) {
	e := Event{Kind: EventStep, Step: step}
	if s != nil {
		e.Instance = s.instance(b.d.cfg.Dialect)
	}
	b.d.event(e)
	if _, ok := b.d.faults.at(Silent, step); ok {
		b.silent.Store(true)
	}
	if f, ok := b.d.faults.at(Reboot, step); ok {
		b.d.event(Event{Kind: EventRebooting, Step: step, Text: f.Memory.String()})
		b.die(ctx, endReboot, f.Memory)
	}
	if _, ok := b.d.faults.at(Rebind, step); ok {
		b.rebind(ctx)
	}
}

// work lets a step take its time and then calls done, unless the step never
// ends or the work was given up meanwhile.
func (b *boot) work(ctx context.Context, s *software, step Step, done func()) {
	s.busy = step
	turn := s.turn
	b.enter(ctx, s, step)
	if _, ok := b.d.faults.at(Stuck, step); ok {
		return
	}
	b.after(ctx, b.d.takes(step), func() {
		if s.turn == turn && !b.dying.Load() {
			done()
		}
	})
}

// takes is how long a step takes.
func (d *Device) takes(step Step) time.Duration {
	if f, ok := d.faults.at(Slow, step); ok {
		return f.Duration
	}
	t := d.cfg.Timing
	switch step {
	case Downloading:
		return t.Download
	case Downloaded:
		return t.Verify
	case Installing:
		return t.Install
	case Activating:
		return t.Activate
	}
	return t.Uninstall
}

// resume takes up work that a reboot interrupted, or shows what it left.
func (b *boot) resume(ctx context.Context, s *software) {
	s.turn++
	if s.shown != s.m {
		b.show(ctx, s)
	}
	switch {
	case s.m.State == lwm2m9.DownloadStarted:
		b.download(ctx, s)
	case s.m.State == lwm2m9.Downloaded:
		b.verify(ctx, s)
	case s.busy == Installing:
		b.install(ctx, s)
	case s.busy == Uninstalling:
		b.uninstall(ctx, s)
	case s.busy == Activating:
		b.activate(ctx, s)
	}
}

// download begins to fetch the package of s.uri.
func (b *boot) download(ctx context.Context, s *software) {
	b.d.count(func(c *Counts) { c.Downloads++ })
	b.work(ctx, s, Downloading, func() {
		if f, ok := b.d.faults.strike(FailDownload, nil); ok {
			b.downloadFailed(ctx, s, f.Result, "fault "+f.String())
			return
		}
		turn, uri := s.turn, s.uri
		b.wg.Go(func() {
			got, err := b.d.fetch(ctx, uri)
			b.post(ctx, func() {
				if s.turn == turn && !b.dying.Load() {
					b.fetched(ctx, s, got, err)
				}
			})
		})
	})
}

func (b *boot) fetched(ctx context.Context, s *software, got fetched, err error) {
	if failed, ok := errors.AsType[*fetchError](err); ok {
		b.downloadFailed(ctx, s, failed.result, failed.Error())
		return
	}
	p, err := simpackage.Open(got.body)
	if errors.Is(err, simpackage.ErrFormat) {
		if got.digest == "" {
			b.downloadFailed(ctx, s, lwm2m9.ResultUnsupportedType, err.Error())
			return
		}
		p, err = simpackage.Package{Name: got.name, Payload: got.body}, nil
	}
	b.d.event(Event{Kind: EventDownloaded, Text: "complete"})
	b.complete(ctx, s, p, err != nil || !got.intact())
}

func (b *boot) downloadFailed(ctx context.Context, s *software, r lwm2m9.UpdateResult, why string) {
	s.busy = AnyStep
	b.d.event(Event{Kind: EventDownloaded, Text: why})
	b.apply(ctx, s, lwm2m9.EventDownloadFailed, r)
}

// complete has all bytes of a package; bad says that its check will fail.
func (b *boot) complete(ctx context.Context, s *software, p simpackage.Package, bad bool) {
	s.pkg, s.bad = p, bad
	b.apply(ctx, s, lwm2m9.EventWritten, 0)
	b.verify(ctx, s)
}

func (b *boot) verify(ctx context.Context, s *software) {
	b.work(ctx, s, Downloaded, func() {
		s.busy = AnyStep
		if _, ok := b.d.faults.strike(FailIntegrity, nil); ok || s.bad {
			b.apply(ctx, s, lwm2m9.EventIntegrityKO, 0)
			return
		}
		s.name, s.version = s.pkg.Name, s.pkg.Version
		b.apply(ctx, s, lwm2m9.EventIntegrityOK, 0)
		b.enter(ctx, s, Delivered)
	})
}

func (b *boot) install(ctx context.Context, s *software) {
	b.work(ctx, s, Installing, func() {
		s.busy = AnyStep
		if f, ok := b.d.faults.strike(FailInstall, nil); ok {
			b.apply(ctx, s, lwm2m9.EventInstallFailed, f.Result)
			return
		}
		b.apply(ctx, s, lwm2m9.EventInstallOK, 0)
		b.enter(ctx, s, Installed)
	})
}

func (b *boot) activate(ctx context.Context, s *software) {
	b.work(ctx, s, Activating, func() {
		s.busy = AnyStep
		if _, ok := b.d.faults.strike(FailActivate, nil); ok {
			return
		}
		if b.apply(ctx, s, lwm2m9.EventActivate, 0) {
			b.enter(ctx, s, Enabled)
		}
	})
}

func (b *boot) deactivate(ctx context.Context, s *software) {
	turn := s.turn
	b.after(ctx, b.d.cfg.Timing.Activate, func() {
		if s.turn == turn && !b.dying.Load() {
			b.apply(ctx, s, lwm2m9.EventDeactivate, 0)
		}
	})
}

func (b *boot) uninstall(ctx context.Context, s *software) {
	b.work(ctx, s, Uninstalling, func() {
		s.busy = AnyStep
		if _, ok := b.d.faults.strike(FailUninstall, nil); ok {
			s.m.Result = lwm2m9.ResultUninstallFailure
			b.show(ctx, s)
			return
		}
		s.name, s.version, s.pkg = "", "", simpackage.Package{}
		b.apply(ctx, s, lwm2m9.EventUninstall, 0)
		b.enter(ctx, s, Uninstalled)
	})
}
