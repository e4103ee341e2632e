package mapping

import (
	"strconv"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// plans says what each phase does when nothing is under way: it asks, waits,
// enters another phase or finishes.
var plans = [...]func(*step){
	PhaseChoose:   (*step).planChoose,
	PhaseRoom:     (*step).planRoom,
	PhaseDeliver:  (*step).planDeliver,
	PhaseDownload: (*step).planDownload,
	PhaseInstall:  (*step).planInstall,
	PhaseActivate: (*step).planActivate,
	PhaseCleanup:  (*step).planCleanup,
}

func (s *step) planChoose() { s.ask(OpSurvey) }

// surveyed chooses the instance (mapping.md, 5.2 step 1).
func (s *step) surveyed(a Answer) {
	switch {
	case a.Outcome == Refused:
		// 4.04 on an object without instances is usual; whether there is an
		// Object 9 at all, Create will tell.
		s.create(false)
	case a.Outcome != Accepted:
		s.again()
	default:
		s.choose(a)
	}
}

func (s *step) choose(a Answer) {
	undecided := a.Dialect == lwm2m9.DialectUnknown && len(a.Instances) > 0
	if undecided && !s.NoCreate && s.Creates < maxCreates {
		// Nothing may be concluded from the pairs that are there. A new
		// instance shows a pair that decides.
		s.note(NoteUndecided, "")
		s.create(true)
		return
	}
	if i, ok := s.pick(a.Instances); ok {
		s.Chosen, s.ID = true, i.ID
		s.Chooses++
		s.note(NoteChosen, strconv.Itoa(int(i.ID)))
		s.see(i, a.Torn)
		s.enter(PhaseRoom)
		return
	}
	s.create(undecided)
}

// pick prefers the instance of an earlier drive of the package, then the one
// of that name, then one that is free. An instance that could not be freed
// before is passed over.
func (s *step) pick(all []lwm2m9.Instance) (lwm2m9.Instance, bool) {
	name := s.Order.Execution.Name
	rules := []func(lwm2m9.Instance) bool{
		func(i lwm2m9.Instance) bool { return uint32(i.ID)+1 == s.Order.Bound },
		func(i lwm2m9.Instance) bool { return name != "" && i.Name == name },
		func(i lwm2m9.Instance) bool { return i.State == lwm2m9.Initial },
	}
	for _, fits := range rules {
		for _, i := range all {
			if uint32(i.ID)+1 != s.Avoid && fits(i) {
				return i, true
			}
		}
	}
	return lwm2m9.Instance{}, false
}

// create asks for a new instance, or gives up when that was refused. With
// undecided instances there is still something to wait for.
func (s *step) create(undecided bool) {
	switch {
	case !s.NoCreate && s.Creates < maxCreates:
		s.ask(OpCreate)
	case undecided || !s.NoCreate:
		s.wait(s.p.Poll)
	default:
		s.finish(FromFault(FaultNoInstance, DownloadStage))
	}
}

func (s *step) created(a Answer) {
	switch a.Outcome {
	case Accepted:
		s.Creates++
		s.reread()
	case Refused:
		s.noteRefused(OpCreate, a.Code)
		s.NoCreate = true
		s.reread()
	default: // it may be there now: the next survey shows it
		s.Creates++
		s.wait(s.p.Retry)
	}
}

// look makes sure that the instance is observed and its reading fresh. It
// returns false after asking for what is missing.
func (s *step) look() bool {
	switch {
	case !s.Watched && s.Watches < maxWatches:
		s.Watches++
		s.ask(OpObserve)
	case !s.Fresh:
		s.ask(OpRead)
	default:
		return true
	}
	return false
}

// planRoom makes the instance INITIAL (mapping.md, 5.2 step 2).
func (s *step) planRoom() {
	if !s.look() {
		return
	}
	switch s.Reading.State {
	case lwm2m9.Initial:
		s.enter(PhaseDeliver)
	case lwm2m9.Installed, lwm2m9.Delivered:
		s.makeRoom()
	default: // somebody else's download, or a state that is not known
		s.wait(s.p.Poll)
	}
}

func (s *step) makeRoom() {
	switch {
	case s.Refusals > 0 || s.Sent && s.Reading.Result == lwm2m9.ResultUninstallFailure && s.Baseline != s.Reading.Result:
		// It will not be freed: another instance has to do.
		s.Avoid = uint32(s.ID) + 1
		s.rechoose()
	case s.Sent: // accepted, but its effect takes time
		s.Sent = false
		s.wait(s.p.Poll)
	default:
		s.Baseline = s.Reading.Result // an old failure says nothing of this one
		s.ask(OpUninstall)
	}
}
