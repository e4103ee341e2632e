package server_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// seen is what a device reads in a request.
func seen(r *coap.Request) string {
	var b strings.Builder
	b.WriteString(r.Method.String() + " /" + strings.Join(r.Path, "/"))
	if len(r.Query) > 0 {
		b.WriteString("?" + strings.Join(r.Query, "&"))
	}
	if r.Format != coap.NoFormat {
		fmt.Fprintf(&b, " format %d", r.Format)
	}
	if r.Accept != coap.NoFormat {
		fmt.Fprintf(&b, " accept %d", r.Accept)
	}
	if len(r.Payload) > 0 {
		b.WriteString(" " + string(r.Payload))
	}
	return b.String()
}

// TestRequests: what each request looks like to the device.
func TestRequests(t *testing.T) {
	for _, x := range []struct {
		r    server.Request
		root string
		want string
	}{
		{server.Read("/9/0/7", server.TextPlain), "", "0.01 /9/0/7 accept 0"},
		{server.Read("/9/0", server.NoFormat), "", "0.01 /9/0"},
		{server.Read("/9/0", server.TLV), "/lwm2m", "0.01 /lwm2m/9/0 accept 11542"},
		{server.Discover("/9"), "", "0.01 /9 accept 40"},
		{server.Write("/9/0/3", server.TextPlain, []byte("http://x/y")), "", "0.03 /9/0/3 format 0 http://x/y"},
		{server.Write("/9/0/3", server.TextPlain, nil), "", "0.03 /9/0/3 format 0"}, // an empty string, not attributes
		{server.WritePartial("/9/0", server.TLV, []byte("x")), "", "0.02 /9/0 format 11542 x"},
		{server.WriteAttributes("/9/0/7", "pmin=1", "pmax=9"), "", "0.03 /9/0/7?pmin=1&pmax=9"},
		{server.Execute("/9/0/4", ""), "", "0.02 /9/0/4"},
		{server.Execute("/9/0/6", "0='1'"), "/a/b", "0.02 /a/b/9/0/6 format 0 0='1'"},
		{server.Create("/9", server.TLV, []byte("x")), "", "0.02 /9 format 11542 x"},
		{server.Delete("/9/1"), "", "0.04 /9/1"},
		{server.Request{Method: server.GET, Path: "/9"}, "", "0.01 /9 accept 0"}, // no Content-Format on a GET
		{server.Request{Method: server.FETCH, Path: "/", Format: server.SenMLCBOR, Accept: server.SenMLCBOR, Payload: []byte("x")}, "", "0.05 / format 112 accept 112 x"},
		{server.Request{Method: server.IPATCH, Path: "", Format: server.SenMLJSON, Accept: server.NoFormat, Payload: []byte("x")}, "", "0.07 / format 110 x"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			d := b.device(deviceAddr, "d")
			got := ""
			d.answer = func(r *coap.Request) coap.Response {
				got = seen(r)
				return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
			}
			body := "</9/0>"
			if x.root != "" {
				body = "<" + x.root + `>;rt="oma.lwm2m",<` + x.root + "/9/0>"
			}
			d.post(coap.POST, []string{"ep=d"}, body, "rd")
			if _, err := b.s.Do(within(t, time.Minute), "d", x.r); err != nil {
				t.Error(err)
			}
			check(t, "request", got, x.want)
		})
	}
}

// TestAnswers: what each answer of the device becomes.
func TestAnswers(t *testing.T) {
	for _, x := range []struct {
		name   string
		answer coap.Response
		want   server.Response
		err    error
		code   lwm2m9.ResponseCode // of a Refused
	}{
		{"content", coap.Response{Code: coap.Content, Format: 11542, Payload: []byte("x")},
			server.Response{Code: lwm2m9.CodeContent, Format: server.TLV, Payload: []byte("x")}, nil, 0},
		{"no format", coap.Response{Code: coap.Changed, Format: coap.NoFormat},
			server.Response{Code: lwm2m9.CodeChanged, Format: server.NoFormat}, nil, 0},
		{"created", coap.Response{Code: coap.Created, Format: coap.NoFormat, Location: []string{"9", "1"}},
			server.Response{Code: lwm2m9.CodeCreated, Format: server.NoFormat, Location: "/9/1"}, nil, 0},
		{"refused", coap.Response{Code: coap.MethodNotAllowed, Format: coap.NoFormat},
			server.Response{Code: lwm2m9.CodeMethodNotAllowed, Format: server.NoFormat}, nil, lwm2m9.CodeMethodNotAllowed},
		{"later", coap.Response{Code: coap.ServiceUnavailable, Format: coap.NoFormat},
			server.Response{Code: lwm2m9.CodeUnavailable, Format: server.NoFormat}, nil, lwm2m9.CodeUnavailable},
		{"continue to nothing", coap.Response{Code: coap.Continue, Format: coap.NoFormat}, server.Response{}, server.ErrGarbage, 0},
		{"too large", coap.Response{Code: coap.Content, Payload: make([]byte, 5001)}, server.Response{}, server.ErrGarbage, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{MaxBody: 5000})
			d := b.device(deviceAddr, "d")
			d.register()
			d.answer = func(*coap.Request) coap.Response { return x.answer }
			got, err := b.s.Do(within(t, time.Minute), "d", server.Read("/9/0/7", server.NoFormat))
			refused, no := errors.AsType[*server.Refused](err)
			switch {
			case x.err != nil:
				if !errors.Is(err, x.err) {
					t.Errorf("%s: %v; want %v", x.name, err, x.err)
				}
				return
			case no != (x.code != 0) || no && refused.Code != x.code || !no && err != nil:
				t.Errorf("%s: %v", x.name, err)
			}
			if got.Code != x.want.Code || got.Format != x.want.Format || got.Location != x.want.Location || !bytes.Equal(got.Payload, x.want.Payload) {
				t.Errorf("%s: %+v; want %+v", x.name, got, x.want)
			}
		})
	}
}

