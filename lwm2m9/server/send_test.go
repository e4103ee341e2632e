package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// receiver is a handler that takes what is sent.
type receiver struct {
	*handler
	sent []string
	err  error
}

func (r *receiver) Sent(_ context.Context, s server.Sent) error {
	for _, e := range s.Entries {
		r.sent = append(r.sent, fmt.Sprintf("%s %s=%d%s", s.Endpoint, e.Path, e.Value.Int, e.Value.Str))
	}
	return r.err
}

// send is a Send of a device.
func (d *device) send(format coap.Format, payload string) coap.Code {
	d.b.t.Helper()
	q := coap.Request{Method: coap.POST, Path: []string{"dp"}, Format: format, Accept: coap.NoFormat, Payload: []byte(payload)}
	r, err := d.e.Do(within(d.b.t, time.Minute), serverAt, q)
	if err != nil {
		d.b.t.Fatal(err)
	}
	return r.Code
}

const pack = `[{"bn":"/9/0/","n":"7","v":3},{"n":"0","vs":"fw"}]`

// TestSend: what a registered device sends arrives in either SenML; the sender
// is known by his address, or by his identity wherever he is.
func TestSend(t *testing.T) {
	cbor, err := wire.Append(nil, wire.FormatSenMLCBOR, wire.Path{},
		wire.Entry{Path: wire.PathOf(9, 0, 7), Value: wire.Integer(3)})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		got := &receiver{}
		s := newSecured(t, server.Options{Handler: got})
		got.handler = s.h
		d := s.known("192.0.2.10:1", "d1", "d1")
		plain := s.known("192.0.2.11:1", "d2", "")
		stranger := s.known("192.0.2.12:1", "d3", "")
		d.register()
		plain.register()
		moved := s.known("192.0.2.13:1", "d1", "d1")
		for _, test := range []struct {
			what    string
			from    *device
			format  server.ContentFormat
			payload string
			err     error
			want    coap.Code
			sent    string
		}{
			{"JSON", d, server.SenMLJSON, pack, nil, coap.Changed, "[d1 /9/0/7=3 d1 /9/0/0=0fw]"},
			{"CBOR without security", plain, server.SenMLCBOR, string(cbor), nil, coap.Changed, "[d2 /9/0/7=3]"},
			{"from elsewhere", moved, server.SenMLCBOR, string(cbor), nil, coap.Changed, "[d1 /9/0/7=3]"},
			{"not registered", stranger, server.SenMLJSON, pack, nil, coap.NotFound, "[]"},
			{"another format", d, server.TLV, "", nil, coap.UnsupportedFormat, "[]"},
			{"no format", d, server.NoFormat, pack, nil, coap.UnsupportedFormat, "[]"},
			{"garbage", d, server.SenMLJSON, "[{", nil, coap.BadRequest, "[]"},
			{"handler refuses", d, server.SenMLJSON, pack, &server.Refused{Code: lwm2m9.CodeUnavailable}, coap.ServiceUnavailable, "[d1 /9/0/7=3 d1 /9/0/0=0fw]"},
			{"handler fails", d, server.SenMLJSON, pack, errors.New("disk"), coap.InternalServerError, "[d1 /9/0/7=3 d1 /9/0/0=0fw]"},
		} {
			got.sent, got.err = nil, test.err
			if code := test.from.send(coap.Format(test.format), test.payload); code != test.want {
				t.Errorf("%s: %v, want %v", test.what, code, test.want)
			}
			check(t, test.what, fmt.Sprint(got.sent), test.sent)
		}
		if code := d.post(coap.PUT, nil, "", "dp").Code; code != coap.MethodNotAllowed {
			t.Errorf("PUT /dp: %v", code)
		}
		got.err = nil
		// Two behind one address, and nothing that tells them apart.
		twin := &device{b: plain.b, e: plain.e, name: "d4"}
		twin.register()
		if code := plain.send(coap.Format(server.SenMLJSON), pack); code != coap.NotFound {
			t.Errorf("one of two at an address: %v", code)
		}
		twin.post(coap.DELETE, nil, "", "rd", twin.id)
		if code := plain.send(coap.Format(server.SenMLJSON), pack); code != coap.Changed {
			t.Errorf("alone again: %v", code)
		}
	})
}

// TestSendNotTaken: a handler that takes nothing has no /dp.
func TestSendNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d1")
		d.register()
		if code := d.send(coap.Format(server.SenMLJSON), pack); code != coap.NotFound {
			t.Error(code)
		}
	})
}

