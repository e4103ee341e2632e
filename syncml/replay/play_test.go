package replay_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// digest is the Data of a Cred with MD5 (DM Security 1.2).
func digest(user, password, nonce string) syncml.Secret {
	b64 := base64.StdEncoding.EncodeToString
	inner := md5.Sum([]byte(user + ":" + password))
	outer := md5.Sum([]byte(b64(inner[:]) + ":" + nonce))
	return syncml.Secret(b64(outer[:]))
}

func withCred(m *syncml.Message, data syncml.Secret) *syncml.Message {
	m.Header.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: data}
	return m
}

func withChal(m *syncml.Message, nonce string) *syncml.Message {
	m.Body[0].(*syncml.Status).Chal = &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5",
		NextNonce: syncml.Secret(base64.StdEncoding.EncodeToString([]byte(nonce)))}}
	return m
}

// md5Session is one in which the client has credentials and the server asks
// for a value.
func md5Session(t *testing.T) replay.Session {
	second := &syncml.Message{Final: true, Header: head(replay.FromClient, "1", "2"), Body: []syncml.Command{
		status("1", "1", "0", syncml.CmdSyncHdr, 212), status("2", "1", "4", syncml.CmdGet, 200),
		&syncml.Results{CmdID: "3", MsgRef: "1", CmdRef: "4", Items: []syncml.Item{{Source: syncml.Location{URI: "./a"}, Data: []byte("1")}}}}}
	last := message("1", 200)
	last.Header.MsgID = "2"
	last.Body = []syncml.Command{status("1", "2", "0", syncml.CmdSyncHdr, 200)}
	return session(t, withCred(package1("1"), digest("user", "pass", "recorded")),
		withChal(message("1", 212, op("4", syncml.CmdGet, "./a", "")), "next"), second, last)
}

// TestAsClientChallenged: a live server that challenges where the recorded one
// did not gets credentials for its own nonce, and references fit its numbers.
func TestAsClientChallenged(t *testing.T) {
	s := md5Session(t)
	live := message("1", 212, op("9", syncml.CmdGet, "./a", ""))
	live.Header.MsgID = "2"
	for i := range 3 {
		live.Body[i].(*syncml.Status).MsgRef = "2"
	}
	last := message("1", 200)
	last.Header.MsgID = "3"
	last.Body = []syncml.Command{status("1", "3", "0", syncml.CmdSyncHdr, 200)}
	h := &answers{t: t, list: []*syncml.Message{withChal(message("1", 401), "fresh"), withChal(live, "later"), last}}
	r := replay.New(replay.Options{Client: replay.Credentials{User: "user", Secret: "pass"}})
	result, err := r.AsClient(t.Context(), s, replay.Handler(h, server))
	if err != nil || !result.OK() || len(result.Notes) != 1 {
		t.Fatalf("%v, notes %q:\n%s", err, result.Notes, text(result))
	}
	again := h.got[1]
	if again.Header.MsgID != "2" || again.Header.Cred == nil || again.Header.Cred.Data != digest("user", "pass", "fresh") {
		t.Errorf("sent again as message %s with Cred %v", again.Header.MsgID, again.Header.Cred)
	}
	third := h.got[2]
	get := third.Body[1].(*syncml.Status)
	if third.Header.MsgID != "3" || get.MsgRef != "2" || get.CmdRef != "9" {
		t.Errorf("message %s answers message %s command %s; want 3, 2, 9", third.Header.MsgID, get.MsgRef, get.CmdRef)
	}
}

// TestAsClientWithoutPassword plays the recorded credentials and shows the
// challenge as what it is.
func TestAsClientWithoutPassword(t *testing.T) {
	h := &answers{t: t, list: []*syncml.Message{withChal(message("1", 401), "fresh"), message("1", 200)}}
	result, err := replay.New(replay.Options{}).AsClient(t.Context(), md5Session(t), replay.Handler(h, server))
	if err != nil || result.OK() || !strings.Contains(text(result), "+   <Data>401</Data> <!-- invalid credentials -->") {
		t.Errorf("%v:\n%s", err, text(result))
	}
	if got := h.got[0].Header.Cred.Data; got != digest("user", "pass", "recorded") {
		t.Error("the recorded credentials were changed")
	}
}

