package mapping

import (
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// take changes what is known, according to the event. It asks for nothing.
func (s *step) take(ev Event) {
	switch ev := ev.(type) {
	case Answer:
		s.answered(ev)
	case Notified:
		if s.Chosen && ev.Instance == s.ID {
			s.stir()
		}
	case Arrived:
		s.back()
		// A device that rebooted no longer knows a duplicate when it sees one.
		s.Watched, s.Watches, s.Rebooted, s.Resumable = false, 0, true, false
		s.stir()
	case Heard:
		s.back()
		s.stir()
	case Left:
		s.left()
	case Resumed:
		s.resumed()
	case Deleted, Cancelled:
		s.cancel()
	case Tick: // only time has passed
	}
}

// stir says that the last reading may be out of date: also the one that is
// under way.
func (s *step) stir() {
	s.Fresh, s.Again, s.Next = false, true, time.Time{}
}

// resumed forgets what the bridge was doing. A deadline that passed while it
// was down leaves time for one look at the device.
func (s *step) resumed() {
	s.abandon(true)
	s.Watched, s.Watches, s.Next = false, 0, time.Time{}
	if grace := s.now.Add(s.p.Poll); !s.absent() && s.Ends.Before(grace) {
		s.Ends = grace
	}
}

// left stops the clock of the phase: only the deadline "device absent" runs.
func (s *step) left() {
	if s.absent() {
		return
	}
	s.Left, s.Gone = s.now, s.now.Add(s.p.Absent)
	if s.Phase != PhaseCleanup {
		s.Remains, s.Ends = max(0, s.Ends.Sub(s.now)), time.Time{}
	}
}

// back lets the clock of the phase go on.
func (s *step) back() {
	if !s.absent() {
		return
	}
	s.Left, s.Gone = time.Time{}, time.Time{}
	if s.Phase != PhaseCleanup {
		s.Ends = s.now.Add(s.Remains)
	}
	s.Remains = 0
}

// cancel gives the drive up, for a Delete or an operator. What was written is
// undone as far as the device lets us.
func (s *step) cancel() {
	if s.Phase == PhaseCleanup {
		return // already ending; the first verdict stays
	}
	v := FromFault(FaultCancelled, s.stage())
	s.abandon(false)
	if s.Writes == 0 {
		s.finish(v)
		return
	}
	s.fail(v)
}

// answered takes the outcome of the request under way. Answers to requests
// that were given up are not believed.
func (s *step) answered(a Answer) {
	if s.Asked == OpNone || a.Seq != s.AskedSeq {
		return
	}
	op := s.Asked
	s.Asked = OpNone
	s.Silent = a.Outcome == NoAnswer || a.Outcome == NotSent
	if a.Dialect != lwm2m9.DialectUnknown {
		s.Dialect = a.Dialect
	}
	if op != OpInstall && a.Outcome == Refused && a.Code == lwm2m9.CodeUnavailable {
		s.later(op) // 5.03 means later, not failed
		return
	}
	switch op {
	case OpSurvey:
		s.surveyed(a)
	case OpRead:
		s.read(a)
	case OpObserve:
		s.watched(a)
	case OpCreate:
		s.created(a)
	case OpWriteURI, OpPush:
		s.wrote(op, a)
	case OpFetch:
		s.fetched(a)
	case OpInstall:
		s.installed(a)
	default:
		s.done(op, a)
	}
}

// later puts an operation off; a write that was put off has not been made.
func (s *step) later(op Op) {
	if op == OpWriteURI || op == OpPush {
		s.Writes--
	}
	s.wait(s.p.Retry)
}

func (s *step) watched(a Answer) {
	// Whoever refuses to be observed is polled.
	s.Watched = a.Outcome == Accepted || a.Outcome == Refused
	if s.Again {
		s.Fresh = false
	}
	if a.Outcome == NoAnswer || a.Outcome == NotSent {
		s.again()
	}
}

func (s *step) read(a Answer) {
	missing := a.Outcome == Accepted && len(a.Instances) == 0 || a.Outcome == Refused && a.Code == lwm2m9.CodeNotFound
	switch {
	case missing:
		s.vanished()
	case a.Outcome != Accepted:
		s.again()
	default:
		s.see(a.Instances[0], a.Torn)
	}
}

// see takes a reading in. It is fresh unless something happened meanwhile.
func (s *step) see(i lwm2m9.Instance, torn bool) {
	s.Reading = Reading{State: i.State, Result: i.Result, Activation: i.Activation, Torn: torn}
	s.Fresh = !s.Again
	s.Again = false
	if i.State != lwm2m9.Initial && i.State != lwm2m9.StateUnknown {
		s.Moved = true
	}
	if i.State == lwm2m9.Downloaded || i.State == lwm2m9.Delivered {
		s.Loaded = true
	}
}

// vanished decides about an instance that is no longer there: some devices
// lose one over a reboot (lwm2m.md, 9).
func (s *step) vanished() {
	s.Reading = Reading{}
	switch {
	case s.Phase == PhaseCleanup:
		s.finish(s.Verdict) // nothing is left that could be removed
	case s.stage() == InstallStage:
		if s.Doubt.IsZero() {
			s.note(NoteInstanceGone, "")
			s.Doubt = s.now
		}
		s.wait(s.p.Poll)
	default:
		s.note(NoteInstanceGone, "")
		s.rechoose()
	}
}

// rechoose looks for another instance; the written package is lost.
func (s *step) rechoose() {
	s.Chosen, s.Writes, s.Watched, s.Watches = false, 0, false, 0
	s.Order.Bound = 0
	s.Reading = Reading{}
	s.Fresh = false
	if s.Chooses >= maxChooses {
		s.finish(FromFault(FaultNoInstance, DownloadStage))
		return
	}
	s.enter(PhaseChoose)
}

// lasting says that the effect comes some time after the answer: Executes are
// asynchronous (mapping.md, 2). Install has rules of its own.
func (o Op) lasting() bool { return o == OpUninstall || o == OpActivate }

// done takes the answer to Uninstall, Activate and ClearURI.
func (s *step) done(op Op, a Answer) {
	switch a.Outcome {
	case Accepted:
		s.Sent, s.Taken = true, s.Taken || op.lasting()
		s.reread()
	case Refused:
		s.refused(op, a.Code)
	default:
		s.Taken = s.Taken || op.lasting() && a.Outcome != NotSent
		s.again()
	}
}

// refused takes a refusal of Uninstall, Activate or ClearURI. While the device
// may be at work on the same request, only its state or the deadline decides.
func (s *step) refused(op Op, c lwm2m9.ResponseCode) {
	switch {
	case op == OpUninstall && c == lwm2m9.CodeBadRequest && !s.Plain:
		s.noteRefused(op, c)
		s.Plain = true // perhaps it only dislikes the argument
		s.reread()
	case s.Taken:
		s.wait(s.p.Poll)
	default:
		s.noteRefused(op, c)
		s.Refusals++
		s.wait(s.p.Retry)
	}
}
