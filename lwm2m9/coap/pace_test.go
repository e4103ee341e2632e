package coap_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// TestPace: each block goes when it may, and other peers are not held up.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		began := time.Now()
		changed := coap.Response{Code: coap.Changed, Format: coap.NoFormat}
		var at time.Duration
		run(t, n, serverAddr, coap.Options{BlockSize: 256, Handler: func(context.Context, *coap.Request) coap.Response {
			at = time.Since(began)
			return changed
		}})
		const other = "192.0.2.2:5683"
		run(t, n, other, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response { return changed }})
		c := run(t, n, deviceAddr, coap.Options{})
		var asked []int
		paced := paced(1868, func(ctx context.Context, n int) error {
			asked = append(asked, n)
			select {
			case <-time.After(time.Minute):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		go func() {
			_, err := c.Do(within(t, time.Second), peerAt(other), get("x"))
			if err != nil {
				t.Errorf("another peer: %v", err)
			}
		}()
		if resp, err := c.Do(t.Context(), serverAt, paced); err != nil || resp.Code != coap.Changed {
			t.Errorf("%v, %v", resp.Code, err)
		}
		if want := []int{1024, 256, 256, 256, 76}; !slices.Equal(asked, want) {
			t.Errorf("asked for %d, want %d", asked, want)
		}
		if want := time.Duration(len(asked)) * time.Minute; at != want {
			t.Errorf("whole after %v, want %v", at, want)
		}
	})
}

// paced writes n bytes.
func paced(n int, pace func(context.Context, int) error) coap.Request {
	return coap.Request{Method: coap.PUT, Path: []string{"9", "0", "2"}, Format: 42, Accept: coap.NoFormat,
		Body: &coap.Body{ReaderAt: bytes.NewReader(make([]byte, n)), Size: int64(n), Pace: pace}}
}

// TestPaceEnds: what did not go out at all is told from what went out in part.
func TestPaceEnds(t *testing.T) {
	full := errors.New("no place")
	for blocks, want := range map[int]error{0: coap.ErrNotSent, 1: coap.ErrNoAnswer} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response { return coap.Response{Code: coap.Changed} }})
			c := run(t, n, deviceAddr, coap.Options{})
			_, err := c.Do(t.Context(), serverAt, paced(3000, func(context.Context, int) error {
				if blocks == 0 {
					return full
				}
				blocks--
				return nil
			}))
			if !errors.Is(err, want) || !errors.Is(err, full) {
				t.Errorf("%v, want %v", err, want)
			}
			if _, err := c.Do(within(t, time.Minute), serverAt, get("x")); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
}
