package coap

import "context"

// maxUnacked bounds the separate responses to one peer that are sent until
// acknowledged; more go out once, as non-confirmable messages (RFC 7252,
// 5.2.3), so that a peer that acknowledges nothing costs little.
const maxUnacked = 16

// asked is a request while its handler runs.
type asked struct {
	timer       // acknowledges it when the handler takes long
	p           *peer
	mid         uint16
	confirmable bool
	acked       bool // without the response, which is sent separately then
	seen        *seen
}

// due acknowledges a request whose handler takes its time.
func (a *asked) due(e *Endpoint, _ instant) {
	e.acknowledge(a)
	e.outbox = append(e.outbox, datagram{a.seen.reply, a.p})
}

// acknowledge makes the response a separate one.
func (e *Endpoint) acknowledge(a *asked) {
	a.acked = true
	e.stop(&a.timer)
	e.setReply(a.seen, empty(typeACK, a.mid))
}

// serve runs the handler and sends its response.
func (e *Endpoint) serve(ctx context.Context, a *asked, r *Request) {
	resp := e.o.Handler(ctx, r)
	if !resp.Code.isResponse() {
		e.o.Logger.Error("handler gave no response", "peer", r.Peer, "code", resp.Code)
		resp = Response{Code: InternalServerError, Format: NoFormat}
	}
	e.mu.Lock()
	e.handlers--
	a.p.running--
	a.seen.asked = nil
	e.stop(&a.timer)
	now := e.now()
	data := e.reply(a, r, e.firstBlock(a.p, r, &resp, now), now)
	e.mu.Unlock()
	if data != nil {
		e.write(data, a.p.addr)
	}
	if resp.Sent != nil {
		resp.Sent()
	}
}

// reply encodes the response and settles how it travels: in the
// acknowledgement, confirmable when that has gone, or as the request came.
func (e *Endpoint) reply(a *asked, r *Request, resp *Response, now instant) []byte {
	p := resp.packet(r.Token, resp.Payload, e.sending)
	switch {
	case a.confirmable && !a.acked:
		p.typ, p.mid = typeACK, a.mid
	case a.confirmable && a.p.unacked < maxUnacked:
		p.typ, p.mid = typeCON, a.p.nextMID(now)
	default:
		p.typ, p.mid = typeNON, a.p.nextMID(now)
	}
	data, err := p.encode()
	if err != nil {
		e.o.Logger.Error("response cannot be encoded", "peer", r.Peer, "err", err)
		p.code, p.options, p.payload = InternalServerError, nil, nil
		data, _ = p.encode() // no options: it cannot fail
	}
	switch p.typ {
	case typeACK:
		e.setReply(a.seen, data)
	case typeCON:
		e.confirm(a.p, p.mid, data, now, nil)
	}
	return data
}
