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

// taker is a Sink that keeps what it gets, and complains of gaps.
type taker struct {
	t     *testing.T
	off   int64 // where it began
	got   []byte
	etag  string // of what came last
	total int64  // said last
	calls int
}

func (k *taker) take(r coap.Response) error {
	k.calls++
	if r.Part == nil || r.Part.Offset != k.off+int64(len(k.got)) || len(r.Payload) == 0 || r.Code != coap.Content {
		k.t.Errorf("call %d: %v with %d bytes for %+v; %d came before", k.calls, r.Code, len(r.Payload), r.Part, len(k.got))
	}
	k.got = append(k.got, r.Payload...)
	k.etag, k.total = string(r.ETag), r.Part.Total
	return nil
}

// into makes a GET of "package" from an offset.
func (k *taker) into(off int64, etag string) coap.Request {
	k.off = off
	r := get("package")
	r.Sink = &coap.Sink{Offset: off, ETag: []byte(etag), Take: k.take}
	return r
}

// TestSink fetches bodies of lengths around the limits of blocks, in blocks of
// several sizes on either side, from every kind of offset, by a server that
// reads parts and one that has the body in memory.
func TestSink(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 2048, 5000} {
		for _, blocks := range [][2]int{{16, 16}, {64, 1024}, {1024, 64}, {1024, 1024}} {
			for _, off := range []int{0, 1, 16, 100, 1024, 1500, size - 1} {
				if off < 0 || off > 0 && off >= size {
					continue
				}
				for _, whole := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						n := coaptest.New()
						body, asked := bodyOf(size), 0
						h := reader(body, &asked)
						if whole {
							h = func(context.Context, *coap.Request) coap.Response {
								return coap.Response{Code: coap.Content, Format: 42, Payload: body, ETag: []byte("tag")}
							}
						}
						run(t, n, serverAddr, coap.Options{Handler: h, BlockSize: blocks[0]})
						c := run(t, n, deviceAddr, coap.Options{BlockSize: blocks[1], MaxBody: 1})
						k := taker{t: t}
						resp, err := c.Do(t.Context(), serverAt, k.into(int64(off), "tag"))
						if err != nil || resp.Code != coap.Content || resp.Payload != nil || !bytes.Equal(k.got, body[off:]) {
							t.Fatalf("%d in %v from %d: %v, %d bytes, %v", size, blocks, off, resp.Code, len(k.got), err)
						}
						if resp.Part == nil || *resp.Part != (coap.Part{Offset: int64(size), Total: int64(size)}) || string(resp.ETag) != "tag" {
							t.Errorf("%d in %v from %d: ends with %+v, %q", size, blocks, off, resp.Part, resp.ETag)
						}
						said := off < min(blocks[0], blocks[1]) || !whole // what is kept as a whole says it with its first block
						if said && size > min(blocks[0], blocks[1]) && k.total != int64(size) {
							t.Errorf("%d in %v from %d: the whole has %d", size, blocks, off, k.total)
						}
						if block := min(blocks[0], blocks[1]); off == 0 && k.calls != (size+block-1)/block {
							t.Errorf("%d in %v: %d calls", size, blocks, k.calls)
						}
					})
				}
			}
		}
	}
}

// TestSinkLoss does to each single datagram of a fetch whatever a network can
// do: every byte is taken once.
func TestSinkLoss(t *testing.T) {
	for name, rule := range map[string]coaptest.Rule{
		"lost": coaptest.Lose, "twice": coaptest.Repeat(time.Second), "late": coaptest.Delay(3 * time.Second), "corrupt": coaptest.Corrupt,
	} {
		for _, to := range []string{"server", "device"} {
			for i := 1; i <= 4; i++ {
				synctest.Test(t, func(t *testing.T) {
					n := coaptest.New()
					if to == "server" {
						n.SetRule(coaptest.Nth(deviceAt, serverAt, i, rule))
					} else {
						n.SetRule(coaptest.Nth(serverAt, deviceAt, i, rule))
					}
					body, asked := bodyOf(4000), 0
					run(t, n, serverAddr, coap.Options{Handler: reader(body, &asked), Transmission: steady()})
					c := run(t, n, deviceAddr, coap.Options{Transmission: steady()})
					k := taker{t: t}
					_, err := c.Do(t.Context(), serverAt, k.into(0, ""))
					if err != nil || !bytes.Equal(k.got, body) || k.calls != 4 || asked != 4 {
						t.Errorf("%s to the %s, %d: %d bytes in %d calls, asked %d times: %v", name, to, i, len(k.got), k.calls, asked, err)
					}
					if sent := len(n.Sent()); i <= 4 && name == "lost" && sent == 8 {
						t.Errorf("datagram %d to the %s: nothing was lost", i, to)
					}
				})
			}
		}
	}
}

