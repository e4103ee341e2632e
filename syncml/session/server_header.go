package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// begin takes from the first message what the device has chosen. A version that
// is not spoken is refused in the newest one.
func (s *Server) begin(h syncml.Header, enc syncml.Encoding) {
	s.begun = true
	s.id, s.cfg.Account.Encoding, s.cfg.Account.Version = strings.Clone(h.SessionID), enc, syncml.DM12
	if h.Version == syncml.DM112 {
		s.cfg.Account.Version = syncml.DM112
	}
	if s.cfg.Account.DeviceID == "" {
		s.cfg.Account.DeviceID = strings.Clone(h.Source.URI)
	}
}

// checkHeader says whether a message belongs to this session. The error is a
// [*syncml.StatusError], as in [Client]. The Target is not looked at: devices
// cut and respell our address.
func (s *Server) checkHeader(h syncml.Header) error {
	bad := func(code syncml.Code, why string) error { return refuse(code, "SyncHdr", why) }
	switch {
	case h.SessionID != s.id:
		return bad(syncml.StatusBadRequest, "another SessionID")
	case !strings.EqualFold(h.Source.URI, s.cfg.Account.DeviceID):
		return bad(syncml.StatusBadRequest, "a Source that is another device")
	case goesBack(s.last, h.MsgID):
		return bad(syncml.StatusBadRequest, "a MsgID lower than the last")
	case h.MsgID == s.last && !s.answersUs():
		return bad(syncml.StatusBadRequest, "a MsgID that was used before")
	case h.Version == s.cfg.Account.Version:
		return nil
	case h.Version.DTD != syncml.DM12.DTD && h.Version.DTD != syncml.DM112.DTD:
		return bad(syncml.StatusDTDUnsupported, "an unknown VerDTD")
	case h.Version != syncml.DM12 && h.Version != syncml.DM112:
		return bad(syncml.StatusProtoUnsupported, "an unknown VerProto")
	}
	return bad(syncml.StatusBadRequest, "a version that changes in mid-session")
}

// answersUs says whether the message answers our newest one. A device that
// gives all its messages one number is understood by this.
func (s *Server) answersUs() bool {
	for _, cmd := range s.in.m.Body {
		if st, ok := cmd.(*syncml.Status); ok && forHeader(st) && st.MsgRef == strconv.Itoa(s.sent) {
			return true
		}
	}
	return false
}

// forHeader says whether a Status answers a SyncHdr; some have no CmdRef.
func forHeader(st *syncml.Status) bool { return st.Cmd == syncml.CmdSyncHdr || st.CmdRef == "0" }

// refuseHeader answers with the same status for the header and for every
// command. An unknown version ends the session; of other messages that do not
// belong to it, [MaxRefusals] are answered.
func (s *Server) refuseHeader(err error) {
	code := codeOf(err)
	s.refuseMessage(code, err)
	s.refused++
	switch {
	case code == syncml.StatusDTDUnsupported, code == syncml.StatusProtoUnsupported:
		s.last, s.lastSum = strings.Clone(s.in.m.Header.MsgID), s.in.sum // its answer may be asked for again
		s.in.end, s.in.err = EndVersion, err
		s.in.head.Items = supported(code)
	case s.refused > MaxRefusals:
		s.in.end, s.in.err = EndProtocol, err
	}
}

// supported are the versions that a refusal offers (RepPro 1.2, "Response
// Status Codes").
func supported(code syncml.Code) []syncml.Item {
	var items []syncml.Item
	for _, v := range []syncml.Version{syncml.DM12, syncml.DM112} {
		text := v.Proto
		if code == syncml.StatusDTDUnsupported {
			text = v.DTD
		}
		items = append(items, syncml.Item{Data: []byte(text)})
	}
	return items
}

// refuseMessage gives the header and every command one status. Answers that are
// still waiting stay for later.
func (s *Server) refuseMessage(code syncml.Code, why error) {
	m := s.in.m
	s.in.refused = true
	s.in.head = headerStatus(m, code)
	s.fail(why)
	s.answerAll(m.Body, code)
}

// answerAll answers commands and those within, one Status each.
func (s *Server) answerAll(cmds []syncml.Command, code syncml.Code) {
	for _, cmd := range cmds {
		switch cmd.(type) {
		case *syncml.Status, *syncml.Results:
			continue
		}
		s.answer(cmd, code)
		s.answerAll(children(cmd), code)
	}
}

// answer queues the Status for a command, unless none is wanted.
func (s *Server) answer(cmd syncml.Command, code syncml.Code) {
	if r := whole(cmd, code); !r.quiet && !s.in.m.Header.NoResp {
		s.answers = append(s.answers, r.status(s.in.m.Header.MsgID))
	}
}

// fail notes for the log what was refused.
func (s *Server) fail(err error) { s.in.got.Failures = append(s.in.got.Failures, err) }

// authenticate says whether the sender of a message has proved to be the
// device. If not, it is challenged and nothing in the message counts: a 401 or
// 407 for every command, since there are devices that give up on one for the
// SyncHdr alone.
func (s *Server) authenticate(e evidence, nonce func() []byte) bool {
	m, want := s.in.m, s.cfg.Account.Client
	before := s.them
	code := s.them.verify(want, e)
	s.in.got.Auth = finding(want, e, before, code)
	if code.Success() {
		if isDefaultNonce(s.them.nonce) {
			s.us.nonce = s.them.nonce // in the form that the device has
		}
		s.in.head = headerStatus(m, code)
		s.in.head.Chal = s.them.welcome(want, nonce)
		s.cfg.Nonces.Client = s.them.nonce
		return true
	}
	s.refuseMessage(code, refuse(code, "SyncHdr", "the device's credentials: "+s.in.got.Auth.String()))
	s.them.tries++
	if s.them.tries > MaxAuthTries || s.them.ok { // ok: one of the messages that are all to be signed
		s.in.end = EndClientAuth
		s.in.err = fmt.Errorf("the device's credentials failed %d times", s.them.tries)
		return false
	}
	s.in.head.Chal = s.them.challenge(want, nonce)
	return false
}

// finding is what a message told about its sender. Credentials over a nonce
// that was not given in this session may only be stale, and those of another
// scheme need the challenge first.
func finding(want Credentials, e evidence, before theirs, code syncml.Code) Auth {
	switch {
	case want.Scheme == SchemeNone, code.Success() && before.ok:
		return AuthUnasked
	case code.Success():
		return AuthOK
	case !e.shows(want.Scheme), e.cred != nil && !strings.EqualFold(e.cred.Meta.Type, schemeTypes[want.Scheme]):
		return AuthMissing
	case want.Scheme.nonced() && before.tries == 0 && !before.ok:
		return AuthStale
	}
	return AuthWrong
}

// learn takes what a header says about the messages to come.
func (s *Server) learn(h syncml.Header) {
	if h.Meta.MaxMsgSize > 0 {
		s.maxMsg = min(h.Meta.MaxMsgSize, MaxServerSend)
	}
	if h.Meta.MaxObjSize > 0 {
		s.maxObj = h.Meta.MaxObjSize
	}
}

var errDeviceRefuses = errors.New("the device refuses our message")