// TestRefusedCopy: whoever is refused learns whether the device may have seen
// the request twice.
func TestRefusedCopy(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{})
			d := b.device(deviceAddr, "d")
			d.register()
			d.answer = func(*coap.Request) coap.Response {
				return coap.Response{Code: coap.MethodNotAllowed, Format: coap.NoFormat}
			}
			if late { // the answer, so that the request goes out again
				b.n.SetRule(coaptest.From(deviceAt, coaptest.Delay(5*time.Second)))
			}
			_, err := b.s.Do(within(t, time.Minute), "d", server.Execute("/9/0/4", ""))
			refused, no := errors.AsType[*server.Refused](err)
			if !no || refused.Code != lwm2m9.CodeMethodNotAllowed || refused.Repeated != late {
				t.Errorf("answer late: %v; got %+v", late, err)
			}
		})
	}
}

// TestNoAnswers: the ways in which a request gets none.
func TestNoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{Timeout: 30 * time.Second})
		d := b.device(deviceAddr, "d")
		do := func(endpoint string, limit time.Duration, r server.Request) (time.Duration, error) {
			start := time.Now()
			_, err := b.s.Do(within(t, limit), endpoint, r)
			return time.Since(start), err
		}
		read := server.Read("/9/0/7", server.NoFormat)
		if _, err := do("d", time.Minute, read); !errors.Is(err, server.ErrNotRegistered) {
			t.Errorf("unknown: %v", err)
		}
		d.register()
		if _, err := do("d", time.Minute, server.Write("/9/0/3", server.NoFormat, []byte("x"))); !errors.Is(err, server.ErrNotSent) {
			t.Errorf("payload without format: %v; want it not sent", err)
		}
		d.answer = func(*coap.Request) coap.Response { time.Sleep(time.Hour); return coap.Response{Code: coap.Content} }
		if took, err := do("d", time.Hour, read); took != 31*time.Second || !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) {
			t.Errorf("acknowledged and silent: %v after %v; want ErrNoAnswer after 1 + 30 s", err, took)
		}
		d.stop()
		if took, err := do("d", 10*time.Second, read); took != 10*time.Second || !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) {
			t.Errorf("gone: %v after %v; want ErrNoAnswer after 10 s", err, took)
		}
		if took, err := do("d", time.Hour, read); took > coap.MaxTransmitWait || !errors.Is(err, server.ErrNoAnswer) {
			t.Errorf("gone: %v after %v; want ErrNoAnswer when retransmission ends", err, took)
		}
		go do("d", time.Minute, read)
		synctest.Wait()
		if took, err := do("d", time.Second, read); took != time.Second || !errors.Is(err, server.ErrNotSent) {
			t.Errorf("in the queue: %v after %v; want ErrNotSent", err, took)
		}
		time.Sleep(time.Minute)
	})
}

// TestAckTimeout: retransmission scales with it.
func TestAckTimeout(t *testing.T) {
	for _, ack := range []time.Duration{0, 200 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, server.Options{AckTimeout: ack})
			d := b.device(deviceAddr, "d")
			d.register()
			d.stop()
			start := time.Now()
			_, err := b.s.Do(context.Background(), "d", server.Delete("/9/0"))
			least := 31 * cmp.Or(ack, server.DefaultAckTimeout)
			if took := time.Since(start); !errors.Is(err, server.ErrNoAnswer) || took < least || took > least*3/2 {
				t.Errorf("AckTimeout %v: %v after %v; want %v to %v", ack, err, took, least, least*3/2)
			}
		})
	}
}

