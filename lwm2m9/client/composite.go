package client

import (
	"context"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// compositeBody reads the body of a composite operation, which is SenML (LwM2M
// 1.1 Core, 7.4): nothing else names paths of several objects.
func (c *Client) compositeBody(r *coap.Request) ([]wire.Entry, error) {
	switch wire.Format(r.Format).Current() {
	case wire.FormatSenMLJSON, wire.FormatSenMLCBOR:
	default:
		return nil, errFormat
	}
	entries, err := wire.Decode(wire.Format(r.Format), wire.Path{}, r.Payload, c.types)
	if err == nil && len(entries) == 0 {
		err = errBadRequest
	}
	return entries, err
}

// types gives the types of the resources of all objects.
func (c *Client) types(p wire.Path) wire.Type {
	o := c.object(p.ID(0))
	if o == nil {
		return wire.TypeNone
	}
	return o.Definition().types(p)
}

// readComposite is Read-Composite and Observe-Composite (LwM2M 1.1 Core, 6.3.9
// and 6.4.3). Paths that cannot be read are left out; 4.04 when all are.
func (c *Client) readComposite(ctx context.Context, _ wire.Path, r *coap.Request) (coap.Response, error) {
	body, err := c.compositeBody(r)
	if err != nil {
		return coap.Response{}, err
	}
	var paths []wire.Path
	for _, e := range body {
		paths = append(paths, e.Path)
	}
	switch r.Observe {
	case coap.StartObserving:
		return c.observe(ctx, paths, wire.Path{}, r)
	case coap.StopObserving:
		c.cancel(r)
	}
	entries := c.composite(ctx, paths)
	if len(entries) == 0 {
		return coap.Response{}, errNotFound
	}
	f := wire.Format(r.Accept)
	if r.Accept == coap.NoFormat {
		f = wire.Format(r.Format).Current()
	}
	return content(f, wire.Path{}, entries)
}

// composite reads several paths, each value once.
func (c *Client) composite(ctx context.Context, paths []wire.Path) []wire.Entry {
	var all []wire.Entry
	seen := map[wire.Path]bool{}
	for _, p := range c.expand(paths) {
		t, err := c.target(p)
		if err != nil {
			continue
		}
		entries, err := t.values(ctx)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !seen[e.Path] {
				seen[e.Path] = true
				all = append(all, e)
			}
		}
	}
	return all
}

// expand puts the objects in place of the root.
func (c *Client) expand(paths []wire.Path) []wire.Path {
	if !slices.Contains(paths, wire.Path{}) {
		return paths
	}
	var all []wire.Path
	for _, o := range c.objects {
		all = append(all, wire.PathOf(o.Definition().ID))
	}
	return all
}

// writeComposite is Write-Composite (LwM2M 1.1 Core, 6.3.10): everything is
// checked before anything is written.
func (c *Client) writeComposite(ctx context.Context, _ wire.Path, r *coap.Request) (coap.Response, error) {
	body, err := c.compositeBody(r)
	if err != nil {
		return coap.Response{}, err
	}
	var writes []Write
	for _, e := range body {
		at := e.Path.Up(2)
		i := slices.IndexFunc(writes, func(w Write) bool { return w.Path == at })
		if i < 0 {
			i, writes = len(writes), append(writes, Write{Path: at})
		}
		writes[i].Entries = append(writes[i].Entries, e)
	}
	targets := make([]target, len(writes))
	for i := range writes {
		if writes[i].Path.Len() < 2 {
			return coap.Response{}, errBadRequest
		}
		if targets[i], err = c.target(writes[i].Path); err != nil {
			return coap.Response{}, err
		}
		if err := targets[i].check(&writes[i], true); err != nil {
			return coap.Response{}, err
		}
	}
	for i, w := range writes {
		if err := targets[i].object.(Writer).Write(ctx, w); err != nil {
			return coap.Response{}, err
		}
	}
	return answer(lwm2m9.CodeChanged), nil
}

// Send reports values without being asked (LwM2M 1.1 Core, 6.4.5), in SenML
// CBOR. Errors: [ErrNotRegistered], also for a server of LwM2M 1.0, [ErrMuted],
// [*Refused], and those of coap.Endpoint.Do.
func (c *Client) Send(ctx context.Context, entries ...wire.Entry) error {
	c.mu.Lock()
	known, muted, version := c.m.known && !c.removed, c.state.Account.Mute, c.version()
	c.mu.Unlock()
	switch {
	case !known || version == "1.0":
		return ErrNotRegistered
	case muted:
		return ErrMuted
	}
	payload, err := wire.Append(nil, wire.FormatSenMLCBOR, wire.Path{}, entries...)
	if err != nil {
		return err
	}
	resp, err := c.h.ep.Do(ctx, c.link.addr.at, coap.Request{
		Method: coap.POST, Path: []string{"dp"},
		Format: coap.Format(wire.FormatSenMLCBOR), Accept: coap.NoFormat, Payload: payload,
	})
	if err == nil && resp.Code.Class() != 2 {
		err = &Refused{Code: lwm2m9.ResponseCode(resp.Code)}
	}
	return err
}
