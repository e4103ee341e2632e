package session

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// outgoing is a command on its way: it gets its CmdID when it is packed into a
// message, a new one each time it is sent.
type outgoing struct {
	cmd  syncml.Command
	note *note // the Generic Alert that it is
	once bool  // it belongs to one message and is never repeated

	begun bool // it is the rest of a Results, of which pieces have gone out
	group int  // other than 0: goes out in one message with its like
}

func (c *Client) push(cmds ...syncml.Command) {
	for _, cmd := range cmds {
		c.queue = append(c.queue, outgoing{cmd: cmd})
	}
}

// send packs the queue into the next message, as much of it as the server
// takes. final closes our package once the queue is empty; a package of the
// server that is still open gets an Alert 1222 instead, which may be left out
// while we have more to say (OMA DM Protocol 1.2, "Multiple Messages in
// Package").
func (c *Client) send(head *syncml.Status, final bool) Output {
	switch {
	case c.sent+c.repeats == MaxMessages-1:
		return c.abort(head, EndTooManySent, fmt.Errorf("%d messages", MaxMessages))
	case len(c.queue) > MaxQueued:
		return c.abort(head, EndTooManySent, errors.New("the server does not take the answers to its commands"))
	}
	return c.transmit(head, final)
}

// transmit is send without its limits.
func (c *Client) transmit(head *syncml.Status, final bool) Output {
	c.sent++
	lead := c.front
	c.front = nil
	if head != nil {
		lead = slices.Insert(lead, 0, outgoing{cmd: head, once: true})
	}
	c.queue = append(lead, c.queue...)
	if !final {
		c.queue = append(c.queue, outgoing{cmd: &syncml.Alert{Code: syncml.AlertNextMessage}, once: true})
	}
	cred := c.us.cred(c.acc.Client)
	body, n, err := c.pack(cred, final, len(lead))
	if err != nil {
		return c.end(EndProtocol, err)
	}
	hmac := c.us.hmac(c.acc.Client, body)
	c.us.given = cred != nil || hmac != ""
	rest := slices.Clone(c.queue[n:])
	if !final && n < len(c.queue) {
		rest = rest[:len(rest)-1] // the 1222 would come too late there
	}
	c.flight, c.queue = c.queue[:n:n], rest
	c.track()
	c.answer = Output{Send: body, HMAC: hmac, URL: c.url, Answers: c.answers(), Nonces: c.nonces}
	return c.answer
}

// pack encodes as much of the queue as fits into one message of the size that
// the server takes, and says how many commands that are. lead is how many of
// them answer the last message; one more goes out in any case: holding it back
// would not make it smaller. If it is a Results, it is cut to what fits.
func (c *Client) pack(cred *syncml.Cred, final bool, lead int) (body []byte, n int, err error) {
	encode := func(n int) ([]byte, error) {
		m := c.message(cred, c.queue[:n])
		m.Final = final && n == len(c.queue)
		return syncml.Encode(m, c.acc.Encoding)
	}
	n = min(len(c.queue), MaxCommands)
	body, err = encode(n)
	if err != nil || int64(len(body)) <= c.maxMsg {
		return body, n, err
	}
	n = sort.Search(n-1, func(i int) bool {
		b, err := encode(i + 1)
		return err != nil || int64(len(b)) > c.maxMsg
	})
	n = c.undivided(n, lead)
	if least := min(len(c.queue), max(lead+1, 2)); n < least {
		n = least
		if piece, ok := c.cut(cred, least-1); ok {
			c.queue = slices.Insert(c.queue, least-1, piece)
		}
	}
	body, err = encode(n)
	return body, n, err
}

// undivided moves the end of a message out of the answers to an Atomic, unless
// they do not fit a message anyway.
func (c *Client) undivided(n, lead int) int {
	at := n
	for at > lead && c.queue[at].group != 0 && c.queue[at-1].group == c.queue[at].group {
		at--
	}
	if at == lead {
		return n
	}
	return at
}

// fit says whether commands fit into one message, the last of a package.
func (c *Client) fit(cred *syncml.Cred, cmds []outgoing) bool {
	m := c.message(cred, cmds)
	m.Final = true
	body, err := syncml.Encode(m, c.acc.Encoding)
	return err == nil && int64(len(body)) <= c.maxMsg
}

// nextFits is fit for the message to come.
func (c *Client) nextFits(cmds []outgoing) bool {
	c.sent++
	defer func() { c.sent-- }()
	return c.fit(c.us.cred(c.acc.Client), cmds)
}

// message builds the message with our current number.
func (c *Client) message(cred *syncml.Cred, cmds []outgoing) *syncml.Message {
	m := &syncml.Message{Header: syncml.Header{
		Version:   c.acc.Version,
		SessionID: c.id,
		MsgID:     strconv.Itoa(c.sent),
		Target:    syncml.Location{URI: c.acc.URL},
		Source:    syncml.Location{URI: c.acc.DeviceID},
		Cred:      cred,
		Meta:      syncml.Meta{MaxMsgSize: c.acc.MaxMsgSize, MaxObjSize: c.acc.MaxObjSize},
	}}
	if c.us.scheme.nonced() {
		m.Header.Source.Name = c.acc.Client.User
	}
	m.Body = make([]syncml.Command, 0, len(cmds))
	for i, o := range cmds {
		m.Body = append(m.Body, numbered(o.cmd, cmdID(i)))
	}
	return m
}

// cmdID is the CmdID of the command at a place in a message.
func cmdID(place int) string { return strconv.Itoa(place + 1) }

// numbered is a copy of one of our commands with a CmdID.
func numbered(cmd syncml.Command, id string) syncml.Command {
	switch cmd := cmd.(type) {
	case *syncml.Status:
		s := *cmd
		s.CmdID = id
		return &s
	case *syncml.Results:
		r := *cmd
		r.CmdID = id
		return &r
	case *syncml.Alert:
		a := *cmd
		a.CmdID = id
		return &a
	case *syncml.Op:
		o := *cmd
		o.CmdID = id
		return &o
	}
	return cmd // we send no others
}

// track notes for every Generic Alert where it was sent last: only a Status
// for that sending counts.
func (c *Client) track() {
	for i, o := range c.flight {
		if o.note != nil {
			o.note.msg, o.note.cmd = strconv.Itoa(c.sent), cmdID(i)
		}
	}
}

// requeue repeats the last message, which the server refused as a whole, but
// for what it answered one by one. The rest of the queue comes after.
func (c *Client) requeue(answered map[string]bool) {
	var again []outgoing
	for i, o := range c.flight {
		if !o.once && !answered[cmdID(i)] {
			again = append(again, o)
		}
	}
	c.queue = append(again, c.queue...)
}
