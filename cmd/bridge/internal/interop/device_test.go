package interop

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// links is what a device registers: no instance of the Security Object.
const links = `</>;ct="110 11542";rt="oma.lwm2m",</1/0>,</3/0>,</9/0>`

// ackTimeout is enough for loopback, and nothing is wrong when it is not.
const ackTimeout = 500 * time.Millisecond

// device is a small LwM2M client on lwm2m9/coap alone, which keeps account of
// what it was asked: the peer that shows what Leshan does, before there is
// anything of our own above.
type device struct {
	t      *testing.T
	end    *coap.Endpoint
	server netip.AddrPort
	name   string

	mu       sync.Mutex
	values   map[wire.Path]wire.Value
	executed []string
	watchers map[wire.Path]*coap.Request
	sequence uint32
}

var types = map[wire.Path]wire.Type{
	wire.PathOf(1, 0, 0): wire.TypeInteger, wire.PathOf(1, 0, 1): wire.TypeInteger,
	wire.PathOf(1, 0, 6): wire.TypeBoolean, wire.PathOf(1, 0, 7): wire.TypeString,
	wire.PathOf(3, 0, 0): wire.TypeString, wire.PathOf(3, 0, 1): wire.TypeString,
	wire.PathOf(3, 0, 11): wire.TypeInteger, wire.PathOf(3, 0, 13): wire.TypeTime,
	wire.PathOf(3, 0, 16): wire.TypeString,
	wire.PathOf(9, 0, 0):  wire.TypeString, wire.PathOf(9, 0, 1): wire.TypeString,
	wire.PathOf(9, 0, 3): wire.TypeString, wire.PathOf(9, 0, 7): wire.TypeInteger,
	wire.PathOf(9, 0, 9): wire.TypeInteger, wire.PathOf(9, 0, 12): wire.TypeBoolean,
}

