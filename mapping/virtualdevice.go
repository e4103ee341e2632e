package mapping

import (
	"slices"
	"strconv"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

func (Tick) virtual(*vstep) lwm2m9.ResponseCode { return 0 }

// A restart loses the session, and what was written block by block. Fetches
// and checks are asked for again.
func (Resumed) virtual(s *vstep) lwm2m9.ResponseCode {
	s.close()
	for i := range s.Slots {
		slot := &s.Slots[i]
		switch {
		case slot.Fetch == 0:
		case slot.Machine.State == lwm2m9.Downloaded:
			s.emit(Verify{Instance: slot.ID, Seq: slot.Fetch, Digest: slot.Package.Digest})
		case slot.Pushed:
			s.fetchFailed(slot, lwm2m9.ResultConnectionLost, "the bridge was restarted while the package was written")
		default:
			s.emit(Fetch{Instance: slot.ID, Seq: slot.Fetch, URI: slot.Package.URI})
		}
	}
	return 0
}

func (Opened) virtual(s *vstep) lwm2m9.ResponseCode {
	s.close()
	s.Open = true
	for i := range s.Leftovers {
		s.Leftovers[i].Asked = false
	}
	if i := s.active(); i >= 0 {
		c := &s.Slots[i].Campaign
		c.Offered, c.Asked, c.Tried = false, false, false
	}
	return 0
}

func (e Withheld) virtual(s *vstep) lwm2m9.ResponseCode {
	if s.Task != TaskExec || e.Seq != s.TaskSeq {
		return 0
	}
	s.Task = TaskOffer
	if i := s.tasked(); i >= 0 {
		c := &s.Slots[i].Campaign
		c.Phase, c.Exec, c.Handed = CampaignContact, ExecNotSent, time.Time{}
	}
	return 0
}

func (Spoken) virtual(s *vstep) lwm2m9.ResponseCode {
	s.turn = true
	return 0
}

func (Closed) virtual(s *vstep) lwm2m9.ResponseCode {
	s.close()
	return 0
}

// close ends the session. An Exec without a Status may have been carried out.
func (s *vstep) close() {
	i := s.tasked()
	task := s.Task
	if at := s.now.Add(s.p.Retry); s.Open && i >= 0 && task == TaskOffer && at.Before(s.Slots[i].Campaign.Next) {
		s.Slots[i].Campaign.Next = at // it was cut off
	}
	s.Open, s.Task = false, TaskNone
	if i >= 0 && task == TaskExec {
		c := &s.Slots[i].Campaign
		c.Exec = ExecUnknown
		s.note(NoteExecUnknown, c.Package)
		s.enterRunning(&s.Slots[i])
		s.Slots[i].Reason = "the device has perhaps begun: its answer is lost"
	}
}

func (e Done) virtual(s *vstep) lwm2m9.ResponseCode {
	if s.Task == TaskNone || e.Seq != s.TaskSeq {
		return 0
	}
	task, i := s.Task, s.tasked()
	s.Task = TaskNone
	j := task.Judge(e.Status)
	switch {
	case task == TaskDelete:
		s.deleted(s.TaskPackage, j)
	case i < 0: // its campaign has ended meanwhile
	case task == TaskState:
		s.Slots[i].Campaign.Asked = true
		s.Slots[i].Campaign.Next = s.now.Add(s.p.Poll)
		switch j {
		case JudgedDone:
			s.saw(&s.Slots[i], e.State)
		case JudgedRefused, JudgedMissing:
			s.doubt(&s.Slots[i])
		}
	case task == TaskOffer && task.Judge(e.Added) == JudgedDone:
		s.Slots[i].Campaign.Offered = true
	case task == TaskExec && j == JudgedDone:
		s.handedOver(&s.Slots[i])
	default:
		s.refused(&s.Slots[i], e)
	}
	return 0
}

// tasked is the slot whose campaign has the device, if the task under way is
// its own; -1 if not: another campaign may have begun meanwhile.
func (s *vstep) tasked() int {
	if i := s.active(); i >= 0 && s.Slots[i].Campaign.Package == s.TaskPackage {
		return i
	}
	return -1
}

// handedOver notes that the device has taken the Exec.
func (s *vstep) handedOver(slot *Slot) {
	slot.Campaign.Exec = ExecAccepted
	s.note(NoteHanded, slot.Campaign.Package)
	s.enterRunning(slot)
	slot.Campaign.Asked = true // it has only just begun
	slot.Reason = "handed over to the device"
}

// enterRunning waits for the device to finish.
func (s *vstep) enterRunning(slot *Slot) {
	c := &slot.Campaign
	c.Phase, c.Tries = CampaignRunning, 0
	c.Ends, c.Next = s.now.Add(s.p.Final), s.now.Add(s.p.Poll)
}

// refused takes in that the device would not have the package, or the Exec,
// which it has certainly not carried out then. An Add that failed is the reason
// of all that came after it.
func (s *vstep) refused(slot *Slot, e Done) {
	task, status := TaskExec, e.Status
	if TaskOffer.Judge(e.Added) != JudgedDone {
		task, status = TaskOffer, e.Added
	}
	c, j := &slot.Campaign, task.Judge(status)
	c.Exec, c.Phase = ExecNotSent, CampaignContact
	why := "device answered " + task.String() + " with " + strconv.Itoa(status)
	s.note(NoteRefusedTask, why)
	slot.Reason = why
	if j == JudgedLater {
		if c.Tries++; c.Tries < s.p.Tries {
			c.Tried = true
			c.Next = s.now.Add(s.p.Retry)
			return
		}
	}
	s.conclude(slot, judged[j], 0)
	slot.Reason = why
}

// judged is the result of a campaign that was refused.
var judged = map[Judgement]lwm2m9.UpdateResult{
	JudgedLater:   lwm2m9.ResultDeviceError,
	JudgedRefused: lwm2m9.ResultDeviceError,
	JudgedRoom:    lwm2m9.ResultNotEnoughStorage,
	JudgedMissing: lwm2m9.ResultUnsupportedType,
}

// saw takes in the State of the running campaign's package. What is not final
// shows that the device is at work; 10 and numbers that no table knows show
// nothing.
func (s *vstep) saw(slot *Slot, st fwupdate.State) {
	c := &slot.Campaign
	if st != c.Seen {
		s.note(NoteState, st.String())
	}
	c.Seen = st
	if r, final := FromState(st); final {
		s.conclude(slot, r, 0)
		return
	}
	slot.Reason = reason(st)
	switch {
	case !atWork(st):
		s.doubt(slot)
	case c.Exec == ExecUnknown:
		c.Exec = ExecAccepted
		c.Ends = c.Handed.Add(s.p.Final)
	}
}

// doubt takes in that the device shows nothing of an Exec whose Status is lost:
// it was perhaps never carried out. It is not sent again, but not waited for
// as long either.
func (s *vstep) doubt(slot *Slot) {
	c := &slot.Campaign
	if end := s.now.Add(s.p.Doubt); c.Exec == ExecUnknown && end.Before(c.Ends) {
		c.Ends = end
	}
}

// atWork says that a State shows an update that was begun.
func atWork(st fwupdate.State) bool {
	return slices.ContainsFunc(stateRows, func(r StateRow) bool { return r.State == st && st != fwupdate.StateIdle })
}

// An alert counts once, for the campaign that it is about, also when that has
// just been given up because of its deadline.
func (e Alerted) virtual(s *vstep) lwm2m9.ResponseCode {
	for i := range s.Slots {
		slot := &s.Slots[i]
		c := slot.Campaign
		switch {
		case !c.about(e):
		case c.pending():
			s.note(NoteAlert, e.Code.String())
			if s.Task == TaskExec {
				s.Task = TaskNone // its Status says nothing any more
			}
			s.conclude(slot, FromCode(e.Code), e.Code)
			slot.Reason = "device: result " + e.Code.String() + " " + e.Code.Name()
			return 0
		case c.Overdue && slot.Machine.State == lwm2m9.Delivered:
			s.note(NoteLateAlert, e.Code.String())
			slot.Campaign.Overdue = false
			s.result(slot, FromCode(e.Code))
			if e.Code.Success() {
				s.report(slot, FromCode(e.Code), e.Code)
			}
			slot.Reason = "device, late: result " + e.Code.String() + " " + e.Code.Name()
			return 0
		}
	}
	s.note(NoteForeignAlert, e.Code.String())
	return 0
}

// conclude ends the campaign that has the device; code is the device's own, 0
// where it has told none.
func (s *vstep) conclude(slot *Slot, r lwm2m9.UpdateResult, code fwupdate.Code) {
	c := &slot.Campaign
	s.leave(c.Package)
	c.Phase, c.Next, c.Ends = CampaignOver, time.Time{}, time.Time{}
	if s.Active == uint32(slot.ID)+1 {
		s.Active = 0
	}
	s.result(slot, r)
	s.report(slot, r, code)
	s.advance()
}

// result shows the server how it ended.
func (s *vstep) result(slot *Slot, r lwm2m9.UpdateResult) {
	if r == lwm2m9.ResultInstalled {
		s.apply(slot, lwm2m9.EventInstallOK, lwm2m9.ResultUnknown)
		if slot.Package.Digest != "" { // the device has it
			s.emit(Drop{Digest: slot.Package.Digest})
			slot.Package.Digest = ""
		}
		slot.Reason = "installed"
		return
	}
	s.apply(slot, lwm2m9.EventInstallFailed, r)
	slot.Reason = "failed: " + r.String()
}

// leave lines a package up to be deleted from the device.
func (s *vstep) leave(pkg string) {
	s.Leftovers = append(s.Leftovers, Leftover{Package: pkg})
	if n := len(s.Leftovers) - maxLeftovers; n > 0 {
		s.note(NoteNodeKept, s.Leftovers[0].Package)
		s.Leftovers = slices.Delete(s.Leftovers, 0, n)
	}
}

// deleted takes in the outcome of a Delete.
func (s *vstep) deleted(pkg string, j Judgement) {
	i := slices.IndexFunc(s.Leftovers, func(l Leftover) bool { return l.Package == pkg })
	if i < 0 {
		return
	}
	l := &s.Leftovers[i]
	if l.Tries++; j != JudgedDone && l.Tries < s.p.Tries {
		return
	}
	if j != JudgedDone {
		s.note(NoteNodeKept, pkg)
	}
	s.Leftovers = slices.Delete(s.Leftovers, i, i+1)
}
