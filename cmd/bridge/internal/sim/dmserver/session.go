package dmserver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// maxTries is how often commands are sent again in one session because the
// client did not accept the server's credentials.
const maxTries = 2

// session is one DM session of a device.
type session struct {
	id    string
	token string // of RespURI, or ""

	lastID   string // MsgID of the client's last message
	lastBody []byte
	last     reply // to it

	msgID         int  // of the server's last message
	authenticated bool // the client, for the session
	accepted      bool // the server's credentials, for the session
	wanted        bool // the client has asked for them
	challenges    int
	tries         int
	open          bool // the server's last message had no Final
	over          bool
	silent        bool // no command any more in this session
	quirked       bool // the commands of quirks have been sent in this session
	batches       int  // sent in this session
	polled        bool

	sent map[string]*sent // commands without a Status, by "MsgID/CmdID"
}

// errWrongAddress means that a client did not go to the RespURI it was given
// (OMA DM RepPro 1.2, RespURI).
var errWrongAddress = errors.New("this session goes on at its RespURI")

// answer is the answer to a message. A message that comes a second time is
// answered with the same bytes.
func (s *Server) answer(in *request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Messages++
	h := in.m.Header
	d := s.device(h.Source.URI)
	if ss := d.session; ss != nil && ss.id == h.SessionID && ss.lastID == h.MsgID && bytes.Equal(ss.lastBody, in.body) {
		s.counts.Repeated++
		return ss.last, nil
	}
	if d.session == nil || d.session.id != h.SessionID || h.MsgID == "1" {
		s.begin(d, h.SessionID)
	}
	ss := d.session
	if ss.token != "" && h.MsgID != "1" && in.at.Query().Get("sid") != ss.token {
		return reply{}, errWrongAddress
	}
	ss.lastID, ss.lastBody = h.MsgID, in.body
	out, delivered := s.respond(d, in)
	out.Header = s.header(d, in, out.Header)
	encoded, err := syncml.Encode(out, in.enc)
	if err != nil {
		return reply{}, fmt.Errorf("encode: %w", err)
	}
	ss.last = reply{encoded, s.sign(d, encoded), s.places(in.m, out), delivered}
	return ss.last, nil
}

// begin starts a session. Commands that the last one left without an answer
// are sent again.
func (s *Server) begin(d *device, id string) {
	d.session = &session{id: id, sent: map[string]*sent{}}
	for _, r := range d.runs {
		r.restart()
	}
	s.counts.Sessions++
	s.event(Event{Kind: EventSession, Device: d.id, Text: id})
	if s.cfg.RespURI {
		s.tokens++
		d.session.token = strconv.Itoa(s.tokens)
	}
}

func (s *Server) header(d *device, in *request, h syncml.Header) syncml.Header {
	ss, m := d.session, in.m
	h.Version, h.SessionID, h.MsgID = m.Header.Version, m.Header.SessionID, strconv.Itoa(ss.msgID)
	h.Target = syncml.Location{URI: m.Header.Source.URI}
	h.Source = syncml.Location{URI: s.cfg.URL}
	if h.Source.URI == "" {
		h.Source.URI = m.Header.Target.URI
	}
	if h.Cred != nil && s.cfg.ServerAuth == AuthMD5 || s.cfg.ServerAuth == AuthMAC {
		h.Source.Name = s.cfg.ServerID
	}
	if ss.token != "" {
		at := in.at
		at.RawQuery = "sid=" + ss.token
		h.RespURI = at.String()
	}
	h.Meta.MaxMsgSize = maxBody
	return h
}

func (s *Server) places(m, out *syncml.Message) []Place {
	places := placesOf(m)
	for _, c := range out.Body {
		if hasExec(c) {
			places = append(places, ExecMessage)
		}
	}
	return places
}

func hasExec(c syncml.Command) bool {
	switch c := c.(type) {
	case *syncml.Op:
		return c.Cmd == syncml.CmdExec
	case *syncml.Block:
		return slices.ContainsFunc(c.Body, hasExec)
	}
	return false
}