// newDevice starts a device. conn reaches the server.
func newDevice(t *testing.T, conn net.PacketConn, server netip.AddrPort, name string) *device {
	d := &device{
		t: t, server: server, name: name,
		values: map[wire.Path]wire.Value{
			wire.PathOf(1, 0, 0): wire.Integer(1), wire.PathOf(1, 0, 1): wire.Integer(300),
			wire.PathOf(1, 0, 6): wire.Boolean(false), wire.PathOf(1, 0, 7): wire.String("U"),
			wire.PathOf(3, 0, 0): wire.String("Contoso"), wire.PathOf(3, 0, 1): wire.String("MC70 ü"),
			wire.PathOf(3, 0, 11, 0): wire.Integer(0), wire.PathOf(3, 0, 13): {Type: wire.TypeTime, Int: 1_700_000_000},
			wire.PathOf(3, 0, 16): wire.String("U"),
			wire.PathOf(9, 0, 0):  wire.String("firmware"), wire.PathOf(9, 0, 1): wire.String("1.0"),
			wire.PathOf(9, 0, 7): wire.Integer(0), wire.PathOf(9, 0, 9): wire.Integer(0),
			wire.PathOf(9, 0, 12): wire.Boolean(false),
		},
		watchers: make(map[wire.Path]*coap.Request),
	}
	d.end = coap.New(conn, coap.Options{Handler: d.handle, Transmission: coap.Transmission{AckTimeout: ackTimeout}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.end.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return d
}

// handle answers a request of the server.
func (d *device) handle(_ context.Context, r *coap.Request) coap.Response {
	d.mu.Lock()
	defer d.mu.Unlock()
	path, ok := wire.ParsePath("/" + strings.Join(r.Path, "/"))
	if !ok {
		return coap.Response{Code: coap.NotFound, Format: coap.NoFormat}
	}
	switch {
	case r.Method == coap.GET && r.Accept == coap.Format(wire.FormatLink):
		return coap.Response{Code: coap.Content, Format: r.Accept, Payload: []byte(`</9/0>,</9/0/3>,</9/0/7>`)}
	case r.Method == coap.GET:
		return d.read(path, r)
	case r.Method == coap.PUT && len(r.Payload) == 0:
		return coap.Response{Code: coap.Changed, Format: coap.NoFormat} // attributes
	case r.Method == coap.PUT:
		return d.write(path, r)
	case r.Method == coap.POST && path.Len() == 3:
		d.executed = append(d.executed, path.String()+" "+string(r.Payload))
		return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
	}
	return coap.Response{Code: coap.MethodNotAllowed, Format: coap.NoFormat}
}

// read answers in the format that was asked for, else in TLV.
func (d *device) read(path wire.Path, r *coap.Request) coap.Response {
	format := wire.Format(r.Accept)
	if r.Accept == coap.NoFormat {
		format = wire.FormatTLV
	}
	body, err := wire.Append(nil, format, path, d.below(path)...)
	if err != nil {
		return coap.Response{Code: coap.Code(wire.Code(err)), Format: coap.NoFormat}
	} else if len(d.below(path)) == 0 {
		return coap.Response{Code: coap.NotFound, Format: coap.NoFormat}
	}
	resp := coap.Response{Code: coap.Content, Format: coap.Format(format), Payload: body}
	switch r.Observe {
	case coap.StartObserving:
		d.watchers[path] = r
		d.sequence++
		resp.Observed, resp.Sequence = true, d.sequence
	case coap.StopObserving:
		delete(d.watchers, path)
	}
	return resp
}

func (d *device) below(path wire.Path) []wire.Entry {
	var entries []wire.Entry
	for p, v := range d.values {
		if path.Holds(p) {
			entries = append(entries, wire.Entry{Path: p, Value: v})
		}
	}
	return entries
}

func (d *device) write(path wire.Path, r *coap.Request) coap.Response {
	entries, err := wire.Decode(wire.Format(r.Format), path, r.Payload, func(p wire.Path) wire.Type { return types[p] })
	if err != nil {
		d.t.Logf("%s: write %s: %v (format %d, %x)", d.name, path, err, r.Format, r.Payload)
		return coap.Response{Code: coap.Code(wire.Code(err)), Format: coap.NoFormat}
	}
	for _, e := range entries {
		d.values[e.Path] = e.Value
	}
	return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
}

// set changes a value and notifies whoever observes it. The server must
// acknowledge.
func (d *device) set(ctx context.Context, path wire.Path, v wire.Value) error {
	d.mu.Lock()
	d.values[path] = v
	r := d.watchers[path]
	if r == nil {
		d.mu.Unlock()
		return fmt.Errorf("%s is not observed", path)
	}
	quiet := *r
	quiet.Observe = coap.NotObserving
	resp := d.read(path, &quiet)
	d.sequence++
	resp.Observed, resp.Sequence = true, d.sequence
	d.mu.Unlock()
	return d.end.Notify(ctx, r.Observer(), resp, true)
}

// value is what a resource has at present.
func (d *device) value(path wire.Path) wire.Value {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[path]
}

// ran is what was executed, with the arguments.
func (d *device) ran() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.executed
}

// post sends a request to the server: a Register or, below a location, an
// Update.
func (d *device) post(ctx context.Context, path []string, body string, query ...string) (coap.Response, error) {
	r := coap.Request{Method: coap.POST, Path: path, Query: query, Format: coap.NoFormat, Accept: coap.NoFormat, Payload: []byte(body)}
	if body != "" {
		r.Format = coap.Format(wire.FormatLink)
	}
	return d.end.Do(ctx, d.server, r)
}

// register registers and returns the location.
func (d *device) register(ctx context.Context, version string) []string {
	d.t.Helper()
	resp, err := d.post(ctx, []string{"rd"}, links, "ep="+d.name, "lt=300", "lwm2m="+version, "b=U")
	if err != nil || resp.Code != coap.Created {
		d.t.Fatalf("register: %v %q, %v", resp.Code, resp.Payload, err)
	}
	return resp.Location
}

// udp is a socket of loopback.
func udp(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secure is a DTLS association with the server, which is made when something
// is sent.
func secure(t *testing.T, server netip.AddrPort, o dtls.ClientOptions) *dtls.Client {
	t.Helper()
	c, err := dtls.Dial(udp(t), server, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
