package dtls_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

const plainAddr = "192.0.2.1:5683"

// TestJoin: both come in, answers go out the right way, and a datagram without
// security does not pass for an association.
func TestJoin(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		s, err := dtls.Listen(n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Run(context.Background()) }()
		j := dtls.Join(n.Listen(plainAddr), s)
		jr := read(t, j)
		c, cr := dial(t, n.Listen(deviceAddr), device())
		say(t, c, "secure")
		from := jr.want(t, "secure")
		plain := n.Listen(otherAddr)
		pr := read(t, plain)
		plain.Send(netip.MustParseAddrPort(plainAddr), []byte("plain"))
		g := jr.next(t)
		if g.data != "plain" || g.from.(*net.UDPAddr).AddrPort() != plain.AddrPort() {
			t.Errorf("came: %q from %v", g.data, g.from)
		}
		j.WriteTo([]byte("to you"), g.from)
		if g := pr.next(t); g.data != "to you" || g.from.(*net.UDPAddr).AddrPort().String() != plainAddr {
			t.Errorf("came: %q from %v", g.data, g.from)
		}
		j.WriteTo([]byte("to you"), net.UDPAddrFromAddrPort(from.AddrPort()))
		cr.want(t, "to you")

		n.Inject(from.AddrPort(), netip.MustParseAddrPort(plainAddr), []byte("forged"))
		n.Inject(netip.MustParseAddrPort("[100::1]:1"), netip.MustParseAddrPort(plainAddr), []byte("forged"))
		synctest.Wait()
		jr.none(t)

		j.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, _, err := j.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ReadFrom after Close: %v", err)
		}
	})
}

// TestDeadline: a read deadline of joined connections ends a read, also one
// under way, and can be taken back.
func TestDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		j := dtls.Join(n.Listen(plainAddr), n.Listen(serverAddr))
		defer j.Close()
		j.SetReadDeadline(time.Now().Add(time.Second))
		began := time.Now()
		if _, _, err := j.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		j.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Minute, func() { j.SetReadDeadline(time.Unix(1, 0)) })
		if _, _, err := j.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestCoAP: requests in both directions between two CoAP endpoints, in blocks,
// while every tenth datagram is lost; requests carry the identity; a request
// that is repeated after a new handshake is another exchange.
func TestCoAP(t *testing.T) {
	bubble(t, func(t *testing.T, n *coaptest.Net) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 1000)
		ids := make(chan string, 100)
		serverCoAP := func(_ context.Context, r *coap.Request) coap.Response {
			ids <- r.Identity
			return coap.Response{Code: coap.Content, Format: coap.NoFormat, Payload: append(r.Payload, body...)}
		}
		s, err := dtls.Listen(n.Listen(serverAddr), dtls.Options{Keys: someKeys()})
		if err != nil {
			t.Fatal(err)
		}
		c, err := dtls.Dial(n.Listen(deviceAddr), serverAt, device())
		if err != nil {
			t.Fatal(err)
		}
		peers := make(chan netip.AddrPort, 100)
		ctx, cancel := context.WithCancel(context.Background())
		se := coap.New(dtls.Join(n.Listen(plainAddr), s), coap.Options{Handler: func(ctx context.Context, r *coap.Request) coap.Response {
			peers <- r.Peer
			return serverCoAP(ctx, r)
		}})
		ce := coap.New(c, coap.Options{Handler: func(context.Context, *coap.Request) coap.Response {
			return coap.Response{Code: coap.Content, Format: coap.NoFormat, Payload: body}
		}})
		ended := make(chan error, 3)
		for _, run := range []func(context.Context) error{s.Run, se.Run, ce.Run} {
			go func() { ended <- run(ctx) }()
		}
		n.SetRule(func(p coaptest.Packet) []coaptest.Arrival {
			if p.N%10 == 3 {
				return nil
			}
			return coaptest.Deliver(p)
		})
		get := coap.Request{Method: coap.POST, Path: []string{"rd"}, Format: coap.NoFormat, Accept: coap.NoFormat, Payload: body}
		r, err := ce.Do(ctx, serverAt, get)
		if err != nil || !bytes.Equal(r.Payload, append(bytes.Clone(body), body...)) {
			t.Fatalf("%d bytes, %v", len(r.Payload), err)
		}
		if id := <-ids; id != "urn:dev:1" {
			t.Errorf("identity %q", id)
		}
		peer := <-peers
		get = coap.Request{Method: coap.GET, Path: []string{"9"}, Format: coap.NoFormat, Accept: coap.NoFormat}
		if r, err = se.Do(ctx, peer, get); err != nil || !bytes.Equal(r.Payload, body) {
			t.Fatalf("%d bytes, %v", len(r.Payload), err)
		}

		n.SetRule(coaptest.Deliver)
		get.Exchange = &coap.Exchange{MessageID: 77, Token: coap.MakeToken([]byte("once"))}
		for range 2 {
			if _, err := ce.Do(ctx, serverAt, get); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(ids); n != 1 {
			t.Errorf("handled %d times in one association", n)
		}
		c.Reset()
		if _, err := ce.Do(ctx, serverAt, get); err != nil {
			t.Fatal(err)
		}
		if n := len(ids); n != 2 {
			t.Errorf("handled %d times in two associations", n)
		}
		cancel()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
