package interop

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for a JVM on a busy machine; nothing is decided by it.
const patience = time.Minute

func TestLeshanServer(t *testing.T) {
	l := StartServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	t.Run("LwM2M 1.0 without security", func(t *testing.T) {
		d := newDevice(t, udp(t), l.CoAP, "plain-1.0")
		everyOperation(ctx, t, l, d, "1.0", TLV, JSON, Text)
	})
	t.Run("LwM2M 1.1 without security", func(t *testing.T) {
		d := newDevice(t, udp(t), l.CoAP, "plain-1.1")
		everyOperation(ctx, t, l, d, "1.1", SenMLJSON, TLV, Text)
	})
	t.Run("DTLS with PSK", func(t *testing.T) { withDTLS(ctx, t, l) })
	for _, c := range l.Complaints() {
		t.Errorf("Leshan complains: %s", c)
	}
}

// withDTLS: everything, and then the device's address changes. This Leshan has
// Connection IDs only as in a draft (extension 53), so that it drops what comes
// from elsewhere, and the device resumes its session when it hears nothing.
func withDTLS(ctx context.Context, t *testing.T, l *Leshan) {
	key := []byte("0123456789abcdef")
	if err := l.AddPSK(ctx, "secure", "me", key); err != nil {
		t.Fatal(err)
	}
	n := newNAT(t, l.CoAPS)
	c := secure(t, n.addr(), dtls.ClientOptions{Identity: "me", Key: dtls.Key(key), Silence: 2 * ackTimeout})
	d := newDevice(t, c, n.addr(), "secure")
	location := everyOperation(ctx, t, l, d, "1.1", SenMLJSON)
	if got, err := l.Client(ctx, "secure"); err != nil || !got.Secure {
		t.Errorf("not secure: %+v, %v", got, err)
	}

	events := l.Events(t, "")
	moved := n.move()
	if resp, err := d.post(ctx, location, ""); err != nil || resp.Code != coap.Changed {
		t.Fatalf("update from another address: %v, %v", resp, err)
	}
	events.WaitFor(ctx, Updated, "secure")
	if got, err := l.Client(ctx, "secure"); err != nil || got.Address != moved.String() {
		t.Errorf("after the move to %v: %+v, %v", moved, got, err)
	}
	if a, err := l.Read(ctx, "secure", "/3/0/0", DefaultFormat); err != nil || a.Code() != 205 {
		t.Errorf("read at the new address: %+v, %v", a, err)
	}
	if s := c.Stats(); s.Handshakes != 2 || s.Resumed != 1 || s.Failed != 0 {
		t.Errorf("%+v; want two handshakes, the second one short", s)
	}
	if resp, err := d.end.Do(ctx, n.addr(), coap.Request{Method: coap.DELETE, Path: location, Format: coap.NoFormat, Accept: coap.NoFormat}); err != nil || resp.Code != coap.Deleted {
		t.Errorf("deregister: %v, %v", resp, err)
	}
	events.WaitFor(ctx, Deregistration, "secure")
}

// everyOperation registers the device and does with it what a server can do,
// in Leshan's own choice of format and in those given. It returns the location
// of the registration.
func everyOperation(ctx context.Context, t *testing.T, l *Leshan, d *device, version string, formats ...Format) []string {
	all := l.Events(t, "")
	location := d.register(ctx, version)
	all.WaitFor(ctx, Registration, d.name)
	c, err := l.Client(ctx, d.name)
	if err != nil || c.Version != version || c.Lifetime != 300 {
		t.Fatalf("registered as %+v, %v", c, err)
	}
	if got := c.Paths(); !slices.Equal(got, []string{"/", "/1/0", "/3/0", "/9/0"}) {
		t.Errorf("registered objects %q", got)
	}
	if resp, err := d.post(ctx, location, "", "lt=600"); err != nil || resp.Code != coap.Changed {
		t.Fatalf("update: %v, %v", resp, err)
	}
	all.WaitFor(ctx, Updated, d.name)
	for _, f := range append([]Format{DefaultFormat}, formats...) {
		if f != Text {
			a, err := l.Read(ctx, d.name, "/3/0", f)
			if err != nil || a.Code() != 205 || a.Content.Resource(1) != "MC70 ü" {
				t.Errorf("read /3/0 as %q: %+v, %v", f, a, err)
			}
		}
		if a, err := l.Read(ctx, d.name, "/3/0/0", f); err != nil || a.Code() != 205 || a.Content.Value != "Contoso" {
			t.Errorf("read /3/0/0 as %q: %+v, %v", f, a, err)
		}
		uri := "http://127.0.0.1/ü/" + string(f)
		if a, err := l.Write(ctx, d.name, "/9/0/3", f, uri); err != nil || a.Code() != 204 {
			t.Errorf("write /9/0/3 as %q: %+v, %v", f, a, err)
		}
		if got := d.value(wire.PathOf(9, 0, 3)); got != wire.String(uri) {
			t.Errorf("written as %q: %+v", f, got)
		}
	}
	for _, watched := range []struct {
		path  wire.Path
		value wire.Value
		shown any
	}{
		{wire.PathOf(9, 0, 7), wire.Integer(3), 3.0},
		{wire.PathOf(9, 0, 9), wire.Integer(300), 300.0},
		{wire.PathOf(9, 0, 12), wire.Boolean(true), true},
	} {
		if a, err := l.Observe(ctx, d.name, watched.path.String(), DefaultFormat); err != nil || a.Code() != 205 {
			t.Fatalf("observe: %+v, %v", a, err)
		}
		if err := d.set(ctx, watched.path, watched.value); err != nil {
			t.Fatalf("notify %s: %v", watched.path, err)
		}
		all.WaitNote(ctx, d.name, watched.path.String(), watched.shown)
	}
	if a, err := l.Execute(ctx, d.name, "/9/0/4", ""); err != nil || a.Code() != 204 {
		t.Errorf("execute: %+v, %v", a, err)
	}
	if a, err := l.Execute(ctx, d.name, "/9/0/6", "0='1'"); err != nil || a.Code() != 204 {
		t.Errorf("execute: %+v, %v", a, err)
	}
	if a, err := l.WriteAttributes(ctx, d.name, "/9/0/7", "pmin=0&pmax=60"); err != nil || a.Code() != 204 {
		t.Errorf("attributes: %+v, %v", a, err)
	}
	if a, err := l.Discover(ctx, d.name, "/9/0"); err != nil || a.Code() != 205 || len(a.Links) != 3 {
		t.Errorf("discover: %+v, %v", a, err)
	}
	if a, err := l.Read(ctx, d.name, "/4/0", DefaultFormat); err != nil || a.Code() != 404 {
		t.Errorf("read of what is not there: %+v, %v", a, err)
	}
	if want := []string{"/9/0/4 ", "/9/0/6 0='1'"}; !slices.Equal(d.ran(), want) {
		t.Errorf("executed %q; want %q", d.ran(), want)
	}
	return location
}
