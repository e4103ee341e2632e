package coap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

const maxBody = 64 << 10

// option appends options in ascending order to a raw message.
func option(msg []byte, last *int, id int, v uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, v)
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	delta := id - *last
	*last = id
	switch {
	case delta < 13:
		msg = append(msg, byte(delta<<4|len(b)))
	default:
		msg = append(msg, byte(13<<4|len(b)), byte(delta-13))
	}
	return append(msg, b...)
}

// block1 is a confirmable PUT of one block to "up".
func block1(mid uint16, num uint32, more bool, szx uint32, chunk []byte) []byte {
	last := 11
	m := append(raw(0, coap.PUT, mid, "t"), 0xb2, 'u', 'p')
	v := num<<4 | szx
	if more {
		v |= 8
	}
	return append(append(option(m, &last, 27, v), 0xff), chunk...)
}

// TestBodyCap: a body at MaxBody arrives whole in both directions; one byte
// more, and 8 MiB, are refused after MaxBody at the latest.
func TestBodyCap(t *testing.T) {
	for _, size := range []int{maxBody, maxBody + 1, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				got := -1
				server := run(t, n, serverAddr, coap.Options{MaxBody: maxBody, Handler: func(_ context.Context, r *coap.Request) coap.Response {
					got = len(r.Payload)
					return text(coap.Changed, "")
				}})
				device := run(t, n, deviceAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
					return coap.Response{Code: coap.Content, Format: 42, Payload: body(size)}
				}})
				put := coap.Request{Method: coap.PUT, Path: []string{"up"}, Format: 42, Accept: coap.NoFormat, Payload: body(size)}
				r, err := device.Do(context.Background(), serverAt, put)
				fits := size <= maxBody
				if err != nil || fits != (r.Code == coap.Changed) || fits != (got == size) || !fits && r.Code != coap.TooLarge {
					t.Errorf("upload: %v, %v; the handler got %d bytes", r.Code, err, got)
				}
				r, err = server.Do(context.Background(), deviceAt, get("down"))
				if fits != bytes.Equal(r.Payload, body(size)) || !fits && !errors.Is(err, coap.ErrTooLarge) {
					t.Errorf("download: %d bytes, %v", len(r.Payload), err)
				}
				if size > maxBody && len(n.Sent()) != 4 { // Size1 and Size2 tell
					t.Errorf("%d datagrams for bodies that are refused; want 4", len(n.Sent()))
				}
			})
		})
	}
}

// TestEndlessBody: a device that always has one more block, and never says how
// many there are.
func TestEndlessBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{MaxBody: 160})
		device := n.Listen(deviceAddr)
		defer device.Close()
		go func() {
			for num := uint32(0); ; num++ {
				b := read(t, device)
				if b == nil {
					return
				}
				device.Send(serverAt, block2Answer('a', num, true, 16)(b))
			}
		}()
		_, err := e.Do(context.Background(), deviceAt, get("x"))
		if sent := len(n.Sent()); !errors.Is(err, coap.ErrTooLarge) || sent != 2*11 {
			t.Errorf("%v after %d datagrams; want ErrTooLarge after the eleventh block of 16 bytes", err, sent)
		}
	})
}

// TestBodyCapWithoutSize: a hostile peer does not announce what it sends.
func TestBodyCapWithoutSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{MaxBody: 4096, MaxArrivingBytes: 6000})
		device, other := n.Listen(deviceAddr), n.Listen("192.0.2.10:1")
		send := func(c *coaptest.Conn, num int, more bool) string {
			c.Send(serverAt, block1(uint16(num), uint32(num), more, 6, body(1024)))
			return coaptest.Kind(read(t, c))
		}
		for i := range 4 {
			if got := send(device, i, true); got != "ACK 2.31" {
				t.Errorf("block %d: %s", i, got)
			}
		}
		if got := e.Held(); got.Arriving != 4096 {
			t.Errorf("%d bytes held; want 4096", got.Arriving)
		}
		if got := send(other, 0, true); got != "ACK 2.31" {
			t.Errorf("another peer: %s", got)
		}
		if got := send(other, 1, true); got != "ACK 5.03" { // 4096 + 2048 > 6000
			t.Errorf("over the bound of all bodies: %s; want 5.03", got)
		}
		if got := send(device, 4, true); got != "ACK 4.13" {
			t.Errorf("one byte over the bound of a body: %s; want 4.13", got)
		}
		if got := send(device, 5, false); got != "ACK 4.08" {
			t.Errorf("afterwards: %s; want 4.08", got)
		}
		if got := e.Held(); got.Arriving != 0 {
			t.Errorf("%d bytes held for what was refused", got.Arriving)
		}
	})
}

