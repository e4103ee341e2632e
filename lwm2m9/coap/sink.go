package coap

import (
	"bytes"
	"context"
	"fmt"
)

// Sink takes the body of a response block by block, so that it need not be in
// memory: for receiving what [Body] is for sending. It is used by the goroutine
// of [Endpoint.Do], and the next block is asked for when Take has returned, so a
// slow one slows the peer down.
//
// Only 2.05 goes there. A response of another code, at any block, ends the
// exchange and is returned as it is; what was taken before stays valid, and
// another request may go on from where it ends.
type Sink struct {
	// Offset is the byte of the body to begin with. The first block asked for
	// is the one that holds it; what it has before Offset is left out.
	Offset int64
	// ETag, if set, is that of what came before Offset: [ErrChanged] when the
	// body has another one now. The blocks of one request are always compared.
	ETag []byte
	// Take gets what comes, in order and without gaps, never nothing: with
	// ETag and Format, Payload, which it may keep, and in Part where that
	// belongs and what the peer says of the whole, 0 for nothing. That is an
	// estimate (RFC 7959, 4), and the end of the body is told by its last block
	// alone. An error ends the exchange, and Do returns it unchanged.
	Take func(Response) error
}

// from is the block to ask for, to get the byte at off.
func from(off int64, szx uint8) (block, error) {
	num := off >> (szx + 4)
	if off < 0 || num >= maxBlockNum {
		return block{}, ErrTooLarge
	}
	return block{set: true, szx: szx, num: uint32(num)}, nil
}

// sinking prepares the first message of a request with a Sink. Where the first
// block is wanted in our largest size it has no Block2 option, which a peer
// without block-wise transfers would refuse.
func (e *Endpoint) sinking(r *Request) error {
	if r.Method != GET || r.Observe != NotObserving {
		return fmt.Errorf("%w: only GET has a Sink", ErrMessage)
	}
	b, err := from(r.Sink.Offset, szxOf(e.o.BlockSize))
	if err != nil {
		return err
	}
	if b.num > 0 {
		r.block2 = b
	}
	r.asksSize = true
	return nil
}

// stream hands the blocks of a body to the Sink, the first of which has come,
// and asks for the others.
func (e *Endpoint) stream(ctx context.Context, p *peer, r Request, resp *Response) (*Response, error) {
	at, etag := r.Sink.Offset, r.Sink.ETag
	if len(etag) == 0 {
		etag = resp.ETag
	}
	total := int64(0)
	r.Exchange, r.ETag, r.asksSize = nil, nil, false
	for asked := r.block2; ; asked = r.block2 {
		if resp.Code != Content && resp.Code != Incomplete {
			return resp, nil
		}
		if resp.Code == Incomplete || !bytes.Equal(resp.ETag, etag) {
			return nil, ErrChanged
		}
		more, err := resp.answers(asked, at)
		if err != nil {
			return nil, err
		}
		if resp.size2 > 0 {
			total = int64(resp.size2)
		}
		resp.Part = &Part{Offset: at, Total: total}
		n := int64(len(resp.Payload))
		if n > 0 {
			if err := r.Sink.Take(*resp); err != nil {
				return nil, err
			}
		}
		at += n
		if !more {
			resp.Payload, resp.Part = nil, &Part{Offset: at, Total: at}
			return resp, nil
		}
		if r.block2, err = from(at, resp.block2.szx); err != nil {
			return nil, err
		}
		if resp, err = e.exchange(ctx, p, &r, nil, nil); err != nil {
			return nil, err
		}
	}
}

// answers says whether the response is the block that was asked for, and leaves
// of its payload what begins at the byte given: nothing is possible, when the
// peer's blocks are smaller than ours. A larger one than was asked for is good
// when it begins where it should.
func (r *Response) answers(asked block, at int64) (more bool, err error) {
	b := r.block2
	first := int64(asked.num) << (asked.szx + 4)
	end := first + int64(len(r.Payload))
	switch {
	case !b.set && first != 0, b.set && int64(b.offset()) != first:
		return false, fmt.Errorf("%w: not the block that was asked for", ErrGarbage)
	case b.more && len(r.Payload) != b.size(), b.set && len(r.Payload) > b.size():
		return false, fmt.Errorf("%w: a block has not its size", ErrGarbage)
	case !b.more && end < at:
		return false, ErrChanged // it has become shorter
	}
	r.Payload = r.Payload[min(at, end)-first:]
	return b.more, nil
}
