package session

import (
	"errors"
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
)

// largeObject is a value on its way to the device in parts. Nothing else may be
// sent before its last part, and every part is answered by itself.
type largeObject struct {
	unit  *unit
	parts *splitter
	last  bool // its last part has gone out
	wait  bool // the answer to a part has not come yet
}

var (
	errNotTogether = errors.New("the device does not put large objects together")
	errEndless     = errors.New("the device has not got the end of a large object")
)

// settle draws the conclusion from a message. At the end of the device's
// package everything that was sent has its answer or will have none.
func (s *Server) settle(final bool) {
	if s.large != nil {
		s.settlePart(final)
	}
	if !final {
		return
	}
	if lost := s.objects.drop(); lost != nil {
		s.answers = append(s.answers, lost)
	}
	for _, u := range s.flight {
		if underWay := s.large != nil && s.large.unit == u; !underWay && (u.step.heard() || !u.step.slow) {
			s.finish(u)
		}
	}
	s.flight = slices.DeleteFunc(s.flight, func(u *unit) bool { return u.done })
	s.tell()
}

// settlePart looks at the answer to a part of a large object: 213 asks for the
// next one. Any other answer ends it: a success means that the device took the
// part for the whole.
func (s *Server) settlePart(final bool) {
	st := s.large.unit.step
	s.large.wait = false
	switch {
	case s.large.last:
		s.large = nil
		return
	case !st.heard() && !final:
		s.large.wait = true
		return
	}
	code := st.result().Code
	if code == syncml.StatusChunkAccepted {
		st.forget()
		return
	}
	if code.Success() {
		st.local, st.err = syncml.StatusSizeMismatch, errNotTogether
	}
	s.large = nil
}

// endless takes an Alert 1225: the device has given our large object up. What
// it says of its parts does not count any more.
func (s *Server) endless() {
	if s.large == nil {
		return
	}
	st := s.large.unit.step
	st.forget()
	st.local, st.err = syncml.StatusSizeMismatch, errEndless
	s.large = nil
}

// finish ends a unit. A user who declines ends the Sequence that asks.
func (s *Server) finish(u *unit) {
	u.done = true
	if !u.asks || executed(u.step.result().Code) {
		return
	}
	s.units = slices.DeleteFunc(s.units, func(later *unit) bool {
		if later.job != u.job {
			return false
		}
		later.step.skip()
		later.done = true
		return true
	})
}

// skip marks commands that were not sent because a user declined (RepPro 1.2,
// "Sequence").
func (st *step) skip() {
	st.local = syncml.StatusNotExecuted
	for _, kid := range st.kids {
		kid.skip()
	}
}

// tell hands out the Results of the jobs that are done.
func (s *Server) tell() {
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
		if !j.over() {
			return false
		}
		s.held -= j.root.bytesFound()
		if s.in.got.Results == nil {
			s.in.got.Results = make([]Result, 0, len(s.jobs))
		}
		s.in.got.Results = append(s.in.got.Results, j.result())
		return true
	})
	for at, st := range s.places {
		if !s.flying(st) {
			delete(s.places, at)
		}
	}
	if len(s.places) == 0 {
		s.places = nil
	}
}

func (j *job) over() bool {
	return !slices.ContainsFunc(j.units, func(u unit) bool { return !u.done })
}

func (s *Server) flying(st *step) bool {
	return slices.ContainsFunc(s.flight, func(u *unit) bool { return u.step.has(st) })
}

func (st *step) has(other *step) bool {
	return st == other || slices.ContainsFunc(st.kids, func(kid *step) bool { return kid.has(other) })
}

// requeue sends once more what the device has not taken for ours: the commands
// of the last message, but for those that it answered all the same. A large
// object begins anew.
func (s *Server) requeue() {
	s.large = nil
	var again []*unit
	s.flight = slices.DeleteFunc(s.flight, func(u *unit) bool {
		if u.msg != s.sent || u.step.heard() {
			return false
		}
		u.step.forget()
		again = append(again, u)
		return true
	})
	s.units = append(again, s.units...)
}