// piece is an answer with a part of a body: n bytes of its tag.
type piece struct {
	tag   byte // also the ETag; 0 for none
	num   uint32
	more  bool
	szx   uint32
	n     int
	size2 uint32
	alone bool // without Block2
}

func (x piece) answer(b []byte) []byte {
	m := raw(2, coap.Content, uint16(b[2])<<8|uint16(b[3]), string(b[4:12]))
	last, v := 0, x.num<<4|x.szx
	if x.more {
		v |= 8
	}
	if x.tag != 0 {
		m = option(m, &last, 4, uint32(x.tag))
	}
	if !x.alone {
		m = option(m, &last, 23, v)
	}
	if x.size2 > 0 {
		m = option(m, &last, 28, x.size2)
	}
	if x.n == 0 {
		return m
	}
	return append(append(m, 0xff), bytes.Repeat([]byte{x.tag}, x.n)...)
}

// refuses answers with a code, and Max-Age if there is one.
func refuses(code coap.Code, maxAge uint32) func([]byte) []byte {
	return func(b []byte) []byte {
		m := raw(2, code, uint16(b[2])<<8|uint16(b[3]), string(b[4:12]))
		if last := 0; maxAge > 0 {
			m = option(m, &last, 14, maxAge)
		}
		return m
	}
}

// pieces are the answers of a server that has only those.
func pieces(all ...piece) (answers []func([]byte) []byte) {
	for _, x := range all {
		answers = append(answers, x.answer)
	}
	return answers
}

