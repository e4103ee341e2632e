package coap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// TestRetransmissionTimes has the times of RFC 7252, 4.2 and 4.8: the first
// time-out between ACK_TIMEOUT and 1.5 times that, doubled each time, four
// retransmissions, given up after the last time-out.
func TestRetransmissionTimes(t *testing.T) {
	for _, x := range []struct {
		random float64
		times  string
		gaveUp time.Duration
	}{
		{0, "[0s 2s 6s 14s 30s]", 62 * time.Second},
		{0.5, "[0s 2.5s 7.5s 17.5s 37.5s]", 77500 * time.Millisecond},
		{1, "[0s 3s 9s 21s 45s]", 93 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			e := run(t, n, serverAddr, coap.Options{Transmission: coap.Transmission{Random: func() float64 { return x.random }}})
			start := time.Now()
			_, err := e.Do(context.Background(), deviceAt, get("x"))
			if got := time.Since(start); !errors.Is(err, coap.ErrNoAnswer) || got != x.gaveUp {
				t.Errorf("random %v: gave up after %v with %v; want %v and ErrNoAnswer", x.random, got, err, x.gaveUp)
			}
			var times []time.Duration
			for _, p := range n.Sent() {
				times = append(times, p.At)
				if !bytes.Equal(p.Data, n.Sent()[0].Data) {
					t.Errorf("retransmission at %v differs", p.At)
				}
			}
			if fmt.Sprint(times) != x.times {
				t.Errorf("random %v: sent at %v; want %v", x.random, times, x.times)
			}
		})
	}
}

// TestSilentDevice: the deadline of the context is kept to the moment.
func TestSilentDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		start := time.Now()
		_, err := e.Do(within(t, 10*time.Second), deviceAt, get("x"))
		if got := time.Since(start); got != 10*time.Second || !errors.Is(err, coap.ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave up after %v with %v", got, err)
		}
		time.Sleep(time.Minute)
		if k := len(n.Sent()); k > 3 {
			t.Errorf("%d datagrams: retransmission went on after the deadline", k)
		}
	})
}

// TestAcknowledgedAndSilent: a response that never follows is given up too.
func TestAcknowledgedAndSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{ResponseTimeout: 40 * time.Second})
		device := n.Listen(deviceAddr)
		go func() {
			b := read(t, device)
			device.Send(serverAt, []byte{0x60, 0, b[2], b[3]})
		}()
		start := time.Now()
		_, err := e.Do(context.Background(), deviceAt, get("x"))
		if got := time.Since(start); got != 40*time.Second || !errors.Is(err, coap.ErrNoAnswer) {
			t.Errorf("gave up after %v with %v", got, err)
		}
		if got := e.Held(); got.Calls != 0 || got.Unacked != 0 {
			t.Errorf("left behind: %+v", got)
		}
	})
}

// TestReset: a Reset ends a request at once.
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		device := n.Listen(deviceAddr)
		go func() {
			b := read(t, device)
			device.Send(serverAt, []byte{0x70, 0, b[2], b[3]})
		}()
		start := time.Now()
		if _, err := e.Do(context.Background(), deviceAt, get("x")); !errors.Is(err, coap.ErrReset) || time.Since(start) != 0 {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

// TestForeignAnswers: acknowledgements and responses that do not belong to the
// request do not end it.
func TestForeignAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{Transmission: steady()})
		device, other := n.Listen(deviceAddr), n.Listen("192.0.2.10:40000")
		go func() {
			b := read(t, device)
			token := string(b[4:12])
			mid := uint16(b[2])<<8 | uint16(b[3])
			device.Send(serverAt, raw(2, coap.Content, mid, "otherone")) // wrong token
			device.Send(serverAt, raw(2, coap.Content, mid+1, token))    // wrong message id
			other.Send(serverAt, raw(2, coap.Content, mid, token))       // wrong peer
			other.Send(serverAt, raw(1, coap.Content, 7, token))         // wrong peer, separate
			time.Sleep(time.Second)
			device.Send(serverAt, raw(2, coap.Changed, mid, token))
		}()
		start := time.Now()
		r, err := e.Do(context.Background(), deviceAt, get("x"))
		if err != nil || r.Code != coap.Changed || time.Since(start) != time.Second {
			t.Errorf("got %v, %v after %v; want 2.04 after 1 s", r.Code, err, time.Since(start))
		}
	})
}

