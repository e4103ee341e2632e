package coap_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// TestMalformed: a malformed confirmable message with a readable header is
// answered with Reset, others with nothing, and the endpoint goes on serving
// that same peer.
func TestMalformed(t *testing.T) {
	for _, x := range []struct {
		name string
		data string
		want string // Kind of the answer, or empty
	}{
		{"empty datagram", "", ""},
		{"three bytes", "\x40\x01\x00", ""},
		{"version 0", "\x00\x01\x00\x01", ""},
		{"version 2", "\x80\x01\x00\x01", ""},
		{"token length 9", "\x49\x01\x00\x01123456789", "RST 0.00"},
		{"token length 15", "\x4f\x01\x00\x01123456789012345", "RST 0.00"},
		{"token cut off", "\x44\x01\x00\x0112", "RST 0.00"},
		{"option cut off", "\x40\x01\x00\x01\xb5ab", "RST 0.00"},
		{"option delta 15", "\x40\x01\x00\x01\xf0", "RST 0.00"},
		{"option length 15", "\x40\x01\x00\x01\xbf", "RST 0.00"},
		{"extended delta cut off", "\x40\x01\x00\x01\xd0", "RST 0.00"},
		{"marker without payload", "\x40\x01\x00\x01\xb1x\xff", "RST 0.00"},
		{"0xff as last byte of an option", "\x40\x01\x00\x01\xb1\xff", "ACK 2.05"},
		{"0xff as extended delta of an empty option", "\x40\x01\x00\x01\xd0\xff", "ACK 2.05"},
		{"65 options", "\x40\x01\x00\x01\xb1x" + string(make([]byte, 64)), "RST 0.00"},
		{"empty with a token", "\x41\x00\x00\x01t", "RST 0.00"},
		{"empty with a payload", "\x40\x00\x00\x01\xffx", "RST 0.00"},
		{"reserved class 1", "\x40\x20\x00\x01", "RST 0.00"},
		{"reserved class 7", "\x40\xe1\x00\x01", "RST 0.00"},
		{"the same, non-confirmable", "\x50\xe1\x00\x01", ""},
		{"token length 9, non-confirmable", "\x59\x01\x00\x01123456789", ""},
		{"ping", "\x40\x00\x00\x01", "RST 0.00"},
		{"empty non-confirmable", "\x50\x00\x00\x01", ""},
		{"acknowledgement of nothing", "\x60\x00\x00\x01", ""},
		{"acknowledgement with a request", "\x60\x01\x00\x01\xb1x", ""},
		{"reset of nothing", "\x70\x00\x00\x01", ""},
		{"reset with a code", "\x70\x01\x00\x01", ""},
		{"response to nothing", "\x41\x45\x00\x01t", "RST 0.00"},
		{"response to nothing, non-confirmable", "\x51\x45\x00\x01t", "RST 0.00"},
		{"unknown critical option", "\x40\x01\x00\x01\xb1x\xe1\x00\x00y", "ACK 2.05"}, // 11+269: even
		{"unknown critical option 9", "\x40\x01\x00\x01\x91y\x21x", "ACK 4.02"},
		{"the same, non-confirmable", "\x50\x01\x00\x01\x91y\x21x", ""},
		{"If-Match", "\x40\x01\x00\x01\x11y\xa1x", "ACK 4.02"},
		{"Accept of three bytes", "\x40\x01\x00\x01\xb1x\x63abc", "ACK 4.02"},
		{"Content-Format of three bytes is left out", "\x40\x01\x00\x01\xb1x\x13abc", "ACK 2.05"},
		{"Proxy-Uri", "\x40\x01\x00\x01\xb1x\xd1\x0by", "ACK 5.05"},
		{"block size 7", "\x40\x01\x00\x01\xb1x\xc1\x07", "ACK 4.00"},
		{"method 0.31", "\x40\x1f\x00\x01\xb1x", "ACK 2.05"}, // for the handler to judge
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
					return text(coap.Content, "")
				}})
				device := n.Listen(deviceAddr)
				device.Send(serverAt, []byte(x.data))
				synctest.Wait()
				got := ""
				for _, p := range n.Sent() {
					if p.From == serverAt {
						got += coaptest.Kind(p.Data)
						if p.Data[2] != x.data[2] || p.Data[3] != x.data[3] {
							t.Errorf("answered with another message id")
						}
					}
				}
				if got != x.want {
					t.Errorf("answered %q; want %q", got, x.want)
				}
				device.Send(serverAt, append(raw(0, coap.GET, 99, "t"), 0xb1, 'x'))
				synctest.Wait()
				sent := n.Sent()
				if last := sent[len(sent)-1]; coaptest.Kind(last.Data) != "ACK 2.05" {
					t.Errorf("afterwards a request is answered %s", coaptest.Kind(last.Data))
				}
			})
		})
	}
}

