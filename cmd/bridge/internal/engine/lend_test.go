package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
)

// lends is a Lender that lends user and password for one URI to devices with
// security.
func lends(user, password string) Lender {
	return func(uri string, secured bool) (string, syncml.Secret, bool) {
		return user, syncml.Secret(password), uri == "u" && secured
	}
}

func TestLend(t *testing.T) {
	done, secured := server.Response{}, server.Registration{Identity: "psk:dev"}
	const uri, user, password = "PUT /9/1/3 text u", "PUT /9/1/14 text me", "PUT /9/1/15 text pw"
	const noUser, noPassword = "PUT /9/1/14 text", "PUT /9/1/15 text"
	all := map[string]any{uri: done, user: done, password: done}
	long := strings.Repeat("x", lwm2m9.MaxName+1)
	for _, tc := range []struct {
		name    string
		request mapping.Request
		reg     server.Registration
		lender  Lender
		answers map[string]any
		want    mapping.Outcome
		log     string
		lent    bool
	}{
		{"lent", mapping.Request{URI: "u"}, secured, lends("me", "pw"), all, mapping.Accepted, user + ", " + password + ", " + uri, false},
		{"the direct way of several", mapping.Request{URI: "u", Way: mapping.WayDirect}, secured, lends("me", "pw"), all, mapping.Accepted, user + ", " + password + ", " + uri, false},
		{"no security", mapping.Request{URI: "u"}, server.Registration{}, lends("me", "pw"), all, mapping.Accepted, uri, false},
		{"no lender", mapping.Request{URI: "u"}, secured, nil, all, mapping.Accepted, uri, false},
		{"too long", mapping.Request{URI: "u"}, secured, lends(long, "pw"), all, mapping.Accepted, uri, false},
		{"password too long", mapping.Request{URI: "u"}, secured, lends("me", long), all, mapping.Accepted, uri, false},
		{"not there", mapping.Request{URI: "u"}, secured, lends("me", "pw"), map[string]any{uri: done}, mapping.Accepted, user + ", " + uri, false},
		{"not to be written", mapping.Request{URI: "u"}, secured, lends("me", "pw"),
			map[string]any{uri: done, user: refusal(lwm2m9.CodeMethodNotAllowed)}, mapping.Accepted, user + ", " + uri, false},
		{"no password", mapping.Request{URI: "u"}, secured, lends("me", "pw"), map[string]any{uri: done, user: done}, mapping.Accepted, user + ", " + password + ", " + uri, false},
		{"no answer", mapping.Request{URI: "u"}, secured, lends("me", "pw"),
			map[string]any{uri: done, user: server.ErrNoAnswer, password: server.ErrNoAnswer}, mapping.Accepted, user + ", " + password + ", " + uri, false},
		{"gone", mapping.Request{URI: "u"}, secured, lends("me", "pw"), map[string]any{uri: done, user: server.ErrNotRegistered}, mapping.NotSent, user, false},
		{"lent before", mapping.Request{URI: "u"}, secured, lends("me", "pw"), all, mapping.Accepted, user + ", " + password + ", " + uri, true},
		{"lent for another URI", mapping.Request{URI: "u"}, server.Registration{}, lends("me", "pw"), all, mapping.Accepted, noPassword + ", " + noUser + ", " + uri, true},
		{"lent, and not to be taken back", mapping.Request{URI: "u"}, server.Registration{}, nil,
			map[string]any{uri: done, noPassword: refusal(lwm2m9.CodeMethodNotAllowed), noUser: server.ErrNoAnswer}, mapping.Accepted,
			noPassword + ", " + noUser + ", " + uri, true},
		{"lent, and gone", mapping.Request{URI: "u"}, secured, nil, map[string]any{uri: done, noPassword: server.ErrNotRegistered}, mapping.NotSent, noPassword, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dev := &scripted{answers: tc.answers}
			tc.request.Op, tc.request.Instance = mapping.OpWriteURI, 1
			got := asker{devices: dev, reg: tc.reg, lender: tc.lender, timeout: time.Minute}.ask(t.Context(), question{Request: tc.request, lent: tc.lent})
			if log := strings.Join(dev.log, ", "); got.Outcome != tc.want || log != tc.log {
				t.Errorf("%v after %s, want %v after %s", got.Outcome, log, tc.want, tc.log)
			}
		})
	}
}

// TestLendToProxies: the bridge's own URI, and the empty one, go alone.
func TestLendToProxies(t *testing.T) {
	always := func(string, bool) (string, syncml.Secret, bool) { return "me", "pw", true }
	for _, r := range []mapping.Request{
		{Op: mapping.OpWriteURI, URI: "u", Way: mapping.WayProxyCoAP}, {Op: mapping.OpWriteURI, URI: "u", Way: mapping.WayProxyHTTP}, {Op: mapping.OpClearURI},
	} {
		dev := &scripted{}
		asker{devices: dev, lender: always, delivery: &fakeDelivery{}, timeout: time.Minute}.ask(t.Context(), question{Request: r})
		if len(dev.log) != 1 || !strings.HasPrefix(dev.log[0], "PUT /9/0/3") {
			t.Errorf("%+v: %q", r, dev.log)
		}
	}
}

// TestLendByDialect: only devices of the registered dialect have the resources.
func TestLendByDialect(t *testing.T) {
	for dialect, want := range map[lwm2m9.Dialect]bool{lwm2m9.Registered: true, lwm2m9.DialectUnknown: false, lwm2m9.Draft: false} {
		tn := &turn{shard: &shard{o: &Options{Lender: lends("me", "pw")}}, rec: &record{Detector: lwm2m9.Detector{Detected: dialect}}}
		if got := tn.lender() != nil; got != want {
			t.Errorf("%v: %t", dialect, got)
		}
	}
}
