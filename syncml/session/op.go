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
		inherit(&item, o.Meta)
		code, found, err := x.item(o, item)
		if err != nil {
			code, found = codeOf(err), nil
			x.failures = append(x.failures, err)
		}
		all[i].code, all[i].found = code, found
		if strict && err != nil {
			break
		}
	}
	return all
}

// inherit gives an Item the Meta of its command where it has none.
func inherit(item *syncml.Item, meta syncml.Meta) {
	if item.Meta.Format == "" {
		item.Meta.Format = meta.Format
	}
	if item.Meta.Type == "" {
		item.Meta.Type = meta.Type
	}
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
	if x.chunk(item) {
		return 0, nil, refuse(syncml.StatusTooLarge, uri, "a large object, which must fit one message")
	}
	switch o.Cmd {
	case syncml.CmdAdd:
		return syncml.StatusOK, nil, x.t.Add(who, item)
	case syncml.CmdReplace:
		return syncml.StatusOK, nil, x.t.Replace(who, item)
	case syncml.CmdDelete:
		return syncml.StatusOK, nil, x.t.Delete(who, uri)
	case syncml.CmdCopy:
		return syncml.StatusOK, nil, x.t.Copy(who, item.Source.URI, uri)
	case syncml.CmdExec:
		code, err := x.t.Exec(who, uri, o.Correlator, item.Data)
		return code, nil, err
	case syncml.CmdGet:
		return x.get(o.CmdID, who, uri)
	}
	return 0, nil, refuse(syncml.StatusBadRequest, uri, "not a command on nodes")
}

// get reads a node. What alone is longer than a message that the server takes
// is refused: 413.
func (x *turn) get(id, who, uri string) (syncml.Code, []syncml.Item, error) {
	found, err := x.t.Get(who, uri)
	if err != nil {
		return 0, nil, err
	}
	for _, item := range found {
		if !x.fits(id, []syncml.Item{item}) {
			return 0, nil, refuse(syncml.StatusTooLarge, uri, "longer than the messages that the server takes")
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
	m := x.c.message(x.c.us.cred(x.c.acc.Client), []outgoing{{cmd: x.head}, {cmd: r}})
	body, err := syncml.Encode(m, x.c.acc.Encoding)
	return err == nil && int64(len(body)) <= x.c.maxMsg
}

// chunk says whether an Item is part of a large object, which this client
// does not take (LrgObj is false): 413. The last part looks like a whole
// value, so it is known by its target, which the first parts had.
func (x *turn) chunk(item syncml.Item) bool {
	uri := item.Target.URI
	last := x.c.large != "" && x.c.large == uri
	x.c.large = ""
	if item.MoreData {
		x.c.large = uri
	}
	return item.MoreData || last
}

func refuse(code syncml.Code, uri, why string) error {
	return &syncml.StatusError{Code: code, URI: uri, Err: errors.New(why)}
}
