package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestRegisterShapes: every shape of a registration that lwm2m.md lists, and
// what each makes of it.
func TestRegisterShapes(t *testing.T) {
	plain := server.Registration{
		Endpoint: "d", Lifetime: 86400 * time.Second, Version: "1.0", Binding: "U", Addr: deviceAt,
	}
	with := func(change func(*server.Registration)) server.Registration {
		r := plain
		change(&r)
		return r
	}
	long := strings.Repeat("x", server.MaxEndpointName)
	for _, x := range []struct {
		query string // separated by spaces
		body  string
		code  coap.Code
		want  server.Registration
	}{
		{"ep=d", "", coap.Created, plain},
		{"ep=d", links, coap.Created, with(func(r *server.Registration) { r.Paths = []string{"/1/0", "/3/0", "/9/0", "/9/1"} })},
		{"ep=d", `</>;rt="oma.lwm2m";ct=11543,</9>;ver=1.0,</9/0>`, coap.Created, with(func(r *server.Registration) { r.Paths = []string{"/9", "/9/0"} })},
		{"ep=d", `</lwm2m>;rt="oma.lwm2m",</lwm2m/9/0>,</lwm2m/3/0>`, coap.Created, with(func(r *server.Registration) { r.Root, r.Paths = "/lwm2m", []string{"/9/0", "/3/0"} })},
		{"ep=d", `</10>;ver="1.1";x,</9/0>;y=z`, coap.Created, with(func(r *server.Registration) { r.Paths = []string{"/10", "/9/0"} })},
		{"ep=d lt=60", "", coap.Created, with(func(r *server.Registration) { r.Lifetime = time.Minute })},
		{"ep=d lt=5", "", coap.Created, with(func(r *server.Registration) { r.Lifetime = 10 * time.Second })}, // MinLifetime
		{"ep=d lt=864001", "", coap.Created, with(func(r *server.Registration) { r.Lifetime = 10 * 24 * time.Hour })},
		{"ep=d lt=4294967295", "", coap.Created, with(func(r *server.Registration) { r.Lifetime = 10 * 24 * time.Hour })},
		{"ep=d lt=0", "", coap.Created, with(func(r *server.Registration) { r.Lifetime = 10 * 24 * time.Hour })},
		{"ep=d lt=4294967296", "", coap.BadRequest, plain},
		{"ep=d lt=-1", "", coap.BadRequest, plain},
		{"ep=d lt=", "", coap.BadRequest, plain},
		{"ep=d lt=1h", "", coap.BadRequest, plain},
		{"ep=d lt=60 lt=60", "", coap.BadRequest, plain},
		{"lwm2m=1.0 ep=d", "", coap.Created, plain},
		{"lwm2m=1.1 ep=d", "", coap.Created, with(func(r *server.Registration) { r.Version = "1.1" })},
		{"lwm2m=1.2 ep=d b=U", "", coap.Created, with(func(r *server.Registration) { r.Version = "1.2" })},
		{"lwm2m=1.3 ep=d", "", coap.PreconditionFailed, plain},
		{"lwm2m=2.0 ep=d", "", coap.PreconditionFailed, plain},
		{"lwm2m= ep=d", "", coap.PreconditionFailed, plain},
		{"ep=d b=UQ", "", coap.Created, with(func(r *server.Registration) { r.Binding, r.Queue = "UQ", true })},
		{"ep=d b=UQS sms=123", "", coap.Created, with(func(r *server.Registration) { r.Binding, r.Queue = "UQS", true })},
		{"ep=d b=U Q lwm2m=1.1", "", coap.Created, with(func(r *server.Registration) { r.Queue, r.Version = true, "1.1" })},
		{"Q ep=d lwm2m=1.2", "", coap.Created, with(func(r *server.Registration) { r.Queue, r.Version = true, "1.2" })},
		{"ep=d b=u", "", coap.BadRequest, plain},
		{"ep=d b=", "", coap.BadRequest, plain},
		{"ep=d b=UUUUUUUUUUUUUUUUU", "", coap.BadRequest, plain},
		{"ep=d foo=bar baz", "", coap.Created, plain},
		{"", "", coap.BadRequest, plain},
		{"ep=", "", coap.BadRequest, plain},
		{"ep", "", coap.BadRequest, plain},
		{"ep=d ep=e", "", coap.BadRequest, plain},
		{"ep=" + long, "", coap.Created, with(func(r *server.Registration) { r.Endpoint = long })},
		{"ep=" + long + "x", "", coap.BadRequest, plain},
		{"ep=" + strings.Repeat("x", 1000), "", coap.BadRequest, plain},
		{"ep=urn:imei:490154203237518", "", coap.Created, with(func(r *server.Registration) { r.Endpoint = "urn:imei:490154203237518" })},
		{"ep=grün", "", coap.Created, with(func(r *server.Registration) { r.Endpoint = "grün" })},
		{"ep=a\x00b", "", coap.BadRequest, plain},
		{"ep=a\nb", "", coap.BadRequest, plain},
		{"ep=a\u00a0b", "", coap.BadRequest, plain},
		{"ep=a\xffb", "", coap.BadRequest, plain},
		{"ep=a\u202eb", "", coap.BadRequest, plain},
		{"ep=d", "</9/0", coap.BadRequest, plain},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{MinLifetime: 10 * time.Second, MaxLifetime: 10 * 24 * time.Hour})
			d := b.device(deviceAddr, "")
			r := d.post(coap.POST, strings.FieldsFunc(x.query, func(c rune) bool { return c == ' ' }), x.body, "rd")
			if r.Code != x.code {
				t.Errorf("%.60q %q: %v; want %v", x.query, x.body, r.Code, x.code)
			}
			if x.code != coap.Created {
				check(t, x.query, b.h.took()+names(b.s), "")
				return
			}
			got := b.h.last()
			if diff := cmp.Diff(x.want, got, cmpopts.IgnoreFields(server.Registration{}, "ID", "Heard", "Epoch"),
				cmpopts.EquateEmpty(), cmpopts.EquateComparable(deviceAt)); diff != "" {
				t.Errorf("%.60q %q:\n%s", x.query, x.body, diff)
			}
			if len(r.Location) != 2 || r.Location[0] != "rd" || r.Location[1] != got.ID || got.ID == "" || got.Epoch == 0 || !got.Heard.Equal(time.Now()) {
				t.Errorf("%.60q: location %v, registration %+v", x.query, r.Location, got)
			}
		})
	}
}

