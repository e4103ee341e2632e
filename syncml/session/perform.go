package session

import (
	"errors"
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
)

// reply is one Status to come, with what a Get found.
type reply struct {
	cmd    syncml.Name
	id     string // CmdRef; empty for a command without CmdID
	quiet  bool   // NoResp
	target string
	source string
	code   syncml.Code
	found  []syncml.Item
	first  bool // goes out before what waits from earlier messages
	group  int  // other than 0: goes out in one message with its like
	// entered is what the user answered to an alert, or the node above that an
	// Add could not create.
	entered []syncml.Item
}

// turn is one server message being carried out.
type turn struct {
	c        *Client
	t        Tree
	head     *syncml.Status // for the SyncHdr of the message
	msgRef   string
	quiet    bool // NoResp in the SyncHdr: no Status but the one for it
	failures []error

	found     int              // bytes that Gets have found, and nobody has taken yet
	alone     bool             // the message holds one command only
	blocks    int              // Atomics and Sequences around the command
	declined  bool             // the user said no: the rest of the Sequence is skipped
	cancelled bool             // the user cancelled: the rest of the message is skipped
	fed       bool             // the message held a chunk of the object under way
	late      []syncml.Command // go out after the Statuses
}

// perform carries out the commands of a message in order and queues the
// answers. Results of the server and Status are no commands.
func (c *Client) perform(m *syncml.Message, head *syncml.Status, t Tree) []error {
	x := &turn{c: c, t: t, head: head, msgRef: m.Header.MsgID, quiet: m.Header.NoResp, alone: commands(m) == 1, found: c.backlog()}
	c.queue = slices.Grow(c.queue, 2*len(m.Body)) // a Status each, and Results
	for _, cmd := range m.Body {
		x.declined = false
		x.answer(x.run(cmd))
	}
	x.endOfPackage(m)
	return x.failures
}

// run carries out one command and returns a reply for it and for each command
// within.
func (x *turn) run(cmd syncml.Command) []reply {
	if x.cancelled {
		return skipped([]syncml.Command{cmd}, syncml.StatusNotExecuted)
	}
	switch cmd := cmd.(type) {
	case *syncml.Status, *syncml.Results:
		return nil
	case *syncml.Op:
		if cmd.CmdID == "" {
			return x.nameless(cmd)
		}
		return x.op(cmd, false)
	case *syncml.Alert:
		return x.alert(cmd)
	case *syncml.Block:
		return x.block(cmd)
	}
	return x.failed(cmd, syncml.StatusBadRequest, errors.New("not a command of DM"))
}

// block carries out an Atomic or a Sequence. It comes between the chunks of an
// object, if one is under way.
func (x *turn) block(b *syncml.Block) []reply {
	if b.CmdID == "" {
		return x.nameless(b)
	}
	x.lost(x.c.in.drop())
	x.blocks++
	defer func() { x.blocks-- }()
	if b.Cmd != syncml.CmdAtomic {
		return x.sequence(b)
	}
	all := x.atomic(b)
	x.c.groups++
	for i := range all {
		all[i].group = x.c.groups
	}
	return all
}

// nameless refuses a command without CmdID, and what is in it, with 400
// as Windows Mobile does: nothing that happens could be reported.
func (x *turn) nameless(cmd syncml.Command) []reply {
	return append(x.failed(cmd, syncml.StatusBadRequest, errors.New("no CmdID")), skipped(children(cmd), syncml.StatusNotExecuted)...)
}

// failed is the reply for a command as a whole; the cause is for the log.
func (x *turn) failed(cmd syncml.Command, code syncml.Code, why error) []reply {
	x.failures = append(x.failures, &syncml.StatusError{Code: code, URI: string(cmd.Name()), Err: why})
	return []reply{whole(cmd, code)}
}

