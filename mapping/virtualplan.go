package mapping

import "github.com/fwbridge/fwbridge/lwm2m9"

// advance gives the device to the next campaign in line.
func (s *vstep) advance() {
	if s.Active != 0 || len(s.Queue) == 0 {
		return
	}
	id := s.Queue[0]
	s.Queue = s.Queue[1:]
	slot := &s.Slots[s.index(id)]
	s.Active = uint32(id) + 1
	c := &slot.Campaign
	c.Phase = CampaignContact
	c.Next, c.Ends = s.now, s.now.Add(s.p.Contact)
	slot.Reason = "waiting for the device"
}

// expire lets deadlines pass and wakes the device when it is time. Nothing is
// decided while a task is under way: its outcome, or the end of the session,
// comes first.
func (s *vstep) expire() {
	i := s.active()
	if i < 0 || s.Task != TaskNone {
		return
	}
	slot := &s.Slots[i]
	c := &slot.Campaign
	if !s.now.Before(c.Ends) {
		s.note(NoteDeadline, "campaign "+c.Package)
		c.Overdue = c.Exec != ExecNotSent
		s.conclude(slot, lwm2m9.ResultDeviceError, 0)
		slot.Reason = "no result from the device in time"
		s.expire()
		return
	}
	if s.Open || s.now.Before(c.Next) { // a device that is here need not be woken
		return
	}
	c.Next = s.now.Add(s.p.Wake)
	if c.Phase == CampaignRunning {
		c.Next = s.now.Add(s.p.Poll)
	}
	s.emit(Wake{})
}

// plan asks for the next thing in the open session, when the device waits for
// an answer.
func (s *vstep) plan() {
	if !s.turn || !s.Open || s.Task != TaskNone {
		return
	}
	if i := s.active(); i >= 0 && s.planCampaign(&s.Slots[i]) {
		return
	}
	for i := range s.Leftovers {
		if l := &s.Leftovers[i]; !l.Asked {
			l.Asked = true
			s.do(Do{Task: TaskDelete, Package: l.Package})
			return
		}
	}
}

func (s *vstep) planCampaign(slot *Slot) bool {
	c := &slot.Campaign
	d := Do{Instance: slot.ID, Package: c.Package}
	switch {
	case c.Phase == CampaignContact && !c.Tried:
		d.Task, d.Correlator, d.Offered = TaskExec, c.Correlator, c.Offered
		c.Phase, c.Exec, c.Handed = CampaignHanding, ExecSent, s.now
	case c.Phase == CampaignRunning && !c.Asked:
		d.Task = TaskState
	default:
		return false
	}
	s.do(d)
	return true
}

func (s *vstep) do(d Do) {
	d.Seq = s.seq()
	s.Task, s.TaskSeq, s.TaskPackage = d.Task, d.Seq, d.Package
	s.emit(d)
}
