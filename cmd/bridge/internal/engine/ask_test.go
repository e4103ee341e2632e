package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// scripted answers each request from a table: "GET /9 tlv".
type scripted struct {
	answers map[string]any // server.Response or error; missing: 4.04
	log     []string
}

var formats = map[server.ContentFormat]string{server.NoFormat: "", server.TextPlain: " text", server.TLV: " tlv", server.LinkFormat: " link",
	server.SenMLCBOR: " cbor", server.SenMLJSON: " json", server.OldTLV: " oldtlv", server.LwM2MJSON: " lwjson", server.OldLwM2MJSON: " oldjson"}

func (s *scripted) Do(_ context.Context, _ string, r server.Request) (server.Response, error) {
	name := methods[r.Method] + " " + r.Path
	if r.Observe != nil {
		name += " observe"
	} else if r.Method == server.GET {
		name += formats[r.Accept]
	} else {
		name += formats[r.Format]
	}
	if len(r.Payload) > 0 && r.Format == server.TextPlain {
		name += " " + string(r.Payload)
	} else if len(r.Payload) > 0 {
		name += fmt.Sprintf(" %x", r.Payload)
	}
	s.log = append(s.log, name)
	switch a := s.answers[name].(type) {
	case server.Response:
		return a, nil
	case error:
		return server.Response{}, a
	}
	return server.Response{}, &server.Refused{Code: lwm2m9.CodeNotFound}
}

func (s *scripted) NewExchange(string) (server.Exchange, error) { return server.Exchange{}, nil }
func (s *scripted) Restore(server.Registration) error           { return nil }

func refusal(c lwm2m9.ResponseCode) error { return &server.Refused{Code: c} }

// refusedAgain is the refusal of a request that went out more than once.
func refusedAgain(c lwm2m9.ResponseCode) error { return &server.Refused{Code: c, Repeated: true} }

func text(s string) server.Response {
	return server.Response{Code: lwm2m9.CodeContent, Format: server.TextPlain, Payload: []byte(s)}
}

func tlv(items ...wire.TLV) server.Response {
	b, err := wire.AppendTLV(nil, items...)
	if err != nil {
		panic(err)
	}
	return server.Response{Code: lwm2m9.CodeContent, Format: server.TLV, Payload: b}
}

func pair(state, result int64) []wire.TLV {
	return []wire.TLV{wire.Resource(7, wire.Integer(state)), wire.Resource(9, wire.Integer(result))}
}

func instance(id lwm2m9.InstanceID, state, result int64) lwm2m9.Instance {
	return lwm2m9.Instance{ID: id, RawState: state, RawResult: result}
}

var (
	done     = server.Response{Code: lwm2m9.CodeChanged, Format: server.NoFormat}
	observed = server.Response{Code: lwm2m9.CodeContent, Format: server.NoFormat, Observed: true}
	lwCBOR   = server.Response{Code: lwm2m9.CodeContent, Format: 11544, Payload: []byte{0xa0}} // LwM2M CBOR: not understood
)

func created(at string) server.Response {
	return server.Response{Code: lwm2m9.CodeCreated, Format: server.NoFormat, Location: at}
}

