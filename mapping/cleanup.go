package mapping

import (
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// planCleanup removes what the device still holds, then ends with the verdict.
func (s *step) planCleanup() {
	if !s.Fresh {
		s.ask(OpRead)
		return
	}
	switch s.Reading.State {
	case lwm2m9.Initial:
		s.finish(s.Verdict)
	case lwm2m9.Delivered:
		s.remove()
	case lwm2m9.Installed:
		s.installedAfterAll()
	case lwm2m9.DownloadStarted, lwm2m9.Downloaded:
		s.stopPull()
	default:
		s.wait(s.p.Poll)
	}
}

// remove uninstalls until the device shows INITIAL or refuses.
func (s *step) remove() {
	switch {
	case s.Refusals > 0:
		s.note(NoteDataKept, "")
		s.finish(s.Verdict)
	case s.Sent:
		s.Sent = false
		s.wait(s.p.Poll)
	default:
		s.Undone, s.Plain = true, true
		s.ask(OpUninstall)
	}
}

// installedAfterAll corrects a verdict that came too early: the deadline had
// passed, but the device made it. An operator's cancel stays one, and what we
// have asked the device to remove does not count either.
func (s *step) installedAfterAll() {
	cancelled := s.Verdict.Code == FromFault(FaultCancelled, InstallStage).Code
	switch {
	case s.Undone || cancelled && s.stage() == InstallStage:
		s.remove()
	case cancelled: // it is not ours
		s.note(NoteLeftInstalled, "")
		s.finish(s.Verdict)
	default:
		s.Verdict = Verdict{}
		s.enter(PhaseActivate)
	}
}

// stopPull tries once to stop a download; most devices cannot (lwm2m.md, 6).
func (s *step) stopPull() {
	if s.Undone {
		s.note(NoteDataKept, "")
		s.finish(s.Verdict)
		return
	}
	s.Undone = true
	s.ask(OpClearURI)
}