// TestWrongFormat: a body that says it is no link-format.
func TestWrongFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		r, err := d.e.Do(within(t, time.Minute), serverAt, coap.Request{
			Method: coap.POST, Path: []string{"rd"}, Query: []string{"ep=d"}, Format: 11542, Accept: coap.NoFormat, Payload: []byte("x"),
		})
		if err != nil || r.Code != coap.UnsupportedFormat {
			t.Errorf("%v, %v; want 4.15", r.Code, err)
		}
	})
}

// TestPaths: what is answered where.
func TestPaths(t *testing.T) {
	for _, x := range []struct {
		method coap.Code
		path   string
		code   coap.Code
	}{
		{coap.POST, "", coap.NotFound},
		{coap.POST, "bs", coap.NotFound},
		{coap.GET, ".well-known/core", coap.NotFound},
		{coap.GET, "rd", coap.MethodNotAllowed},
		{coap.PUT, "rd", coap.MethodNotAllowed},
		{coap.GET, "rd/x", coap.MethodNotAllowed},
		{coap.POST, "rd/x", coap.NotFound},
		{coap.DELETE, "rd/x", coap.NotFound},
		{coap.POST, "rd/x/y", coap.NotFound},
		{coap.POST, "rd/", coap.Created},
		{coap.FETCH, "rd/", coap.MethodNotAllowed},
		{coap.Code(31), "rd/", coap.MethodNotAllowed},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			var path []string
			if x.path != "" {
				path = strings.Split(x.path, "/")
			}
			if r := b.device(deviceAddr, "d").post(x.method, []string{"ep=d"}, "", path...); r.Code != x.code {
				t.Errorf("%v %q: %v; want %v", x.method, x.path, r.Code, x.code)
			}
		})
	}
}

// TestLife: one registration from beginning to end.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		d.register("lt=60", "lwm2m=1.1")
		first, _ := b.s.Lookup("d")

		time.Sleep(50 * time.Second)
		if code := d.update("lt=100", "b=UQ"); code != coap.Changed {
			t.Errorf("update: %v", code)
		}
		r, _ := b.s.Lookup("d")
		if r.ID != first.ID || r.Epoch != first.Epoch || r.Lifetime != 100*time.Second || !r.Heard.Equal(time.Now()) || !r.Queue || len(r.Paths) != 4 {
			t.Errorf("after the update: %+v", r)
		}
		if got := d.post(coap.POST, nil, "</9/7>", "rd", d.id); got.Code != coap.Changed {
			t.Errorf("update of the objects: %v", got.Code)
		}
		if diff := cmp.Diff([]string{"/9/7"}, b.h.last().Paths); diff != "" {
			t.Errorf("objects after the update:\n%s", diff)
		}
		if code := d.update("lt=x"); code != coap.BadRequest {
			t.Errorf("bad update: %v; want 4.00", code)
		}

		moved := b.device("198.51.100.7:999", "d") // through another NAT
		moved.id = d.id
		if code := moved.update(); code != coap.Changed || b.h.last().Addr.String() != "198.51.100.7:999" {
			t.Errorf("update from elsewhere: %v, address %v", code, b.h.last().Addr)
		}
		if _, err := b.s.Do(within(t, time.Minute), "d", server.Read("/9/0/7", server.TextPlain)); err != nil {
			t.Error(err)
		}
		check(t, "asked at the new address", moved.took(), "GET /9/0/7")
		check(t, "asked at the old address", d.took(), "")

		if r := moved.post(coap.DELETE, nil, "", "rd", moved.id); r.Code != coap.Deleted {
			t.Errorf("de-register: %v", r.Code)
		}
		if code := d.update(); code != coap.NotFound {
			t.Errorf("update afterwards: %v; want 4.04", code)
		}
		if _, err := b.s.Do(within(t, time.Minute), "d", server.Discover("/9")); !errors.Is(err, server.ErrNotRegistered) {
			t.Errorf("request afterwards: %v", err)
		}
		check(t, "handler", b.h.took(), "register d, update d, update d, update d, deregister d")
		check(t, "left", names(b.s), "")
	})
}

