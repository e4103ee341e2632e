package mapping

import (
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// planDeliver writes the Package URI into an instance that is INITIAL.
func (s *step) planDeliver() {
	if !s.look() {
		return
	}
	ours := s.Writes > 0 // a write whose answer was lost may have worked
	switch s.Reading.State {
	case lwm2m9.Initial:
		s.deliver(ours)
	case lwm2m9.DownloadStarted, lwm2m9.Downloaded, lwm2m9.Delivered:
		if ours {
			s.enter(PhaseDownload)
		} else {
			s.roomAgain() // somebody else was quicker
		}
	case lwm2m9.Installed:
		if ours {
			s.enter(PhaseInstall)
		} else {
			s.roomAgain()
		}
	default:
		s.wait(s.p.Poll)
	}
}

// roomAgain frees an instance that somebody else has filled meanwhile, but not
// for ever.
func (s *step) roomAgain() {
	if s.Chooses >= maxChooses {
		s.finish(FromFault(FaultNoInstance, DownloadStage))
		return
	}
	s.Chooses++
	s.enter(PhaseRoom)
}

func (s *step) deliver(ours bool) {
	r := s.Reading.Result
	asked := ours || s.Refusal != 0
	switch {
	case asked && r.Failed() && r != s.Baseline:
		s.failResult(r, DownloadStage)
	case ours && r == lwm2m9.ResultDownloading:
		s.enter(PhaseDownload) // torn: the state follows
	case refusedFor(s.Refusal) != lwm2m9.ResultUnknown:
		s.failResult(refusedFor(s.Refusal), DownloadStage)
	case s.Refusals >= maxRefusals:
		if s.Order.Route != (Route{}) && s.nextWay() { // perhaps it has no such resource
			s.anew()
			return
		}
		s.failResult(lwm2m9.ResultDeviceError, DownloadStage)
	case s.Writes >= maxWrites:
		s.fail(FromFault(FaultAbsent, DownloadStage))
	default:
		s.write()
	}
}

// refusedFor says what a refusal of the URI means, when it means something by
// itself.
func refusedFor(c lwm2m9.ResponseCode) lwm2m9.UpdateResult {
	switch c {
	case lwm2m9.CodeBadRequest:
		return lwm2m9.ResultInvalidURI
	case lwm2m9.CodeTooLarge:
		return lwm2m9.ResultNotEnoughStorage
	}
	return lwm2m9.ResultUnknown
}

func (s *step) wrote(op Op, a Answer) {
	s.reread()
	switch a.Outcome {
	case Accepted:
		s.enter(PhaseDownload)
	case Refused:
		s.noteRefused(op, a.Code)
		s.Writes--
		s.Refusals++
		s.Refusal = a.Code
		if refusedFor(a.Code) == lwm2m9.ResultUnknown {
			s.wait(s.p.Retry) // nothing is wrong with the URI: perhaps it is busy
		}
	case NotSent:
		s.Writes--
		s.Stored = false // perhaps it is not there any more; to ask costs little
		s.wait(s.p.Retry)
	}
}

// planDownload waits for DELIVERED.
func (s *step) planDownload() {
	if !s.look() {
		return
	}
	switch s.Reading.State {
	case lwm2m9.Initial:
		s.backAtInitial()
		return
	case lwm2m9.Delivered, lwm2m9.Installed:
		s.enter(PhaseInstall)
		return
	case lwm2m9.DownloadStarted, lwm2m9.Downloaded:
		s.clear()
	}
	s.wait(s.p.Poll)
}

// backAtInitial decides what INITIAL means after an accepted write: an error,
// a device that has not begun, or one that lost the package. State and result
// are two writes on many devices, and an old error may still stand there, so
// what is not clear is doubted for a while.
func (s *step) backAtInitial() {
	r := s.Reading.Result
	certain := !s.Reading.Torn && (s.Moved || r != s.Baseline)
	switch {
	case r == lwm2m9.ResultUnknown: // no table knows it: the next value, or the deadline, decides
		s.wait(s.p.Poll)
	case r.Failed() && certain:
		s.failResult(r, DownloadStage)
	case !s.doubted():
	case r.Failed():
		s.failResult(r, DownloadStage)
	case r != lwm2m9.ResultDownloading && (s.Moved || s.Rebooted):
		s.rewrite()
	default:
		s.wait(s.p.Poll)
	}
}

// rewrite starts over with a device that lost the package.
func (s *step) rewrite() {
	if s.Writes >= maxWrites {
		s.failResult(lwm2m9.ResultConnectionLost, DownloadStage)
		return
	}
	s.note(NoteRewrite, "")
	writes := s.Writes
	s.enter(PhaseDeliver)
	s.Writes, s.Baseline, s.Refusal = writes, s.Reading.Result, 0
}

// anew begins the delivery again, by another way. What the device shows now is
// about the way before.
func (s *step) anew() {
	s.enter(PhaseRoom)
	s.Writes, s.Refusal, s.Baseline = 0, 0, s.Reading.Result
	s.Moved, s.Loaded = false, false
	s.reread()
}

// clear ends the doubt: this reading means what it says.
func (s *step) clear() { s.Doubt = time.Time{} }

func (s *step) failResult(r lwm2m9.UpdateResult, st Stage) {
	if st == DownloadStage && s.another(r) {
		s.anew()
		return
	}
	v, ok := FromResult(r, st)
	if !ok {
		v, _ = FromResult(lwm2m9.ResultDeviceError, st)
	}
	s.fail(v)
}
