package client

import (
	"context"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// write is Write, replace or partial update (LwM2M 1.1 Core, 6.3.3).
func (c *Client) write(ctx context.Context, p wire.Path, r *coap.Request, replace bool) (coap.Response, error) {
	t, err := c.target(p)
	if err != nil {
		return coap.Response{}, err
	}
	if p.Len() > 2 && t.resource.Operations&lwm2m9.OpWrite == 0 {
		return coap.Response{}, errNotAllowed
	}
	entries, err := t.decode(r)
	if err != nil {
		return coap.Response{}, err
	}
	w := Write{Path: p, Replace: replace && p.Len() < 4, Entries: entries}
	if err := t.check(&w, false); err != nil {
		return coap.Response{}, err
	}
	if err := t.object.(Writer).Write(ctx, w); err != nil {
		return coap.Response{}, err
	}
	return answer(lwm2m9.CodeChanged), nil
}

// decode reads the payload of a Write or Create. Without a format it is not
// guessed at: bytes, text and TLV look alike.
func (t *target) decode(r *coap.Request) ([]wire.Entry, error) {
	if r.Format == coap.NoFormat {
		return nil, errFormat
	}
	if l, ok := t.object.(Limiter); ok {
		if most := l.MaxBytes(t.path); most > 0 && len(r.Payload) > most {
			return nil, errTooLarge
		}
	}
	return wire.Decode(wire.Format(r.Format), t.path, r.Payload, t.def.types)
}

// check says whether the entries can be written: 4.04 for a resource that the
// device does not have, 4.05 for one that cannot be written, 4.00 for a value
// at the wrong depth, and for a null outside a
// Write-Composite. What names a path and gives no value is dropped.
func (t *target) check(w *Write, composite bool) error {
	if _, ok := t.object.(Writer); !ok {
		return errNotAllowed
	}
	kept := w.Entries[:0]
	for _, e := range w.Entries {
		r, known := t.def.Resource(e.Path.ID(2))
		deep := e.Path.Len() == 4
		none := e.Value.Type == wire.TypeNone
		switch {
		case none && e.Path.Len() < 3: // an instance without resources
			continue
		case !known:
			return errNotFound
		case r.Operations&lwm2m9.OpWrite == 0:
			return errNotAllowed
		case none && !(r.Multiple && !deep), // a single resource without a value
			!none && deep != r.Multiple,
			e.Value.Type == wire.TypeNull && !(composite && deep):
			return errBadRequest
		}
		kept = append(kept, e)
	}
	if w.Entries = kept; len(kept) == 0 && w.Path.Len() > 2 {
		return errBadRequest
	}
	return nil
}

// execute is Execute (LwM2M 1.1 Core, 6.3.5).
func (c *Client) execute(ctx context.Context, t target, r *coap.Request) (coap.Response, error) {
	if r.Format != coap.NoFormat && wire.Format(r.Format).Current() != wire.FormatText && len(r.Payload) > 0 {
		return coap.Response{}, errFormat
	}
	args, err := wire.ParseArguments(r.Payload)
	if err != nil {
		return coap.Response{}, err
	}
	executor, ok := t.object.(Executor)
	if !ok {
		return coap.Response{}, errNotAllowed
	}
	resp := answer(lwm2m9.CodeChanged)
	if own, ok := executor.(*account); ok {
		// The Update or De-register is to follow the answer.
		resp.Sent = func() { own.Execute(context.Background(), t.path, args) }
		return resp, nil
	}
	return resp, executor.Execute(ctx, t.path, args)
}