// whole is a reply for a command, whatever its Items.
func whole(cmd syncml.Command, code syncml.Code) reply {
	r := reply{cmd: cmd.Name(), id: cmd.ID(), code: code}
	switch cmd := cmd.(type) {
	case *syncml.Op:
		r.quiet = cmd.NoResp
	case *syncml.Alert:
		r.quiet = cmd.NoResp
	case *syncml.Block:
		r.quiet = cmd.NoResp
	}
	return r
}

// carriedOut tells the success of one of our own codes from 215 and 216, which
// are of the 2xx class too.
func carriedOut(code syncml.Code) bool {
	return code == syncml.StatusOK || code == syncml.StatusAccepted
}

// skipped gives all commands and those within the same code; none of them was
// carried out.
func skipped(cmds []syncml.Command, code syncml.Code) []reply {
	var all []reply
	for _, cmd := range cmds {
		switch cmd := cmd.(type) {
		case *syncml.Status, *syncml.Results:
		case *syncml.Op:
			all = append(all, eachItem(cmd, code)...)
		default:
			all = append(all, whole(cmd, code))
			all = append(all, skipped(children(cmd), code)...)
		}
	}
	return all
}

// eachItem is a reply for every Item of a command, or for the command if it
// has none.
func eachItem(o *syncml.Op, code syncml.Code) []reply {
	if len(o.Items) == 0 {
		return []reply{whole(o, code)}
	}
	all := make([]reply, 0, len(o.Items))
	for _, item := range o.Items {
		r := whole(o, code)
		r.target, r.source = item.Target.URI, item.Source.URI
		all = append(all, r)
	}
	return all
}

func children(cmd syncml.Command) []syncml.Command {
	if b, ok := cmd.(*syncml.Block); ok {
		return b.Body
	}
	return nil
}

// refuseAll queues one and the same status for every command of a message.
func (c *Client) refuseAll(m *syncml.Message, code syncml.Code) {
	x := &turn{c: c, msgRef: m.Header.MsgID}
	x.answer(skipped(m.Body, code))
}

// sequence runs commands in order; one that fails does not stop the others,
// which is the usual reading of the specification (RepPro 1.2, "Sequence"). A
// user who says no does, and stops the Sequences around it too.
func (x *turn) sequence(b *syncml.Block) []reply {
	all := []reply{whole(b, syncml.StatusOK)}
	for i, cmd := range b.Body {
		if x.declined {
			return append(all, skipped(b.Body[i:], syncml.StatusNotExecuted)...)
		}
		all = append(all, x.run(cmd)...)
	}
	return all
}

// answer queues the Statuses, and after the last Status of a Get its Results.
func (x *turn) answer(replies []reply) {
	var found []syncml.Item
	for i, r := range replies {
		switch quiet := r.quiet || x.quiet; {
		case quiet:
		case r.first:
			x.c.front = append(x.c.front, outgoing{cmd: r.status(x.msgRef)})
		default:
			x.c.queue = append(x.c.queue, outgoing{cmd: r.status(x.msgRef), group: r.group})
		}
		found = append(found, r.found...)
		if i+1 == len(replies) || replies[i+1].id != r.id || replies[i+1].cmd != r.cmd {
			x.results(r.id, found)
			found = nil
		}
	}
}

func (r reply) status(msgRef string) *syncml.Status {
	s := &syncml.Status{MsgRef: msgRef, CmdRef: r.id, Cmd: r.cmd, Code: r.code, Items: r.entered}
	if r.target != "" {
		s.TargetRefs = []string{r.target}
	}
	if r.source != "" {
		s.SourceRefs = []string{r.source}
	}
	return s
}

// results queues what a Get found: all Items in one Results, as deployed
// clients do, or one each where that would be too long for the server. What
// alone is too long goes out in chunks.
func (x *turn) results(id string, found []syncml.Item) {
	if len(found) == 0 {
		return
	}
	if len(found) == 1 || x.fits(id, found) {
		x.c.push(&syncml.Results{MsgRef: x.msgRef, CmdRef: id, Items: found})
		return
	}
	for _, item := range found {
		x.c.push(&syncml.Results{MsgRef: x.msgRef, CmdRef: id, Items: []syncml.Item{item}})
	}
}
