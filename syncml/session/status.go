package session

import (
	"fmt"
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// note is a Generic Alert with the place of its last sending.
type note struct {
	Notification
	msg, cmd string
	answered bool
}

// alert is the note as a command (OMA DM Protocol 1.2, "Generic Alert Message").
func (n *note) alert() *syncml.Alert {
	return &syncml.Alert{
		Code:       syncml.AlertGeneric,
		Correlator: n.Correlator,
		Items: []syncml.Item{{
			Source: syncml.Location{URI: n.Source},
			Meta:   syncml.Meta{Type: n.Type, Format: n.Format, Mark: n.Mark},
			Data:   []byte(n.Data),
		}},
	}
}

// statuses reads the answers to our last message. It returns the Status for
// our SyncHdr, nil when there was none, and the end that it means.
func (c *Client) statuses(m *syncml.Message) (head *syncml.Status, end End, err error) {
	answered := make(map[string]bool)
	for _, cmd := range m.Body {
		s, ok := cmd.(*syncml.Status)
		if !ok {
			continue
		}
		if forHeader(s) {
			if s.MsgRef == "" || s.MsgRef == strconv.Itoa(c.sent) {
				head = s
			}
			continue
		}
		c.match(s)
		if c.chunkRefused(s) {
			c.abandon()
		}
		if s.MsgRef == strconv.Itoa(c.sent) && !unauthorized(s.Code) {
			answered[s.CmdRef] = true
		}
	}
	if head == nil || head.Code >= 100 && head.Code < 200 {
		return nil, EndNot, nil // nothing yet, or 101: the real one will come
	}
	switch code := head.Code; {
	case unauthorized(code):
		if err := c.us.challenge(c.acc.Client, head.Chal); err != nil {
			return head, EndRefused, err
		}
		c.requeue(answered)
		return head, EndNot, nil
	case code.Success():
		c.us.accept(code, head.Chal)
		return head, EndNot, nil
	default:
		return head, headerEnd(code), fmt.Errorf("status %d for the SyncHdr", code)
	}
}

// headerEnd is what a failure of the whole message means.
func headerEnd(code syncml.Code) End {
	switch code {
	case syncml.StatusNotFound, syncml.StatusForbidden:
		return EndUnknown
	case syncml.StatusDTDUnsupported, syncml.StatusProtoUnsupported:
		return EndVersion
	}
	return EndProtocol
}

func unauthorized(code syncml.Code) bool {
	return code == syncml.StatusUnauthorized || code == syncml.StatusCredentialsMissing
}

// match takes the server's answer to a Generic Alert: once, only for its last
// sending, and not when it says "authenticate first" or "in progress".
func (c *Client) match(s *syncml.Status) {
	for i := range c.notes {
		n := &c.notes[i]
		if n.answered || n.cmd == "" || n.msg != s.MsgRef || n.cmd != s.CmdRef ||
			unauthorized(s.Code) || s.Code == syncml.StatusInProgress {
			continue
		}
		n.answered = true
		c.held = append(c.held, Answer{Key: n.Key, Code: s.Code})
	}
}

// answers hands out what the server answered, once it is known to be the
// server.
func (c *Client) answers() []Answer {
	if c.acc.Server.Scheme != SchemeNone && !c.them.ok {
		return nil
	}
	got := c.held
	c.held = nil
	return got
}

// trust takes what only an authenticated server may tell: the nonce for our
// next Cred, which outlives the session. The one in use is as good when the
// server accepted it and gave no other.
func (c *Client) trust(head *syncml.Status) {
	if head == nil || !head.Code.Success() {
		return
	}
	if nonce, err := nextNonce(head.Chal); err == nil && nonce != nil {
		c.us.nonce = nonce
	}
	if c.us.nonce != nil && !isDefaultNonce(c.us.nonce) {
		c.nonces.Client = c.us.nonce
	}
}

// refuseServer answers a message whose sender has not proved to be the
// server: a challenge, the same status for every command, nothing carried out.
//
// A message with neither commands nor a challenge of its own is not
// challenged, the session just ends (OMA DM Protocol 1.2, "Authentication
// Challenge"); except when it answers a Generic Alert: an answer counts only
// from the server itself, and without the challenge the alert would be sent
// for ever.
func (c *Client) refuseServer(m *syncml.Message, code syncml.Code, nonce func() []byte) Output {
	refusal := refuse(code, "SyncHdr", "the server's credentials are missing or wrong")
	if !hasCommands(m) && len(c.queue) == 0 && len(c.held) == 0 && m.Final {
		out := c.end(EndDone, nil)
		out.Failures = []error{refusal}
		return out
	}
	c.them.tries++
	if c.them.tries > MaxAuthTries || c.them.ok { // ok: one of the messages that are all to be signed
		return c.end(EndServerAuth, fmt.Errorf("the server's credentials failed %d times", c.them.tries))
	}
	reply := headerStatus(m, code)
	reply.Chal = c.them.challenge(c.acc.Server, nonce)
	waiting := c.queue
	c.queue = nil
	c.refuseAll(m, code)
	c.queue = append(c.queue, waiting...)
	out := c.send(reply, true)
	out.Failures = []error{refusal}
	return out
}
