package client

import (
	"context"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// read is Read (LwM2M 1.1 Core, 6.3.1).
func (c *Client) read(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	t, err := c.target(p)
	if err != nil {
		return coap.Response{}, err
	}
	entries, err := t.values(ctx)
	if err != nil {
		return coap.Response{}, err
	}
	f := wire.Format(r.Accept)
	if r.Accept == coap.NoFormat {
		f = c.usual(&t)
	}
	return content(f, p, entries)
}

// content is a response with values.
func content(f wire.Format, base wire.Path, entries []wire.Entry) (coap.Response, error) {
	if !f.HoldsEntries() {
		return coap.Response{}, errNotAcceptable
	}
	payload, err := wire.Append(nil, f, base, entries...)
	if err != nil {
		return coap.Response{}, err
	}
	return coap.Response{Code: coap.Content, Format: coap.Format(f), Payload: payload}, nil
}

// usual is the format of an answer when none was asked for: the text of a
// single value, its bytes if it is opaque, else what the version has for many.
func (c *Client) usual(t *target) wire.Format {
	single := t.path.Len() == 4 || t.path.Len() == 3 && !t.resource.Multiple
	switch {
	case single && t.resource.Type == wire.TypeOpaque:
		return wire.FormatOpaque
	case single:
		return wire.FormatText
	}
	return c.many()
}

// many is the format of several values when none was asked for.
func (c *Client) many() wire.Format {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version() == "1.0" {
		return wire.FormatTLV
	}
	return wire.FormatSenMLCBOR
}

// values reads what can be read below the target, ascending by path. A
// resource that cannot be read is 4.05, one that has no value 4.04.
func (t *target) values(ctx context.Context) ([]wire.Entry, error) {
	if t.path.Len() > 2 && t.resource.Operations&lwm2m9.OpRead == 0 {
		return nil, errNotAllowed
	}
	if t.path.Len() > 1 {
		return t.readable(ctx, t.path)
	}
	var all []wire.Entry
	for _, id := range t.object.Instances() {
		entries, err := t.readable(ctx, t.path.Down(id))
		if code, _ := codeOf(err); err != nil && code != lwm2m9.CodeNotFound { // gone meanwhile
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// readable asks the object for the values at a path, and drops what does not
// belong there.
func (t *target) readable(ctx context.Context, p wire.Path) ([]wire.Entry, error) {
	entries, err := t.object.Read(ctx, p)
	if err != nil {
		return nil, err
	}
	kept := make([]wire.Entry, 0, len(entries))
	for _, e := range entries {
		r, ok := t.def.Resource(e.Path.ID(2))
		depth := 3
		if r.Multiple && e.Value.Type != wire.TypeNone {
			depth = 4
		}
		if ok && p.Holds(e.Path) && e.Path.Len() == depth && r.Operations&lwm2m9.OpRead != 0 {
			kept = append(kept, e)
		}
	}
	slices.SortStableFunc(kept, func(a, b wire.Entry) int { return a.Path.Compare(b.Path) })
	if len(kept) > 0 || p.Len() == 2 {
		return kept, nil
	}
	if p.Len() == 3 && t.resource.Multiple {
		return []wire.Entry{{Path: p}}, nil // there, and empty
	}
	return nil, errNotFound
}