// TestSinkMoods: what a server may do while a body is fetched. taken is how many
// bytes are good then.
func TestSinkMoods(t *testing.T) {
	first, second := piece{tag: 'a', more: true, n: 16}, piece{tag: 'a', num: 1, more: true, n: 16}
	for _, x := range []struct {
		name    string
		off     int64
		etag    string
		answers []func([]byte) []byte
		taken   int
		code    coap.Code // 0 with an error
		err     error
	}{
		{"plain", 0, "", pieces(first, second, piece{tag: 'a', num: 2, n: 1}), 33, coap.Content, nil},
		{"exact multiple", 0, "", pieces(first, piece{tag: 'a', num: 1, n: 16}), 32, coap.Content, nil},
		{"an empty last block", 0, "", pieces(first, piece{tag: 'a', num: 1}), 16, coap.Content, nil},
		{"no Block2", 0, "", pieces(piece{tag: 'a', n: 700, alone: true}), 700, coap.Content, nil},
		{"no ETag", 0, "", pieces(piece{more: true, n: 16}, piece{num: 1, n: 1}), 17, coap.Content, nil},
		{"an offset within the first block", 16, "", pieces(piece{num: 1, n: 1}), 0, 0, coap.ErrGarbage}, // block 0 was asked for
		{"changed in the middle", 0, "", pieces(first, piece{tag: 'b', num: 1, n: 1}), 16, 0, coap.ErrChanged},
		{"ETag gone in the middle", 0, "", pieces(first, piece{num: 1, n: 1}), 16, 0, coap.ErrChanged},
		{"changed since", 1024, "a", pieces(piece{tag: 'b', num: 64, n: 1}), 0, 0, coap.ErrChanged},
		{"ETag gone since", 1024, "a", pieces(piece{num: 64, n: 1}), 0, 0, coap.ErrChanged},
		{"the same since", 1024, "a", pieces(piece{tag: 'a', num: 64, n: 1}), 1, coap.Content, nil},
		{"not compared", 1024, "", pieces(piece{tag: 'b', num: 64, n: 1}), 1, coap.Content, nil},
		{"start ignored", 1024, "a", pieces(first), 0, 0, coap.ErrGarbage},
		{"start ignored, in one", 1024, "a", pieces(piece{tag: 'a', n: 700, alone: true}), 0, 0, coap.ErrGarbage},
		{"a later start", 1024, "a", pieces(piece{tag: 'a', num: 65, n: 1}), 0, 0, coap.ErrGarbage},
		{"the number as if of small blocks", 1024, "a", pieces(piece{tag: 'a', num: 1, more: true, n: 16}), 0, 0, coap.ErrGarbage},
		{"shorter than the offset", 1030, "a", pieces(piece{tag: 'a', num: 64, n: 5}), 0, 0, coap.ErrChanged},
		{"as long as the offset", 1030, "a", pieces(piece{tag: 'a', num: 64, n: 6}), 0, coap.Content, nil},
		{"smaller in the middle", 0, "", pieces(piece{tag: 'a', more: true, szx: 1, n: 32}, piece{tag: 'a', num: 2, more: true, n: 16}, piece{tag: 'a', num: 3, n: 2}), 50, coap.Content, nil},
		{"larger in the middle", 0, "", pieces(piece{tag: 'a', more: true, szx: 1, n: 32}, piece{tag: 'a', num: 1, more: true, szx: 1, n: 32}, piece{tag: 'a', num: 1, szx: 2, n: 2}), 66, coap.Content, nil},
		{"larger, and so elsewhere", 0, "", pieces(first, piece{tag: 'a', num: 1, szx: 1, n: 2}), 16, 0, coap.ErrGarbage},
		{"smaller than the offset needs", 1100, "a", pieces(piece{tag: 'a', num: 64, more: true, n: 16}, piece{tag: 'a', num: 68, n: 15}), 3, coap.Content, nil},
		{"a short block in the middle", 0, "", pieces(first, piece{tag: 'a', num: 1, more: true, n: 15}), 16, 0, coap.ErrGarbage},
		{"a long block in the middle", 0, "", pieces(first, piece{tag: 'a', num: 1, more: true, n: 17}), 16, 0, coap.ErrGarbage},
		{"a long block at the end", 0, "", pieces(first, piece{tag: 'a', num: 1, n: 17}), 16, 0, coap.ErrGarbage},
		{"the same block again", 0, "", pieces(first, first), 16, 0, coap.ErrGarbage},
		{"a block left out", 0, "", pieces(first, piece{tag: 'a', num: 2, n: 1}), 16, 0, coap.ErrGarbage},
		{"in one, in the middle", 0, "", pieces(first, piece{tag: 'a', n: 1, alone: true}), 16, 0, coap.ErrGarbage},
		{"reserved size", 0, "", pieces(piece{tag: 'a', more: true, szx: 7, n: 16}), 0, 0, coap.ErrGarbage},
		{"wrong Size2", 0, "", pieces(piece{tag: 'a', more: true, n: 16, size2: 5}, piece{tag: 'a', num: 1, n: 2, size2: 1 << 31}), 18, coap.Content, nil},
		{"refused", 0, "", []func([]byte) []byte{refuses(coap.NotFound, 0)}, 0, coap.NotFound, nil},
		{"refused in the middle", 0, "", append(pieces(first), refuses(coap.ServiceUnavailable, 7)), 16, coap.ServiceUnavailable, nil},
		{"beyond the end", 1024, "a", []func([]byte) []byte{refuses(coap.BadRequest, 0)}, 0, coap.BadRequest, nil},
		{"incomplete", 0, "", append(pieces(first), refuses(coap.Incomplete, 0)), 16, 0, coap.ErrChanged},
		{"incomplete, no ETag", 0, "", append(pieces(piece{more: true, n: 16}), refuses(coap.Incomplete, 0)), 16, 0, coap.ErrChanged},
		{"then nothing", 0, "", pieces(first, second), 32, 0, coap.ErrNoAnswer},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				e := run(t, n, serverAddr, coap.Options{})
				go script(t, n.Listen(deviceAddr), x.answers...)
				k := taker{t: t}
				r, err := e.Do(context.Background(), deviceAt, k.into(x.off, x.etag))
				if len(k.got) != x.taken || r.Code != x.code || !errors.Is(err, x.err) {
					t.Errorf("%d bytes, %v, %v; want %d, %v, %v", len(k.got), r.Code, err, x.taken, x.code, x.err)
				}
				if want := uint32(7); x.code == coap.ServiceUnavailable && r.MaxAge != want {
					t.Errorf("Max-Age %d; want %d", r.MaxAge, want)
				}
			})
		})
	}
}