// TestSlowHandler: requests of one device that take long delay no other, are
// refused beyond the bound, and are acknowledged meanwhile.
func TestSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		release := make(chan struct{})
		run(t, n, serverAddr, coap.Options{MaxHandlersPerPeer: 3, Handler: func(_ context.Context, r *coap.Request) coap.Response {
			if r.Peer == deviceAt {
				<-release
			}
			return text(coap.Content, "")
		}})
		slow := n.Listen(deviceAddr)
		other := run(t, n, "192.0.2.10:1", coap.Options{})
		for mid := range 3 {
			slow.Send(serverAt, append(raw(0, coap.GET, uint16(mid), "t"), 0xb1, 'x'))
		}
		slow.Send(serverAt, append(raw(0, coap.GET, 3, "t"), 0xb1, 'x'))
		slow.Send(serverAt, append(raw(1, coap.GET, 4, "t"), 0xb1, 'x'))
		if got := coaptest.Kind(read(t, slow)); got != "ACK 5.03" {
			t.Errorf("the fourth request is answered %s; want 5.03 at once", got)
		}
		start := time.Now()
		if r, err := other.Do(within(t, time.Second), serverAt, get("x")); err != nil || r.Code != coap.Content || time.Since(start) != 0 {
			t.Errorf("another device: %v, %v after %v", r.Code, err, time.Since(start))
		}
		for range 3 { // after a second
			if got := coaptest.Kind(read(t, slow)); got != "ACK 0.00" {
				t.Errorf("meanwhile: %s; want an empty acknowledgement", got)
			}
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("acknowledged after %v; want 1 s", got)
		}
		close(release)
		for range 3 {
			b := read(t, slow)
			if got := coaptest.Kind(b); got != "CON 2.05" {
				t.Errorf("the response: %s; want a separate one", got)
			}
			slow.Send(serverAt, []byte{0x60, 0, b[2], b[3]})
		}
		slow.Send(serverAt, append(raw(0, coap.GET, 3, "t"), 0xb1, 'x')) // again: now there is room
		if got := coaptest.Kind(read(t, slow)); got != "ACK 2.05" {
			t.Errorf("the refused request, repeated: %s; want 2.05", got)
		}
	})
}

// TestMaxHandlers: the bound for all peers together.
func TestMaxHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		release := make(chan struct{})
		run(t, n, serverAddr, coap.Options{MaxHandlers: 5, Handler: func(context.Context, *coap.Request) coap.Response {
			<-release
			return text(coap.Content, "")
		}})
		var last *coaptest.Conn
		for i := range 6 {
			last = n.Listen(fmt.Sprintf("192.0.2.%d:1", 20+i))
			last.Send(serverAt, append(raw(0, coap.GET, 1, "t"), 0xb1, 'x'))
			synctest.Wait()
			if i == 4 && len(n.Sent()) != 5 {
				t.Errorf("the fifth was refused")
			}
		}
		if got := coaptest.Kind(read(t, last)); got != "ACK 5.03" {
			t.Errorf("the sixth: %s; want 5.03", got)
		}
		close(release)
	})
}

// TestNothingAcknowledged: a peer that takes no response is sent a bounded
// number of them again and again.
func TestNothingAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{MaxHandlersPerPeer: 17, Transmission: steady(), Handler: func(context.Context, *coap.Request) coap.Response {
			time.Sleep(2 * time.Second)
			return text(coap.Content, "")
		}})
		device := n.Listen(deviceAddr)
		for mid := range 17 {
			device.Send(serverAt, append(raw(0, coap.GET, uint16(mid), "t"), 0xb1, 'x'))
		}
		time.Sleep(3 * time.Second)
		if held := e.Held(); held.Unacked != 16 {
			t.Errorf("%d responses under way; want 16", held.Unacked)
		}
		time.Sleep(time.Hour)
		kinds := map[string]int{}
		for _, p := range n.Sent() {
			if p.From == serverAt {
				kinds[coaptest.Kind(p.Data)]++
			}
		}
		if kinds["CON 2.05"] != 16*5 || kinds["NON 2.05"] != 1 || kinds["ACK 0.00"] != 17 {
			t.Errorf("sent: %v", kinds)
		}
	})
}

