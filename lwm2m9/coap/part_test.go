package coap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// bodyOf is n bytes that differ from place to place.
func bodyOf(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// reader serves body by parts and counts how often it was asked.
func reader(body []byte, asked *int) coap.Handler {
	return func(_ context.Context, r *coap.Request) coap.Response {
		*asked++
		at, n := r.Wanted()
		if at > int64(len(body)) {
			at = int64(len(body))
		}
		end := min(at+int64(n), int64(len(body)))
		return coap.Response{
			Code: coap.Content, Format: 42, ETag: []byte("tag"), Payload: body[at:end],
			Part: &coap.Part{Offset: at, Total: int64(len(body))},
		}
	}
}

// TestParts fetches bodies of all lengths around the limits of blocks, in blocks
// of several sizes on either side.
func TestParts(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2048, 5000} {
		for _, blocks := range [][2]int{{16, 16}, {64, 1024}, {1024, 64}, {1024, 1024}} {
			t.Run(fmt.Sprint(size, blocks), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := coaptest.New()
					body, asked := bodyOf(size), 0
					run(t, n, serverAddr, coap.Options{Handler: reader(body, &asked), BlockSize: blocks[0]})
					c := run(t, n, deviceAddr, coap.Options{BlockSize: blocks[1]})
					resp, err := c.Do(t.Context(), serverAt, get("package"))
					if err != nil || resp.Code != coap.Content || !bytes.Equal(resp.Payload, body) {
						t.Fatalf("%v, %d bytes, %v", resp.Code, len(resp.Payload), err)
					}
					block := min(blocks[0], blocks[1])
					if want := max(1, (size+block-1)/block); asked != want {
						t.Errorf("asked %d times, want %d", asked, want)
					}
				})
			})
		}
	}
}

// TestPartsThatDoNotFit: a handler that answers something else than it was
// asked for, and a block beyond the end, are 4.00.
func TestPartsThatDoNotFit(t *testing.T) {
	for name, part := range map[string]coap.Response{
		"another offset": {Payload: make([]byte, 16), Part: &coap.Part{Offset: 16, Total: 64}},
		"too much":       {Payload: make([]byte, 17), Part: &coap.Part{Total: 64}},
		"too little":     {Payload: make([]byte, 15), Part: &coap.Part{Total: 64}},
		"over the total": {Payload: make([]byte, 16), Part: &coap.Part{Total: 15}},
		"nothing":        {Part: &coap.Part{Total: 64}},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			part.Code, part.ETag = coap.Content, []byte("x")
			run(t, n, serverAddr, coap.Options{BlockSize: 16, Handler: func(context.Context, *coap.Request) coap.Response { return part }})
			c := run(t, n, deviceAddr, coap.Options{BlockSize: 16})
			if resp, err := c.Do(t.Context(), serverAt, get("package")); err != nil || resp.Code != coap.BadRequest {
				t.Errorf("%s: %v, %v", name, resp.Code, err)
			}
		})
	}
}

// TestBody sends a body that is not in memory.
func TestBody(t *testing.T) {
	for _, size := range []int{0, 1, 16, 17, 1024, 1025, 5000} {
		for _, block := range []int{16, 1024} {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				want := bodyOf(size)
				var got []byte
				run(t, n, serverAddr, coap.Options{BlockSize: block, Handler: func(_ context.Context, r *coap.Request) coap.Response {
					got = r.Payload
					return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
				}})
				c := run(t, n, deviceAddr, coap.Options{})
				r := coap.Request{Method: coap.PUT, Path: []string{"9", "0", "2"}, Format: 42, Accept: coap.NoFormat,
					Body: &coap.Body{ReaderAt: bytes.NewReader(want), Size: int64(size)}}
				resp, err := c.Do(t.Context(), serverAt, r)
				if err != nil || resp.Code != coap.Changed || !bytes.Equal(got, want) {
					t.Errorf("%d bytes in blocks of %d: %v, %d bytes came, %v", size, block, resp.Code, len(got), err)
				}
			})
		}
	}
}

// TestBodyThatEnds: a file that is shorter than it was is no half a package.
func TestBodyThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		handled := 0
		run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			handled++
			return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
		}})
		c := run(t, n, deviceAddr, coap.Options{})
		r := coap.Request{Method: coap.PUT, Path: []string{"9", "0", "2"}, Format: 42, Accept: coap.NoFormat,
			Body: &coap.Body{ReaderAt: bytes.NewReader(make([]byte, 3000)), Size: 3001}}
		if _, err := c.Do(t.Context(), serverAt, r); !errors.Is(err, coap.ErrMessage) {
			t.Errorf("%v", err)
		}
		if handled != 0 {
			t.Error("it was taken for whole")
		}
	})
}
