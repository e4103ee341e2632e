package server

import (
	"context"
	"errors"
	"io"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// PackagePath is the first segment under which devices fetch packages; the
// second one is the token.
const PackagePath = "p"

// ErrNoPackage means that there is no package under a token, or none for this
// device.
var ErrNoPackage = errors.New("lwm2m: no such package")

// Body is what is sent block by block without being in memory.
type Body struct {
	io.ReaderAt
	Size int64 // bytes
	// Pace, of a Body to be sent, waits until the next n bytes may go, or for
	// the end of ctx, as that of [coap.Body]. It is first asked when the device
	// can be spoken to.
	Pace func(ctx context.Context, n int) error
}

// Package is a body that devices fetch.
type Package struct {
	Body
	ETag []byte // 1 to 8 bytes that tell it from any other
	// Release, if set, is called when the block has been read.
	Release func()
}

// servePackage answers with the one block that is asked for (RFC 7959, 2.4):
// nothing is kept between two blocks, so a device may go on where it was after
// a restart of either side.
func (s *Server) servePackage(ctx context.Context, r *coap.Request, token string) coap.Response {
	if r.Method != coap.GET || s.o.Packages == nil {
		return answer(lwm2m9.CodeNotFound)
	}
	p, err := s.o.Packages(ctx, token, r.Identity)
	switch {
	case errors.Is(err, ErrNoPackage):
		return answer(lwm2m9.CodeNotFound)
	case err != nil:
		s.o.Logger.Error("package not served", "peer", r.Remote, "err", err)
		return answer(lwm2m9.CodeUnavailable)
	}
	if p.Release != nil {
		defer p.Release()
	}
	at, size := r.Wanted()
	if at > p.Size || at == p.Size && at > 0 {
		return answer(lwm2m9.CodeBadRequest)
	}
	block := make([]byte, min(int64(size), p.Size-at))
	if n, err := p.ReadAt(block, at); n < len(block) {
		s.o.Logger.Error("package not read", "peer", r.Remote, "at", at, "err", err)
		return answer(lwm2m9.CodeUnavailable)
	}
	return coap.Response{
		Code: coap.Content, Format: coap.Format(OctetStream), ETag: p.ETag, Payload: block,
		Part: &coap.Part{Offset: at, Total: p.Size},
	}
}
