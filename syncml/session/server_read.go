package session

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// statuses reads what the device says to our messages. First comes the Status
// for our SyncHdr: if our credentials were refused, the commands are sent once
// more, and what the device says to them does not count.
func (s *Server) statuses(m *syncml.Message) {
	var head *syncml.Status
	for _, cmd := range m.Body {
		if st, ok := cmd.(*syncml.Status); ok && forHeader(st) && (st.MsgRef == "" || st.MsgRef == strconv.Itoa(s.sent)) {
			head = st
		}
	}
	again := s.judged(head)
	for _, cmd := range m.Body {
		st, ok := cmd.(*syncml.Status)
		if !ok || forHeader(st) || again && unheard(st.Code) {
			continue
		}
		switch at := s.places[s.place(st.MsgRef, st.CmdRef)]; {
		case at == nil:
		case st.Code == syncml.StatusInProgress:
			at.slow = true
		default:
			at.statuses = append(at.statuses, st)
		}
	}
	switch {
	case again:
		s.requeue()
	case head != nil && s.in.end != EndNot:
		s.refusedWhole(head.Code)
	}
}

// refusedWhole gives the commands of the message that the device refuses as a
// whole its code, where they have no Status of their own.
func (s *Server) refusedWhole(code syncml.Code) {
	if code == 0 { // no credentials found
		code = syncml.StatusUnauthorized
	}
	for _, u := range s.flight {
		if u.msg == s.sent && !u.step.heard() {
			u.step.local = code
		}
	}
}

// unheard says whether a code means that the device did not take the message
// for ours. Devices that find no credentials at all answer 0.
func unheard(code syncml.Code) bool { return unauthorized(code) || code == 0 }

// judged takes the Status for our SyncHdr and says whether to send the
// commands again.
func (s *Server) judged(head *syncml.Status) (again bool) {
	switch {
	case head == nil || head.Code >= 100 && head.Code < 200:
		return false // nothing yet, or 101: the real one will come
	case unheard(head.Code):
		if err := s.us.challenge(s.cfg.Account.Server, head.Chal); err != nil {
			s.in.end, s.in.err = EndRefused, err
			return false
		}
		s.fail(refuse(head.Code, "SyncHdr", errDeviceRefuses.Error()))
		return true
	case !head.Code.Success():
		s.in.end, s.in.err = headerEnd(head.Code), fmt.Errorf("%w: status %d for the SyncHdr", errDeviceRefuses, head.Code)
		return false
	}
	s.us.accept(head.Code, head.Chal)
	if nonce, err := nextNonce(head.Chal); err == nil && nonce != nil {
		s.us.nonce = nonce
	}
	if s.us.nonce != nil && !isDefaultNonce(s.us.nonce) {
		s.cfg.Nonces.Server = s.us.nonce
	}
	return false
}

// hearCommand takes one command of the device. It may send no others than
// Alert, Results and a Replace of DevInfo (RepPro 1.2).
func (s *Server) hearCommand(cmd syncml.Command) {
	switch cmd := cmd.(type) {
	case *syncml.Status:
	case *syncml.Results:
		s.results(cmd)
	case *syncml.Alert:
		s.answer(cmd, s.alert(cmd))
	case *syncml.Op:
		if cmd.Cmd == syncml.CmdReplace {
			s.answer(cmd, s.devInfo(cmd))
			return
		}
		s.refuseCommand(cmd, syncml.StatusNotAllowed)
	case *syncml.Block:
		s.refuseCommand(cmd, syncml.StatusNotAllowed)
	default:
		s.refuseCommand(cmd, syncml.StatusBadRequest)
	}
}

func (s *Server) refuseCommand(cmd syncml.Command, code syncml.Code) {
	s.fail(refuse(code, string(cmd.Name()), "not a command of a device"))
	s.answer(cmd, code)
	s.answerAll(children(cmd), syncml.StatusNotExecuted)
}

// alert is the status for an Alert. Those for users come from servers only and
// are ignored; 1221 and others are unknown.
func (s *Server) alert(a *syncml.Alert) syncml.Code {
	switch a.Code {
	case syncml.AlertServerInitiated, syncml.AlertClientInitiated:
		if s.kind == 0 {
			s.kind, s.in.got.Kind = a.Code, a.Code
		}
		return syncml.StatusOK
	case syncml.AlertNextMessage:
		return syncml.StatusOK // what follows shows in our state
	case syncml.AlertNoEndOfData:
		s.endless()
		return syncml.StatusOK
	case syncml.AlertSessionAbort:
		s.in.end, s.in.err = EndAborted, errors.New("alert 1223")
		return syncml.StatusOK
	case syncml.AlertClientEvent, syncml.AlertGeneric:
		return s.events(a)
	}
	s.fail(refuse(syncml.StatusUnsupportedFeature, "Alert", "alert "+a.Code.String()))
	return syncml.StatusUnsupportedFeature
}

