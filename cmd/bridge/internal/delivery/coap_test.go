package delivery

import (
	"context"
	"crypto/sha256"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// serveCoAP runs a CoAP server on loopback, with DTLS if there are keys, and
// returns its authority.
func serveCoAP(t *testing.T, keys dtls.Keys, h coap.Handler) string {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	conn := udp
	if keys != nil {
		secure, err := dtls.Listen(udp, dtls.Options{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _ = secure.Run(ctx) })
		conn = secure
	}
	e := coap.New(conn, coap.Options{Handler: h})
	wg.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(wg.Wait)
	t.Cleanup(cancel)
	return udp.LocalAddr().String()
}

// quickly repeats datagrams without much waiting.
var quickly = coap.Transmission{AckTimeout: 20 * time.Millisecond, MaxRetransmit: 1}

func TestCoAP(t *testing.T) {
	b := random(50_000) // 49 blocks
	asked := make(chan string, 1000)
	h := func(_ context.Context, r *coap.Request) coap.Response {
		asked <- strings.Join(r.Path, "|") + "?" + strings.Join(r.Query, "|")
		return coap.Response{Code: coap.Content, Format: 42, Payload: b}
	}
	key := dtls.Key("0123456789abcdef")
	psk := dtls.KeyFunc(func(_ context.Context, id string) (dtls.Key, bool) { return key, id == "bridge" })
	plain, secure := serveCoAP(t, nil, h), serveCoAP(t, psk, h)
	f, _ := newFetcher(t, FetcherOptions{Hosts: []Host{{Pattern: secure, Identity: "bridge", Key: key}}})
	for _, url := range []string{"coap://" + plain, "coaps://" + secure} {
		var told []Progress
		got, err := f.Fetch(t.Context(), FetchRequest{URL: url + "/a/b%2Fc/fw.bin?x=1&y=%26", Owner: "d", Progress: func(p Progress) { told = append(told, p) }})
		if err != nil || got.Digest != sha256.Sum256(b) || got.Name != "fw" {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
		for len(asked) > 0 {
			if s := <-asked; s != "a|b/c|fw.bin?x=1|y=&" {
				t.Errorf("asked %q", s)
			}
		}
		if !cmp.Equal(told, []Progress{{Bytes: 50_000, Total: 50_000, Rate: told[0].Rate}}) {
			t.Errorf("told %+v", told)
		}
		f.o.Store.Remove(got.Digest)
	}
}

func TestCoAPFaults(t *testing.T) {
	answer := func(c coap.Code, n int) coap.Handler {
		return func(context.Context, *coap.Request) coap.Response {
			return coap.Response{Code: c, Format: coap.NoFormat, Payload: random(n)}
		}
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, row := range []struct {
		name string
		at   string
		want Kind
	}{
		{"4.04", serveCoAP(t, nil, answer(coap.NotFound, 0)), KindRefused},
		{"4.00", serveCoAP(t, nil, answer(coap.BadRequest, 0)), KindRefused},
		{"4.01", serveCoAP(t, nil, answer(coap.Unauthorized, 0)), KindAuth},
		{"4.03", serveCoAP(t, nil, answer(coap.Forbidden, 0)), KindAuth},
		{"5.00", serveCoAP(t, nil, answer(coap.InternalServerError, 0)), KindServer},
		{"5.03", serveCoAP(t, nil, answer(coap.ServiceUnavailable, 0)), KindServer},
		{"5.02", serveCoAP(t, nil, answer(coap.BadGateway, 0)), KindServer},
		{"5.04", serveCoAP(t, nil, answer(coap.GatewayTimeout, 0)), KindServer},
		{"4.29", serveCoAP(t, nil, answer(coap.TooManyRequests, 0)), KindRefused},
		{"4.08", serveCoAP(t, nil, answer(coap.Incomplete, 0)), KindServer},
		{"2.04", serveCoAP(t, nil, answer(coap.Changed, 0)), KindServer},
		{"empty", serveCoAP(t, nil, answer(coap.Content, 0)), KindServer},
		{"over the limit", serveCoAP(t, nil, answer(coap.Content, 5001)), KindTooLarge},
		{"silent", silent.LocalAddr().String(), KindTimeout},
		{"name without an address", "nowhere.invalid", KindUnreachable},
		{"long name", strings.Repeat("x", 256), KindURI},
		{"long path", "127.0.0.1/" + strings.Repeat("x", 256), KindURI},
		{"long query", "127.0.0.1/?" + strings.Repeat("x", 256), KindURI},
	} {
		f, _ := newFetcher(t, FetcherOptions{Store: openStore(t, StoreOptions{MaxPackage: 5000}), MaxAttempts: 2, transmission: quickly})
		_, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + row.at})
		if KindOf(err) != row.want || f.o.Store.Usage().Packages != 0 {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	f, _ := newFetcher(t, FetcherOptions{Store: openStore(t, StoreOptions{MaxPackage: 5000})})
	at := serveCoAP(t, nil, answer(coap.Content, 5000))
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coaps://" + at}); KindOf(err) != KindAuth {
		t.Errorf("no key: %v", err)
	}
	f, _ = newFetcher(t, FetcherOptions{})
	f.o.Allow = Allow{Ports: []uint16{0}} // as it is by default
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at}); KindOf(err) != KindNotAllowed {
		t.Errorf("loopback: %v", err)
	}
	f, _ = newFetcher(t, FetcherOptions{Hosts: []Host{{Pattern: "*", Sidecar: true}}})
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at}); KindOf(err) != KindNotAllowed {
		t.Errorf("sidecar: %v", err)
	}
}

func TestCoAPIsGivenUp(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	f, _ := newFetcher(t, FetcherOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := f.Fetch(ctx, FetchRequest{URL: "coap://" + silent.LocalAddr().String()})
		done <- err
	}()
	if _, _, err := silent.ReadFrom(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; KindOf(err) != KindCancelled {
		t.Error(err)
	}
}
