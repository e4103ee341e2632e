package coap

import (
	"bytes"
	"context"
	"fmt"
)

// upload sends a request, in blocks when its payload is large, and returns the
// response to its last message (RFC 7959, 2.5 and 2.6).
func (e *Endpoint) upload(ctx context.Context, p *peer, r Request, o *Observation) (*Response, error) {
	if r.Method.safe() && e.o.BlockSize < MaxBlockSize && !r.block2.set { // early negotiation (RFC 7959, 2.4)
		r.block2 = block{set: true, szx: szxOf(e.o.BlockSize)}
	}
	if r.Body == nil && len(r.Payload) <= e.o.BlockSize {
		resp, err := e.exchange(ctx, p, &r, r.Payload, o)
		if err != nil || !asksForSmaller(resp, szxOf(e.o.BlockSize)) {
			return resp, err
		}
		return e.uploadBlocks(ctx, p, r, o, resp.block1.szx)
	}
	return e.uploadBlocks(ctx, p, r, o, szxOf(e.o.BlockSize))
}

// asksForSmaller says whether the peer refuses a first block for its size and
// names one that it takes (RFC 7959, 2.9.3).
func asksForSmaller(r *Response, szx uint8) bool {
	return r.Code == TooLarge && r.block1.set && r.block1.szx < szx
}

func (e *Endpoint) uploadBlocks(ctx context.Context, p *peer, r Request, o *Observation, szx uint8) (*Response, error) {
	restarted, sent := false, false
	for off := int64(0); ; {
		if err := r.pace(ctx, off, szx, sent); err != nil {
			return nil, err
		}
		b, chunk, err := r.chunk(off, szx)
		if err != nil {
			return nil, err
		}
		r.block1, r.size1 = b, 0
		if off == 0 {
			r.size1 = uint32(r.bodySize())
		}
		resp, err := e.exchange(ctx, p, &r, chunk, o)
		r.Exchange, sent = nil, true // of the first message only
		switch {
		case err != nil:
			return nil, err
		case resp.Code == Incomplete && off > 0 && !restarted:
			off, restarted = 0, true // the peer has lost what it had
		case off == 0 && asksForSmaller(resp, szx):
			szx = resp.block1.szx
		case !b.more || resp.Code.Class() != 2:
			return resp, nil
		default:
			off += int64(len(chunk))
			if resp.block1.set {
				szx = min(szx, resp.block1.szx) // off stays a multiple of it
			}
		}
	}
}

// pace waits until the block that begins at off may go.
func (r *Request) pace(ctx context.Context, off int64, szx uint8, sent bool) error {
	if r.Body == nil || r.Body.Pace == nil {
		return nil
	}
	err := r.Body.Pace(ctx, int(min(int64(block{szx: szx}.size()), r.Body.Size-off)))
	switch {
	case err == nil:
		return nil
	case sent:
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return fmt.Errorf("%w: %w", ErrNotSent, err)
}

// bodySize is the length of what the request carries.
func (r *Request) bodySize() int64 {
	if r.Body != nil {
		return r.Body.Size
	}
	return int64(len(r.Payload))
}

// chunk is the block of the request's body that begins at off.
func (r *Request) chunk(off int64, szx uint8) (b block, chunk []byte, err error) {
	num := off >> (szx + 4)
	if num >= maxBlockNum {
		return b, nil, ErrMessage
	}
	if r.Body == nil {
		b, chunk, ok := cut(r.Payload, uint32(num), szx)
		if !ok {
			return b, nil, ErrMessage
		}
		return b, chunk, nil
	}
	b = block{set: true, num: uint32(num), szx: szx}
	chunk = make([]byte, min(int64(b.size()), r.Body.Size-off))
	if n, err := r.Body.ReadAt(chunk, off); n < len(chunk) {
		return b, nil, fmt.Errorf("%w: its body cannot be read: %w", ErrMessage, err)
	}
	b.more = off+int64(len(chunk)) < r.Body.Size
	return b, chunk, nil
}

// download fetches the blocks of a response after its first one (RFC 7959,
// 2.4). When the representation changes in the middle it starts over, once.
func (e *Endpoint) download(ctx context.Context, p *peer, r Request, first *Response) (*Response, error) {
	r.Exchange, r.ETag, r.Observe, r.block1, r.size1 = nil, nil, NotObserving, block{}, 0
	if r.Method != FETCH { // whose payload is part of what is asked (RFC 8132, 2.1)
		r.Payload = nil
	}
	if r.Payload == nil {
		r.Format = NoFormat
	}
	whole, err := e.collect(ctx, p, r, first)
	if err != ErrChanged || !r.Method.safe() {
		return whole, garbled(err)
	}
	r.block2 = block{set: true, szx: first.block2.szx}
	again, err := e.exchange(ctx, p, &r, r.Payload, nil)
	if err != nil {
		return nil, err
	}
	again.Observed, again.Sequence = first.Observed, first.Sequence
	whole, err = e.collect(ctx, p, r, again)
	return whole, garbled(err)
}

// garbled makes ErrChanged an ErrGarbage once nothing more is tried.
func garbled(err error) error {
	if err == ErrChanged {
		return fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	return err
}

// collect appends block after block to the first one's payload.
func (e *Endpoint) collect(ctx context.Context, p *peer, r Request, first *Response) (*Response, error) {
	if first.block2.set && first.block2.num != 0 {
		return nil, ErrChanged
	}
	for last := first; ; {
		if len(first.Payload) > e.o.MaxBody || int64(first.size2) > int64(e.o.MaxBody) {
			return nil, ErrTooLarge
		}
		b := last.block2
		if !b.more {
			return first, nil
		}
		if len(last.Payload) != b.size() || len(first.Payload)%b.size() != 0 {
			return nil, ErrChanged
		}
		num := uint32(len(first.Payload) / b.size())
		if num >= maxBlockNum {
			return nil, ErrTooLarge
		}
		r.block2 = block{set: true, num: num, szx: b.szx}
		var err error
		last, err = e.exchange(ctx, p, &r, r.Payload, nil)
		switch {
		case err != nil:
			return nil, err
		case last.Code.Class() != 2 && last.Code != Incomplete:
			return last, nil // the peer refuses the rest: that is its answer
		case !follows(first, last):
			return nil, ErrChanged
		}
		first.Payload = append(first.Payload, last.Payload...)
	}
}

// follows says whether next is the block after what first has collected, of
// the same representation.
func follows(first, next *Response) bool {
	return next.block2.set && next.Code == first.Code &&
		next.block2.offset() == len(first.Payload) && bytes.Equal(next.ETag, first.ETag)
}
