package dmlisten

import (
	"net/http"
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// dismiss answers a message that gets no session: the same Status for its
// header and for every command, because there are devices that give up on one
// for the header alone, and no credentials and no challenge.
func (h *Handler) dismiss(m *syncml.Message, enc syncml.Encoding, code syncml.Code) (answer, error) {
	h.counts.refusals.Add(1)
	in := m.Header
	out := &syncml.Message{Final: true, Header: syncml.Header{
		Version: in.Version, SessionID: in.SessionID, MsgID: in.MsgID,
		Target: syncml.Location{URI: in.Source.URI}, Source: syncml.Location{URI: in.Target.URI},
	}}
	if in.Version != syncml.DM12 && in.Version != syncml.DM112 {
		out.Header.Version = syncml.DM12
	}
	d := dismissal{out: out, ref: in.MsgID, code: code}
	d.status("0", syncml.CmdSyncHdr)
	d.all(m.Body)
	body, err := syncml.Encode(out, enc)
	if err != nil { // a header that cannot be echoed, such as one without a SessionID
		return answer{}, &httpError{status: http.StatusBadRequest, text: "the message has an incomplete header", err: err}
	}
	return answer{body: body, enc: enc}, nil
}

// dismissBody is dismiss for a message that may not have been decoded yet.
func (h *Handler) dismissBody(m message, code syncml.Code) (answer, error) {
	if err := m.decode(); err != nil {
		return answer{}, err
	}
	return h.dismiss(m.msg, m.enc, code)
}

type dismissal struct {
	out  *syncml.Message
	ref  string // MsgID
	code syncml.Code
}

func (d *dismissal) status(cmdID string, name syncml.Name) {
	d.out.Body = append(d.out.Body, &syncml.Status{CmdID: strconv.Itoa(len(d.out.Body) + 1), MsgRef: d.ref, CmdRef: cmdID, Cmd: name, Code: d.code})
}

// all answers commands, nested ones too; Status and Results are not answered.
func (d *dismissal) all(cmds []syncml.Command) {
	for _, cmd := range cmds {
		switch c := cmd.(type) {
		case *syncml.Status, *syncml.Results:
			continue
		case *syncml.Block:
			d.status(c.ID(), c.Name())
			d.all(c.Body)
		default:
			d.status(c.ID(), c.Name())
		}
	}
}
