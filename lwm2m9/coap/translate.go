package coap

import (
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
)

// request reads the options of a request and copies what it keeps. The code is
// 0 when all is well, else the refusal.
func (p *packet) request() (*Request, Code) {
	r := &Request{
		Method:      p.code,
		Format:      NoFormat,
		Accept:      NoFormat,
		Payload:     slices.Clone(p.payload),
		Token:       p.token,
		Confirmable: p.typ == typeCON,
	}
	for _, o := range p.options {
		if code := r.option(o); code != 0 {
			return nil, code
		}
	}
	return r, 0
}

// usualPath is as many segments as nearly every path has at most: those of a
// resource instance.
const usualPath = 4

func (r *Request) option(o message.Option) Code {
	ok := true
	var v uint32
	switch o.ID {
	case message.URIHost:
		r.Host = string(o.Value)
	case message.ETag:
		if isETag(o.Value) {
			r.ETag = slices.Clone(o.Value)
		}
	case message.URIPath:
		if r.Path == nil {
			r.Path = make([]string, 0, usualPath)
		}
		r.Path = append(r.Path, string(o.Value))
	case message.URIQuery:
		r.Query = append(r.Query, string(o.Value))
	case message.ContentFormat:
		if v, ok = uintOf(o.Value, 2); ok {
			r.Format = Format(v)
		}
	case message.Accept:
		if v, ok = uintOf(o.Value, 2); ok {
			r.Accept = Format(v)
		}
	case message.Observe:
		if v, ok = uintOf(o.Value, 3); ok && v <= 1 {
			r.Observe = StartObserving + Observing(v)
		}
	case message.Block1:
		r.block1, ok = blockOf(o.Value)
	case message.Block2:
		r.block2, ok = blockOf(o.Value)
	case message.Size1:
		r.size1, ok = uintOf(o.Value, 4)
	case message.Size2:
		r.asksSize = true
	case message.ProxyURI, message.ProxyScheme:
		return ProxyNotSupported
	}
	switch {
	case r.block1.set && r.block1.szx > maxSZX || r.block2.set && r.block2.szx > maxSZX:
		return BadRequest // RFC 7959, 2.2
	case o.ID&1 == 1 && (!ok || !knownCritical[o.ID]):
		return BadOption // RFC 7252, 5.4.1 and 5.4.3
	}
	return 0
}

// isETag says whether an ETag has a legal length: else there is none (RFC 7252,
// 5.10 and 5.4.3).
func isETag(v []byte) bool { return len(v) >= 1 && len(v) <= 8 }

func blockOf(v []byte) (block, bool) {
	n, ok := uintOf(v, 3)
	return decodeBlock(n), ok
}

// response reads the options of a response and copies what it keeps.
func (p *packet) response() *Response {
	r := &Response{Code: p.code, Format: NoFormat, Payload: slices.Clone(p.payload)}
	for _, o := range p.options {
		if !r.option(o) && o.ID&1 == 1 {
			r.malformed = true
		}
	}
	if r.block1.szx > maxSZX || r.block2.szx > maxSZX {
		r.malformed = true
	}
	return r
}

// option is false for an option that is not understood.
func (r *Response) option(o message.Option) (ok bool) {
	ok = true
	var v uint32
	switch o.ID {
	case message.ContentFormat:
		if v, ok = uintOf(o.Value, 2); ok {
			r.Format = Format(v)
		}
	case message.LocationPath:
		r.Location = append(r.Location, string(o.Value))
	case message.ETag:
		if ok = isETag(o.Value); ok {
			r.ETag = slices.Clone(o.Value)
		}
	case message.MaxAge:
		r.MaxAge, ok = uintOf(o.Value, 4)
	case message.Observe:
		r.Sequence, r.Observed = uintOf(o.Value, 3)
	case message.Block1:
		r.block1, ok = blockOf(o.Value)
	case message.Block2:
		r.block2, ok = blockOf(o.Value)
	case message.Size1:
		r.size1, ok = uintOf(o.Value, 4)
	case message.Size2:
		r.size2, ok = uintOf(o.Value, 4)
	default:
		ok = false
	}
	return ok
}

// packet makes a confirmable message of a request; chunk is the part of the
// payload that it carries, opts lends its memory to the options.
func (r *Request) packet(mid uint16, token Token, chunk []byte, opts message.Options) packet {
	p := packet{typ: typeCON, code: r.Method, mid: mid, token: token, payload: chunk, options: opts[:0]}
	if r.Host != "" {
		p.addString(message.URIHost, r.Host)
	}
	for _, s := range r.Path {
		p.addString(message.URIPath, s)
	}
	for _, s := range r.Query {
		p.addString(message.URIQuery, s)
	}
	if len(r.ETag) > 0 {
		p.options = p.options.Add(message.Option{ID: message.ETag, Value: r.ETag})
	}
	if r.Observe != NotObserving {
		p.addUint(message.Observe, uint32(r.Observe-StartObserving))
	}
	if r.Format != NoFormat {
		p.addUint(message.ContentFormat, uint32(r.Format))
	}
	if r.Accept != NoFormat {
		p.addUint(message.Accept, uint32(r.Accept))
	}
	p.addBlocks(r.block1, r.block2)
	if r.size1 > 0 {
		p.addUint(message.Size1, r.size1)
	}
	if r.asksSize {
		p.addUint(message.Size2, 0)
	}
	return p
}

// packet makes a message of a response; type and message id are for the
// caller to set. opts lends its memory to the options.
func (r *Response) packet(token Token, chunk []byte, opts message.Options) packet {
	p := packet{code: r.Code, token: token, payload: chunk, options: opts[:0]}
	for _, s := range r.Location {
		p.addString(message.LocationPath, s)
	}
	if r.Observed {
		p.addUint(message.Observe, r.Sequence&maxSequence)
	}
	if r.Format != NoFormat && len(r.Payload) > 0 {
		p.addUint(message.ContentFormat, uint32(r.Format))
	}
	if len(r.ETag) > 0 {
		p.options = p.options.Add(message.Option{ID: message.ETag, Value: r.ETag})
	}
	if r.MaxAge > 0 {
		p.addUint(message.MaxAge, r.MaxAge)
	}
	p.addBlocks(r.block1, r.block2)
	if r.size1 > 0 {
		p.addUint(message.Size1, r.size1)
	}
	if r.size2 > 0 {
		p.addUint(message.Size2, r.size2)
	}
	return p
}

func (p *packet) addBlocks(b1, b2 block) {
	if b1.set {
		p.addUint(message.Block1, b1.encode())
	}
	if b2.set {
		p.addUint(message.Block2, b2.encode())
	}
}