// TestSinkLimit: the last block that can be numbered, and one over it.
func TestSinkLimit(t *testing.T) {
	const last = 1<<20 - 1
	for _, x := range []struct {
		off   int64
		more  bool
		err   error
		asked int
	}{
		{last * 1024, false, nil, 1},
		{last * 1024, true, coap.ErrTooLarge, 1},
		{coap.MaxBodySize - 1, false, nil, 1},
		{coap.MaxBodySize, false, coap.ErrTooLarge, 0},
		{-1, false, coap.ErrTooLarge, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			asked := 0
			run(t, n, serverAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
				asked++
				at, size := r.Wanted()
				total := at + int64(size)
				if x.more {
					total++
				}
				return coap.Response{Code: coap.Content, Format: 42, ETag: []byte("x"), Payload: make([]byte, size), Part: &coap.Part{Offset: at, Total: total}}
			}})
			c := run(t, n, deviceAddr, coap.Options{})
			k := taker{t: t}
			if _, err := c.Do(t.Context(), serverAt, k.into(x.off, "x")); !errors.Is(err, x.err) || asked != x.asked {
				t.Errorf("from %d, more %v: asked %d times, %v", x.off, x.more, asked, err)
			}
		})
	}
}

// TestSinkMisuse: what has no Sink is not sent.
func TestSinkMisuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		c := run(t, n, deviceAddr, coap.Options{})
		k := taker{t: t}
		r := k.into(0, "")
		if _, _, err := c.Observe(t.Context(), serverAt, r, nil); !errors.Is(err, coap.ErrMessage) {
			t.Errorf("observation: %v", err)
		}
		r.Method = coap.FETCH
		if _, err := c.Do(t.Context(), serverAt, r); !errors.Is(err, coap.ErrMessage) || len(n.Sent()) != 0 {
			t.Errorf("FETCH: %v after %d datagrams", err, len(n.Sent()))
		}
	})
}

// TestSlowSink: nothing is asked for while a Sink is at work, the read loop goes
// on meanwhile, and what the Sink returns is what Do returns.
func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		body, asked := bodyOf(3000), 0
		server := run(t, n, serverAddr, coap.Options{Handler: reader(body, &asked)})
		c := run(t, n, deviceAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response { return text(coap.Content, "alive") }})
		in, out, full := make(chan struct{}), make(chan struct{}), errors.New("disk full")
		r := get("package")
		r.Sink = &coap.Sink{Take: func(r coap.Response) error {
			in <- struct{}{}
			<-out
			if r.Part.Offset > 0 {
				return full
			}
			return nil
		}}
		ended := make(chan error)
		go func() {
			_, err := c.Do(t.Context(), serverAt, r)
			ended <- err
		}()
		for i := range 2 {
			<-in
			synctest.Wait()
			time.Sleep(time.Hour)
			if asked != i+1 {
				t.Errorf("%d blocks were asked for while the Sink had %d", asked, i+1)
			}
			if resp, err := server.Do(t.Context(), deviceAt, get("x")); err != nil || string(resp.Payload) != "alive" {
				t.Errorf("meanwhile: %v, %v", resp, err)
			}
			out <- struct{}{}
		}
		if err := <-ended; err != full {
			t.Errorf("%v", err)
		}
		if held := c.Held(); held.Calls != 0 || held.Unacked != 0 {
			t.Errorf("held: %+v", held)
		}
	})
}

// TestHost: Uri-Host goes out first. The first message of a Sink asks for Size2,
// and names its block if it is not the first.
func TestHost(t *testing.T) {
	for _, x := range []struct {
		host string
		off  int64
		want string // after the token
	}{
		{"example.net", 0, "\x3bexample.net\x87package\xd0\x04"},
		{"b", 1024, "\x31b\x87package\xc1\x16\x50"},
		{"", 0, "\xb7package\xd0\x04"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			host := ""
			run(t, n, serverAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
				host = r.Host
				return text(coap.NotFound, "")
			}})
			c := run(t, n, deviceAddr, coap.Options{})
			r := get("package")
			r.Host, r.Sink = x.host, &coap.Sink{Offset: x.off, Take: func(coap.Response) error { return nil }}
			if resp, err := c.Do(t.Context(), serverAt, r); err != nil || resp.Code != coap.NotFound || host != x.host {
				t.Errorf("%v, %v, host %q", resp.Code, err, host)
			}
			if got := string(n.Sent()[0].Data[12:]); got != x.want {
				t.Errorf("host %q from %d: %q; want %q", x.host, x.off, got, x.want)
			}
		})
	}
}

