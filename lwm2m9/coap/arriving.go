package coap

import "slices"

const (
	// maxArriving bounds the request bodies that one peer sends at once, and
	// the response bodies it fetches at once; the oldest is dropped.
	maxArriving = 4
	// maxServing bounds the response bodies kept for all peers; beyond, the
	// handler is asked again for each block.
	maxServing = 4096
)

// arriving is a request body being put together (RFC 7959, 2.5). It goes when
// no block has come for EXCHANGE_LIFETIME.
type arriving struct {
	timer
	p    *peer
	key  string
	body []byte
}

func (a *arriving) due(e *Endpoint, _ instant) { e.dropArriving(a) }

func (e *Endpoint) dropArriving(a *arriving) {
	e.stop(&a.timer)
	e.arriving -= len(a.body)
	a.p.arriving = slices.DeleteFunc(a.p.arriving, func(x *arriving) bool { return x == a })
}

// blockwise does what can be done about a request without its handler: the
// response, or nil when the handler must be asked; r has its whole body then.
func (e *Endpoint) blockwise(p *peer, r *Request, now instant) *Response {
	if resp := e.assemble(p, r, now); resp != nil {
		resp.Format = NoFormat
		return resp
	}
	return e.nextBlock(p, r, now)
}

func (e *Endpoint) assemble(p *peer, r *Request, now instant) *Response {
	b := r.block1
	if !b.set {
		if len(r.Payload) > e.o.MaxBody {
			return e.tooLarge(r)
		}
		return nil
	}
	a := p.arrivingBy(r.transferKey())
	if b.num == 0 {
		if a != nil { // it starts over
			e.dropArriving(a)
		}
		if len(r.Payload) > e.o.MaxBody || int64(r.size1) > int64(e.o.MaxBody) {
			return e.tooLarge(r)
		}
		if !b.more {
			return nil
		}
		a = e.newArriving(p, r.transferKey())
	}
	switch {
	case a == nil || b.offset() != len(a.body):
		return &Response{Code: Incomplete}
	case b.more && len(r.Payload) != b.size():
		e.dropArriving(a)
		return &Response{Code: BadRequest}
	case len(a.body)+len(r.Payload) > e.o.MaxBody:
		e.dropArriving(a)
		return e.tooLarge(r)
	case e.arriving+len(r.Payload) > e.o.MaxArrivingBytes:
		e.dropArriving(a)
		return &Response{Code: ServiceUnavailable}
	}
	a.body = append(a.body, r.Payload...)
	e.arriving += len(r.Payload)
	if b.more {
		e.set(&a.timer, a, now+instant(ExchangeLifetime))
		return &Response{Code: Continue, block1: e.shrink(b)}
	}
	e.dropArriving(a)
	r.Payload = a.body
	return nil
}

// tooLarge refuses a body and says how large it may be (RFC 7959, 4).
func (e *Endpoint) tooLarge(r *Request) *Response {
	resp := &Response{Code: TooLarge, size1: uint32(e.o.MaxBody)}
	if r.block1.set {
		resp.block1 = e.shrink(r.block1)
	}
	return resp
}

// shrink is the block as the answer carries it: in our size if that is
// smaller.
func (e *Endpoint) shrink(b block) block {
	b.szx = min(b.szx, szxOf(e.o.BlockSize))
	return b
}

func (p *peer) arrivingBy(key string) *arriving {
	for _, a := range p.arriving {
		if a.key == key {
			return a
		}
	}
	return nil
}

func (e *Endpoint) newArriving(p *peer, key string) *arriving {
	if len(p.arriving) == maxArriving {
		e.dropArriving(p.arriving[0])
	}
	a := &arriving{p: p, key: key}
	p.arriving = append(p.arriving, a)
	return a
}

// transferKey tells the block-wise transfers of one peer apart (RFC 7959,
// 2.4: the cache key).
func (r *Request) transferKey() string {
	b := []byte{byte(r.Method), byte(r.Accept >> 8), byte(r.Accept)}
	b = append(b, r.Host...)
	for _, s := range r.Path {
		b = append(append(b, 0), s...)
	}
	for _, s := range r.Query {
		b = append(append(b, 1), s...)
	}
	return string(b)
}
