package coap

import (
	"math"
	"slices"
)

// serving is a response body that a peer fetches block by block (RFC 7959,
// 2.4), so that it gets one representation and the handler is asked once. It
// goes when no block was fetched for EXCHANGE_LIFETIME.
type serving struct {
	timer
	p   *peer
	key string
	r   Response // with the whole payload
}

func (s *serving) due(e *Endpoint, _ instant) { e.dropServing(s) }

func (e *Endpoint) dropServing(s *serving) {
	e.stop(&s.timer)
	e.servings--
	s.p.serving = slices.DeleteFunc(s.p.serving, func(x *serving) bool { return x == s })
}

// firstBlock turns a handler's response, in place where it can, into what one
// message holds, and keeps the whole for the blocks that follow.
func (e *Endpoint) firstBlock(p *peer, r *Request, whole *Response, now instant) *Response {
	if r.block1.set {
		whole.block1 = e.shrink(r.block1)
	}
	if whole.Part != nil {
		return partOf(whole, r)
	}
	szx, num := szxOf(e.o.BlockSize), uint32(0)
	if r.block2.set { // a smaller block than asked for begins where that one would
		szx = min(szx, r.block2.szx)
		num = r.block2.num << (r.block2.szx - szx)
	}
	// An error at a later block is that error, not a block that is not there.
	if len(whole.Payload) <= 1<<(szx+4) && (num == 0 || whole.Code.Class() != 2) {
		return whole
	}
	return e.keepFor(p, r.transferKey(), whole, num, szx, now)
}

// keepFor keeps a response and gives one block of it.
func (e *Endpoint) keepFor(p *peer, key string, whole *Response, num uint32, szx uint8, now instant) *Response {
	if len(whole.ETag) == 0 {
		whole.ETag = etagOf(whole.Payload)
	}
	kept := *whole
	kept.block1, kept.Observed = block{}, false
	e.keep(p, key, &kept, now)
	return sliceOf(whole, num, szx)
}

// partOf is the message for a part that the handler has read.
func partOf(first *Response, r *Request) *Response {
	at, size := r.Wanted()
	n, total := int64(len(first.Payload)), first.Part.Total
	end := at + n
	whole := end == total && (n > 0 || total == 0)
	if first.Part.Offset != at || n > int64(size) || !whole && (end > total || n < int64(size)) {
		return &Response{Code: BadRequest, Format: NoFormat, block1: first.block1}
	}
	if at == 0 && whole && !r.block2.set {
		return first // it fits one message
	}
	first.block2 = block{set: true, num: uint32(at / int64(size)), szx: szxOf(size), more: !whole}
	if (at == 0 || r.asksSize) && total <= math.MaxUint32 {
		first.size2 = uint32(total)
	}
	return first
}

// sliceOf is one block of a response.
func sliceOf(whole *Response, num uint32, szx uint8) *Response {
	part := *whole
	var ok bool
	if part.block2, part.Payload, ok = cut(whole.Payload, num, szx); !ok {
		return &Response{Code: BadRequest, Format: NoFormat, block1: whole.block1}
	}
	if num == 0 {
		part.size2 = uint32(len(whole.Payload))
	}
	return &part
}

// keep stores a body for the blocks that will be asked for.
func (e *Endpoint) keep(p *peer, key string, whole *Response, now instant) {
	if old := p.servingBy(key); old != nil {
		e.dropServing(old)
	}
	if e.servings >= maxServing {
		return
	}
	if len(p.serving) == maxArriving {
		e.dropServing(p.serving[0])
	}
	s := &serving{p: p, key: key, r: *whole}
	s.r.Sent = nil
	p.serving = append(p.serving, s)
	e.servings++
	e.set(&s.timer, s, now+instant(ExchangeLifetime))
}

// nextBlock answers a request for a further block of a kept body; nil when the
// handler must be asked.
func (e *Endpoint) nextBlock(p *peer, r *Request, now instant) *Response {
	if !r.block2.set || r.block2.num == 0 {
		return nil
	}
	s := p.servingBy(r.transferKey())
	switch {
	case s != nil:
		e.set(&s.timer, s, now+instant(ExchangeLifetime))
		return sliceOf(&s.r, r.block2.num, min(r.block2.szx, maxSZX))
	case r.Method.safe():
		return nil
	}
	return &Response{Code: Incomplete, Format: NoFormat}
}

func (p *peer) servingBy(key string) *serving {
	for _, s := range p.serving {
		if s.key == key {
			return s
		}
	}
	return nil
}
