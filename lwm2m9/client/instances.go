package client

import (
	"context"
	"slices"
	"strconv"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// create is Create (LwM2M 1.1 Core, 6.3.7). The number of the instance is that
// in the payload, if there is one.
func (c *Client) create(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	t, err := c.target(p)
	if err != nil {
		return coap.Response{}, err
	}
	creator, ok := t.object.(Creator)
	if !ok {
		return coap.Response{}, errNotAllowed
	}
	var entries []wire.Entry
	if len(r.Payload) > 0 {
		if entries, err = t.decode(r); err != nil {
			return coap.Response{}, err
		}
	}
	id, entries, err := t.instance(entries)
	if err != nil {
		return coap.Response{}, err
	}
	if id, err = creator.Create(ctx, id, entries); err != nil {
		return coap.Response{}, err
	}
	c.Moved(p.Down(id))
	resp := answer(lwm2m9.CodeCreated)
	resp.Location = []string{strconv.Itoa(int(t.def.ID)), strconv.Itoa(int(id))}
	return resp, nil
}

// instance finds the number of the instance to be made and its values.
// Resources that the device does not have are left out: they may be optional.
func (t *target) instance(entries []wire.Entry) (uint16, []wire.Entry, error) {
	id := uint16(wire.NoInstance)
	kept := entries[:0]
	for i, e := range entries {
		if e.Path.Len() < 2 {
			continue
		}
		if n := e.Path.ID(1); i == 0 {
			id = n
		} else if n != id {
			return 0, nil, errBadRequest // two instances
		}
		r, known := t.def.Resource(e.Path.ID(2))
		switch {
		case e.Value.Type == wire.TypeNone || e.Path.Len() > 2 && !known:
			continue
		case r.Operations&(lwm2m9.OpRead|lwm2m9.OpWrite) == 0, e.Value.Type == wire.TypeNull, (e.Path.Len() == 4) != r.Multiple:
			return 0, nil, errBadRequest
		}
		kept = append(kept, e)
	}
	if id != wire.NoInstance && slices.Contains(t.object.Instances(), id) {
		return 0, nil, errBadRequest
	}
	return id, kept, nil
}

// delete is Delete (LwM2M 1.1 Core, 6.3.8).
func (c *Client) delete(ctx context.Context, p wire.Path, _ *coap.Request) (coap.Response, error) {
	t, err := c.target(p)
	if err != nil {
		return coap.Response{}, err
	}
	creator, ok := t.object.(Creator)
	if !ok {
		return coap.Response{}, errNotAllowed
	}
	if err := creator.Delete(ctx, p.ID(1)); err != nil {
		return coap.Response{}, err
	}
	c.mu.Lock()
	for at := range c.attributes { // they end with what they were attached to
		if p.Holds(at) {
			delete(c.attributes, at)
		}
	}
	c.mu.Unlock()
	c.Moved(p)
	return answer(lwm2m9.CodeDeleted), nil
}

// discover is Discover (LwM2M 1.1 Core, 6.3.2): each path with the attributes
// that are attached to it; a resource with those that it inherits, too.
func (c *Client) discover(ctx context.Context, p wire.Path) (coap.Response, error) {
	t, err := c.existing(ctx, p)
	if err != nil {
		return coap.Response{}, err
	}
	var links []wire.Link
	add := func(at wire.Path, params ...wire.Param) {
		c.mu.Lock()
		a := c.attributes[at]
		if at == p && at.Len() > 2 {
			a = c.inherited(at)
		}
		c.mu.Unlock()
		links = append(links, wire.Link{Path: at.String(), Params: append(params, a.params()...)})
	}
	switch p.Len() {
	case 1:
		add(p, versionParam(t.def)...)
		for _, id := range t.object.Instances() {
			add(p.Down(id))
			t.resources(ctx, p.Down(id), add)
		}
	case 2:
		add(p)
		t.resources(ctx, p, add)
	default:
		add(p, t.dim(ctx, p, t.resource)...)
	}
	payload, err := wire.AppendLinks(nil, links...)
	if err != nil {
		return coap.Response{}, err
	}
	return coap.Response{Code: coap.Content, Format: coap.Format(wire.FormatLink), Payload: payload}, nil
}

// resources adds the resources of an instance.
func (t *target) resources(ctx context.Context, instance wire.Path, add func(wire.Path, ...wire.Param)) {
	for _, r := range t.def.Resources {
		at := instance.Down(r.ID)
		add(at, t.dim(ctx, at, r)...)
	}
}

// dim says how many instances a multiple resource has.
func (t *target) dim(ctx context.Context, at wire.Path, r Resource) []wire.Param {
	if !r.Multiple || at.Len() != 3 || r.Operations&lwm2m9.OpRead == 0 {
		return nil
	}
	n := 0
	of := target{path: at, object: t.object, def: t.def, resource: r}
	entries, _ := of.readable(ctx, at) // what cannot be read now has none
	for _, e := range entries {
		if e.Path.Len() == 4 {
			n++
		}
	}
	return []wire.Param{{Name: "dim", Value: strconv.Itoa(n), HasValue: true}}
}
