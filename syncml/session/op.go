package session

import (
	"errors"

	"github.com/fwbridge/fwbridge/syncml"
)

// op carries out a command on nodes, Item by Item: each has a Status of its
// own. In an Atomic (strict) the first failure ends it; the rest gets 215.
func (x *turn) op(o *syncml.Op, strict bool) []reply {
	if len(o.Items) == 0 {
		return x.failed(o, syncml.StatusIncomplete, errors.New("no Item"))
	}
	all := eachItem(o, syncml.StatusNotExecuted)
	for i, item := range o.Items {
		item.Meta = o.MetaOf(i)
		code, found, err := x.item(o, item)
		if err != nil {
			code, found = codeOf(err), nil
			x.failures = append(x.failures, err)
			all[i].entered = notAdded(o.Cmd, item.Target.URI, err)
		}
		all[i].code, all[i].found = code, found
		if strict && err != nil {
			break
		}
	}
	return all
}

// notAdded is the Item of a Status for an Add that failed because a node above
// could not be created on the way: it names that node (RepPro 1.2, "Add").
func notAdded(cmd syncml.Name, uri string, err error) []syncml.Item {
	refused, ok := errors.AsType[*syncml.StatusError](err)
	if !ok || cmd != syncml.CmdAdd || refused.URI == "" || refused.URI == uri {
		return nil
	}
	return []syncml.Item{{Target: syncml.Location{URI: refused.URI}}}
}

// codeOf turns an error into a status: what nobody classified is 500.
func codeOf(err error) syncml.Code {
	if refused, ok := errors.AsType[*syncml.StatusError](err); ok && refused.Code >= 300 {
		return refused.Code
	}
	return syncml.StatusCommandFailed
}

// item carries out one Item.
func (x *turn) item(o *syncml.Op, item syncml.Item) (syncml.Code, []syncml.Item, error) {
	who, uri := x.c.acc.ServerID, item.Target.URI
	if uri == "" {
		return 0, nil, refuse(syncml.StatusIncomplete, uri, "no Target")
	}
	switch whole, all, err := x.chunk(o.Cmd, item); {
	case err != nil:
		return 0, nil, err
	case !whole:
		return syncml.StatusChunkAccepted, nil, nil
	default:
		item = all
	}
	switch o.Cmd {
	case syncml.CmdAdd:
		return syncml.StatusOK, nil, x.t.Add(who, item)
	case syncml.CmdReplace:
		return syncml.StatusOK, nil, x.t.Replace(who, item)
	case syncml.CmdDelete:
		return syncml.StatusOK, nil, x.t.Delete(who, uri)
	case syncml.CmdCopy:
		return syncml.StatusOK, nil, x.copy(who, item.Source.URI, uri)
	case syncml.CmdExec:
		code, err := x.t.Exec(who, uri, o.Correlator, item.Data)
		return code, nil, err
	case syncml.CmdGet:
		return x.get(who, item)
	}
	return 0, nil, refuse(syncml.StatusBadRequest, uri, "not a command on nodes")
}

func (x *turn) copy(who, from, to string) error {
	if from == "" {
		return refuse(syncml.StatusIncomplete, to, "a Copy without Source")
	}
	return x.t.Copy(who, from, to)
}

// itemCost is what an Item costs next to its texts, in bytes.
const itemCost = 256

// cost is what Items cost in memory until they are sent.
func cost(items []syncml.Item) int {
	n := 0
	for _, item := range items {
		n += itemCost + len(item.Source.URI) + len(item.Data)
	}
	return n
}

// backlog is the cost of the Results that wait for the messages to come.
func (c *Client) backlog() int {
	n := 0
	for _, o := range c.queue {
		if r, ok := o.cmd.(*syncml.Results); ok {
			n += cost(r.Items)
		}
	}
	return n
}

// get reads a node. What the server could not get from us is refused: 413, and
// so is what comes after [MaxFound] bytes. Those that were found in vain count
// too: a message of a few bytes can ask for the whole tree a thousand times.
func (x *turn) get(who string, asked syncml.Item) (syncml.Code, []syncml.Item, error) {
	uri := asked.Target.URI
	const much = "more than is kept for the server"
	if x.found > MaxFound {
		return 0, nil, refuse(syncml.StatusTooLarge, uri, much)
	}
	found, err := x.t.Get(who, uri)
	if err != nil {
		return 0, nil, err
	}
	if x.found += cost(found); x.found > MaxFound {
		return 0, nil, refuse(syncml.StatusTooLarge, uri, much)
	}
	for i := range found {
		if err := x.c.dress(asked.Meta, &found[i]); err != nil {
			return 0, nil, err
		}
		if why := x.c.tooLarge(found[i]); why != "" {
			return 0, nil, refuse(syncml.StatusTooLarge, uri, why)
		}
	}
	return syncml.StatusOK, found, nil
}

// fits says whether Items can go out in one Results: in a message of their
// own, after the Status for the SyncHdr. Only what comes near the limit is
// measured; escaping makes a byte into six at most.
func (x *turn) fits(id string, found []syncml.Item) bool {
	sum := 0
	for _, item := range found {
		sum += len(item.Data) + len(item.Source.URI)
	}
	if int64(sum) < x.c.maxMsg/16 {
		return true
	}
	r := &syncml.Results{MsgRef: x.msgRef, CmdRef: id, Items: found}
	return x.c.nextFits([]outgoing{{cmd: x.head}, {cmd: r}})
}

func refuse(code syncml.Code, uri, why string) error {
	return &syncml.StatusError{Code: code, URI: uri, Err: errors.New(why)}
}