// TestRegisterAgain: a second registration replaces the first, from wherever it
// comes.
func TestRegisterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		d.register()
		first := b.h.last()
		firstID := d.id
		if _, err := b.s.Do(within(t, time.Minute), "d", server.Observe("/9/0/7", server.NoFormat)); err != nil {
			t.Fatal(err)
		}
		other := b.device("192.0.2.10:1", "d")
		other.register("b=UQ")
		second := b.h.last()
		if second.ID == first.ID || second.Epoch <= first.Epoch || second.Addr == first.Addr || !second.Queue {
			t.Errorf("first %+v\nsecond %+v", first, second)
		}
		d.id = firstID
		if code := d.update(); code != coap.NotFound {
			t.Errorf("update of the first: %v; want 4.04", code)
		}
		if err := d.notify("/9/0/7", "1"); !errors.Is(err, coap.ErrReset) {
			t.Errorf("notification of the first epoch: %v; want a reset", err)
		}
		check(t, "registered", names(b.s), "d")
		check(t, "handler", b.h.took(), "register d, register d")
		if got := b.s.Tables(); got != (server.Tables{Devices: 1, ByID: 1, Expiry: 1}) {
			t.Errorf("tables: %+v", got)
		}
		other.post(coap.DELETE, nil, "", "rd", other.id)
		if got := b.s.Tables(); got != (server.Tables{}) {
			t.Errorf("tables at the end: %+v", got)
		}
	})
}

// TestDurableBeforeAnswered: the device is answered when the handler has
// returned; what it repeats meanwhile is not handled again, and requests wait.
func TestDurableBeforeAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		b.h.before = func(string, server.Registration) error { time.Sleep(20 * time.Second); return nil }
		// Acknowledgements are lost: the device goes on repeating.
		b.n.SetRule(loseEmptyAcks)
		d := b.device(deviceAddr, "d")
		done := make(chan error, 1)
		go func() {
			time.Sleep(time.Second)
			_, err := b.s.Do(within(t, time.Minute), "d", server.Read("/9/0/7", server.NoFormat))
			done <- err
		}()
		start := time.Now()
		if code := d.register(); code != coap.Created || time.Since(start) != 20*time.Second {
			t.Errorf("registered %v after %v", code, time.Since(start))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		registers, answered := 0, false
		for _, p := range b.n.Sent() {
			switch kind := kindOf(p); {
			case kind == "CON 0.02":
				registers++
			case kind == "CON 2.01":
				answered = true
			case kind == "CON 0.01" && !answered:
				t.Error("a request went out before the answer to the registration")
			}
		}
		if registers < 3 {
			t.Errorf("the device sent its registration %d times only", registers)
		}
		check(t, "handler", b.h.took(), "register d")
	})
}

// TestHandlerErrors: what the handler says goes on the wire, and a refusal
// changes nothing.
func TestHandlerErrors(t *testing.T) {
	for _, x := range []struct {
		err  error
		code coap.Code
	}{
		{&server.Refused{Code: lwm2m9.CodeForbidden}, coap.Forbidden},
		{fmt.Errorf("wrapped: %w", &server.Refused{Code: lwm2m9.CodeUnavailable}), coap.ServiceUnavailable},
		{errors.New("disk full"), coap.InternalServerError},
		{fmt.Errorf("stopping: %w", context.Canceled), coap.ServiceUnavailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			d := b.device(deviceAddr, "d")
			fail := func(string, server.Registration) error { return x.err }
			b.h.before = fail
			if code := d.register(); code != x.code || names(b.s) != "" {
				t.Errorf("first registration: %v; want %v; left %q", code, x.code, names(b.s))
			}
			b.h.before = nil
			d.register("lt=60")
			before, _ := b.s.Lookup("d")
			if _, err := b.s.Do(within(t, time.Minute), "d", server.Observe("/9/0/7", server.NoFormat)); err != nil {
				t.Fatal(err)
			}
			b.h.before = fail
			time.Sleep(time.Second)
			got := []coap.Code{d.register("lt=99"), d.update("lt=99"), d.post(coap.DELETE, nil, "", "rd", d.id).Code}
			for i, code := range got {
				if code != x.code {
					t.Errorf("request %d: %v; want %v", i, code, x.code)
				}
			}
			if after, _ := b.s.Lookup("d"); !cmp.Equal(before, after, cmpopts.EquateComparable(deviceAt)) {
				t.Errorf("changed from %+v\nto %+v", before, after)
			}
			b.h.before = nil
			if err := d.notify("/9/0/7", "1"); err != nil {
				t.Errorf("the observation is gone: %v", err)
			}
		})
	}
}