func TestRequestsOnTheWire(t *testing.T) {
	for _, tc := range []struct {
		name    string
		op      mapping.Op
		uri     string
		update  bool
		resume  bool
		reg     server.Registration
		known   []lwm2m9.Instance
		answers map[string]any
		want    mapping.Answer
		log     string
	}{
		{name: "survey", op: mapping.OpSurvey,
			answers: map[string]any{"GET /9 tlv": tlv(wire.Instance(0, pair(0, 0)...), wire.Instance(3, pair(3, 0)...))},
			want:    mapping.Answer{Outcome: mapping.Accepted, Instances: []lwm2m9.Instance{instance(0, 0, 0), instance(3, 3, 0)}}},
		{name: "survey one by one, as discovered", op: mapping.OpSurvey, reg: server.Registration{Root: "/lwm2m"},
			answers: map[string]any{
				"GET /9 tlv":   refusal(lwm2m9.CodeMethodNotAllowed),
				"GET /9 link":  server.Response{Code: lwm2m9.CodeContent, Format: server.LinkFormat, Payload: []byte("</lwm2m/9>;ver=1.0,</lwm2m/9/4>,</lwm2m/9/4/7>,</lwm2m/91/1>")},
				"GET /9/4 tlv": tlv(wire.Instance(4, pair(1, 1)...)),
			},
			want: mapping.Answer{Outcome: mapping.Accepted, Instances: []lwm2m9.Instance{instance(4, 1, 1)}}},
		{name: "survey one by one, as registered", op: mapping.OpSurvey, reg: server.Registration{Paths: []string{"/9/2", "/9/5"}},
			answers: map[string]any{
				"GET /9 tlv": lwCBOR, "GET /9/2 tlv": lwCBOR, "GET /9/2/7 text": text(" +3"), "GET /9/2/9 text": text("0"),
				"GET /9/2/12 text": text("1"), "GET /9/2/0 text": refusal(lwm2m9.CodeUnauthorized), "GET /9/2/1 text": text("v1"),
			},
			want: mapping.Answer{Outcome: mapping.Accepted, Torn: true,
				Instances: []lwm2m9.Instance{{ID: 2, RawState: 3, Version: "v1", Activation: lwm2m9.Enabled}}}},
		{name: "survey without the object", op: mapping.OpSurvey,
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeNotFound}},
		{name: "survey of no instance", op: mapping.OpSurvey, reg: server.Registration{Paths: []string{"/9"}},
			want: mapping.Answer{Outcome: mapping.Accepted, Instances: []lwm2m9.Instance{}}},
		{name: "survey later", op: mapping.OpSurvey, answers: map[string]any{"GET /9 tlv": refusal(lwm2m9.CodeUnavailable)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeUnavailable}},
		{name: "survey in silence", op: mapping.OpSurvey, answers: map[string]any{"GET /9 tlv": server.ErrNoAnswer},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "survey asleep", op: mapping.OpSurvey, answers: map[string]any{"GET /9 tlv": server.ErrAsleep},
			want: mapping.Answer{Outcome: mapping.NotSent}},

		{name: "read", op: mapping.OpRead, answers: map[string]any{"GET /9/1 tlv": tlv(pair(4, 2)...)},
			want: mapping.Answer{Outcome: mapping.Accepted, Instances: []lwm2m9.Instance{instance(1, 4, 2)}}},
		{name: "read what is gone", op: mapping.OpRead, want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "read nonsense", op: mapping.OpRead,
			answers: map[string]any{"GET /9/1 tlv": server.ErrGarbage, "GET /9/1/7 text": text("three")},
			want:    mapping.Answer{Outcome: mapping.Garbage}, log: "GET /9/1 tlv, GET /9/1/7 text"},
		{name: "read without state", op: mapping.OpRead,
			answers: map[string]any{"GET /9/1 tlv": tlv(wire.Resource(9, wire.Integer(0))), "GET /9/1/7 text": tlv(wire.Resource(7, wire.Integer(2))), "GET /9/1/9 text": text("1")},
			want:    mapping.Answer{Outcome: mapping.Accepted, Torn: true, Instances: []lwm2m9.Instance{instance(1, 2, 1)}}},
		{name: "read cut off", op: mapping.OpRead,
			answers: map[string]any{"GET /9/1 tlv": lwCBOR, "GET /9/1/7 text": text("3"), "GET /9/1/9 text": server.ErrNoAnswer},
			want:    mapping.Answer{Outcome: mapping.NoAnswer}},

		{name: "observe", op: mapping.OpObserve,
			answers: map[string]any{"GET /9/1/7 observe": observed, "GET /9/1/9 observe": observed, "GET /9/1/12 observe": observed},
			want:    mapping.Answer{Outcome: mapping.Accepted}, log: "GET /9/1/7 observe, GET /9/1/9 observe, GET /9/1/12 observe"},
		{name: "observe the instance", op: mapping.OpObserve,
			answers: map[string]any{"GET /9/1/7 observe": observed, "GET /9/1/9 observe": refusal(lwm2m9.CodeMethodNotAllowed), "GET /9/1 observe": observed},
			want:    mapping.Answer{Outcome: mapping.Accepted}, log: "GET /9/1/7 observe, GET /9/1/9 observe, GET /9/1 observe"},
		{name: "observe a device that does not", op: mapping.OpObserve,
			answers: map[string]any{"GET /9/1/7 observe": text("0"), "GET /9/1 observe": refusal(lwm2m9.CodeMethodNotAllowed)},
			want:    mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeMethodNotAllowed}},

		{name: "create", op: mapping.OpCreate, answers: map[string]any{"POST /9 tlv": created("/9/7")},
			want: mapping.Answer{Outcome: mapping.Accepted, Created: 7}},
		{name: "create with a number", op: mapping.OpCreate, known: []lwm2m9.Instance{{ID: 0}}, reg: server.Registration{Paths: []string{"/9/1"}},
			answers: map[string]any{"POST /9 tlv": refusal(lwm2m9.CodeBadRequest), "POST /9 tlv 0002": created("/9/2")},
			want:    mapping.Answer{Outcome: mapping.Accepted, Created: 2}},
		{name: "create without a location", op: mapping.OpCreate, known: []lwm2m9.Instance{{ID: 0}},
			answers: map[string]any{"POST /9 tlv": created(""), "GET /9 tlv": tlv(wire.Instance(0, pair(0, 0)...), wire.Instance(5, pair(0, 0)...))},
			want:    mapping.Answer{Outcome: mapping.Accepted, Created: 5}},
		{name: "create nothing", op: mapping.OpCreate,
			answers: map[string]any{"POST /9 tlv": created(""), "GET /9 tlv": tlv()}, want: mapping.Answer{Outcome: mapping.Garbage}},
		{name: "create in SenML CBOR", op: mapping.OpCreate, reg: server.Registration{Version: "1.1"},
			answers: map[string]any{"POST /9 tlv": refusal(lwm2m9.CodeUnsupportedFormat), "POST /9 cbor 80": created("/9/7")},
			want:    mapping.Answer{Outcome: mapping.Accepted, Created: 7}},
		{name: "create with a number in SenML JSON", op: mapping.OpCreate, reg: server.Registration{Version: "1.2", Paths: []string{"/9/0"}},
			answers: map[string]any{"POST /9 tlv": refusal(lwm2m9.CodeUnsupportedFormat), "POST /9 cbor 80": refusal(lwm2m9.CodeNotAcceptable),
				"POST /9 json 5b5d": refusal(lwm2m9.CodeBadRequest), "POST /9 tlv 0001": refusal(lwm2m9.CodeUnsupportedFormat),
				"POST /9 cbor 81a321632f392f0063312f330360":                        refusal(lwm2m9.CodeUnsupportedFormat),
				fmt.Sprintf("POST /9 json %x", `[{"bn":"/9/","n":"1/3","vs":""}]`): created("/9/1")},
			want: mapping.Answer{Outcome: mapping.Accepted, Created: 1}},
		{name: "create in no format at all", op: mapping.OpCreate, reg: server.Registration{Version: "1.1"},
			answers: map[string]any{"POST /9 tlv": refusal(lwm2m9.CodeUnsupportedFormat), "POST /9 cbor 80": refusal(lwm2m9.CodeBadOption), "POST /9 json 5b5d": refusal(lwm2m9.CodeNotAcceptable)},
			want:    mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeUnsupportedFormat}},
		{name: "create refused", op: mapping.OpCreate, answers: map[string]any{"POST /9 tlv": refusal(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeMethodNotAllowed}, log: "POST /9 tlv"},

		{name: "write", op: mapping.OpWriteURI, uri: "u", answers: map[string]any{"PUT /9/1/3 text u": done}, want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "write in TLV", op: mapping.OpWriteURI, uri: "u",
			answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeUnsupportedFormat), "PUT /9/1/3 tlv c10375": done},
			want:    mapping.Answer{Outcome: mapping.Accepted}},
		{name: "write in SenML CBOR", op: mapping.OpWriteURI, uri: "u", reg: server.Registration{Version: "1.1"},
			answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeNotAcceptable), "PUT /9/1/3 tlv c10375": refusal(lwm2m9.CodeUnsupportedFormat),
				"PUT /9/1/3 cbor 81a221662f392f312f33036175": done},
			want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "write in SenML JSON", op: mapping.OpWriteURI, uri: "u", reg: server.Registration{Version: "1.2"},
			answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeUnsupportedFormat), "PUT /9/1/3 tlv c10375": refusal(lwm2m9.CodeUnsupportedFormat),
				"PUT /9/1/3 cbor 81a221662f392f312f33036175": refusal(lwm2m9.CodeUnsupportedFormat), fmt.Sprintf("PUT /9/1/3 json %x", `[{"bn":"/9/1/3","vs":"u"}]`): done},
			want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "write in old TLV", op: mapping.OpWriteURI, uri: "u",
			answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeUnsupportedFormat), "PUT /9/1/3 tlv c10375": refusal(lwm2m9.CodeUnsupportedFormat),
				fmt.Sprintf("PUT /9/1/3 lwjson %x", `{"bn":"/9/1/3","e":[{"sv":"u"}]}`): refusal(lwm2m9.CodeUnsupportedFormat), "PUT /9/1/3 oldtlv c10375": done},
			want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "write in a format that is refused for something else", op: mapping.OpWriteURI, uri: "u",
			answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeUnsupportedFormat), "PUT /9/1/3 tlv c10375": refusal(lwm2m9.CodeMethodNotAllowed)},
			want:    mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeMethodNotAllowed}, log: "PUT /9/1/3 text u, PUT /9/1/3 tlv c10375"},
		{name: "write refused", op: mapping.OpWriteURI, uri: "u", answers: map[string]any{"PUT /9/1/3 text u": refusal(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeMethodNotAllowed}, log: "PUT /9/1/3 text u"},
		{name: "clear", op: mapping.OpClearURI, answers: map[string]any{"PUT /9/1/3 text": done}, want: mapping.Answer{Outcome: mapping.Accepted}},

		{name: "install", op: mapping.OpInstall, answers: map[string]any{"POST /9/1/4": done}, want: mapping.Answer{Outcome: mapping.Accepted}, log: "POST /9/1/4"},
		{name: "install asleep", op: mapping.OpInstall, answers: map[string]any{"POST /9/1/4": server.ErrAsleep}, want: mapping.Answer{Outcome: mapping.NotSent}},
		{name: "install resumed too late", op: mapping.OpInstall, resume: true, answers: map[string]any{"POST /9/1/4": server.ErrStaleExchange},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "install refused", op: mapping.OpInstall, answers: map[string]any{"POST /9/1/4": refusal(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeMethodNotAllowed}},
		{name: "install, its copy refused", op: mapping.OpInstall, answers: map[string]any{"POST /9/1/4": refusedAgain(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "install, its copy refused in another way", op: mapping.OpInstall, answers: map[string]any{"POST /9/1/4": refusedAgain(lwm2m9.CodeUnavailable)},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "install resumed and refused", op: mapping.OpInstall, resume: true, answers: map[string]any{"POST /9/1/4": refusal(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "write, its copy refused", op: mapping.OpWriteURI, uri: "u", answers: map[string]any{"PUT /9/1/3 text u": refusedAgain(lwm2m9.CodeMethodNotAllowed)},
			want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "write of a bad URI, twice", op: mapping.OpWriteURI, uri: "u", answers: map[string]any{"PUT /9/1/3 text u": refusedAgain(lwm2m9.CodeBadRequest)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeBadRequest}},
		{name: "read refused twice", op: mapping.OpSurvey, answers: map[string]any{"GET /9 tlv": refusedAgain(lwm2m9.CodeUnavailable)},
			want: mapping.Answer{Outcome: mapping.Refused, Code: lwm2m9.CodeUnavailable}},
		{name: "uninstall", op: mapping.OpUninstall, answers: map[string]any{"POST /9/1/6": done}, want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "uninstall for update", op: mapping.OpUninstall, update: true, answers: map[string]any{"POST /9/1/6 text 1": done}, want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "uninstall for update, the long way", op: mapping.OpUninstall, update: true,
			answers: map[string]any{"POST /9/1/6 text 1": refusal(lwm2m9.CodeBadRequest), "POST /9/1/6 text 0='1'": done}, want: mapping.Answer{Outcome: mapping.Accepted}},
		{name: "activate", op: mapping.OpActivate, answers: map[string]any{"POST /9/1/10": errors.New("who knows")}, want: mapping.Answer{Outcome: mapping.NoAnswer}},
		{name: "not registered", op: mapping.OpActivate, answers: map[string]any{"POST /9/1/10": server.ErrNotRegistered}, want: mapping.Answer{Outcome: mapping.NotSent}},
		{name: "no operation", op: mapping.OpNone, want: mapping.Answer{Outcome: mapping.NotSent}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dev := &scripted{answers: tc.answers}
			a := asker{devices: dev, endpoint: devA, reg: tc.reg, timeout: time.Minute}
			q := question{Request: mapping.Request{Seq: 9, Op: tc.op, Instance: 1, URI: tc.uri, ForUpdate: tc.update, Resume: tc.resume}, known: tc.known}
			if tc.op == mapping.OpInstall {
				q.exchange = &server.Exchange{}
			}
			got := a.ask(t.Context(), q)
			tc.want.Seq = 9
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s\n%s", diff, strings.Join(dev.log, ", "))
			}
			if log := strings.Join(dev.log, ", "); tc.log != "" && log != tc.log {
				t.Errorf("asked %s; want %s", log, tc.log)
			}
		})
	}
}

func TestInstallWithoutAnExchangeDoesNotGoOut(t *testing.T) {
	dev := &scripted{}
	got := asker{devices: dev, timeout: time.Minute}.ask(t.Context(), question{Request: mapping.Request{Op: mapping.OpInstall}})
	if got.Outcome != mapping.NotSent || len(dev.log) != 0 {
		t.Errorf("%+v after %v", got, dev.log)
	}
}

func TestSurveyOneByOneHasALimit(t *testing.T) {
	dev := &scripted{answers: map[string]any{"GET /9 tlv": refusal(lwm2m9.CodeMethodNotAllowed)}}
	var reg server.Registration
	for id := range maxSurvey + 1 {
		reg.Paths = append(reg.Paths, fmt.Sprintf("/9/%d", id))
		dev.answers[fmt.Sprintf("GET /9/%d tlv", id)] = tlv(pair(0, 0)...)
	}
	for _, n := range []int{maxSurvey, maxSurvey + 1} {
		a := asker{devices: dev, reg: server.Registration{Paths: reg.Paths[:n]}, timeout: time.Minute}
		if got := a.ask(t.Context(), question{Request: mapping.Request{Op: mapping.OpSurvey}}); len(got.Instances) != maxSurvey {
			t.Errorf("%d registered, %d read; want %d", n, len(got.Instances), maxSurvey)
		}
	}
}

func TestIdentify(t *testing.T) {
	whole := tlv(wire.Instance(0, wire.Resource(0, wire.String("AC\x00ME")), wire.Resource(2, wire.String("S1")), wire.Resource(19, wire.String(strings.Repeat("é", 100)))))
	for _, tc := range []struct {
		name    string
		answers map[string]any
		want    identity
		fails   bool
	}{
		{"whole", map[string]any{"GET /3/0 tlv": whole}, identity{Manufacturer: "ACME", Serial: "S1", Software: strings.Repeat("é", maxIdentity/2)}, false},
		{"one by one", map[string]any{"GET /3/0 tlv": lwCBOR, "GET /3/0/1 text": text("M\xff1"), "GET /3/0/3 text": text("1.0"), "GET /3/0/17 text": lwCBOR,
			"GET /3/0/18 text": server.ErrGarbage}, identity{Model: "M1", Firmware: "1.0"}, false},
		{"broken TLV", map[string]any{"GET /3/0 tlv": server.Response{Format: server.TLV, Payload: []byte{0xff}}, "GET /3/0/0 text": text("X")}, identity{Manufacturer: "X"}, false},
		{"silent", map[string]any{"GET /3/0 tlv": server.ErrNoAnswer}, identity{}, true},
		{"silent later", map[string]any{"GET /3/0 tlv": refusal(lwm2m9.CodeNotAcceptable), "GET /3/0/0 text": server.ErrNoAnswer}, identity{}, true},
		{"forbidden", map[string]any{"GET /3/0 tlv": refusal(lwm2m9.CodeUnauthorized)}, identity{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := asker{devices: &scripted{answers: tc.answers}, timeout: time.Minute}.identify(t.Context())
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%+v, %v\nwant %+v", got, err, tc.want)
			}
		})
	}
	legacy := identity{Manufacturer: "ACME"}.asLegacy(session.Account{DeviceID: "IMEI:1", Version: syncml.DM112})
	if legacy.DMVersion != "1.1.2" || legacy.Model != "unknown" || legacy.OEM != "ACME" || legacy.DeviceID != "IMEI:1" {
		t.Errorf("./DevInfo of it: %+v", legacy)
	}
}
