package session

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// job is a queued command until its Result is told.
type job struct {
	key   string
	root  step
	units []unit // does not grow any more once it is queued
	now   bool   // it goes out with the next Reply, or not at all
}

// unit is what goes out as one command of a message. A Sequence for a device
// that takes none is a unit for each of its commands.
type unit struct {
	job  *job
	step *step
	// asks says that what comes after it in its Sequence depends on a user.
	asks bool
	msg  int // our message that holds it
	done bool
}

// step is one command, inside or outside of a block, with what the device says
// to it.
type step struct {
	cmd      syncml.Command
	kids     []*step
	statuses []*syncml.Status
	found    []syncml.Item
	slow     bool        // 101: its Status comes later
	local    syncml.Code // for a command that was not sent
	err      error
}

// place is where a command stood: the numbers that a Status refers to.
type place struct{ msg, cmd string }

// place completes a reference: some devices leave MsgRef out.
func (s *Server) place(msgRef, cmdRef string) place {
	return place{firstOf(msgRef, strconv.Itoa(s.sent)), cmdRef}
}

// Queue adds a command: Add, Replace, Get, Delete, Exec, Copy, an Alert for the
// user, an Atomic or a Sequence. CmdIDs are given here, braces in URIs are
// escaped for devices that choke on them, and DM 1.1.2 gets no Correlator. The
// Result comes back once under the key: from the Receive in which the device
// has answered, or from the Reply if the command cannot be sent. Commands keep
// their order. cmd is not changed here, nor may it be changed by anybody else
// from then on.
func (s *Server) Queue(key string, cmd syncml.Command) { s.queue(&job{key: key}, cmd) }

// ErrNotNow is the Err of a command of [Server.QueueNow] that did not go out.
var ErrNotNow = errors.New("there was no place for it in the answer")

// QueueNow is Queue for a command that goes out with the next Reply, behind
// those before it, or not at all: because those fill the message, or the device
// has not closed its package, or the session ends. Then it is unsent, with
// ErrNotNow.
func (s *Server) QueueNow(key string, cmd syncml.Command) { s.queue(&job{key: key, now: true}, cmd) }

func (s *Server) queue(j *job, cmd syncml.Command) {
	j.root.plan(cmd)
	if why := s.unfit(cmd, false); why != nil {
		j.root.err = why
		s.unsent = append(s.unsent, j.result())
		return
	}
	s.spread(j, &j.root, false)
	s.jobs = append(s.jobs, j)
	for i := range j.units {
		s.units = append(s.units, &j.units[i])
	}
}

// withdraw takes back what should have gone out by now, and has not.
func (s *Server) withdraw() {
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
		sent := func(u unit) bool { return u.msg != 0 || u.done }
		if !j.now || slices.ContainsFunc(j.units, sent) {
			return false
		}
		s.units = slices.DeleteFunc(s.units, func(u *unit) bool { return u.job == j })
		j.root.err = ErrNotNow
		s.unsent = append(s.unsent, j.result())
		return true
	})
}

// Pending are the keys of the commands without a Result, in order.
func (s *Server) Pending() []string {
	var keys []string
	for _, j := range s.jobs {
		keys = append(keys, j.key)
	}
	return keys
}

// unfit is why a command cannot be sent to this device.
func (s *Server) unfit(cmd syncml.Command, nested bool) error {
	switch cmd := cmd.(type) {
	case *syncml.Op:
		if len(cmd.Items) == 0 {
			return errors.New("a command without Item")
		}
		return nil
	case *syncml.Alert:
		return nil
	case *syncml.Block:
		switch {
		case len(cmd.Body) == 0:
			return errors.New("a block without commands")
		case nested && cmd.Cmd == syncml.CmdSequence && !s.cfg.Sequence:
			return errors.New("a Sequence in an Atomic, for a device that takes no Sequence")
		}
		for _, c := range cmd.Body {
			if err := s.unfit(c, nested || cmd.Cmd == syncml.CmdAtomic); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("not a command of a server")
}

// plan makes the step of a command.
func (st *step) plan(cmd syncml.Command) {
	st.cmd = escaped(cmd)
	for _, c := range children(cmd) {
		kid := new(step)
		kid.plan(c)
		st.kids = append(st.kids, kid)
	}
}

var braces = strings.NewReplacer("{", "%7B", "}", "%7D")

// escaped is a command whose URIs have no braces: a copy if they had any.
func escaped(cmd syncml.Command) syncml.Command {
	o, ok := cmd.(*syncml.Op)
	if !ok || !slices.ContainsFunc(o.Items, braced) {
		return cmd
	}
	c := *o
	c.Items = slices.Clone(o.Items)
	for i := range c.Items {
		for _, uri := range []*string{&c.Items[i].Target.URI, &c.Items[i].Source.URI} {
			*uri = braces.Replace(*uri)
		}
	}
	return &c
}

func braced(item syncml.Item) bool {
	return strings.ContainsAny(item.Target.URI, "{}") || strings.ContainsAny(item.Source.URI, "{}")
}

// spread makes the units of a job.
func (s *Server) spread(j *job, st *step, inSequence bool) {
	if b, ok := st.cmd.(*syncml.Block); ok && b.Cmd == syncml.CmdSequence && !s.cfg.Sequence {
		for _, kid := range st.kids {
			s.spread(j, kid, true)
		}
		return
	}
	_, isAlert := st.cmd.(*syncml.Alert)
	j.units = append(j.units, unit{job: j, step: st, asks: inSequence && isAlert})
}

// forget drops what the device said, before a command is sent again.
func (st *step) forget() {
	st.statuses, st.found = nil, nil
	for _, kid := range st.kids {
		kid.forget()
	}
}

// heard says whether the device has said anything.
func (st *step) heard() bool {
	return len(st.statuses) > 0 || len(st.found) > 0 || slices.ContainsFunc(st.kids, (*step).heard)
}

// result is what came of a step.
func (st *step) result() Result {
	r := Result{Code: st.local, Statuses: st.statuses, Found: st.found, Err: st.err}
	for _, kid := range st.kids {
		r.Parts = append(r.Parts, kid.result())
	}
	switch {
	case st.local != 0:
	case len(st.statuses) > 0:
		for i, status := range st.statuses {
			if i == 0 || executed(r.Code) {
				r.Code = status.Code
			}
		}
	default: // there are devices whose Atomic has no Status of its own
		for i, part := range r.Parts {
			if i == 0 || executed(r.Code) {
				r.Code = part.Code
			}
		}
	}
	return r
}

// executed says whether a command was carried out: 213 to 216 are of the class
// 2xx too, and say that it was not, or is undone.
func executed(code syncml.Code) bool {
	return code.Success() && (code < syncml.StatusChunkAccepted || code > syncml.StatusRolledBack)
}

func (j *job) result() Result {
	r := j.root.result()
	r.Key = j.key
	return r
}

// bytesFound is the length of the Results that a step holds.
func (st *step) bytesFound() int {
	n := 0
	for _, item := range st.found {
		n += len(item.Data)
	}
	for _, kid := range st.kids {
		n += kid.bytesFound()
	}
	return n
}