// TestNSTART: one request at a time goes to a peer, in the order of the calls;
// other peers do not wait; one that ends in the queue was not sent.
func TestNSTART(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		var order []string
		run(t, n, deviceAddr, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
			order = append(order, r.Path[0]) // no lock: no two at once
			time.Sleep(3 * time.Second)
			return text(coap.Content, "")
		}})
		run(t, n, "192.0.2.10:40000", coap.Options{})
		done := make(chan error, 4)
		for _, name := range []string{"a", "b", "c"} {
			go func() {
				_, err := e.Do(context.Background(), deviceAt, get(name))
				done <- err
			}()
			synctest.Wait()
		}
		go func() {
			_, err := e.Do(within(t, time.Second), deviceAt, get("d"))
			done <- err
		}()
		if err := <-done; !errors.Is(err, coap.ErrNotSent) {
			t.Errorf("the impatient one: %v; want ErrNotSent", err)
		}
		start := time.Now()
		if _, err := e.Do(context.Background(), n.Listen("192.0.2.77:1").AddrPort(), get("e")); err == nil {
			t.Error("a silent peer answered")
		}
		if time.Since(start) > coap.MaxTransmitWait {
			t.Errorf("another peer waited %v", time.Since(start))
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(order, ""); got != "abc" {
			t.Errorf("order %q; want abc", got)
		}
	})
}

// TestRepeated: a response tells whether its request went out more than once,
// also when only the acknowledgement came late.
func TestRepeated(t *testing.T) {
	for _, x := range []struct {
		name string
		rule coaptest.Rule
		want bool
	}{
		{"at once", coaptest.Deliver, false},
		{"request lost", coaptest.Nth(serverAt, deviceAt, 1, coaptest.Lose), true},
		{"answer lost", coaptest.Nth(deviceAt, serverAt, 1, coaptest.Lose), true},
		{"answer late", coaptest.From(deviceAt, coaptest.Delay(3*time.Second)), true},
		{"doubled by the network", coaptest.From(serverAt, coaptest.Repeat(time.Second)), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := coaptest.New()
			run(t, n, deviceAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
				return text(coap.MethodNotAllowed, "")
			}})
			e := run(t, n, serverAddr, coap.Options{Transmission: steady()})
			n.SetRule(x.rule)
			r, err := e.Do(within(t, time.Minute), deviceAt, get("x"))
			if err != nil || r.Repeated != x.want {
				t.Errorf("%s: repeated %v, %v; want %v", x.name, r.Repeated, err, x.want)
			}
		})
	}
}

// TestFixedExchange: the same exchange sent twice, the second time by another
// endpoint (a bridge started anew), is carried out once and answered twice.
func TestFixedExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		ran := 0
		run(t, n, deviceAddr, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			ran++
			return text(coap.Changed, fmt.Sprint(ran))
		}})
		request := coap.Request{Method: coap.POST, Path: []string{"9", "0", "4"}, Format: coap.NoFormat, Accept: coap.NoFormat}
		do := func(e *coap.Endpoint) {
			t.Helper()
			r, err := e.Do(within(t, time.Minute), deviceAt, request)
			if err != nil || string(r.Payload) != "1" || ran != 1 {
				t.Errorf("got %q, %v; ran %d times", r.Payload, err, ran)
			}
		}
		e, stop := start(t, n, serverAddr, coap.Options{})
		x, err := e.NewExchange(deviceAt)
		if err != nil {
			t.Fatal(err)
		}
		request.Exchange = &x
		do(e)
		do(e)
		stop() // its next life:
		e = run(t, n, serverAddr, coap.Options{})
		do(e)
		request.Exchange = nil
		if r, err := e.Do(within(t, time.Minute), deviceAt, request); err != nil || string(r.Payload) != "2" {
			t.Errorf("without an exchange: %q, %v; want a second run", r.Payload, err)
		}
	})
}