// TestComposite: the composite operations as they arrive at a device, and what
// comes back, one observation for each set of paths.
func TestComposite(t *testing.T) {
	make := func(r server.Request, err error) server.Request {
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, format := range []server.ContentFormat{server.SenMLJSON, server.SenMLCBOR} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			d := b.device(deviceAddr, "d1")
			d.register("lwm2m=1.1")
			var last *coap.Request
			value := wire.Entry{Path: wire.PathOf(9, 0, 7), Value: wire.Integer(3)}
			body, err := wire.Append(nil, wire.Format(format), wire.Path{}, value)
			if err != nil {
				t.Fatal(err)
			}
			d.answer = func(r *coap.Request) coap.Response {
				last = r
				resp := coap.Response{Code: coap.Content, Format: coap.Format(format), Payload: body, Observed: r.Observe == coap.StartObserving}
				if r.Method == coap.IPATCH {
					resp = coap.Response{Code: coap.Changed, Format: coap.NoFormat}
				}
				return resp
			}
			ask := func(r server.Request) server.Response {
				t.Helper()
				resp, err := b.s.Do(within(t, time.Minute), "d1", r)
				if err != nil {
					t.Fatal(err)
				}
				return resp
			}
			resp := ask(make(server.ReadComposite(format, "/9/0/7", "/3/0")))
			list, err := wire.Decode(wire.Format(last.Format), wire.Path{}, last.Payload, nil)
			if err != nil || last.Method != coap.FETCH || len(last.Path) != 0 || server.ContentFormat(last.Accept) != format ||
				len(list) != 2 || list[1].Path != wire.PathOf(3, 0) {
				t.Errorf("FETCH: %+v, %v, %v", last, list, err)
			}
			if got, err := resp.Entries("/", nil); err != nil || len(got) != 1 || got[0] != value {
				t.Errorf("answer: %v, %v", got, err)
			}
			ask(make(server.WriteComposite(format, value)))
			if last.Method != coap.IPATCH || string(last.Payload) != string(body) {
				t.Errorf("iPATCH: %+v", last)
			}
			ask(make(server.ObserveComposite(format, "/9/0/7")))
			first := last
			ask(make(server.ObserveComposite(format, "/9/0/9")))
			for i, r := range []*coap.Request{first, last} {
				note := coap.Response{Code: coap.Content, Format: coap.Format(format), Payload: body, Observed: true, Sequence: 9}
				if err := d.e.Notify(within(t, time.Minute), r.Observer(), note, true); err != nil {
					t.Errorf("observation %d: %v", i, err)
				}
			}
			synctest.Wait()
			b.h.mu.Lock()
			notes := b.h.notes
			b.h.mu.Unlock()
			if len(notes) != 2 || notes[0].Path != "/" {
				t.Fatalf("notified: %+v", notes)
			}
			if got, err := notes[0].Entries(nil); err != nil || len(got) != 1 || got[0] != value {
				t.Errorf("notification: %v, %v", got, err)
			}
			token := first.Token
			ask(make(server.CancelObserveComposite(format, "/9/0/7")))
			if last.Observe != coap.StopObserving || last.Token != token || string(last.Payload) != string(first.Payload) {
				t.Errorf("cancel: %+v, want that of %+v", last, first)
			}
		})
	}
	for _, bad := range []func() (server.Request, error){
		func() (server.Request, error) { return server.ReadComposite(server.TLV, "/9") },
		func() (server.Request, error) { return server.ReadComposite(server.SenMLCBOR, "nine") },
		func() (server.Request, error) {
			return server.WriteComposite(server.LwM2MJSON, wire.Entry{Path: wire.PathOf(9, 0, 3), Value: wire.String("")})
		},
	} {
		if r, err := bad(); err == nil {
			t.Errorf("made %+v", r)
		}
	}
}

// TestEntries: one call decodes whatever format comes, also the numbers from
// before LwM2M 1.0 and none at all.
func TestEntries(t *testing.T) {
	tlv := "\xc1\x07\x03"
	for _, test := range []struct {
		format        server.ContentFormat
		path, payload string
		want          string // "" for garbage
	}{
		{server.TLV, "/9/0", tlv, "/9/0/7"},
		{server.OldTLV, "/9/0", tlv, "/9/0/7"},
		{server.NoFormat, "/9/0", tlv, "/9/0/7"},
		{server.TextPlain, "/9/0/7", "3", "/9/0/7"},
		{server.NoFormat, "/9/0/7", "3", "/9/0/7"},
		{server.LwM2MJSON, "/9/0", `{"bn":"/9/0/","e":[{"n":"7","v":3}]}`, "/9/0/7"},
		{server.OldLwM2MJSON, "/9/0", `{"bn":"/9/0/","e":[{"n":"7","v":3}]}`, "/9/0/7"},
		{server.SenMLJSON, "/9/0", `[{"n":"/9/0/7","v":3}]`, "/9/0/7"},
		{server.CBOR, "/9/0/7", "\x03", "/9/0/7"},
		{server.TLV, "/9/0", "\xc1", ""},
		{server.TextPlain, "/9/0", "3", ""},
		{999, "/9/0", "3", ""},
		{server.TLV, "/x", tlv, ""},
	} {
		got, err := server.Response{Format: test.format, Payload: []byte(test.payload)}.Entries(test.path, nil)
		switch {
		case test.want == "":
			if !errors.Is(err, server.ErrGarbage) {
				t.Errorf("%d %s: %v, %v; want ErrGarbage", test.format, test.path, got, err)
			}
		case err != nil || len(got) != 1 || got[0].Path.String() != test.want:
			t.Errorf("%d %s: %v, %v; want %s", test.format, test.path, got, err, test.want)
		default:
			if v, err := got[0].Value.As(wire.TypeInteger); err != nil || v.Int != 3 {
				t.Errorf("%d: %v, %v; want 3", test.format, v, err)
			}
		}
	}
}

// TestFormats: what a device is asked for fits its version.
func TestFormats(t *testing.T) {
	for version, want := range map[string]server.ContentFormat{"1.0": server.TLV, "1.1": server.SenMLCBOR, "1.2": server.SenMLCBOR} {
		if got := (server.Registration{Version: version}).Formats(); got[0] != want || len(got) < 2 {
			t.Errorf("%s: %v", version, got)
		}
	}
}