// respond makes the body of the answer, and says what to do once it has been
// delivered.
func (s *Server) respond(d *device, in *request) (*syncml.Message, func()) {
	ss, m := d.session, in.m
	ss.msgID++
	w := &writer{in: m}
	out := &syncml.Message{Final: true}
	if code := s.refusal(d, m); code != 0 {
		w.status(w.header(code, nil))
		s.refuseAll(w, code)
		out.Body = w.body
		return out, nil
	}
	code := s.authenticate(d, in)
	if !code.Success() {
		s.demand(d, w, code)
		out.Body = w.body
		return out, nil
	}
	var chal *syncml.Chal
	if m.Header.Cred != nil || s.cfg.Auth == AuthMAC {
		chal = s.challenge(d) // for the next session, with MAC for the next message
	} else if s.cfg.Auth == AuthNone {
		code = syncml.StatusOK
	}
	w.status(w.header(code, chal))
	delivered := s.take(d, m, w)
	if !m.Final && !ss.open {
		w.add(&syncml.Alert{CmdID: w.id(), Code: syncml.AlertNextMessage})
		out.Body, out.Final = w.body, false
		return out, delivered
	}
	if !ss.over {
		out.Final = s.command(d, m, w)
	}
	ss.open = !out.Final
	out.Body = w.body
	if len(ss.sent) > 0 || ss.wanted {
		out.Header.Cred = s.credentials(d)
	}
	return out, delivered
}

// refusal is the Status for a message that is not for this server: a version
// that it does not speak, a device that it does not know; 0 for all others.
func (s *Server) refusal(d *device, m *syncml.Message) syncml.Code {
	if v := m.Header.Version; v != syncml.DM12 && v != syncml.DM112 {
		if v.DTD != syncml.DM12.DTD && v.DTD != syncml.DM112.DTD {
			return syncml.StatusDTDUnsupported
		}
		return syncml.StatusProtoUnsupported
	}
	_, known := s.account(d.id)
	_, unknown := s.strike(UnknownDevice, d.id)
	if s.cfg.Auth != AuthNone && !known || unknown {
		s.counts.Unknown++
		s.event(Event{Kind: EventRefused, Device: d.id, Text: "the device is not known"})
		return syncml.StatusNotFound
	}
	return 0
}

// demand refuses a message for its credentials: every command of it, or there
// are clients that end the session without a word.
func (s *Server) demand(d *device, w *writer, code syncml.Code) {
	ss := d.session
	ss.challenges++
	s.counts.Challenges++
	s.event(Event{Kind: EventRefused, Device: d.id, Text: "credentials: " + code.String()})
	var chal *syncml.Chal
	if ss.challenges <= maxChallenges {
		chal = s.challenge(d)
	}
	w.status(w.header(code, chal))
	s.refuseAll(w, code)
}

func (s *Server) refuseAll(w *writer, code syncml.Code) {
	for _, c := range w.in.Body {
		w.answer(c, code)
	}
}

// take carries out the client's commands and matches its Statuses.
func (s *Server) take(d *device, m *syncml.Message, w *writer) (delivered func()) {
	ss := d.session
	var after []func()
	refused := false
	for _, c := range m.Body {
		switch c := c.(type) {
		case *syncml.Status:
			if c.CmdRef == "0" || c.Cmd == syncml.CmdSyncHdr {
				refused = s.judged(d, c) || refused
				continue
			}
			s.answered(d, c)
		case *syncml.Results:
			s.results(d, c)
		case *syncml.Alert:
			code, then := s.alert(d, c)
			if then != nil {
				after = append(after, then)
			}
			w.answer(c, code)
		case *syncml.Op:
			code := syncml.StatusUnsupportedFeature
			if c.Cmd == syncml.CmdReplace {
				code = syncml.StatusOK // DevInfo: the only thing that a client may replace
			}
			w.answer(c, code)
		default:
			w.answer(c, syncml.StatusBadRequest)
		}
	}
	s.settle(d, refused)
	ss.over = ss.over || refused && ss.tries > maxTries
	return func() {
		for _, f := range after {
			f()
		}
	}
}

// alert takes an Alert of the client: its Status, and what to do once that has
// been delivered.
func (s *Server) alert(d *device, a *syncml.Alert) (syncml.Code, func()) {
	switch {
	case a.Code == syncml.AlertSessionAbort:
		d.session.over = true
	case isFinalAlert(a):
		return s.finalAlert(d, a)
	}
	return syncml.StatusOK, nil
}

// alertType is part of the type of the alerts that report the end of an update
// (FUMO 1.0, 5.4.2); clients put "Reversed-Domain-Name: " before it or not.
const alertType = "org.openmobilealliance.dm.firmwareupdate."

func isFinalAlert(a *syncml.Alert) bool {
	return a.Code == syncml.AlertGeneric && slices.ContainsFunc(a.Items, func(i syncml.Item) bool {
		return strings.Contains(i.Meta.Type, alertType) && !strings.HasSuffix(i.Meta.Type, "request")
	})
}
