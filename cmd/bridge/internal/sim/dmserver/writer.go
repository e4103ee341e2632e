package dmserver

import (
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// writer makes the body of an answer to in.
type writer struct {
	in   *syncml.Message
	body []syncml.Command
	ids  int
}

// id is the next CmdID of the message.
func (w *writer) id() string {
	w.ids++
	return strconv.Itoa(w.ids)
}

func (w *writer) add(c syncml.Command) { w.body = append(w.body, c) }

func (w *writer) status(st *syncml.Status) { w.add(st) }

// header is the Status for the SyncHdr.
func (w *writer) header(code syncml.Code, chal *syncml.Chal) *syncml.Status {
	return &syncml.Status{
		CmdID: w.id(), MsgRef: w.in.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr,
		TargetRefs: []string{w.in.Header.Target.URI}, SourceRefs: []string{w.in.Header.Source.URI},
		Chal: chal, Code: code,
	}
}

// answer answers a command. Status and Results have no Status of their own (OMA
// DM Protocol 1.2, 8), nor what has no CmdID.
func (w *writer) answer(c syncml.Command, code syncml.Code) {
	if c.Name() == syncml.CmdStatus || c.Name() == syncml.CmdResults || c.ID() == "" {
		return
	}
	w.status(&syncml.Status{CmdID: w.id(), MsgRef: w.in.Header.MsgID, CmdRef: c.ID(), Cmd: c.Name(), Code: code})
}
