package coap_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// TestFresher has the cases of RFC 7641, 3.4.
func TestFresher(t *testing.T) {
	const half, top = 1 << 23, 1<<24 - 1
	for _, x := range []struct {
		seq1 uint32
		at1  float64
		seq2 uint32
		at2  float64
		want bool
	}{
		{1, 0, 2, 0, true},
		{2, 0, 1, 0, false},
		{2, 0, 2, 0, false},
		{0, 0, half - 1, 0, true},
		{0, 0, half, 0, false},
		{half, 0, 0, 0, false},
		{half + 1, 0, 0, 0, true},
		{top, 0, 0, 0, true}, // wrapped around
		{0, 0, top, 0, false},
		{2, 0, 1, 128, false},
		{2, 0, 1, 128.001, true},
		{2, 0, 2, 129, true},
	} {
		if got := coap.Fresher(x.seq1, x.at1, x.seq2, x.at2); got != x.want {
			t.Errorf("%d at %v s, then %d at %v s: fresher %v; want %v", x.seq1, x.at1, x.seq2, x.at2, got, x.want)
		}
	}
}

// observed is a server that observes a scripted device.
type observed struct {
	n      *coaptest.Net
	e      *coap.Endpoint
	device *coaptest.Conn
	o      *coap.Observation
	token  string
	got    chan coap.Response
}

func observe(t *testing.T) *observed {
	n := coaptest.New()
	x := &observed{n: n, e: run(t, n, serverAddr, coap.Options{}), device: n.Listen(deviceAddr), got: make(chan coap.Response, 100)}
	go script(t, x.device, func(b []byte) []byte {
		x.token = string(b[4:12])
		return x.message(2, uint16(b[2])<<8|uint16(b[3]), 5, "first")
	})
	o, r, err := x.e.Observe(within(t, time.Minute), deviceAt, get("x"), func(_ context.Context, r coap.Response) { x.got <- r })
	if err != nil || o == nil || string(r.Payload) != "first" {
		t.Fatalf("observe: %v, %q, %v", o, r.Payload, err)
	}
	x.o = o
	return x
}

// message is a response with an Observe option.
func (x *observed) message(typ byte, mid uint16, seq uint32, payload string) []byte {
	last := 0
	return append(append(option(raw(typ, coap.Content, mid, x.token), &last, 6, seq), 0xff), payload...)
}

// notify sends what comes from an address and returns what the server said.
func (x *observed) notify(t *testing.T, c *coaptest.Conn, msg []byte) string {
	t.Helper()
	before := len(x.n.Sent())
	c.Send(serverAt, msg)
	synctest.Wait()
	var kinds []string
	for _, p := range x.n.Sent()[before+1:] {
		kinds = append(kinds, coaptest.Kind(p.Data))
	}
	return strings.Join(kinds, " ")
}

func (x *observed) bodies() string {
	var s []string
	for {
		select {
		case r := <-x.got:
			s = append(s, string(r.Payload))
		default:
			return strings.Join(s, " ")
		}
	}
}

// TestNotifications: what is answered, and what arrives.
func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t)
		other := x.n.Listen("192.0.2.10:1")
		for _, m := range []struct {
			name     string
			from     *coaptest.Conn
			msg      []byte
			want     string
			arrives  string
			waitNext time.Duration
		}{
			{"confirmable", x.device, x.message(0, 1, 6, "a"), "ACK 0.00", "a", 0},
			{"repeated", x.device, x.message(0, 1, 6, "a"), "ACK 0.00", "", 0},
			{"non-confirmable", x.device, x.message(1, 2, 7, "b"), "", "b", 0},
			{"repeated non-confirmable", x.device, x.message(1, 2, 7, "b"), "", "", 0},
			{"older", x.device, x.message(0, 3, 5, "old"), "ACK 0.00", "", 0},
			{"same number", x.device, x.message(0, 4, 7, "old"), "ACK 0.00", "", 129 * time.Second},
			{"older number after 129 s", x.device, x.message(0, 5, 1, "c"), "ACK 0.00", "c", 0},
			{"from a new address", other, x.message(0, 5, 2, "d"), "ACK 0.00", "d", 0},
			{"another token", x.device, raw(0, coap.Content, 6, "12345678"), "RST 0.00", "", 0},
			{"another token, non-confirmable", x.device, raw(1, coap.Content, 7, "12345678"), "RST 0.00", "", 0},
		} {
			if got := x.notify(t, m.from, m.msg); got != m.want {
				t.Errorf("%s: answered %q; want %q", m.name, got, m.want)
			}
			if got := x.bodies(); got != m.arrives {
				t.Errorf("%s: arrived %q; want %q", m.name, got, m.arrives)
			}
			time.Sleep(m.waitNext)
		}
	})
}