// TestDuplicates: a message is carried out once within EXCHANGE_LIFETIME, and
// a confirmable one answered as the first time.
func TestDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		var ran atomic.Int32
		run(t, n, serverAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			return text(coap.Content, fmt.Sprint(ran.Add(1)))
		}})
		device := n.Listen(deviceAddr)
		con, non := append(raw(0, coap.POST, 5, "t"), 0xb1, 'x'), append(raw(1, coap.POST, 6, "t"), 0xb1, 'x')
		device.Send(serverAt, con)
		first := string(read(t, device))
		device.Send(serverAt, con)
		if again := string(read(t, device)); again != first {
			t.Errorf("the repetition is answered %q; want %q", again, first)
		}
		time.Sleep(coap.ExchangeLifetime - 1)
		device.Send(serverAt, con)
		if again := string(read(t, device)); again != first || ran.Load() != 1 {
			t.Errorf("just before EXCHANGE_LIFETIME: %q, ran %d times", again, ran.Load())
		}
		time.Sleep(time.Nanosecond)
		device.Send(serverAt, con)
		if again := string(read(t, device)); again == first || ran.Load() != 2 {
			t.Errorf("after EXCHANGE_LIFETIME: %q, ran %d times; want a second run", again, ran.Load())
		}
		device.Send(serverAt, non)
		device.Send(serverAt, non)
		read(t, device)
		synctest.Wait()
		if ran.Load() != 3 {
			t.Errorf("the repeated NON: ran %d times", ran.Load()-2)
		}
	})
}

// TestDuplicateMemory: what is remembered is bounded, per peer, in all, and in
// bytes; and all of it is gone when the peers are idle.
func TestDuplicateMemory(t *testing.T) {
	const reply = 4 + 1 + 2 + 40 // header, token, Content-Format and marker, body
	for _, x := range []struct {
		name        string
		o           coap.Options
		peers, each int
		seen        int
	}{
		{"at the bound of a peer", coap.Options{MaxSeenPerPeer: 10}, 1, 10, 10},
		{"over the bound of a peer", coap.Options{MaxSeenPerPeer: 10}, 2, 30, 20},
		{"at the bound of all", coap.Options{MaxSeen: 25}, 5, 5, 25},
		{"over the bound of all", coap.Options{MaxSeen: 25}, 6, 5, 25},
		{"at the bound of bytes", coap.Options{MaxSeenBytes: 25 * reply}, 5, 5, 25},
		{"over the bound of bytes", coap.Options{MaxSeenBytes: 25*reply - 1}, 5, 5, 24},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				x.o.Handler = func(context.Context, *coap.Request) coap.Response {
					return coap.Response{Code: coap.Content, Format: 0, Payload: body(40)}
				}
				e := run(t, n, serverAddr, x.o)
				for peer := range x.peers {
					c := n.Listen(fmt.Sprintf("192.0.2.%d:1", 20+peer))
					for i := range x.each {
						c.Send(serverAt, append(raw(0, coap.GET, uint16(i), "t"), 0xb1, 'x'))
						synctest.Wait()
					}
				}
				if got := e.Held(); got.Seen != x.seen || got.SeenBytes != x.seen*reply {
					t.Errorf("%+v; want %d seen with %d bytes", got, x.seen, x.seen*reply)
				}
				time.Sleep(2*coap.ExchangeLifetime + time.Second)
				synctest.Wait()
				if got := e.Held(); got != (coap.Held{}) {
					t.Errorf("idle: %+v; want nothing", got)
				}
			})
		})
	}
}

// known is a connection whose addresses say who sent a datagram.
type known struct{ *coaptest.Conn }

type knownAddr struct{ *net.UDPAddr }

func (knownAddr) Identity() string       { return "urn:dev:1" }
func (knownAddr) Remote() netip.AddrPort { return movedAt }

// movedAt is where a device really is.
var movedAt = netip.MustParseAddrPort("198.51.100.7:7")

func (c known) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := c.Conn.ReadFrom(b)
	if err != nil {
		return 0, nil, err
	}
	return n, knownAddr{a.(*net.UDPAddr)}, nil
}

// TestIdentity: a request says who sent it and from where, also when it came in
// blocks, and says nobody on a connection that does not know.
func TestIdentity(t *testing.T) {
	for _, x := range []struct {
		name string
		wrap func(*coaptest.Conn) net.PacketConn
		want string
		from netip.AddrPort
	}{
		{"secure", func(c *coaptest.Conn) net.PacketConn { return known{c} }, "urn:dev:1", movedAt},
		{"plain", func(c *coaptest.Conn) net.PacketConn { return c }, "", deviceAt},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				got := make(chan *coap.Request, 2)
				s := coap.New(x.wrap(n.Listen(serverAddr)), coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
					got <- r
					return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
				}})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				d := run(t, n, deviceAddr, coap.Options{})
				for _, size := range []int{1, 5000} {
					r := coap.Request{Method: coap.POST, Path: []string{"a"}, Format: coap.NoFormat, Accept: coap.NoFormat, Payload: make([]byte, size)}
					if _, err := d.Do(ctx, serverAt, r); err != nil {
						t.Fatal(err)
					}
					if r := <-got; r.Identity != x.want || r.Remote != x.from || r.Peer != deviceAt {
						t.Errorf("%d bytes: identity %q at %v, peer %v", size, r.Identity, r.Remote, r.Peer)
					}
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