// TestServerPassword: the live server's credentials are checked if the
// password is known.
func TestServerPassword(t *testing.T) {
	s := session(t, package1("1"), withCred(message("1", 200), "AAAA"))
	for password, ok := range map[syncml.Secret]bool{"right": true, "wrong": false, "": true} {
		h := &answers{t: t, list: []*syncml.Message{withCred(message("1", 200), digest("srv", "right", "n"))}}
		o := replay.Options{ServerNonce: []byte("n")}
		if password != "" {
			o.Server = replay.Credentials{User: "srv", Secret: password}
		}
		result, err := replay.New(o).AsClient(t.Context(), s, replay.Handler(h, server))
		if err != nil || result.OK() != ok {
			t.Errorf("password %q: %v\n%s", string(password), err, text(result))
		}
	}
}

// TestHTTPDiffers: another HTTP status, a body that is no message, a broken
// connection.
func TestHTTPDiffers(t *testing.T) {
	s := session(t, package1("1"), message("1", 200))
	for name, tt := range map[string]struct {
		h     http.HandlerFunc
		fault string
	}{
		"status": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }, "HTTP status 503, recorded was 200"},
		"html":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "no SyncML message of 6 bytes"},
		"empty":  {func(http.ResponseWriter, *http.Request) {}, "no SyncML message of 0 bytes"},
	} {
		result, err := replay.New(replay.Options{}).AsClient(t.Context(), s, replay.Handler(tt.h, server))
		if err != nil || result.OK() || !strings.Contains(text(result), tt.fault) {
			t.Errorf("%s: %v\n%s", name, err, text(result))
		}
	}
	broken := replay.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), server)
	if _, err := replay.New(replay.Options{}).AsClient(t.Context(), s, broken); err == nil || !strings.Contains(err.Error(), "broke the connection") {
		t.Errorf("broken: %v", err)
	}
	long := replay.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, replay.MaxBody+1)) }), server)
	if _, err := replay.New(replay.Options{}).AsClient(t.Context(), s, long); err == nil || !strings.Contains(err.Error(), "over 4194304 bytes") {
		t.Errorf("too long: %v", err)
	}
}