// TestMaxRegistrations: the bound, and that those who are in can go on.
func TestMaxRegistrations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{MaxRegistrations: 2})
		a, c, d := b.device("192.0.2.20:1", "a"), b.device("192.0.2.21:1", "c"), b.device("192.0.2.22:1", "d")
		for _, x := range []struct {
			d    *device
			code coap.Code
		}{{a, coap.Created}, {c, coap.Created}, {d, coap.ServiceUnavailable}, {a, coap.Created}} {
			if code := x.d.register(); code != x.code {
				t.Errorf("%s: %v; want %v", x.d.name, code, x.code)
			}
		}
		c.post(coap.DELETE, nil, "", "rd", c.id)
		if code := d.register(); code != coap.Created {
			t.Errorf("after one has left: %v", code)
		}
	})
}

// TestSerial: the handler is called for one event of an endpoint at a time,
// for other endpoints meanwhile.
func TestSerial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d, other := b.device(deviceAddr, "d"), b.device("192.0.2.10:1", "e")
		d.register()
		at, most := 0, 0
		b.h.before = func(call string, r server.Registration) error {
			if r.Endpoint != "d" {
				return nil
			}
			at++ // no lock: the race detector watches
			most = max(most, at)
			time.Sleep(3 * time.Second)
			at--
			return nil
		}
		done := make(chan coap.Code, 3)
		start := time.Now()
		for i := range 3 { // from three addresses: one has a turn of its own anyway
			e := b.device(fmt.Sprintf("192.0.2.50:%d", i+1), "d")
			e.id = d.id
			go func() { done <- e.update() }()
			synctest.Wait()
		}
		if code := other.register(); code != coap.Created || time.Since(start) != 0 {
			t.Errorf("another device: %v after %v", code, time.Since(start))
		}
		for range 3 {
			if code := <-done; code != coap.Changed {
				t.Error(code)
			}
		}
		if most != 1 || time.Since(start) != 9*time.Second {
			t.Errorf("%d at once; %v for three", most, time.Since(start))
		}
	})
}

// TestOvertaken: what waited while the device registered anew belongs to the
// registration before, and is dropped.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, d := observing(t)
		other := b.device("192.0.2.10:1", "d") // an Update from elsewhere
		other.id = d.id
		b.h.before = func(string, server.Registration) error { time.Sleep(5 * time.Second); return nil }
		done := make(chan coap.Code, 2)
		go func() { done <- d.register() }()
		synctest.Wait()
		go func() { done <- other.update() }()
		if err := d.notify("/9/0/7", "old"); err != nil {
			t.Error(err)
		}
		codes := []coap.Code{<-done, <-done}
		slices.Sort(codes)
		if codes[0] != coap.Created || codes[1] != coap.NotFound {
			t.Errorf("register and update: %v; want 2.01 and 4.04", codes)
		}
		synctest.Wait()
		check(t, "handler", b.h.took(), "register d")
	})
}

// TestUpdateBinding: when an Update changes whether the device sleeps. In 1.0
// the binding alone says it; later the Q of the Register does.
func TestUpdateBinding(t *testing.T) {
	for _, x := range []struct {
		register []string
		update   string
		queue    bool
	}{
		{[]string{"b=UQ"}, "lt=60", true},
		{[]string{"b=UQ"}, "b=U", false},
		{[]string{"b=U"}, "b=UQ", true},
		{[]string{"b=U", "Q", "lwm2m=1.1"}, "b=U", true},
		{[]string{"b=U", "lwm2m=1.1"}, "b=U", false},
		{[]string{"b=U", "lwm2m=1.1"}, "b=UQ", true}, // of some 1.1 clients, and meant
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			d := b.device(deviceAddr, "d")
			d.register(x.register...)
			if code := d.update(x.update); code != coap.Changed || b.h.last().Queue != x.queue {
				t.Errorf("%v, then %s: %v, queue mode %v; want %v", x.register, x.update, code, b.h.last().Queue, x.queue)
			}
		})
	}
}
