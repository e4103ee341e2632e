package client

import (
	"context"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// operation is one of the operations of the Device Management and Information
// Reporting interfaces (LwM2M 1.1 Core, 6.3 and 6.4).
type operation func(c *Client, ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error)

// operations is the table of methods by the depth of the path: root, object,
// instance, resource, resource instance. What is not in it is 4.05.
var operations = map[coap.Code][wire.MaxDepth + 1]operation{
	coap.GET:    {nil, (*Client).get, (*Client).get, (*Client).get, (*Client).get},
	coap.PUT:    {nil, (*Client).writeAttributesOnly, (*Client).put, (*Client).put, (*Client).put},
	coap.POST:   {nil, (*Client).create, (*Client).writePartial, (*Client).postResource, nil},
	coap.DELETE: {nil, nil, (*Client).delete, nil, nil},
	coap.FETCH:  {(*Client).readComposite, nil, nil, nil, nil},
	coap.IPATCH: {(*Client).writeComposite, nil, nil, nil, nil},
}

// serve answers a request of the server.
func (c *Client) serve(ctx context.Context, r *coap.Request) coap.Response {
	resp, err := c.operate(ctx, r)
	if err == nil {
		return resp
	}
	code, known := codeOf(err)
	log := c.h.o.Logger.With("endpoint", c.cfg.Endpoint, "server", c.cfg.Server, "method", r.Method, "code", code)
	if known {
		log.Debug("request refused", "err", err)
	} else {
		log.Error("request failed", "err", err)
	}
	return answer(code)
}

func (c *Client) operate(ctx context.Context, r *coap.Request) (coap.Response, error) {
	path := r.Path
	if n := len(path); n > 0 && path[n-1] == "" {
		path = path[:n-1] // a trailing slash
	}
	p, ok := wire.ParsePath("/" + strings.Join(path, "/"))
	if !ok || p.Len() != len(path) {
		return coap.Response{}, errNotFound
	}
	do := operations[r.Method][p.Len()]
	if do == nil {
		return coap.Response{}, errNotAllowed
	}
	return do(c, ctx, p, r)
}

// get is Discover, Read or Observe.
func (c *Client) get(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	switch {
	case wire.Format(r.Accept) == wire.FormatLink:
		return c.discover(ctx, p)
	case r.Observe == coap.StartObserving:
		return c.observe(ctx, []wire.Path{p}, p, r)
	case r.Observe == coap.StopObserving:
		c.cancel(r)
	}
	return c.read(ctx, p, r)
}

// put is Write-Attributes without payload and format, else Write.
func (c *Client) put(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	if r.Format == coap.NoFormat && len(r.Payload) == 0 {
		return c.writeAttributes(ctx, p, r)
	}
	return c.write(ctx, p, r, true)
}

// writeAttributesOnly is PUT to an object: it cannot be written as a whole.
func (c *Client) writeAttributesOnly(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	if r.Format != coap.NoFormat || len(r.Payload) > 0 {
		return coap.Response{}, errNotAllowed
	}
	return c.writeAttributes(ctx, p, r)
}

func (c *Client) writePartial(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	return c.write(ctx, p, r, false)
}

// postResource is Execute, or a Write that adds to a multiple resource.
func (c *Client) postResource(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	t, err := c.existing(ctx, p)
	switch {
	case err != nil:
		return coap.Response{}, err
	case t.resource.Operations&lwm2m9.OpExecute != 0:
		return c.execute(ctx, t, r)
	case t.resource.Multiple:
		return c.write(ctx, p, r, false)
	}
	return coap.Response{}, errNotAllowed
}

// target is what a path leads to.
type target struct {
	path     wire.Path
	object   Object
	def      *Definition
	resource Resource // of a path of three or four numbers
}

// target finds what a path of up to three numbers leads to: 4.04 for an
// object, an instance or a resource that the device does not have.
func (c *Client) target(p wire.Path) (target, error) {
	t, err := c.defined(p)
	if err == nil && p.Len() > 1 && !slices.Contains(t.object.Instances(), p.ID(1)) {
		err = errNotFound
	}
	return t, err
}

// defined is target, and does not look whether the instance is there.
func (c *Client) defined(p wire.Path) (target, error) {
	t := target{path: p, object: c.object(p.ID(0))}
	if t.object == nil {
		return t, errNotFound
	}
	t.def = t.object.Definition()
	if p.Len() > 2 {
		var ok bool
		if t.resource, ok = t.def.Resource(p.ID(2)); !ok || p.Len() == 4 && !t.resource.Multiple {
			return t, errNotFound
		}
	}
	return t, nil
}

// existing is target, and looks whether a resource instance is there.
func (c *Client) existing(ctx context.Context, p wire.Path) (target, error) {
	t, err := c.target(p)
	if err == nil && p.Len() == 4 && t.resource.Operations&lwm2m9.OpRead != 0 {
		_, err = t.values(ctx)
	}
	return t, err
}

// numeric says whether the target is a number.
func (t *target) numeric() bool {
	switch t.resource.Type {
	case wire.TypeInteger, wire.TypeUnsigned, wire.TypeFloat, wire.TypeTime:
		return t.path.Len() > 2
	}
	return false
}