// TestBlock1Order: what does not continue the body is refused with 4.08, what
// has the wrong size with 4.00, and a new first block starts over.
func TestBlock1Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		var got []byte
		e := run(t, n, serverAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
			got = r.Payload
			return text(coap.Changed, "")
		}})
		device := n.Listen(deviceAddr)
		for i, x := range []struct {
			num  uint32
			more bool
			szx  uint32
			size int
			want string
		}{
			{1, true, 0, 16, "ACK 4.08"},  // nothing was begun
			{0, true, 0, 16, "ACK 2.31"},  //
			{2, true, 0, 16, "ACK 4.08"},  // 1 is missing
			{1, true, 0, 16, "ACK 2.31"},  // here it is
			{1, true, 0, 16, "ACK 4.08"},  // as a new message: not expected
			{2, true, 0, 15, "ACK 4.00"},  // too short for its size
			{2, false, 0, 16, "ACK 4.08"}, // that was the end of it
			{0, true, 0, 16, "ACK 2.31"},
			{0, true, 1, 32, "ACK 2.31"}, // starts over
			{1, false, 1, 5, "ACK 2.04"},
			{0, false, 6, 3, "ACK 2.04"}, // all in one
		} {
			device.Send(serverAt, block1(uint16(i), x.num, x.more, x.szx, body(x.size)))
			if kind := coaptest.Kind(read(t, device)); kind != x.want {
				t.Errorf("message %d: %s; want %s", i, kind, x.want)
			}
			if i == 9 && len(got) != 37 {
				t.Errorf("the handler got %d bytes; want 37", len(got))
			}
		}
		device.Send(serverAt, block1(100, 0, true, 6, body(1024)))
		read(t, device)
		time.Sleep(coap.ExchangeLifetime)
		synctest.Wait()
		if held := e.Held(); held.Arriving != 0 {
			t.Errorf("an abandoned body is held after EXCHANGE_LIFETIME: %+v", held)
		}
	})
}

// TestPeerWantsSmallerBlocks: the peer's block size is kept to, in both
// directions.
func TestPeerWantsSmallerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		var got []byte
		e := run(t, n, serverAddr, coap.Options{})
		run(t, n, deviceAddr, coap.Options{BlockSize: 70, Handler: func(_ context.Context, r *coap.Request) coap.Response {
			got = r.Payload
			return coap.Response{Code: coap.Content, Format: 42, Payload: body(500)}
		}})
		put := coap.Request{Method: coap.PUT, Path: []string{"up"}, Format: 42, Accept: coap.NoFormat, Payload: body(3000)}
		r, err := e.Do(context.Background(), deviceAt, put)
		if err != nil || !bytes.Equal(got, body(3000)) || !bytes.Equal(r.Payload, body(500)) {
			t.Errorf("%v, %v: %d bytes there, %d back", r.Code, err, len(got), len(r.Payload))
		}
		for i, p := range n.Sent() {
			if i > 0 && len(p.Data) > 64+40 {
				t.Errorf("datagram %d has %d bytes", i, len(p.Data))
			}
		}
	})
}

