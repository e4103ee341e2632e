package session

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// checkHeader says whether a message belongs to this session. The error is a
// [*syncml.StatusError]: 400 for the wrong session or a number that goes
// backwards, 404 for somebody else's message, 505 or 513 for a version that is
// not spoken. The Source is not looked at: servers spell their own address in
// many ways.
func (c *Client) checkHeader(h syncml.Header) error {
	refuse := func(code syncml.Code, why string) error {
		return &syncml.StatusError{Code: code, URI: "SyncHdr", Err: errors.New(why)}
	}
	switch {
	case h.SessionID != c.id:
		return refuse(syncml.StatusBadRequest, "another SessionID")
	case h.MsgID == "":
		return refuse(syncml.StatusBadRequest, "no MsgID")
	case goesBack(c.last, h.MsgID):
		return refuse(syncml.StatusBadRequest, "a MsgID lower than the last")
	case h.Target.URI != "" && !strings.EqualFold(h.Target.URI, c.acc.DeviceID):
		return refuse(syncml.StatusNotFound, "a Target that is another device")
	case h.Version == syncml.DM12, h.Version == syncml.DM112:
		return nil
	case h.Version.DTD != syncml.DM12.DTD && h.Version.DTD != syncml.DM112.DTD:
		return refuse(syncml.StatusDTDUnsupported, "an unknown VerDTD")
	}
	return refuse(syncml.StatusProtoUnsupported, "an unknown VerProto")
}

// repeated says whether this is the message that was answered last, as after
// an HTTP retry. A server that gives all its messages one number is told from
// it by what its message answers: our newest one.
func (c *Client) repeated(m *syncml.Message) bool {
	if c.last == "" || m.Header.MsgID != c.last || m.Header.SessionID != c.id {
		return false
	}
	for _, cmd := range m.Body {
		if s, ok := cmd.(*syncml.Status); ok && forHeader(s) && s.MsgRef == strconv.Itoa(c.sent) {
			return false
		}
	}
	return true
}

// goesBack compares message numbers. Those that are no numbers cannot be
// ordered and are taken as they come.
func goesBack(last, now string) bool {
	a, errA := strconv.ParseUint(last, 10, 32)
	b, errB := strconv.ParseUint(now, 10, 32)
	return errA == nil && errB == nil && b < a
}

// refuseHeader answers a message that checkHeader refused: the same status
// for the header and for every command, nothing carried out. Without commands
// there is nobody to tell, and after [MaxRefusals] no use.
func (c *Client) refuseHeader(m *syncml.Message, err error) Output {
	c.refused++
	refusal, ok := errors.AsType[*syncml.StatusError](err)
	if !ok || m.Header.MsgID == "" || !hasCommands(m) || c.refused > MaxRefusals {
		return c.end(EndProtocol, err)
	}
	waiting := c.queue
	c.queue = nil
	c.refuseAll(m, refusal.Code)
	c.queue = append(c.queue, waiting...)
	out := c.send(headerStatus(m, refusal.Code), true)
	out.Failures = []error{err}
	return out
}

// MaxReceived is how many bytes a message may have that comes from a peer that
// was told a MaxMsgSize. Deployed peers send more than they were told
// (legacy-clients.md), so it is the limit of the decoder unless more was told.
func MaxReceived(told int64) int64 { return max(told, syncml.DefaultMaxMessage) }

// learn takes what a header says about the messages to come.
func (c *Client) learn(h syncml.Header) error {
	if h.Meta.MaxMsgSize > 0 {
		c.maxMsg = min(h.Meta.MaxMsgSize, MaxSend)
	}
	if h.Meta.MaxObjSize > 0 {
		c.maxObj = h.Meta.MaxObjSize
	}
	if h.RespURI == "" {
		return nil
	}
	next, err := follow(c.url, h.RespURI)
	if err != nil {
		return err
	}
	c.url = next
	return nil
}

// follow resolves a RespURI. It may lead anywhere but out of TLS, where our
// credentials would be for everybody to read. The error does not repeat it:
// servers put session keys into it.
func follow(from, to string) (string, error) {
	base, err := url.Parse(from)
	if err != nil {
		return "", errors.New("the URL of the account cannot be parsed")
	}
	next, err := base.Parse(to)
	if err != nil || next.Host == "" {
		return "", errors.New("the RespURI is no URL")
	}
	switch {
	case next.Scheme == "https", next.Scheme == "http" && base.Scheme != "https":
		return next.String(), nil
	}
	return "", fmt.Errorf("the RespURI leads from %s to %q", base.Scheme, next.Scheme)
}

// headerStatus is the Status for the SyncHdr of a message.
func headerStatus(m *syncml.Message, code syncml.Code) *syncml.Status {
	s := &syncml.Status{MsgRef: m.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: code}
	if u := m.Header.Target.URI; u != "" {
		s.TargetRefs = []string{u}
	}
	if u := m.Header.Source.URI; u != "" {
		s.SourceRefs = []string{u}
	}
	return s
}

// hasCommands says whether a message holds anything that wants an answer.
func hasCommands(m *syncml.Message) bool { return commands(m) > 0 }

// commands counts what wants an answer; a block is one.
func commands(m *syncml.Message) int {
	n := 0
	for _, cmd := range m.Body {
		switch cmd.(type) {
		case *syncml.Status, *syncml.Results:
		default:
			n++
		}
	}
	return n
}

// has says whether a message holds an alert.
func has(m *syncml.Message, code syncml.AlertCode) bool {
	for _, cmd := range m.Body {
		if a, ok := cmd.(*syncml.Alert); ok && a.Code == code {
			return true
		}
	}
	return false
}

// aborted says whether the server ends the session; nothing else in such a
// message is carried out, and it is not answered (OMA DM Protocol 1.2,
// "Session Abort").
func aborted(m *syncml.Message) bool { return has(m, syncml.AlertSessionAbort) }
