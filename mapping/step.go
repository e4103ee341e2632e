package mapping

import (
	"fmt"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// step is one Step in progress: the drive being changed, and the actions so
// far.
type step struct {
	*Drive
	now time.Time
	p   Policy
	out []Action
}

// maxPlans bounds the phases that one event can go through; there are fewer
// phases than that, so it is only met by a drive that turns in circles.
const maxPlans = 16

// run lets deadlines pass, then asks for the next thing while nothing is
// under way.
func (s *step) run() {
	for range maxPlans {
		s.expire()
		if s.Over() || s.Asked != OpNone || s.absent() || s.now.Before(s.Next) {
			return
		}
		s.Next = time.Time{}
		plans[s.Phase](s)
	}
	s.wait(s.p.Poll)
}

// expire ends what has waited too long.
func (s *step) expire() {
	if s.Over() {
		return
	}
	if s.absent() && s.Phase != PhaseCleanup {
		if !s.now.Before(s.Gone) {
			s.gone()
		}
		return
	}
	if !s.Ends.IsZero() && !s.now.Before(s.Ends) {
		s.deadline()
	}
}

// gone ends a drive whose device never came back.
func (s *step) gone() {
	stage := s.stage()
	if stage == InstallStage {
		s.note(NoteDataKept, "")
	}
	s.finish(FromFault(FaultAbsent, stage))
}

// deadline ends the phase. A request under way is given up: its outcome will
// not be believed any more.
func (s *step) deadline() {
	s.note(NoteDeadline, s.Phase.String())
	s.abandon(false)
	switch s.Phase {
	case PhaseChoose, PhaseRoom:
		fault := FaultNoInstance
		if s.Silent {
			fault = FaultAbsent
		}
		s.finish(FromFault(fault, DownloadStage))
	case PhaseDeliver, PhaseDownload:
		s.fail(FromFault(FaultAbsent, DownloadStage))
	case PhaseInstall:
		s.fail(FromFault(FaultAbsent, s.stage()))
	case PhaseActivate:
		s.activationOver()
	case PhaseCleanup:
		s.note(NoteDataKept, "")
		s.finish(s.Verdict)
	}
}

// activationOver ends an activation that took too long. What was seen in
// effect counts, although another reading was wanted; what was not is looked
// at once more, because a notification may have been lost.
func (s *step) activationOver() {
	switch {
	case s.inEffect():
		s.finish(success)
	case !s.Looked:
		s.Looked = true
		s.Ends = s.now.Add(s.p.Poll)
		s.reread()
	default:
		s.failActive()
	}
}

// limit gives each phase its deadline.
func (s *step) limit(ph Phase) time.Duration {
	switch ph {
	case PhaseChoose, PhaseRoom:
		return s.p.Room
	case PhaseDeliver, PhaseDownload:
		return s.p.Download
	case PhaseInstall:
		return s.p.Install
	case PhaseActivate:
		return s.p.Activation
	}
	return s.p.Cleanup
}

// enter begins a phase: its deadline starts, its counters are new.
func (s *step) enter(ph Phase) {
	s.Phase = ph
	s.Ends = s.now.Add(s.limit(ph))
	s.Refusals, s.Sent, s.Taken, s.Doubt, s.Next = 0, false, false, time.Time{}, time.Time{}
}

// ask emits a request and makes it the one under way.
func (s *step) ask(op Op) {
	s.Seq++
	s.Asked, s.AskedSeq, s.Again = op, s.Seq, false
	r := Request{Seq: s.Seq, Op: op, Instance: s.ID}
	switch op {
	case OpWriteURI, OpPush, OpFetch:
		r.URI, r.Way = s.Order.Execution.URL, s.Way
	case OpUninstall:
		r.ForUpdate = s.Phase == PhaseRoom && s.Reading.State == lwm2m9.Installed && s.Dialect == lwm2m9.Registered && !s.Plain
	case OpInstall:
		s.Install, s.InstallSeq = InstallSent, s.Seq
	}
	s.out = append(s.out, r)
}

// resume asks for the very exchange of Install that a restart cut off.
func (s *step) resume() {
	s.Resumable, s.Resumed, s.Again = false, true, false
	s.Asked, s.AskedSeq, s.Install = OpInstall, s.InstallSeq, InstallSent
	s.out = append(s.out, Request{Seq: s.InstallSeq, Op: OpInstall, Instance: s.ID, Resume: true})
}

// abandon forgets the request under way. An Install whose answer will not be
// heard is never requested again; after a restart it may be resumed.
func (s *step) abandon(restart bool) {
	if s.Asked == OpInstall {
		s.Install, s.Resumable = InstallUnknown, restart
	}
	s.Taken = s.Taken || s.Asked.lasting()
	s.Asked, s.Fresh, s.Again = OpNone, false, false
}

// wait asks for nothing until d has passed, and reads again then.
func (s *step) wait(d time.Duration) {
	s.Fresh = false
	s.Next = s.now.Add(d)
}

// again asks again later, or at once when the device was heard from since the
// last request went out: it registered, perhaps, and that cut the request off.
func (s *step) again() {
	if s.Again {
		s.Again = false
		s.reread()
		return
	}
	s.wait(s.p.Retry)
}

// reread reads at once.
func (s *step) reread() {
	s.Fresh = false
	s.Next = time.Time{}
}

// doubted says whether an unclear reading has lasted for Settle. Until then
// it arranges for another one.
func (s *step) doubted() bool {
	if s.Doubt.IsZero() {
		s.Doubt = s.now
	}
	if s.now.Sub(s.Doubt) >= s.p.Settle {
		return true
	}
	s.wait(s.p.Settle / 4)
	return false
}

// fail decides the verdict. What the device still holds is removed before the
// drive ends, because State 20 and 80 say that no data is left.
func (s *step) fail(v Verdict) {
	if s.Fresh && s.Reading.State == lwm2m9.Initial || !s.Chosen {
		s.finish(v)
		return
	}
	s.Held = s.state()
	s.Verdict = v
	s.Undone = false
	s.enter(PhaseCleanup)
}

// failActive ends a drive whose software is installed but cannot be
// activated. It stays: removing running software is not for the bridge.
func (s *step) failActive() {
	if s.Reading.State == lwm2m9.Installed {
		s.note(NoteLeftInstalled, "")
	}
	v, _ := FromResult(lwm2m9.ResultInstallFailure, InstallStage)
	s.finish(v)
}

func (s *step) finish(v Verdict) {
	s.Phase, s.Verdict, s.Asked = PhaseOver, v, OpNone
	s.Next, s.Ends, s.Doubt = time.Time{}, time.Time{}, time.Time{}
	s.Left, s.Gone, s.Remains = time.Time{}, time.Time{}, 0
	s.out = append(s.out, Finish{Execution: s.Order.Execution, State: v.State, Code: v.Code})
}

func (s *step) note(k NoteKind, detail string) {
	s.out = append(s.out, Note{Kind: k, Detail: detail})
}

func (s *step) noteRefused(op Op, c lwm2m9.ResponseCode) {
	s.note(NoteRefused, fmt.Sprintf("%s %s", op, c))
}