// TestObservationEnds: by the peer, by Forget, by Cancel.
func TestObservationEnds(t *testing.T) {
	t.Run("by the peer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t)
			x.notify(t, x.device, raw(0, coap.NotFound, 1, x.token))
			if r := <-x.got; r.Observed || r.Code != coap.NotFound {
				t.Errorf("last notification: %v, observed %v", r.Code, r.Observed)
			}
			if got := x.notify(t, x.device, x.message(0, 2, 8, "late")); got != "RST 0.00" {
				t.Errorf("afterwards: %q; want RST", got)
			}
		})
	})
	t.Run("forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t)
			x.o.Forget()
			if got := x.notify(t, x.device, x.message(1, 2, 8, "late")); got != "RST 0.00" {
				t.Errorf("afterwards: %q; want RST", got)
			}
			if held := x.e.Held(); held.Observations != 0 || x.bodies() != "" {
				t.Errorf("held: %+v", held)
			}
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t)
			go script(t, x.device, func(b []byte) []byte {
				if string(b[4:12]) != x.token || !strings.Contains(string(b[12:]), "\x61\x01") { // Observe 1, first option
					t.Errorf("cancelled with % x", b)
				}
				return raw(2, coap.Content, uint16(b[2])<<8|uint16(b[3]), string(b[4:12]))
			})
			if _, err := x.o.Cancel(within(t, time.Minute), deviceAt); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("never begun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			e := run(t, n, serverAddr, coap.Options{})
			run(t, n, deviceAddr, coap.Options{}) // answers 4.04
			o, r, err := e.Observe(within(t, time.Minute), deviceAt, get("x"), nil)
			if o != nil || err != nil || r.Code != coap.NotFound || e.Held().Observations != 0 {
				t.Errorf("%v, %v, %v", o, r.Code, err)
			}
		})
	})
}

// TestSlowObserver: notifications wait for their receiver, the newest are kept,
// and the peer's other messages are served meanwhile.
func TestSlowObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		var observer *coap.Observer
		device := run(t, n, deviceAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
			observer = r.Observer()
			return coap.Response{Code: coap.Content, Observed: true, Sequence: 1}
		}})
		release, got := make(chan struct{}), make(chan string, 100)
		_, _, err := e.Observe(within(t, time.Minute), deviceAt, get("x"), func(_ context.Context, r coap.Response) {
			<-release
			got <- string(r.Payload)
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 26 {
			r := coap.Response{Code: coap.Content, Observed: true, Sequence: uint32(i + 2), Payload: []byte{byte('a' + i)}}
			if err := device.Notify(within(t, time.Second), observer, r, true); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		close(got)
		all := ""
		for s := range got {
			all += s
		}
		if all != "aklmnopqrstuvwxyz" { // one was being delivered, 16 wait
			t.Errorf("arrived: %s", all)
		}
	})
}

