package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// step is one answer of a scripted server.
type step struct {
	code syncml.Code // for the SyncHdr and all commands; 0 is 200
	chal string      // Meta Type of a challenge
	cmds []syncml.Command
	open bool // no Final
}

// scripted is a server that says what its script says, whatever comes: for the
// flows that the simulated server has not.
type scripted struct {
	steps []step
	next  int
}

// Answer implements [replay.Server].
func (s *scripted) Answer(_ context.Context, request replay.Message) (replay.Message, error) {
	in, enc, err := request.Decode()
	if err != nil || s.next == len(s.steps) {
		return replay.Message{}, fmt.Errorf("message %d: not in the script, or %w", s.next+1, err)
	}
	st := s.steps[s.next]
	s.next++
	if st.code == 0 {
		st.code = syncml.StatusOK
	}
	m := &syncml.Message{Final: !st.open, Header: syncml.Header{Version: in.Header.Version, SessionID: in.Header.SessionID,
		MsgID: strconv.Itoa(s.next), Target: syncml.Location{URI: in.Header.Source.URI}, Source: in.Header.Target}}
	add := func(cmd syncml.Command) { m.Body = append(m.Body, withCmdID(cmd, strconv.Itoa(len(m.Body)+1))) }
	head := &syncml.Status{MsgRef: in.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: st.code,
		TargetRefs: []string{in.Header.Target.URI}, SourceRefs: []string{in.Header.Source.URI}}
	if st.chal != "" {
		nonce := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "server nonce %03d", s.next))
		head.Chal = &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: st.chal, NextNonce: syncml.Secret(nonce)}}
	}
	add(head)
	for _, cmd := range in.Body {
		switch cmd.(type) {
		case *syncml.Status, *syncml.Results:
		default:
			add(&syncml.Status{MsgRef: in.Header.MsgID, CmdRef: cmd.ID(), Cmd: cmd.Name(), Code: st.code})
		}
	}
	for _, cmd := range st.cmds {
		add(cmd)
	}
	b, err := syncml.Encode(m, enc)
	return replay.Message{Status: http.StatusOK, Header: http.Header{"Content-Type": {enc.MIME()}}, Body: b}, err
}

// withCmdID gives a command of a script its number.
func withCmdID(cmd syncml.Command, id string) syncml.Command {
	switch cmd := cmd.(type) {
	case *syncml.Status:
		cmd.CmdID = id
	case *syncml.Op:
		cmd.CmdID = id
	case *syncml.Alert:
		cmd.CmdID = id
	case *syncml.Block:
		cmd.CmdID = id
		for i, inner := range cmd.Body {
			cmd.Body[i] = withCmdID(inner, id+"0"+strconv.Itoa(i+1))
		}
	}
	return cmd
}

func op(name syncml.Name, uri, format, data string) *syncml.Op {
	it := syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format}}
	if name != syncml.CmdGet && name != syncml.CmdDelete {
		it.Data = []byte(data)
	}
	return &syncml.Op{Cmd: name, Items: []syncml.Item{it}}
}

func gets(uris ...string) []syncml.Command {
	var list []syncml.Command
	for _, u := range uris {
		list = append(list, op(syncml.CmdGet, u, "", ""))
	}
	return list
}

// atomicFailure adds a package in an Atomic whose last command fails, and asks
// what is there afterwards.
func atomicFailure() []syncml.Command {
	return append([]syncml.Command{&syncml.Block{Cmd: syncml.CmdAtomic, Body: []syncml.Command{
		op(syncml.CmdAdd, "./FwUpdate/pkg1", "node", ""),
		op(syncml.CmdAdd, "./FwUpdate/pkg1/PkgName", "chr", "Radio"),
		op(syncml.CmdReplace, "./DevInfo/Man", "chr", "another"),
	}}}, gets("./FwUpdate")...)
}

// largeObject sends a package name in three parts.
func largeObject() []step {
	const uri = "./FwUpdate/pkg1/PkgName"
	part := func(text string, more bool, size int64) *syncml.Op {
		o := op(syncml.CmdAdd, uri, "", text)
		o.Items[0].MoreData, o.Items[0].Meta.Size = more, size
		if size > 0 {
			o.Items[0].Meta.Format = "chr"
		}
		return o
	}
	parts := []string{strings.Repeat("Radio ", 8), strings.Repeat("and ", 8), strings.Repeat("Firmware ", 6)}
	size := int64(len(strings.Join(parts, "")))
	return []step{
		{cmds: []syncml.Command{op(syncml.CmdAdd, "./FwUpdate/pkg1", "node", ""), part(parts[0], true, size)}, open: true},
		{cmds: []syncml.Command{part(parts[1], true, 0)}, open: true},
		{cmds: append([]syncml.Command{part(parts[2], false, 0)}, gets(uri)...)},
		{},
	}
}

var _ replay.Server = (*scripted)(nil)
