package replay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// correspondence says which number of the live session stands for which
// recorded one. What is not in it has the same number in both.
type correspondence struct {
	// ours are the messages that are played: the live MsgID by the recorded
	// one, and back. A message that was repeated has several live numbers.
	live, recorded map[string]string
	// theirs are the live peer's messages by their recorded MsgID.
	theirs map[string]theirs
}

// theirs is one message of the live peer.
type theirs struct {
	msgID string
	cmds  map[string]string // live CmdID by recorded CmdID; absent: the peer sent no such command
}

func newCorrespondence() *correspondence {
	return &correspondence{live: make(map[string]string), recorded: make(map[string]string), theirs: make(map[string]theirs)}
}

// back turns a reference of the live peer to a message of ours into the
// recorded one. Commands keep their CmdIDs when they are played.
func (c *correspondence) back(msg, cmd string) (string, string) {
	if r, ok := c.recorded[msg]; ok {
		return r, cmd
	}
	return msg, cmd
}

// forth turns a recorded reference to a message of the peer into the live one;
// false if the live peer sent no such command.
func (c *correspondence) forth(msg, cmd string) (string, string, bool) {
	t, ok := c.theirs[msg]
	if !ok {
		return msg, cmd, true
	}
	if cmd == "0" {
		return t.msgID, cmd, true
	}
	live, ok := t.cmds[cmd]
	return t.msgID, live, ok
}

// sent notes under which number a recorded message went out.
func (c *correspondence) sent(recorded, live string) {
	c.live[recorded] = live
	c.recorded[live] = recorded
}

// received pairs a message of the peer with the recorded one.
func (c *correspondence) received(want, got *syncml.Message) {
	c.theirs[want.Header.MsgID] = theirs{got.Header.MsgID, pair(want, got)}
}

// pair finds for each command of want, those in Atomic and Sequence included,
// the one of got that says the same: word for word if there is one, otherwise
// the next of the same name for the same node, otherwise of the same name.
func pair(want, got *syncml.Message) map[string]string {
	a, b := flat(want.Body), flat(got.Body)
	cmds := make(map[string]string)
	for _, alike := range []func(syncml.Command) string{whole, named, func(c syncml.Command) string { return string(c.Name()) }} {
		var restA []syncml.Command
		for _, w := range a {
			i := slices.IndexFunc(b, func(g syncml.Command) bool { return alike(w) == alike(g) })
			if i < 0 {
				restA = append(restA, w)
				continue
			}
			cmds[w.ID()] = b[i].ID()
			b = slices.Delete(b, i, i+1)
		}
		a = restA
	}
	return cmds
}

// flat is every command that can be referred to.
func flat(body []syncml.Command) []syncml.Command {
	var list []syncml.Command
	for _, cmd := range body {
		switch c := cmd.(type) {
		case *syncml.Status:
			continue
		case *syncml.Block:
			list = append(append(list, c), flat(c.Body)...)
		default:
			list = append(list, c)
		}
	}
	return list
}

// whole is all that a command says but its numbers.
func whole(cmd syncml.Command) string {
	if block, ok := cmd.(*syncml.Block); ok {
		return string(block.Cmd)
	}
	m := &syncml.Message{Body: []syncml.Command{cmd}}
	return strings.Join(slices.DeleteFunc(describe(m, true), func(s string) bool {
		name, _ := elementOf(strings.TrimSpace(s))
		return name == "CmdID" || name == "MsgRef" || name == "CmdRef"
	}), "\n")
}

// named is the name of a command with the node or alert it is about.
func named(cmd syncml.Command) string {
	name := string(cmd.Name())
	var items []syncml.Item
	switch c := cmd.(type) {
	case *syncml.Op:
		items = c.Items
	case *syncml.Results:
		items = c.Items
	case *syncml.Alert:
		name += " " + c.Code.String()
		items = c.Items
	}
	if len(items) > 0 {
		name += " " + items[0].Target.URI + " " + items[0].Source.URI
	}
	return name
}

// shifted is a message number moved by n; one that is no number stays.
func shifted(id string, n int) string {
	v, err := strconv.Atoi(id)
	if err != nil || n == 0 {
		return id
	}
	return strconv.Itoa(v + n)
}