// TestClosed: after Run nothing goes out, and what is under way ends.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, n: coaptest.New(), h: &handler{}}
		s, stop := b.start(server.Options{}, nil)
		b.s = s
		d := b.device(deviceAddr, "d")
		d.register()
		q := b.device("192.0.2.10:1", "q")
		q.register("b=UQ")
		d.stop()
		time.Sleep(2 * time.Minute)
		errs := make(chan error, 2)
		for _, name := range []string{"d", "q"} {
			go func() {
				_, err := s.Do(context.Background(), name, server.Execute("/9/0/4", ""))
				errs <- err
			}()
			synctest.Wait()
		}
		stop()
		var sent, waited bool
		for range 2 {
			err := <-errs
			sent = sent || errors.Is(err, server.ErrNoAnswer) && !errors.Is(err, server.ErrClosed)
			waited = waited || errors.Is(err, server.ErrClosed)
		}
		if !sent || !waited {
			t.Errorf("what was sent may have been carried out: %v; what was not is ErrClosed: %v", sent, waited)
		}
		if _, err := s.Do(context.Background(), "d", server.Delete("/9/0")); !errors.Is(err, server.ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
		if _, err := s.NewExchange("d"); !errors.Is(err, server.ErrClosed) {
			t.Errorf("NewExchange afterwards: %v", err)
		}
	})
}

// TestExchange: an exchange stored and sent again, also by the next life of the
// server, is carried out once; one that the device would not recognise is not
// sent.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, n: coaptest.New(), h: &handler{}}
		s, stop := b.start(server.Options{}, nil)
		d := b.device(deviceAddr, "d")
		d.register("lt=86400")
		d.answer = func(*coap.Request) coap.Response { return coap.Response{Code: coap.Changed, Format: coap.NoFormat} }
		x, err := s.NewExchange("d")
		if err != nil || x.Addr != deviceAt || len(x.Token) != 8 || !x.Begun.Equal(time.Now()) {
			t.Fatalf("%+v, %v", x, err)
		}
		j, _ := json.Marshal(x)
		var stored server.Exchange
		if err := json.Unmarshal(j, &stored); err != nil {
			t.Fatal(err)
		}
		install := server.Execute("/9/0/4", "")
		install.Exchange = &stored
		b.n.SetRule(coaptest.From(deviceAt, coaptest.Lose)) // carried out, and nobody knows
		if _, err := s.Do(within(t, 5*time.Second), "d", install); !errors.Is(err, server.ErrNoAnswer) || errors.Is(err, server.ErrNotSent) {
			t.Errorf("the first time: %v", err)
		}
		stop()
		b.n.SetRule(coaptest.Deliver)
		check(t, "after the first life", d.took(), "POST /9/0/4")

		s = b.serve(server.Options{}, b.h.regs)
		b.s = s
		time.Sleep(time.Minute)
		if r, err := s.Do(within(t, time.Minute), "d", install); err != nil || r.Code != lwm2m9.CodeChanged {
			t.Errorf("again: %v, %v", r, err)
		}
		check(t, "carried out a second time", d.took(), "")

		sent := len(b.n.Sent())
		time.Sleep(server.ExchangeLifetime - 65*time.Second)
		if _, err := s.Do(within(t, time.Minute), "d", install); err != nil {
			t.Errorf("at the age of ExchangeLifetime: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := s.Do(within(t, time.Minute), "d", install); !errors.Is(err, server.ErrStaleExchange) {
			t.Errorf("older than ExchangeLifetime: %v", err)
		}
		if got := len(b.n.Sent()) - sent; got != 2 {
			t.Errorf("%d datagrams; want 2, of the one that was young enough", got)
		}
		fresh, _ := s.NewExchange("d")
		moved := b.device("192.0.2.10:1", "d")
		moved.id = d.id
		moved.update()
		install.Exchange = &fresh
		if _, err := s.Do(within(t, time.Minute), "d", install); !errors.Is(err, server.ErrStaleExchange) {
			t.Errorf("at another address: %v", err)
		}
		check(t, "carried out at last", d.took()+moved.took(), "")
		if _, err := s.NewExchange("nobody"); !errors.Is(err, server.ErrNotRegistered) {
			t.Errorf("NewExchange for nobody: %v", err)
		}
	})
}

// TestPush: a package in blocks.
func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "d")
		d.register()
		var got []byte
		d.answer = func(r *coap.Request) coap.Response {
			got = r.Payload
			return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
		}
		want := bytes.Repeat([]byte("0123456789"), 500)
		if _, err := b.s.Do(within(t, time.Minute), "d", server.Write("/9/0/2", server.OctetStream, want)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes arrived", err, len(got))
		}
	})
}
