package session

import (
	"errors"

	"github.com/fwbridge/fwbridge/syncml"
)

// Abort gives the session up: it returns a last message, which tells the
// server so (Alert 1223) and nothing else: what was carried out is in the
// message before, which is the last chance to say it. Post it, and give the
// answer, if any, to Receive, which returns the end [EndLeft] whatever it says.
// why is for the log. After the end it returns that end.
func (c *Client) Abort(why error) Output {
	if c.answer.End != EndNot {
		return c.repeat()
	}
	if c.closing.End != EndNot {
		return c.answer
	}
	return c.abort(nil, EndLeft, why)
}

// abort sends an Alert 1223 with the Status for the SyncHdr, and nothing
// else: a server that did not take the rest would not take it now.
func (c *Client) abort(head *syncml.Status, end End, why error) Output {
	if why == nil {
		why = errors.New("the session was given up")
	}
	c.closing = Output{End: end, Err: why}
	c.queue, c.front = []outgoing{{cmd: &syncml.Alert{Code: syncml.AlertSessionAbort}, once: true}}, nil
	return c.transmit(head, true)
}

// versions are what a Status 505 or 513 says that the server speaks instead:
// its Items name them as VerDTD or VerProto.
func versions(head *syncml.Status) []syncml.Version {
	if head == nil || headerEnd(head.Code) != EndVersion {
		return nil
	}
	var all []syncml.Version
	for _, v := range []syncml.Version{syncml.DM12, syncml.DM112} {
		for _, item := range head.Items {
			if name := string(item.Data); name == v.DTD || name == v.Proto {
				all = append(all, v)
				break
			}
		}
	}
	return all
}
