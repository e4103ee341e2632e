package mapping

import (
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// planInstall requests Install once, and waits for INSTALLED.
func (s *step) planInstall() {
	if !s.look() {
		return
	}
	asked := s.Install != InstallNotSent
	switch s.Reading.State {
	case lwm2m9.Installed:
		if !asked {
			s.note(NoteForeignInstall, "")
		}
		s.enter(PhaseActivate)
	case lwm2m9.Delivered:
		s.atDelivered()
	case lwm2m9.StateUnknown:
		s.wait(s.p.Poll)
	case lwm2m9.Initial:
		if !asked {
			s.enter(PhaseDownload)
			return
		}
		s.lostInstall()
	default:
		if !asked {
			s.enter(PhaseDownload)
			return
		}
		s.wait(s.p.Poll)
	}
}

func (s *step) atDelivered() {
	r := s.Reading.Result
	fresh := r.Failed() && r != s.Baseline // an error that was not there before Install
	switch {
	case s.Install == InstallNotSent && s.Denials >= maxRefusals:
		s.refusedInstall(r)
	case s.Install == InstallNotSent:
		s.Baseline = r
		s.ask(OpInstall)
	case fresh && s.Reading.Torn && !s.doubted():
	case fresh:
		s.failResult(r, InstallStage)
	case s.Resumable:
		s.resume()
	default:
		s.wait(s.p.Poll)
	}
}

// refusedInstall ends a drive whose device will not install. Its Install was
// never carried out, but the phase is the install's.
func (s *step) refusedInstall(r lwm2m9.UpdateResult) {
	if !r.Failed() {
		r = lwm2m9.ResultInstallFailure
	}
	s.failResult(r, InstallStage)
}

// lostInstall decides about INITIAL after Install: the package is gone.
func (s *step) lostInstall() {
	if s.Reading.Result == lwm2m9.ResultUnknown {
		s.wait(s.p.Poll)
		return
	}
	if !s.doubted() {
		return
	}
	s.refusedInstall(s.Reading.Result)
}

func (s *step) installed(a Answer) {
	s.reread()
	switch a.Outcome {
	case Accepted:
		s.Install = InstallAccepted
	case Refused: // it was not carried out, so it may be requested again
		s.Install = InstallNotSent
		if a.Code == lwm2m9.CodeUnavailable {
			s.wait(s.p.Retry)
			return
		}
		s.noteRefused(OpInstall, a.Code)
		s.Denials++
		if s.Denials < maxRefusals {
			s.wait(s.p.Retry)
		}
	default:
		if a.Outcome == NotSent && !s.Resumed {
			s.Install = InstallNotSent
			s.wait(s.p.Retry)
			return
		}
		s.note(NoteInstallUnknown, "")
		s.Install = InstallUnknown
	}
}

// planActivate puts the software into use when the policy says so. Only here
// can a drive succeed, and only on a reading of INSTALLED.
func (s *step) planActivate() {
	if !s.look() {
		return
	}
	switch s.Reading.State {
	case lwm2m9.Installed:
		s.activate()
	case lwm2m9.StateUnknown:
		s.wait(s.p.Poll)
	default:
		if s.doubted() {
			s.refusedInstall(s.Reading.Result)
		}
	}
}

// inEffect says whether the last reading is that of a successful update.
func (s *step) inEffect() bool {
	return s.Reading.State == lwm2m9.Installed && (!s.p.Activate || s.Reading.Activation == lwm2m9.Enabled)
}

func (s *step) activate() {
	s.clear()
	switch {
	case s.inEffect():
		s.finish(success)
	case s.Refusals >= maxRefusals:
		s.failActive()
	case s.Sent:
		s.Sent = false
		s.wait(s.p.Poll)
	default:
		s.ask(OpActivate)
	}
}