// device answers like a peer with moods: each message gets the next answer of
// the script, in which %mid and %token are put in.
func script(t *testing.T, c *coaptest.Conn, answers ...func(b []byte) []byte) {
	for _, answer := range answers {
		b := read(t, c)
		if b == nil {
			return
		}
		c.Send(serverAt, answer(b))
	}
}

// block1Answer acknowledges with a code and, when szx is not negative, a
// Block1 option.
func block1Answer(code coap.Code, num uint32, more bool, szx int) func([]byte) []byte {
	return func(b []byte) []byte {
		m := raw(2, code, uint16(b[2])<<8|uint16(b[3]), string(b[4:12]))
		if szx >= 0 {
			last := 0
			v := num<<4 | uint32(szx)
			if more {
				v |= 8
			}
			m = option(m, &last, 27, v)
		}
		return m
	}
}

// TestUploadMoods: what a peer may answer in the middle of a push.
func TestUploadMoods(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []func([]byte) []byte
		want    coap.Code
		sent    int
	}{
		{"smaller blocks asked with 4.13 at the first", []func([]byte) []byte{
			block1Answer(coap.TooLarge, 0, true, 5),
			block1Answer(coap.Continue, 0, true, 5), block1Answer(coap.Continue, 1, true, 5), block1Answer(coap.Continue, 2, true, 5),
			block1Answer(coap.Changed, 3, false, 5),
		}, coap.Changed, 5},
		{"not enough storage", []func([]byte) []byte{block1Answer(coap.TooLarge, 0, true, 6)}, coap.TooLarge, 1},
		{"not enough storage at the second", []func([]byte) []byte{
			block1Answer(coap.Continue, 0, true, 6), block1Answer(coap.TooLarge, 1, false, 6),
		}, coap.TooLarge, 2},
		{"lost state once", []func([]byte) []byte{
			block1Answer(coap.Continue, 0, true, 6), block1Answer(coap.Incomplete, 1, false, -1),
			block1Answer(coap.Continue, 0, true, 6), block1Answer(coap.Changed, 1, false, 6),
		}, coap.Changed, 4},
		{"lost state twice", []func([]byte) []byte{
			block1Answer(coap.Continue, 0, true, 6), block1Answer(coap.Incomplete, 1, false, -1),
			block1Answer(coap.Continue, 0, true, 6), block1Answer(coap.Incomplete, 1, false, -1),
		}, coap.Incomplete, 4},
		{"incomplete at the first", []func([]byte) []byte{block1Answer(coap.Incomplete, 0, true, -1)}, coap.Incomplete, 1},
		{"2.04 for every block", []func([]byte) []byte{
			block1Answer(coap.Changed, 0, false, 6), block1Answer(coap.Changed, 1, false, 6),
		}, coap.Changed, 2},
		{"an error ends it", []func([]byte) []byte{block1Answer(coap.MethodNotAllowed, 0, false, -1)}, coap.MethodNotAllowed, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				e := run(t, n, serverAddr, coap.Options{})
				go script(t, n.Listen(deviceAddr), x.answers...)
				put := coap.Request{Method: coap.PUT, Path: []string{"up"}, Format: 42, Accept: coap.NoFormat, Payload: body(2000)}
				r, err := e.Do(within(t, time.Minute), deviceAt, put)
				sent := 0
				for _, p := range n.Sent() {
					if p.From == serverAt {
						sent++
					}
				}
				if err != nil || r.Code != x.want || sent != x.sent {
					t.Errorf("%v, %v after %d blocks; want %v after %d", r.Code, err, sent, x.want, x.sent)
				}
			})
		})
	}
}

// block2Answer acknowledges with 2.05, an ETag and one block.
func block2Answer(etag byte, num uint32, more bool, chunk int) func([]byte) []byte {
	return func(b []byte) []byte {
		m := raw(2, coap.Content, uint16(b[2])<<8|uint16(b[3]), string(b[4:12]))
		last, v := 0, num<<4
		if more {
			v |= 8
		}
		m = option(m, &last, 4, uint32(etag))
		m = option(m, &last, 23, v)
		return append(append(m, 0xff), bytes.Repeat([]byte{etag}, chunk)...)
	}
}

