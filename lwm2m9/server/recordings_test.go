package server_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// datagram is one line of a recording, taken apart by go-coap's own decoder.
type datagram struct {
	line       int
	fromDevice bool
	raw        []byte
	m          message.Message
}

func recording(t *testing.T, file string) []datagram {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []datagram
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		raw, err := hex.DecodeString(line[2:])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
		d := datagram{line: i + 1, fromDevice: line[0] == '<', raw: raw}
		d.m.Options = make(message.Options, 0, 32)
		if _, err := coder.DefaultCoder.Decode(raw, &d.m); err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
		all = append(all, d)
	}
	return all
}

// request is the recorded request as one for Do, in the very same exchange.
func (d datagram) request() server.Request {
	path, _ := d.m.Options.Path()
	r := server.Request{Method: server.Method(d.m.Code), Path: path, Format: server.NoFormat, Accept: server.NoFormat, Payload: d.m.Payload}
	r.Query, _ = d.m.Options.Queries()
	if f, err := d.m.Options.ContentFormat(); err == nil {
		r.Format = server.ContentFormat(f)
	}
	if f, err := d.m.Options.Accept(); err == nil {
		r.Accept = server.ContentFormat(f)
	}
	if o, err := d.m.Options.Observe(); err == nil {
		start := o == 0
		r.Observe = &start
	}
	r.Exchange = &server.Exchange{
		MessageID: binary.BigEndian.Uint16(d.raw[2:]), Token: d.m.Token, Addr: deviceAt, Begun: time.Now(),
	}
	return r
}

// TestRecordings plays the device's side of every recording to the server, and
// makes the server do what the recorded server did: each of its datagrams is
// the recorded one to the byte (but for the registration's id), and what the
// device said arrives.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../../testdata/lwm2m-client-recordings/*.txt")
	if err != nil || len(files) != 6 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, recording(t, file)) })
		})
	}
}

func play(t *testing.T, all []datagram) {
	b := newBench(t, server.Options{})
	conn := b.n.Listen(deviceAddr)
	sent := func() coaptest.Packet {
		synctest.Wait()
		p := b.n.Sent()
		return p[len(p)-1]
	}
	var asked *datagram // what the next line from the device answers
	var answer chan result
	for i, d := range all {
		switch code := d.m.Code; {
		case hasOption(d, message.Block1): // the push has its own test: its later messages have their own exchanges
		case d.fromDevice && code == codes.POST:
			if all[i+1].m.Code == codes.PreconditionFailed {
				// That server knew fewer versions; the one recorded answer is
				// provoked with a version that we do not know either.
				d.raw = bytes.Replace(d.raw, []byte("lwm2m=1."), []byte("lwm2m=3."), 1)
			}
			conn.Send(serverAt, d.raw)
		case !d.fromDevice && code >= 64: // the answer to a registration
			got := sent()
			// Header, token and the first segment of the location: the id is ours.
			if got.From != serverAt || !bytes.HasPrefix(got.Data, d.raw[:min(len(d.raw), 4+8+len("\x82rd"))]) {
				t.Errorf("line %d: answered % x; recorded % x", d.line, got.Data, d.raw)
			}
		case !d.fromDevice:
			answer = make(chan result, 1)
			go func() {
				r, err := b.s.Do(within(t, time.Minute), "urn:imei:490154203237518", d.request())
				answer <- result{r, err}
			}()
			asked = &all[i]
			if got := sent(); !bytes.Equal(got.Data, d.raw) {
				t.Errorf("line %d: sent\n% x; recorded\n% x", d.line, got.Data, d.raw)
			}
		case d.m.Type == message.Acknowledgement:
			conn.Send(serverAt, d.raw)
			checkAnswer(t, asked, d, <-answer)
		default: // a notification
			b.h.took()
			conn.Send(serverAt, d.raw)
			synctest.Wait()
			if got := b.h.took(); !strings.HasSuffix(got, "="+string(d.m.Payload)) {
				t.Errorf("line %d: the handler was told %q; want %q", d.line, got, d.m.Payload)
			}
		}
	}
	if r, ok := b.s.Lookup("urn:imei:490154203237518"); !ok || len(r.Instances()) != 2 || r.Lifetime != time.Minute || !strings.HasPrefix(r.Version, "1.") {
		t.Errorf("registration: %+v", r)
	}
}

type result struct {
	r   server.Response
	err error
}

func checkAnswer(t *testing.T, asked *datagram, d datagram, got result) {
	t.Helper()
	refusal := d.m.Code >= 128
	if refusal != (got.err != nil) || int(got.r.Code) != int(d.m.Code) || !bytes.Equal(got.r.Payload, d.m.Payload) {
		t.Errorf("line %d, answered in %d: %v %q, %v", asked.line, d.line, got.r.Code, got.r.Payload, got.err)
	}
	if f, err := d.m.Options.ContentFormat(); err == nil && int(got.r.Format) != int(f) {
		t.Errorf("line %d: format %d; recorded %d", d.line, got.r.Format, f)
	}
}

func hasOption(d datagram, id message.OptionID) bool { return d.m.Options.HasOption(id) }
