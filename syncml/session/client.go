package session

import (
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of a session.
const (
	// MaxMessages is how many messages a client sends in one session, repeats
	// included. Deployed peers count messages in a signed byte.
	MaxMessages = 100
	// MaxAuthTries is how many refusals of credentials a session survives, on
	// either side: one for missing ones, one for a stale nonce.
	MaxAuthTries = 2
	// MaxSend is the longest message that is sent, in bytes, to servers that
	// announce a higher MaxMsgSize or none. What is longer goes out in parts.
	MaxSend = 64 << 10
	// MaxCommands is how many commands one message holds at most, Status and
	// Results included.
	MaxCommands = 500
	// MaxQueued is how many commands wait at most for the messages to come. A
	// server that asks for more without taking the answers is given up.
	MaxQueued = 4096
	// MaxFound is how many bytes of what Gets find are kept at most for the
	// messages to come; an Item counts [itemCost] bytes more. What a Get would
	// find beyond it is refused: 413.
	MaxFound = 4 << 20
	// MaxRefusals is how many messages with a wrong header are answered before
	// the session is given up.
	MaxRefusals = 2
)

// Client is the device's side of one DM session. It is not safe for use by
// more than one goroutine and is not stored: a session that is cut off is
// begun anew.
type Client struct {
	acc    Account
	id     string // SessionID
	reason syncml.AlertCode
	notes  []note
	nonces Nonces // what may be stored

	us   ours
	them theirs

	url    string // where the next message goes
	maxMsg int64  // bytes of a message to the server
	maxObj int64  // bytes of an object to the server; 0 is any number

	sent    int        // messages sent: our MsgID
	repeats int        // answers sent once more
	refused int        // messages refused for their header
	queue   []outgoing // to be sent, in order
	flight  []outgoing // what the last message held, in order of CmdID
	front   []outgoing // to be sent before the queue
	groups  int        // given so far
	in      assembler  // of the server's large objects

	closing Output   // the end after an abort of ours
	held    []Answer // from a server that has not authenticated itself yet
	last    string   // MsgID of the last server message
	answer  Output   // what we made of it
}

// NewClient prepares a session. reason is [syncml.AlertServerInitiated] or
// [syncml.AlertClientInitiated]; sessionID is text (1 to 4 upper-case hex
// digits by custom); notes are the Generic Alerts to deliver, which DM 1.1.2
// does not have and leaves out. An account without a version speaks DM 1.2.
func NewClient(acc Account, n Nonces, reason syncml.AlertCode, sessionID string, notes []Notification) *Client {
	if acc.Version == (syncml.Version{}) {
		acc.Version = syncml.DM12
	}
	c := &Client{acc: acc, id: sessionID, reason: reason, nonces: n, url: acc.URL, maxMsg: MaxSend}
	c.in.max = max(acc.MaxObjSize, DefaultMaxObject)
	c.us = ours{scheme: acc.Client.Scheme, nonce: n.Client}
	c.them = theirs{nonce: n.Server}
	if acc.Version == syncml.DM12 {
		for _, n := range notes {
			c.notes = append(c.notes, note{Notification: n})
		}
	}
	return c
}

// Format implements [fmt.Formatter], so that no verb prints the account's
// secrets.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "DM session %s", c.id) }

// Open returns package 1: Alert 1200 or 1201, Replace with the tree's DevInfo,
// the Generic Alerts, in the order of the specification (OMA DM Protocol 1.2,
// "Package 1"). Call it once.
func (c *Client) Open(t Tree) Output {
	c.push(&syncml.Alert{Code: c.reason})
	c.push(&syncml.Op{Cmd: syncml.CmdReplace, Items: t.DevInfo()})
	for i := range c.notes {
		c.queue = append(c.queue, outgoing{cmd: c.notes[i].alert(), note: &c.notes[i]})
	}
	return c.send(nil, true)
}

// Receive takes the body of the server's answer to the last Send, carries out
// its commands on t and returns what to do next. nonce returns 16 fresh random
// bytes; it is called when the server is given a new nonce. After the end it
// returns that end again.
func (c *Client) Receive(body []byte, t Tree, nonce func() []byte) Output {
	return c.ReceiveHMAC(body, "", t, nonce)
}

// ReceiveHMAC is Receive for an answer that came with a [HMACHeader].
func (c *Client) ReceiveHMAC(body []byte, hmac string, t Tree, nonce func() []byte) Output {
	switch {
	case c.answer.End != EndNot:
		return c.repeat()
	case c.closing.End != EndNot:
		return c.end(c.closing.End, c.closing.Err) // the answer to an abort is ignored
	}
	m, _, err := syncml.Decode(body, syncml.Limits{Message: int(MaxReceived(c.acc.MaxMsgSize))})
	if err != nil {
		return c.end(EndProtocol, err)
	}
	return c.receive(m, evidence{m.Header.Cred, hmac, body}, t, nonce)
}

func (c *Client) receive(m *syncml.Message, e evidence, t Tree, nonce func() []byte) Output {
	if c.repeated(m) {
		return c.repeat()
	}
	if err := c.checkHeader(m.Header); err != nil {
		return c.refuseHeader(m, err)
	}
	c.last = m.Header.MsgID
	if err := c.learn(m.Header); err != nil {
		return c.end(EndProtocol, err)
	}
	head, end, err := c.statuses(m)
	if end != EndNot {
		out := c.end(end, err)
		out.Supported = versions(head)
		return out
	}
	if aborted(m) {
		return c.end(EndAborted, errors.New("alert 1223"))
	}
	verdict := c.them.verify(c.acc.Server, e)
	if !verdict.Success() {
		return c.refuseServer(m, verdict, nonce)
	}
	c.trust(head)
	reply := headerStatus(m, verdict)
	c.nonces.Told = c.them.nonce // it has proved that it knows this one
	reply.Chal = c.them.welcome(c.acc.Server, nonce)
	failures := c.perform(m, reply, t)
	return c.proceed(m, reply, failures)
}

// proceed sends what the message has brought about, or ends a session in which
// nobody has anything left to say: our answer would be a lone Status for the
// SyncHdr (OMA DM Protocol 1.2, "Package 4").
func (c *Client) proceed(m *syncml.Message, head *syncml.Status, failures []error) Output {
	open := !m.Final && !has(m, syncml.AlertNextMessage) || c.in.waiting()
	if len(c.queue) == 0 && !open && !hasCommands(m) {
		// The new nonce is not told to the server. A Cred over the old one could
		// be used again by whoever has seen it; a signature is for one message.
		if c.acc.Server.Scheme != SchemeMAC {
			c.nonces.Server = c.them.nonce
		}
		out := c.end(EndDone, nil)
		out.Failures = failures
		return out
	}
	c.nonces.Server, c.nonces.Told = c.them.nonce, nil
	out := c.send(head, !open)
	out.Failures = failures
	return out
}

// end closes the session. Answers that came from a server that never
// authenticated itself are not reported.
func (c *Client) end(end End, err error) Output {
	c.answer = Output{End: end, Err: err, Nonces: c.nonces, Answers: c.answers()}
	return c.answer
}

// repeat answers a message that was answered before.
func (c *Client) repeat() Output {
	c.repeats++
	if c.answer.End == EndNot && c.sent+c.repeats > MaxMessages {
		return c.end(EndTooManySent, errors.New("the server repeats itself"))
	}
	out := c.answer
	out.Answers, out.Failures = nil, nil
	out.Replayed = true
	return out
}