// TestDownloadMoods: what a peer may do while a body is fetched.
func TestDownloadMoods(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []func([]byte) []byte
		want    string
		err     error
	}{
		{"plain", []func([]byte) []byte{block2Answer('a', 0, true, 16), block2Answer('a', 1, false, 1)}, "aaaaaaaaaaaaaaaaa", nil},
		{"changed once", []func([]byte) []byte{
			block2Answer('a', 0, true, 16), block2Answer('b', 1, false, 1),
			block2Answer('b', 0, true, 16), block2Answer('b', 1, false, 1),
		}, "bbbbbbbbbbbbbbbbb", nil},
		{"changes every time", []func([]byte) []byte{
			block2Answer('a', 0, true, 16), block2Answer('b', 1, false, 1),
			block2Answer('b', 0, true, 16), block2Answer('c', 1, false, 1),
		}, "", coap.ErrGarbage},
		{"another block than asked for", []func([]byte) []byte{
			block2Answer('a', 0, true, 16), block2Answer('a', 2, true, 16),
			block2Answer('a', 0, true, 16), block2Answer('a', 2, true, 16),
		}, "", coap.ErrGarbage},
		{"a short block in the middle", []func([]byte) []byte{
			block2Answer('a', 0, true, 15), block2Answer('a', 0, true, 15),
		}, "", coap.ErrGarbage},
		{"not the first at first", []func([]byte) []byte{
			block2Answer('a', 3, false, 15), block2Answer('a', 3, false, 15),
		}, "", coap.ErrGarbage},
		{"reserved size", []func([]byte) []byte{func(b []byte) []byte {
			last := 0
			return option(raw(2, coap.Content, uint16(b[2])<<8|uint16(b[3]), string(b[4:12])), &last, 23, 0xf)
		}}, "", coap.ErrGarbage},
		{"then nothing", []func([]byte) []byte{block2Answer('a', 0, true, 16)}, "", coap.ErrNoAnswer},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				e := run(t, n, serverAddr, coap.Options{})
				go script(t, n.Listen(deviceAddr), x.answers...)
				r, err := e.Do(context.Background(), deviceAt, get("x"))
				if string(r.Payload) != x.want || !errors.Is(err, x.err) {
					t.Errorf("%q, %v; want %q, %v", r.Payload, err, x.want, x.err)
				}
			})
		})
	}
}

// TestServingBlocks: a peer that fetches a body gets one representation, the
// handler is asked once, and nothing is kept when it stops.
func TestServingBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		ran := 0
		e := run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			ran++
			return coap.Response{Code: coap.Content, Payload: bytes.Repeat([]byte{byte(ran)}, 40)}
		}})
		device := n.Listen(deviceAddr)
		ask := func(mid uint16, num uint32) []byte {
			last := 11
			device.Send(serverAt, option(append(raw(0, coap.GET, mid, "t"), 0xb1, 'x'), &last, 23, num<<4))
			return read(t, device)
		}
		for num := range 3 {
			b := ask(uint16(num), uint32(num))
			if got := b[len(b)-1]; coaptest.Kind(b) != "ACK 2.05" || got != 1 {
				t.Errorf("block %d: %s of representation %d", num, coaptest.Kind(b), got)
			}
		}
		if got := coaptest.Kind(ask(3, 3)); got != "ACK 4.00" {
			t.Errorf("beyond the end: %s; want 4.00", got)
		}
		time.Sleep(coap.ExchangeLifetime)
		synctest.Wait()
		if held := e.Held(); held.Servings != 0 {
			t.Errorf("kept: %+v", held)
		}
		if b := ask(4, 2); coaptest.Kind(b) != "ACK 2.05" || ran != 2 {
			t.Errorf("a block of what is forgotten: %s, ran %d; want the handler asked again", coaptest.Kind(b), ran)
		}
	})
}