// TestIDs: tokens have 8 bytes and differ, message ids go up by one per peer
// and start differently.
func TestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		first := map[uint16]bool{}
		for i := range 8 {
			addr := fmt.Sprintf("192.0.2.%d:1000", 20+i)
			run(t, n, addr, coap.Options{})
			before := len(n.Sent())
			for range 3 {
				if _, err := e.Do(within(t, time.Minute), peerAt(addr), get("x")); err != nil {
					t.Fatal(err)
				}
			}
			var mids []uint16
			for _, p := range n.Sent()[before:] {
				if p.From == serverAt {
					mids = append(mids, uint16(p.Data[2])<<8|uint16(p.Data[3]))
				}
			}
			if diff := cmp.Diff([]uint16{mids[0], mids[0] + 1, mids[0] + 2}, mids); diff != "" {
				t.Errorf("message ids:\n%s", diff)
			}
			first[mids[0]] = true
		}
		if len(first) < 7 {
			t.Errorf("first message ids of 8 peers: only %d differ", len(first))
		}
		var tokens []string
		for _, p := range n.Sent() {
			if p.From == serverAt && p.Data[0]&0xf == 8 {
				tokens = append(tokens, string(p.Data[4:12]))
			}
		}
		slices.Sort(tokens)
		if got := len(slices.Compact(tokens)); got != 24 {
			t.Errorf("%d different tokens of 8 bytes in 24 requests", got)
		}
	})
}

// TestClosed: when the endpoint stops, what waits ends.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := coap.New(n.Listen(serverAddr), coap.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan error)
		go func() { ran <- e.Run(ctx) }()
		done := make(chan error, 2)
		for range 2 { // one is sent, one waits for it
			go func() {
				_, err := e.Do(context.Background(), deviceAt, get("x"))
				done <- err
			}()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, coap.ErrClosed) {
				t.Errorf("Do: %v; want ErrClosed", err)
			}
		}
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := e.Do(context.Background(), deviceAt, get("x")); !errors.Is(err, coap.ErrClosed) {
			t.Errorf("Do afterwards: %v; want ErrClosed", err)
		}
	})
}

// TestResponseRepeated: a separate response is acknowledged each time that it
// comes, although its request is over.
func TestResponseRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		device := n.Listen(deviceAddr)
		var response []byte
		go func() {
			response = raw(0, coap.Content, 77, string(read(t, device)[4:12]))
			device.Send(serverAt, response)
		}()
		if _, err := e.Do(within(t, time.Minute), deviceAt, get("x")); err != nil {
			t.Fatal(err)
		}
		device.Send(serverAt, response)
		for i := range 2 {
			if got := read(t, device); coaptest.Kind(got) != "ACK 0.00" || got[3] != 77 {
				t.Errorf("time %d: answered %s", i+1, coaptest.Kind(got))
			}
		}
	})
}

// TestMessageIDsKept: the message ids of a peer are remembered for
// EXCHANGE_LIFETIME after the last one was used, so that none comes twice.
func TestMessageIDsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		e := run(t, n, serverAddr, coap.Options{})
		run(t, n, deviceAddr, coap.Options{})
		var last uint16
		for i := range 4 {
			if _, err := e.Do(within(t, time.Minute), deviceAt, get("x")); err != nil {
				t.Fatal(err)
			}
			sent := n.Sent()
			p := sent[len(sent)-2]
			mid := uint16(p.Data[2])<<8 | uint16(p.Data[3])
			if i > 0 && mid != last+1 {
				t.Errorf("request %d has message id %d after %d", i, mid, last)
			}
			last = mid
			time.Sleep(200 * time.Second)
		}
		time.Sleep(2 * coap.ExchangeLifetime)
		synctest.Wait()
		if held := e.Held(); held != (coap.Held{}) {
			t.Errorf("idle: %+v", held)
		}
	})
}
