package coap_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(benchRole); role != "" {
		os.Exit(benchProcess(role))
	}
	goleak.VerifyTestMain(m)
}

const (
	serverAddr = "192.0.2.1:5683"
	deviceAddr = "192.0.2.9:40000"
)

var (
	serverAt = netip.MustParseAddrPort(serverAddr)
	deviceAt = netip.MustParseAddrPort(deviceAddr)
)

// run starts an endpoint that ends with the test.
func run(t testing.TB, n *coaptest.Net, addr string, o coap.Options) *coap.Endpoint {
	t.Helper()
	e, stop := start(t, n, addr, o)
	t.Cleanup(stop)
	return e
}

// start starts an endpoint; stop ends it and waits for that.
func start(t testing.TB, n *coaptest.Net, addr string, o coap.Options) (e *coap.Endpoint, stop func()) {
	e = coap.New(n.Listen(addr), o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return e, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// steady is a Transmission without randomness: 2, 4, 8, 16, 32 s.
func steady() coap.Transmission {
	return coap.Transmission{Random: func() float64 { return 0 }}
}

func get(path ...string) coap.Request {
	return coap.Request{Method: coap.GET, Path: path, Format: coap.NoFormat, Accept: coap.NoFormat}
}

func text(code coap.Code, body string) coap.Response {
	return coap.Response{Code: code, Format: 0, Payload: []byte(body)}
}

// within is a context that ends with its time, for one call.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// raw builds a message without options: type 0 CON, 1 NON, 2 ACK, 3 RST.
func raw(typ byte, code coap.Code, mid uint16, token string) []byte {
	b := []byte{1<<6 | typ<<4 | byte(len(token)), byte(code), 0, 0}
	binary.BigEndian.PutUint16(b[2:], mid)
	return append(b, token...)
}

// read returns the next datagram that arrives within a minute, nil otherwise.
func read(t testing.TB, c *coaptest.Conn) []byte {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 1<<16)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

func peerAt(addr string) netip.AddrPort { return netip.MustParseAddrPort(addr) }

// body is n bytes in which every block differs from the others.
func body(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i)
	}
	return b
}
