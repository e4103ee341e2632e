package client

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// step gives the registration an event, and lines up what it wants sent.
func (c *Client) step(ev event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return
	}
	was := c.m.phase
	var act action
	c.m, act = c.m.step(c.policy(), time.Now(), ev)
	if act != nothing {
		c.act = act
		c.h.enqueue(c, act != sendRegister)
	}
	if c.m.phase == gone && was != gone {
		close(c.gone)
	}
	if !c.m.known && act != sendUpdate {
		c.state.Location = nil
	}
	c.schedule()
}

func (c *Client) policy() policy {
	return policy{
		lifetime: c.lifetime(), versions: len(c.cfg.Versions),
		minBackoff: c.cfg.MinBackoff, maxBackoff: c.cfg.MaxBackoff, random: c.h.o.Random(),
	}
}

// version is that of LwM2M which is tried or was agreed on.
func (c *Client) version() string { return c.cfg.Versions[c.m.version] }

// transact is one exchange with the server, in its turn.
func (c *Client) transact(ctx context.Context) {
	var links []byte
	if c.tellsLinks() {
		links = c.links() // asks the objects, so without the lock
	}
	c.mu.Lock()
	act := c.act
	if act == nothing || c.removed {
		c.mu.Unlock()
		return
	}
	c.act = nothing
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.cut = cancel
	r := c.request(act, links)
	if act == sendRegister {
		c.observations = nil // they end with the registration before
	}
	c.mu.Unlock()
	resp, err := c.h.ep.Do(ctx, c.link.addr.at, r)
	c.answered(act, resp, err)
	c.save()
}

// tellsLinks says whether the message that waits for its turn has the links: no
// step changes that before it is answered.
func (c *Client) tellsLinks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m.tells.links
}

// answered takes in the outcome of an exchange.
func (c *Client) answered(act action, resp coap.Response, err error) {
	kind := outcome(act, resp, err)
	c.mu.Lock()
	c.cut = nil
	if kind == evOK && act == sendRegister {
		c.state.Server, c.state.Location, c.state.Version = c.cfg.Server, resp.Location, c.version()
	}
	version := c.version()
	c.mu.Unlock()
	log := c.h.o.Logger
	switch {
	case kind == evOK:
		log.Debug("registration", "endpoint", c.cfg.Endpoint, "server", c.cfg.Server, "answer", resp.Code, "version", version)
	case err != nil:
		log.Info("registration: no answer", "endpoint", c.cfg.Endpoint, "server", c.cfg.Server, "err", err)
	default:
		log.Info("registration refused", "endpoint", c.cfg.Endpoint, "server", c.cfg.Server, "answer", resp.Code, "version", version)
	}
	c.step(event{kind: kind})
}

// outcomes names the codes that mean something particular.
var outcomes = map[coap.Code]eventKind{
	coap.PreconditionFailed: evVersion,
	coap.NotFound:           evUnknown,
}

// success is the code that each action hopes for.
var success = map[action]coap.Code{
	sendRegister:   coap.Created,
	sendUpdate:     coap.Changed,
	sendDeregister: coap.Deleted,
}

// outcome makes an event of an answer.
func outcome(act action, resp coap.Response, err error) eventKind {
	switch {
	case err != nil:
		return evLater
	case resp.Code == success[act] && (act != sendRegister || len(resp.Location) > 0):
		return evOK
	case resp.Code.Class() != 4:
		return evLater
	}
	if kind, ok := outcomes[resp.Code]; ok {
		return kind
	}
	return evRefused
}

// request is the message of an action (LwM2M 1.1 Transport, 6.4.3).
func (c *Client) request(act action, links []byte) coap.Request {
	r := coap.Request{Method: coap.POST, Path: []string{"rd"}, Format: coap.NoFormat, Accept: coap.NoFormat}
	if act != sendRegister {
		r.Path = c.state.Location
	}
	switch {
	case act == sendDeregister:
		r.Method = coap.DELETE
		return r
	case act == sendRegister:
		r.Query = append(r.Query, "ep="+c.cfg.Endpoint, "lwm2m="+c.version())
	}
	if c.m.tells.params {
		r.Query = append(r.Query, "lt="+strconv.FormatInt(int64(c.lifetime()/time.Second), 10))
		r.Query = append(r.Query, c.binding(act == sendRegister)...)
	}
	if c.m.tells.links {
		r.Format, r.Payload = coap.Format(wire.FormatLink), links
	}
	return r
}

// binding is the parameters of the binding: in 1.0 the Q for queue mode is a
// part of b, from 1.1 on a parameter of the Register.
func (c *Client) binding(register bool) []string {
	queue := strings.Contains(c.account().Binding, "Q")
	switch {
	case queue && c.version() == "1.0":
		return []string{"b=UQ"}
	case queue && register:
		return []string{"b=U", "Q"}
	}
	return []string{"b=U"}
}

// formats says in a registration which formats can be asked for.
const formats = "60 110 112 11542 11543"

// links is the list of objects and instances (LwM2M 1.1 Core, 6.2.1).
func (c *Client) links() []byte {
	list := []wire.Link{{Path: "/", Params: []wire.Param{
		{Name: "rt", Value: "oma.lwm2m", HasValue: true, Quoted: true},
		{Name: "ct", Value: formats, HasValue: true, Quoted: true},
	}}}
	for _, o := range c.objects {
		d := o.Definition()
		ids := o.Instances()
		path := wire.PathOf(d.ID)
		if d.Version != "" || len(ids) == 0 {
			list = append(list, wire.Link{Path: path.String(), Params: versionParam(d)})
		}
		for _, id := range ids {
			list = append(list, wire.Link{Path: path.Down(id).String()})
		}
	}
	body, err := wire.AppendLinks(nil, list...)
	if err != nil {
		c.h.o.Logger.Error("links cannot be written", "endpoint", c.cfg.Endpoint, "err", err)
	}
	return body
}

func versionParam(d *Definition) []wire.Param {
	if d.Version == "" {
		return nil
	}
	return []wire.Param{{Name: "ver", Value: d.Version, HasValue: true}}
}

// save hands the state out if it has changed, and never after Remove.
func (c *Client) save() error {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	c.mu.Lock()
	state, removed := c.state, c.removed
	c.mu.Unlock()
	if removed || c.cfg.Keep == nil || state.equal(c.kept) {
		return nil
	}
	if err := c.cfg.Keep(state); err != nil {
		c.h.o.Logger.Error("state not kept", "endpoint", c.cfg.Endpoint, "err", err)
		return err
	}
	c.kept = state
	return nil
}
