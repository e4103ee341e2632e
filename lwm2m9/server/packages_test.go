package server_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestPackages serves a package block by block, also when the server begins a
// new life in the middle.
func TestPackages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 300)
		var open, most int
		packages := func(_ context.Context, token, _ string) (server.Package, error) {
			switch token {
			case "none":
				return server.Package{}, server.ErrNoPackage
			case "fault":
				return server.Package{}, errors.New("disk")
			}
			open++
			most = max(most, open)
			return server.Package{Body: server.Body{ReaderAt: bytes.NewReader(body), Size: int64(len(body))}, ETag: []byte("e"), Release: func() { open-- }}, nil
		}
		b := newBench(t, server.Options{Packages: packages})
		d := b.device(deviceAddr, "dev")
		fetch := func(token string) coap.Response {
			return d.post(coap.GET, nil, "", "p", token)
		}
		if r := fetch("good"); r.Code != coap.Content || !bytes.Equal(r.Payload, body) || r.Format != 42 {
			t.Errorf("%v, %d bytes", r.Code, len(r.Payload))
		}
		if open != 0 || most != 1 {
			t.Errorf("%d packages open, at most %d", open, most)
		}
		for token, want := range map[string]coap.Code{"none": coap.NotFound, "fault": coap.ServiceUnavailable} {
			if r := fetch(token); r.Code != want {
				t.Errorf("%s: %v, want %v", token, r.Code, want)
			}
		}
		if r := d.post(coap.POST, nil, "x", "p", "good"); r.Code != coap.NotFound {
			t.Errorf("POST: %v", r.Code)
		}
	})
}

// TestPushedBody writes a package that is not in memory.
func TestPushedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 300)
		b := newBench(t, server.Options{})
		d := b.device(deviceAddr, "dev")
		d.register()
		var got []byte
		d.answer = func(r *coap.Request) coap.Response {
			got = r.Payload
			return coap.Response{Code: coap.Changed, Format: coap.NoFormat}
		}
		r := server.Write("/9/0/2", server.OctetStream, nil)
		r.Body = &server.Body{ReaderAt: bytes.NewReader(body), Size: int64(len(body))}
		resp, err := b.s.Do(within(t, time.Minute), "dev", r)
		if err != nil || resp.Code != lwm2m9.CodeChanged || !bytes.Equal(got, body) {
			t.Errorf("%v, %d bytes, %v", resp.Code, len(got), err)
		}
		r.Format = server.NoFormat
		if _, err := b.s.Do(within(t, time.Minute), "dev", r); !errors.Is(err, server.ErrNotSent) {
			t.Errorf("without Content-Format: %v", err)
		}
	})
}