// TestURL plays to a server behind a socket under another address, whose
// RespURI is followed.
func TestURL(t *testing.T) {
	var srv *httptest.Server
	var paths []string
	s := session(t, package1("1"), message("1", 200, op("4", syncml.CmdGet, "./a", "")),
		&syncml.Message{Final: true, Header: head(replay.FromClient, "1", "2"), Body: []syncml.Command{status("1", "1", "0", syncml.CmdSyncHdr, 200)}},
		message("1", 200))
	h := &answers{t: t}
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.RequestURI())
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	for _, m := range []*syncml.Message{message("1", 200, op("4", syncml.CmdGet, "./a", "")), message("1", 200)} {
		m.Header.Source.URI, m.Header.RespURI = srv.URL+"/dm", srv.URL+"/dm?sid=1"
		h.list = append(h.list, m)
	}
	client := srv.Client()
	o := replay.Options{Target: srv.URL + "/dm", Device: "IMEI:2", Ignore: []string{"SyncHdr/RespURI"}}
	for _, m := range h.list {
		m.Header.Target.URI = o.Device
	}
	result, err := replay.New(o).AsClient(t.Context(), s, replay.URL(srv.URL+"/dm", client))
	if err != nil || !result.OK() {
		t.Fatalf("%v\n%s", err, text(result))
	}
	first := h.got[0]
	if first.Header.Target.URI != srv.URL+"/dm" || first.Header.Source.URI != "IMEI:2" || string(first.Body[1].(*syncml.Op).Items[0].Data) != "IMEI:2" {
		t.Errorf("addresses: %+v", first)
	}
	if strings.Join(paths, " ") != "/dm /dm?sid=1" {
		t.Errorf("posted to %q", paths)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := replay.New(o).AsClient(ctx, s, replay.URL(srv.URL, client)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

// TestServe plays the server to a device that posts over HTTP: here our client
// as another device, played from the same recording.
func TestServe(t *testing.T) {
	rec, err := replay.Load(sessions + "/fwupdate-wbxml")
	if err != nil {
		t.Fatal(err)
	}
	s := rec.Sessions[0]
	live := replay.New(options()).Serve(s)
	if r := only(live.Results()); r.OK() || !strings.Contains(text(r), "the client has ended the session") {
		t.Errorf("before anything came:\n%s", text(r))
	}
	tree := fwupdate.NewTree(fwupdate.Identity{DeviceID: "IMEI:7", Manufacturer: "Acme", Model: "R2", Language: "en", DMVersion: "1.2",
		DeviceType: "router", OEM: "Acme", FirmwareVersion: "1.0", SoftwareVersion: "1.0", HardwareVersion: "A"})
	tree.SetRoles(map[string]fwupdate.Role{"dmserver": fwupdate.Manager})
	o := options()
	o.Device = "IMEI:7"
	device := replay.New(o)
	client, err := device.NewClient(s, tree)
	if err != nil {
		t.Fatal(err)
	}
	peer := replay.Handler(live, server)
	m, err := client.Open(t.Context())
	for more := true; more; {
		if err != nil {
			t.Fatal(err)
		}
		m.URL = ""
		answer, answerErr := peer.Answer(t.Context(), m)
		if answerErr != nil {
			t.Fatal(answerErr)
		}
		m, more, err = client.Receive(t.Context(), answer)
	}
	<-live.Over()
	if r := only(live.Results()); !r.OK() {
		t.Errorf("%s", text(r))
	}
	for method, want := range map[string]int{http.MethodGet: 405, http.MethodPost: 503} {
		w := httptest.NewRecorder()
		live.ServeHTTP(w, httptest.NewRequest(method, "/", strings.NewReader("x")))
		if w.Code != want {
			t.Errorf("%s after the end: %d", method, w.Code)
		}
	}
}

// only is the one result that there is.
func only(list []*replay.Result, err error) *replay.Result {
	if err != nil || len(list) != 1 {
		panic(fmt.Sprint(len(list), " results, ", err))
	}
	return list[0]
}

// TestEndedEarly: a client that ends the session before the recorded one is a
// difference, and so is one that goes on after it.
func TestEndedEarly(t *testing.T) {
	s := md5Session(t)
	for name, tt := range map[string]struct {
		client talker
		want   string
	}{
		"early": {talker{encoded(t, package1("1"))}, "recorded are 1 more of its messages"},
		"late":  {talker{s.Exchanges[0].Request.Body, s.Exchanges[1].Request.Body, s.Exchanges[1].Request.Body}, "the recorded session was over"},
	} {
		result, err := replay.New(replay.Options{}).AsServer(t.Context(), s, &tt.client)
		if err != nil || result.OK() || !strings.Contains(text(result), tt.want) {
			t.Errorf("%s: %v\n%s", name, err, text(result))
		}
	}
}

// talker is a client that sends what it has, whatever it hears.
type talker [][]byte

func (c *talker) Open(context.Context) (replay.Message, error) { return c.pop(), nil }

func (c *talker) pop() replay.Message {
	m := replay.Message{Body: (*c)[0]}
	*c = (*c)[1:]
	return m
}

func (c *talker) Receive(context.Context, replay.Message) (replay.Message, bool, error) {
	if len(*c) == 0 {
		return replay.Message{}, false, nil
	}
	return c.pop(), true, nil
}

// listener is a talker that remembers what it hears.
type listener struct {
	talker
	heard []*syncml.Message
}

func (c *listener) Receive(ctx context.Context, m replay.Message) (replay.Message, bool, error) {
	d, _, err := m.Decode()
	if err != nil {
		return replay.Message{}, false, err
	}
	c.heard = append(c.heard, d)
	return c.talker.Receive(ctx, m)
}

// TestAsServerChallenged: a live client that challenges where the recorded one
// did not gets the commands again, with credentials for its nonce.
func TestAsServerChallenged(t *testing.T) {
	reply := func(msg, ref string, code syncml.Code) *syncml.Message {
		return &syncml.Message{Final: true, Header: head(replay.FromClient, "1", msg), Body: []syncml.Command{
			status("1", ref, "0", syncml.CmdSyncHdr, code), status("2", ref, "4", syncml.CmdGet, code)}}
	}
	s := session(t, package1("1"), withCred(message("1", 200, op("4", syncml.CmdGet, "./a", "")), "AAAA"), reply("2", "1", 212))
	c := &listener{talker: talker{encoded(t, package1("1")), encoded(t, withChal(reply("2", "1", 401), "fresh")), encoded(t, reply("3", "2", 212))}}
	r := replay.New(replay.Options{Server: replay.Credentials{User: "dmserver", Secret: "srvpass"}, ServerNonce: []byte("stale")})
	result, err := r.AsServer(t.Context(), s, c)
	if err != nil || !result.OK() || len(result.Notes) != 1 {
		t.Fatalf("%v, notes %q:\n%s", err, result.Notes, text(result))
	}
	if got := c.heard[0].Header.Cred.Data; got != digest("dmserver", "srvpass", "stale") {
		t.Error("the first credentials are not those for the nonce that was agreed")
	}
	again := c.heard[1]
	if again.Header.MsgID != "2" || again.Header.Cred.Data != digest("dmserver", "srvpass", "fresh") || len(again.Body) != 2 ||
		again.Body[0].(*syncml.Status).MsgRef != "2" || again.Body[1].Name() != syncml.CmdGet {
		t.Errorf("sent again: %v", again)
	}
}

// TestMAC: the header of scheme MAC is checked if the password is known, and
// missed if it is not there.
func TestMAC(t *testing.T) {
	rec, err := replay.Load(sessions + "/auth-mac")
	if err != nil {
		t.Fatal(err)
	}
	s := rec.Sessions[0]
	for password, want := range map[syncml.Secret]string{"pass": "", "other": "a wrong digest in the header x-syncml-hmac"} {
		var c talker
		for _, e := range s.Exchanges {
			c = append(c, e.Request.Body)
		}
		o := options()
		o.Client.Secret = password
		result, err := replay.New(o).AsServer(t.Context(), s, &withHeaders{c, s, 0})
		if err != nil || result.OK() != (want == "") || !strings.Contains(text(result), want) {
			t.Errorf("password %q: %v\n%s", string(password), err, text(result))
		}
		result, err = replay.New(o).AsServer(t.Context(), s, &c)
		if err != nil || !strings.Contains(text(result), "no header x-syncml-hmac, which was recorded") {
			t.Errorf("without a header: %v\n%s", err, text(result))
		}
	}
}

// withHeaders sends the recorded header with each message.
type withHeaders struct {
	talker
	s replay.Session
	n int
}

func (c *withHeaders) pop() replay.Message {
	m := c.talker.pop()
	m.Header = c.s.Exchanges[c.n].Request.Header
	c.n++
	return m
}

func (c *withHeaders) Open(context.Context) (replay.Message, error) { return c.pop(), nil }

func (c *withHeaders) Receive(context.Context, replay.Message) (replay.Message, bool, error) {
	if len(c.talker) == 0 {
		return replay.Message{}, false, nil
	}
	return c.pop(), true, nil
}