// TestSinkAsks: Size2 is asked for once, and each further block by its number.
func TestSinkAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		asked := 0
		run(t, n, serverAddr, coap.Options{Handler: reader(bodyOf(2000), &asked)})
		c := run(t, n, deviceAddr, coap.Options{})
		k := taker{t: t}
		if _, err := c.Do(t.Context(), serverAt, k.into(0, "")); err != nil {
			t.Fatal(err)
		}
		for i, want := range map[int]string{0: "\xb7package\xd0\x04", 2: "\xb7package\xc1\x16"} {
			if got := string(n.Sent()[i].Data[12:]); got != want {
				t.Errorf("datagram %d: %q; want %q", i, got, want)
			}
		}
	})
}

// TestETag: who asks says once what it has, with a Sink or without, and gets no
// body when that is still the same. An ETag of a length that is not legal is
// none.
func TestETag(t *testing.T) {
	for _, x := range []struct {
		etag string
		code coap.Code
		sink bool
		seen []string // by the server, of each message
	}{
		{"same", coap.Valid, true, []string{"same"}},
		{"same", coap.Valid, false, []string{"same"}},
		{"old", coap.Content, true, []string{"old", ""}},
		{"old", coap.Content, false, []string{"old", ""}},
		{"12345678", coap.Content, true, []string{"12345678", ""}},
		{"123456789", coap.Content, true, []string{"", ""}},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			var seen []string
			run(t, n, serverAddr, coap.Options{Handler: func(ctx context.Context, r *coap.Request) coap.Response {
				if seen = append(seen, string(r.ETag)); string(r.ETag) == "same" {
					return coap.Response{Code: coap.Valid, Format: coap.NoFormat, ETag: r.ETag}
				}
				asked := 0
				resp := reader(bodyOf(2000), &asked)(ctx, r)
				resp.ETag = []byte("987654321")
				return resp
			}})
			c := run(t, n, deviceAddr, coap.Options{})
			k := taker{t: t}
			r := k.into(0, "")
			if r.ETag = []byte(x.etag); !x.sink {
				r.Sink = nil
			}
			resp, err := c.Do(t.Context(), serverAt, r)
			if err != nil || resp.Code != x.code || k.etag != "" || !slices.Equal(seen, x.seen) {
				t.Errorf("%q: %v, ETag %q, %v; the server saw %q", x.etag, resp.Code, k.etag, err, seen)
			}
			if got := len(k.got) + len(resp.Payload); (got == 2000) != (x.code == coap.Content) {
				t.Errorf("%q: %d bytes", x.etag, got)
			}
		})
	}
}

// TestHostsApart: bodies that are kept for further blocks are those of the host
// that was asked for.
func TestHostsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		run(t, n, serverAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
			return coap.Response{Code: coap.Content, Payload: bytes.Repeat([]byte(r.Host), 40)}
		}})
		device := n.Listen(deviceAddr)
		for i, x := range []struct {
			host byte
			num  uint32
		}{{'a', 0}, {'b', 0}, {'a', 1}, {'b', 1}} {
			last := 11
			device.Send(serverAt, option(append(raw(0, coap.GET, uint16(i), "t"), 0x31, x.host, 0x81, 'x'), &last, 23, x.num<<4))
			if b := read(t, device); coaptest.Kind(b) != "ACK 2.05" || b[len(b)-1] != x.host {
				t.Errorf("block %d of %c: %s, %q", x.num, x.host, coaptest.Kind(b), b)
			}
		}
	})
}

// TestMaxAge goes out and comes in.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			return coap.Response{Code: coap.ServiceUnavailable, Format: coap.NoFormat, MaxAge: 1 << 31}
		}})
		c := run(t, n, deviceAddr, coap.Options{})
		if r, err := c.Do(t.Context(), serverAt, get("x")); err != nil || r.MaxAge != 1<<31 {
			t.Errorf("%d, %v", r.MaxAge, err)
		}
	})
}
