package session

import (
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// secretive says that our credentials would be for anybody to read: basic shows
// the secret, and this device has not proved yet who it is.
func (s *Server) secretive() bool { return s.in.refused && s.us.scheme == SchemeBasic }

// cred is ours for the next message. A device that wants one gives up where it
// is missing, so that a challenge has it too; but for basic.
func (s *Server) cred() *syncml.Cred {
	if s.secretive() {
		return nil
	}
	return s.us.cred(s.cfg.Account.Server)
}

// message builds a message; places is where its commands stand.
func (s *Server) message(d draft, number int) (m *syncml.Message, places []placed) {
	m = &syncml.Message{Final: d.final, Header: syncml.Header{
		Version:   s.cfg.Account.Version,
		SessionID: s.id,
		MsgID:     strconv.Itoa(number),
		Target:    syncml.Location{URI: s.in.m.Header.Source.URI},
		Source:    syncml.Location{URI: s.cfg.Account.URL},
		RespURI:   s.cfg.RespURI,
		Cred:      s.cred(),
		Meta:      syncml.Meta{MaxMsgSize: s.cfg.Account.MaxMsgSize, MaxObjSize: s.cfg.Account.MaxObjSize},
	}}
	if s.us.scheme.nonced() {
		m.Header.Source.Name = s.cfg.Account.Server.User
	}
	w := wire{old: s.cfg.Account.Version == syncml.DM112, places: make([]placed, 0, len(d.units))}
	m.Body = make([]syncml.Command, 0, 2+len(d.answers)+len(d.units))
	m.Body = append(m.Body, w.answer(s.in.head))
	for _, cmd := range d.answers {
		m.Body = append(m.Body, w.answer(cmd))
	}
	if d.alert != 0 {
		m.Body = append(m.Body, &syncml.Alert{CmdID: w.next(nil), Code: d.alert})
	}
	for _, u := range d.units {
		m.Body = append(m.Body, w.command(u.step, d.part))
	}
	return m, w.places
}

// wire gives the commands of one message their CmdIDs, nested ones included.
type wire struct {
	n      int
	old    bool // DM 1.1.2, which has no Correlator
	places []placed
}

// placed is a step under its CmdID.
type placed struct {
	id   string
	step *step
}

func (w *wire) next(st *step) string {
	w.n++
	id := strconv.Itoa(w.n)
	if st != nil {
		w.places = append(w.places, placed{id, st})
	}
	return id
}

// answer gives one of our own Statuses and Alerts its CmdID. It has another one
// in each message that it is tried in.
func (w *wire) answer(cmd syncml.Command) syncml.Command {
	switch cmd := cmd.(type) {
	case *syncml.Status:
		cmd.CmdID = w.next(nil)
	case *syncml.Alert:
		cmd.CmdID = w.next(nil)
	}
	return cmd
}

// command is a step as it goes out; part, if not nil, takes the place of its
// Item.
func (w *wire) command(st *step, part *syncml.Item) syncml.Command {
	id := w.next(st)
	if b, ok := st.cmd.(*syncml.Block); ok {
		block := *b
		block.CmdID, block.Body = id, nil
		for _, kid := range st.kids {
			block.Body = append(block.Body, w.command(kid, nil))
		}
		return &block
	}
	o, ok := numbered(st.cmd, id).(*syncml.Op)
	if !ok {
		return numbered(st.cmd, id)
	}
	if part != nil {
		o.Items = []syncml.Item{*part}
	}
	if w.old {
		o.Correlator = ""
	}
	return o
}

// encoded is a message with what there is to know of it.
type encoded struct {
	body   []byte
	places []placed
	cred   bool // it has credentials in it
}

// encode makes the next message of a draft.
func (s *Server) encode(d draft) (encoded, error) {
	m, places := s.message(d, s.sent+1)
	body, err := syncml.Encode(m, s.cfg.Account.Encoding)
	return encoded{body, places, m.Header.Cred != nil}, err
}

// fits says whether a draft fits into the messages that the device takes.
func (s *Server) fits(d draft) bool {
	e, err := s.encode(d)
	return err == nil && int64(len(e.body)) <= s.maxMsg
}
