package session

import (
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// chunk puts an Item that may be part of a large object together with the
// parts before it. whole says that all is there to be carried out; without it
// and without an error the answer is 213. Only Add and Replace carry large
// objects, and not in a block, which has to fit one message.
func (x *turn) chunk(cmd syncml.Name, item syncml.Item) (whole bool, all syncml.Item, err error) {
	in := &x.c.in
	x.lost(in.interrupted(cmd, item))
	if item.MoreData && (x.blocks > 0 || cmd != syncml.CmdAdd && cmd != syncml.CmdReplace) {
		id := objectID{cmd, item.Target.URI, item.Source.URI}
		return false, item, in.giveUp(id, item, syncml.StatusTooLarge, "not a command that takes large objects")
	}
	whole, all, err = in.take(cmd, item)
	x.fed = x.fed || !whole && err == nil
	return whole, all, err
}

// lost has the server told of an object that has no end. It is told after the
// Statuses, in an Alert 1225.
func (x *turn) lost(alert *syncml.Alert) {
	if alert != nil {
		x.late = append(x.late, alert)
	}
}

// endOfPackage gives up an object whose package ended without its last chunk.
// Servers that put Final into the message of every chunk are understood.
func (x *turn) endOfPackage(m *syncml.Message) {
	if m.Final && !x.fed {
		x.lost(x.c.in.drop())
	}
	x.c.push(x.late...)
}

// cut replaces the Results that stands at a place of the queue, and does not
// fit what is before it, by its longest piece that fits. It reports false if
// that cannot be done.
func (c *Client) cut(cred *syncml.Cred, place int) (piece outgoing, ok bool) {
	r, isResults := c.queue[place].cmd.(*syncml.Results)
	if !isResults || len(r.Items) != 1 {
		return outgoing{}, false
	}
	with := func(item syncml.Item) outgoing {
		part := *r
		part.Items = []syncml.Item{item}
		return outgoing{cmd: &part}
	}
	s := &splitter{rest: r.Items[0], begun: c.queue[place].begun}
	item, last, err := s.next(func(item syncml.Item) bool {
		return c.fit(cred, append(c.queue[:place:place], with(item)))
	})
	if err != nil || last {
		return outgoing{}, false
	}
	c.queue[place] = with(s.rest)
	c.queue[place].begun = s.begun
	return with(item), true
}

// abandon drops the rest of an object of ours that the server does not take.
func (c *Client) abandon() {
	if len(c.queue) > 0 && c.queue[0].begun {
		c.queue = c.queue[1:]
	}
}

// chunkRefused says whether a Status refuses a chunk of the last message.
func (c *Client) chunkRefused(s *syncml.Status) bool {
	if s.Code.Success() || s.Code == syncml.StatusInProgress || unauthorized(s.Code) || s.MsgRef != strconv.Itoa(c.sent) {
		return false
	}
	for i, o := range c.flight {
		if r, ok := o.cmd.(*syncml.Results); ok && cmdID(i) == s.CmdRef {
			return r.Items[0].MoreData
		}
	}
	return false
}

// tooLarge says why an Item cannot go to the server at all, or "": it is over
// the server's MaxObjSize, or takes more messages than a session has.
func (c *Client) tooLarge(item syncml.Item) string {
	switch n := int64(len(item.Data)); {
	case c.maxObj > 0 && n > c.maxObj:
		return "over the server's MaxObjSize"
	case n > c.maxMsg*MaxMessages/4:
		return "more than a session carries in messages that the server takes"
	}
	return ""
}
