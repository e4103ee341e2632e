package coap_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// FuzzSink: whatever blocks a server answers with, a Sink gets bytes without
// gaps and of one ETag only, and the request ends.
func FuzzSink(f *testing.F) {
	f.Add(uint16(0), []byte{1, 0, 8, 16, 1, 1, 0, 3})
	f.Add(uint16(0), []byte{1, 0, 9, 32, 1, 2, 8, 16, 1, 3, 0, 1}) // smaller in the middle
	f.Add(uint16(1030), []byte{2, 64, 8, 16, 2, 65, 0, 2})
	f.Add(uint16(1030), []byte{2, 0, 16, 16}) // the start is ignored, no Block2
	f.Add(uint16(0), []byte{1, 0, 8, 16, 2, 1, 0, 3})
	f.Add(uint16(0), []byte{0, 0, 8, 16, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, off uint16, b []byte) {
		var all []piece
		for ; len(b) >= 4 && len(all) < 64; b = b[4:] {
			all = append(all, piece{tag: b[0] & 3, num: uint32(b[1]), szx: uint32(b[2] & 7), more: b[2]&8 != 0, alone: b[2]&16 != 0, size2: uint32(b[2] >> 5), n: int(b[3])})
		}
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			e := run(t, n, serverAddr, coap.Options{Transmission: coap.Transmission{MaxRetransmit: -1}})
			device := n.Listen(deviceAddr)
			defer device.Close()
			go script(t, device, pieces(all...)...)
			k := taker{t: t}
			r, err := e.Do(context.Background(), deviceAt, k.into(int64(off), ""))
			if len(k.got) > 0 && !bytes.Equal(k.got, bytes.Repeat(k.got[:1], len(k.got))) {
				t.Errorf("bytes of two bodies: %v", k.got)
			}
			if err == nil && r.Part.Offset != int64(off)+int64(len(k.got)) {
				t.Errorf("ends at %d with %d bytes from %d", r.Part.Offset, len(k.got), off)
			}
			if held := e.Held(); held.Calls != 0 || held.Unacked != 0 {
				t.Errorf("held: %+v", held)
			}
		})
	})
}