// TestNotifyReset: an observer that has forgotten is reported.
func TestNotifyReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		run(t, n, serverAddr, coap.Options{})
		device := run(t, n, deviceAddr, coap.Options{Transmission: steady()})
		r := &coap.Request{Method: coap.GET, Peer: serverAt, Token: coap.MakeToken([]byte("12345678"))}
		if err := device.Notify(context.Background(), r.Observer(), text(coap.Content, ""), true); !errors.Is(err, coap.ErrReset) {
			t.Errorf("unknown token: %v; want ErrReset", err)
		}
		r.Peer = peerAt("192.0.2.77:1")
		if err := device.Notify(context.Background(), r.Observer(), text(coap.Content, ""), true); !errors.Is(err, coap.ErrNoAnswer) {
			t.Errorf("nobody there: %v; want ErrNoAnswer", err)
		}
		if err := device.Notify(within(t, time.Second), r.Observer(), text(coap.Content, ""), true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
	})
}

// TestObserveLarge: the further blocks of the first response are asked for with
// another token than the observation's (RFC 7959, 3.4).
func TestObserveLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		run(t, n, deviceAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			return coap.Response{Code: coap.Content, Observed: true, Payload: body(3000)}
		}})
		_, r, err := e.Observe(within(t, time.Minute), deviceAt, get("x"), nil)
		if err != nil || !r.Observed || len(r.Payload) != 3000 {
			t.Fatalf("%d bytes, observed %v, %v", len(r.Payload), r.Observed, err)
		}
		sent := n.Sent()
		first := string(sent[0].Data[4:12])
		for i := 2; i < len(sent); i += 2 {
			if string(sent[i].Data[4:12]) == first {
				t.Errorf("datagram %d has the observation's token", i)
			}
		}
	})
}

// TestNotifyLarge: the further blocks of a notification are those of its body; the
// handler is not asked for them.
func TestNotifyLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		var observer *coap.Observer
		device := run(t, n, deviceAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
			if r.Observe != coap.StartObserving {
				return text(coap.NotFound, "")
			}
			observer = r.Observer()
			return coap.Response{Code: coap.Content, Observed: true, Sequence: 1}
		}})
		got := make(chan int, 1)
		_, _, err := e.Observe(within(t, time.Minute), deviceAt, get("x", "y"), func(_ context.Context, r coap.Response) { got <- len(r.Payload) })
		if err != nil {
			t.Fatal(err)
		}
		if err := device.Notify(t.Context(), observer, coap.Response{Code: coap.Content, Observed: true, Sequence: 2, Payload: body(3000)}, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(got) != 1 || <-got != 3000 {
			t.Error("the notification did not arrive as a whole")
		}
	})
}

// TestNotifyOnceReset: a Reset for a notification that is not confirmable is
// known at the next one, as long as it was for the latest and came in time.
func TestNotifyOnceReset(t *testing.T) {
	for _, x := range []struct {
		name string
		mid  int           // of the Reset: the message id of the n-th notification from the end
		wait time.Duration // before the Reset
		want error
	}{
		{"latest", 0, 0, coap.ErrReset},
		{"older", 1, 0, nil},
		{"late", 0, 146 * time.Second, nil},
		{"in time", 0, 144 * time.Second, coap.ErrReset},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			device := run(t, n, deviceAddr, coap.Options{})
			observer := n.Listen(serverAddr)
			r := &coap.Request{Peer: serverAt, Token: coap.MakeToken([]byte("t")), Method: coap.GET, Format: coap.NoFormat, Accept: coap.NoFormat}
			o := r.Observer()
			var mids []byte
			for range 2 {
				if err := device.Notify(t.Context(), o, text(coap.Content, "x"), false); err != nil {
					t.Fatal(err)
				}
				mids = append(mids, read(t, observer)[2:4]...)
			}
			time.Sleep(x.wait)
			observer.Send(deviceAt, append([]byte{1<<6 | 3<<4, 0}, mids[2-2*x.mid:4-2*x.mid]...))
			synctest.Wait()
			if err := device.Notify(t.Context(), o, text(coap.Content, "y"), false); !errors.Is(err, x.want) {
				t.Errorf("%s: %v; want %v", x.name, err, x.want)
			}
		})
	}
}