// events tells what an Alert reports, each event once: a device repeats the
// alerts of a message that it had to send again. It gives the status of the
// first event that fails, or of the last.
func (s *Server) events(a *syncml.Alert) syncml.Code {
	code := syncml.StatusIncomplete
	for i, item := range a.Items {
		item, answer := s.eventItem(item)
		if answer == syncml.StatusOK {
			answer = s.event(eventOf(a, item))
		}
		if i == 0 || code.Success() {
			code = answer
		}
	}
	if !code.Success() {
		s.fail(refuse(code, "Alert", "an event that is not taken"))
	}
	return code
}

// eventItem is assemble for an Item of an Alert. One that is whole may come
// between the chunks of another object, which it does not concern.
func (s *Server) eventItem(item syncml.Item) (syncml.Item, syncml.Code) {
	if !item.MoreData && !s.objects.awaits(syncml.CmdAlert, item) {
		return item, syncml.StatusOK
	}
	return s.assemble(syncml.CmdAlert, item)
}

func (s *Server) event(e Event) syncml.Code {
	if e.Type == "" {
		return syncml.StatusIncomplete
	}
	code := syncml.StatusOK
	if s.cfg.Judge != nil {
		code = s.cfg.Judge(e)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%q", []string{e.Code.String(), e.Type, e.Format, e.Mark, e.Source, e.Correlator, e.Data}))
	if !code.Success() || s.seen[key] {
		return code
	}
	if len(s.seen) >= MaxEvents {
		return syncml.StatusCommandFailed
	}
	if s.seen == nil {
		s.seen = map[[sha256.Size]byte]bool{}
	}
	s.seen[key] = true
	s.in.got.Events = append(s.in.got.Events, e)
	return code
}

// devInfo takes the Replace of package 1. The device is the originator of
// these values, so their nodes stand in Source.
func (s *Server) devInfo(o *syncml.Op) syncml.Code {
	code := syncml.StatusOK
	for i, item := range o.Items {
		item.Meta = o.MetaOf(i)
		item, answer := s.assemble(syncml.CmdReplace, item)
		uri := "./" + strings.TrimPrefix(firstOf(item.Source.URI, item.Target.URI), "./")
		switch {
		case answer != syncml.StatusOK:
			code = answer
		case !strings.HasPrefix(uri, "./DevInfo/"):
			s.fail(refuse(syncml.StatusNotAllowed, uri, "a device replaces its DevInfo only"))
			code = syncml.StatusNotAllowed
		case item.Meta.Format != "node":
			if s.in.got.DevInfo == nil {
				s.in.got.DevInfo = map[string]string{}
			}
			s.in.got.DevInfo[uri] = string(item.Data)
		}
	}
	return code
}

// results takes what a Get has found. Only what is not 200 is answered (OMA DM
// Protocol 1.2, and libdmclient ignores it).
func (s *Server) results(r *syncml.Results) {
	code := syncml.StatusOK
	at := s.places[s.place(r.MsgRef, r.CmdRef)]
	for i, item := range r.Items {
		item.Meta = r.MetaOf(i)
		if item.Source.URI == "" {
			item.Source.URI = firstOf(item.Target.URI, firstOf(r.SourceRef, r.TargetRef))
		}
		item, answer := s.assemble(syncml.CmdResults, item)
		switch {
		case answer != syncml.StatusOK:
			code = answer
		case at == nil:
			s.fail(refuse(syncml.StatusBadRequest, item.Source.URI, "Results that nobody asked for"))
		case s.held+len(item.Data) > MaxHeld:
			s.fail(refuse(syncml.StatusTooLarge, item.Source.URI, "too many Results"))
			code = syncml.StatusTooLarge
		default:
			s.held += len(item.Data)
			at.found = append(at.found, item)
		}
	}
	if code != syncml.StatusOK {
		s.answer(r, code)
	}
}

// assemble puts large objects together: 200 for a whole one, 213 for a chunk.
// The device is told of an object that another one interrupts.
func (s *Server) assemble(cmd syncml.Name, item syncml.Item) (syncml.Item, syncml.Code) {
	if lost := s.objects.interrupted(cmd, item); lost != nil {
		s.answers = append(s.answers, lost)
	}
	whole, item, err := s.objects.take(cmd, item)
	switch {
	case err != nil:
		s.fail(err)
		return item, codeOf(err)
	case !whole:
		return item, syncml.StatusChunkAccepted
	}
	return item, syncml.StatusOK
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
