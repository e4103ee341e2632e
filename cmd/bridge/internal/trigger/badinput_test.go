package trigger

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

const control = `<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 1.0//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd">
<pap><push-message push-id="id-1"><address address-value="WAPPUSH=+49151/TYPE=PLMN@ppg.example.com"/></push-message></pap>`

// post sends a PAP request as a gateway's user would.
func (b *bed) post(t *testing.T, contentType string, body io.Reader) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.pap, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth("gw", "hunter2")
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// multi is a multipart body of parts with their headers.
func multi(parts ...string) io.Reader {
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--B\r\n%s\r\n", p)
	}
	b.WriteString("--B--\r\n")
	return &b
}

const related = `multipart/related; boundary=B; type="application/xml"`

// TestPAPMessages: each message with the status it gets.
func TestPAPMessages(t *testing.T) {
	b := newBed(t, 0, gate)
	xml := func(s string) string { return "Content-Type: application/xml\r\n\r\n" + s }
	good := string(package0(t, "dm", 0))
	content := "Content-Type: application/vnd.syncml.notification\r\n\r\n" + good
	plain := xml(control)
	address := func(a string) string { return strings.Replace(plain, "WAPPUSH=+49151/TYPE=PLMN@ppg.example.com", a, 1) }
	for _, tt := range []struct {
		name, contentType string
		parts             []string
		want              string
	}{
		{"good", related, []string{plain, content}, `push-id="id-1"`},
		{"good", related, []string{plain, content}, `code="1001"`},
		{"in base64", related, []string{plain, "Content-Type: application/vnd.syncml.notification\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString([]byte(good))}, `code="1001"`},
		{"in WSP, with capabilities", related, []string{plain, "X-Wap-Application-Id: x-wap-application:syncml.dm\r\nContent-Type: application/vnd.syncml.notification\r\n\r\n" +
			string(notify.Push([]byte(good))), xml("<rdf/>")}, `code="1001"`},
		{"by name", related, []string{address("wappush=dev/type=user@x"), content}, `code="1001"`},
		{"unknown number", related, []string{address("WAPPUSH=+49152/TYPE=PLMN@x"), content}, `code="2003"`},
		{"by IP", related, []string{address("WAPPUSH=10.0.0.1/TYPE=IPv4@x"), content}, `code="2002"`},
		{"no type", related, []string{address("WAPPUSH=+49151@x"), content}, `code="2002"`},
		{"no value", related, []string{address("WAPPUSH=/TYPE=PLMN@x"), content}, `code="2002"`},
		{"another scheme", related, []string{address("TEL=1"), content}, `code="2002"`},
		{"no address", related, []string{xml(`<pap><push-message push-id="i"/></pap>`), content}, `code="2002"`},
		{"two addresses", related, []string{xml(`<pap><push-message push-id="i"><address/><address/></push-message></pap>`), content}, `code="3005"`},
		{"no push id", related, []string{xml(`<pap><push-message/></pap>`), content}, `badmessage-response code="2000"`},
		{"another message", related, []string{xml(`<pap><cancel-message/></pap>`), content}, `badmessage-response code="3001"`},
		{"an entity bomb", related, []string{xml(`<!DOCTYPE pap [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><pap><push-message push-id="&b;"/></pap>`), content}, `code="2000"`},
		{"no XML", related, []string{"Content-Type: application/xml\r\n\r\nhello", content}, `code="2000"`},
		{"control too long", related, []string{xml(strings.Repeat(" ", maxControl) + control), content}, `control entity is too long`},
		{"one part", related, []string{plain}, `code="2000"`},
		{"four parts", related, []string{plain, content, "\r\n", "\r\n"}, `too many parts`},
		{"another content", related, []string{plain, "Content-Type: text/vnd.wap.si\r\n\r\n" + good}, `code="2000"`},
		{"another application", related, []string{plain, "X-Wap-Application-Id: x-wap-application:mms.ua\r\n" + content}, `another application`},
		{"truncated", related, []string{plain, content[:len(content)-1]}, `push-id="id-1"`},
		{"truncated", related, []string{plain, content[:len(content)-1]}, `code="2000"`},
		{"oversize", related, []string{plain, content + strings.Repeat("x", maxDatagram)}, `too long for a trigger`},
		{"bad base64", related, []string{plain, "Content-Type: application/vnd.syncml.notification\r\nContent-Transfer-Encoding: base64\r\n\r\n!"}, `code="2000"`},
		{"not related", "multipart/mixed; boundary=B", []string{plain, content}, `code="2000"`},
		{"no boundary", "multipart/related", []string{plain, content}, `code="2000"`},
	} {
		if status, answer := b.post(t, tt.contentType, multi(tt.parts...)); status != http.StatusAccepted || !strings.Contains(answer, tt.want) {
			t.Errorf("%s: %d %s; want %s", tt.name, status, answer, tt.want)
		}
	}
	if n := len(b.engine.all()); n != 5 {
		t.Errorf("%d were taken; want 5", n)
	}
}

// TestPAPBombs: what is too long is not read to its end.
func TestPAPBombs(t *testing.T) {
	b := newBed(t, 0, gate)
	for name, body := range map[string]io.Reader{
		"a long part":         multi("\r\n" + strings.Repeat("x", 4*maxBody)),
		"many parts":          multi(strings.Split(strings.Repeat("\r\n|", maxBody), "|")...),
		"many headers":        multi(strings.Repeat("A: b\r\n", maxBody) + "\r\n"),
		"an endless preamble": strings.NewReader(strings.Repeat("x", 4*maxBody)),
	} {
		status, answer := b.post(t, related, body)
		if status != http.StatusRequestEntityTooLarge && !strings.Contains(answer, `code="2000"`) {
			t.Errorf("%s: %d %.200s", name, status, answer)
		}
	}
	if n := len(b.engine.all()); n != 0 {
		t.Errorf("%d were taken", n)
	}
	resp, err := b.client.Get(b.pap)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET is answered %d", resp.StatusCode)
	}
}

// TestKannelRequests: each request with its answer.
func TestKannelRequests(t *testing.T) {
	b := newBed(t, 0, gate)
	push := notify.Push(package0(t, "dm", 0))
	udh := "\x06\x05\x04\x0b\x84\x0b\x84"
	base := url.Values{"username": {"gw"}, "password": {"hunter2"}, "to": {"+49151"}, "udh": {udh}, "text": {string(push)}}
	with := func(key, value string) string {
		q := url.Values{}
		for k, v := range base {
			q[k] = v
		}
		q.Set(key, value)
		if value == "" {
			q.Del(key)
		}
		return q.Encode()
	}
	for _, tt := range []struct {
		name, query string
		status      int
		want        string
	}{
		{"good", base.Encode(), 202, kannelAccepted},
		{"short names", strings.NewReplacer("username", "user", "password", "pass").Replace(base.Encode()), 202, kannelAccepted},
		{"no header", with("udh", ""), 202, kannelAccepted},
		{"part of several", with("udh", "\x0b\x05\x04\x0b\x84\x0b\x84\x00\x03\x01\x02\x01"), 202, kannelAccepted},
		{"wrong password", with("password", "x"), 403, kannelForbidden},
		{"no user", with("username", ""), 403, kannelForbidden},
		{"no receiver", with("to", ""), 400, "Missing receiver"},
		{"unknown receiver", with("to", "+1"), 400, "Receiver unknown"},
		{"no text", with("text", ""), 400, "Missing text"},
		{"no trigger", with("text", "hello"), 400, "no trigger"},
		{"truncated", with("text", string(push[:len(push)-1])), 400, "no trigger"},
		{"another port", with("udh", "\x06\x05\x04\x0b\x85\x0b\x84"), 400, "no trigger"},
		{"header cut off", with("udh", "\x06\x05"), 400, "no trigger"},
		{"oversize SMS", with("text", strings.Repeat("x", 134)), 400, "no trigger"},
		{"too long", with("text", strings.Repeat("x", maxQuery)), 413, "too long"},
		{"bad escape", base.Encode() + "&x=%zz", 400, "cannot be read"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			target, body := b.kannel+"?"+tt.query, io.Reader(nil)
			if method == http.MethodPost {
				target, body = b.kannel, strings.NewReader(tt.query)
			}
			r, err := http.NewRequestWithContext(t.Context(), method, target, body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := b.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != tt.status || !strings.Contains(string(text), tt.want) {
				t.Errorf("%s %s: %d %s; want %d %s", method, tt.name, resp.StatusCode, text, tt.status, tt.want)
			}
		}
	}
	if n := len(b.engine.all()); n != 6 {
		t.Errorf("%d were taken; want 6", n)
	}
}

// kannelStatus is what a sendsms request is answered.
func (b *bed) kannelStatus(t *testing.T, method string, inURL, inBody url.Values) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.kannel+"?"+inURL.Encode(), strings.NewReader(inBody.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestKannelForms: parameters in the URL and in the body together, at the limit
// of both and one over it, and a gateway without a password.
func TestKannelForms(t *testing.T) {
	b := newBed(t, 0, gate)
	text := string(notify.Push(package0(t, "dm", 0)))
	who, what := url.Values{"username": {"gw"}, "password": {"hunter2"}}, url.Values{"to": {"+49151"}, "text": {text}}
	if got := b.kannelStatus(t, http.MethodPost, who, what); got != 202 {
		t.Errorf("in two places: %d", got)
	}
	all := url.Values{"username": {"gw"}, "password": {"hunter2"}, "to": {"+49151"}, "text": {text}, "x": {""}}
	all.Set("x", strings.Repeat("x", maxQuery-len(all.Encode())))
	if got := b.kannelStatus(t, http.MethodGet, all, nil); got != 202 {
		t.Errorf("%d bytes: %d", len(all.Encode()), got)
	}
	all.Set("x", all.Get("x")+"x")
	if got := b.kannelStatus(t, http.MethodGet, all, nil); got != 413 {
		t.Errorf("%d bytes: %d", len(all.Encode()), got)
	}
	open := newBed(t, 0, Gate{})
	for name, given := range map[string]url.Values{"none": nil, "some": who} {
		if got := open.kannelStatus(t, http.MethodPost, what, given); got != 202 {
			t.Errorf("a gateway without a password, %s given: %d", name, got)
		}
	}
}

// TestKannelParts: the parts of two messages to two numbers that have the same
// reference are not mixed.
func TestKannelParts(t *testing.T) {
	b := newBed(t, 0, Gate{})
	list, err := notify.Segment(notify.Push(package0(t, "dm", 200)), notify.Port, 1)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d SMS, %v", len(list), err)
	}
	other := notify.SMS{UDH: list[1].UDH, Data: make([]byte, len(list[1].Data)+1)}
	for _, s := range []struct {
		to     string
		sms    notify.SMS
		status int
	}{{"+49152", other, 202}, {"+49151", list[0], 202}, {"+49151", list[1], 202}, {"+49152", list[0], 400}} {
		q := url.Values{"to": {s.to}, "udh": {string(s.sms.UDH)}, "text": {string(s.sms.Data)}}
		if got := b.kannelStatus(t, http.MethodPost, nil, q); got != s.status {
			t.Errorf("to %s: %d, want %d", s.to, got, s.status)
		}
	}
	if got := b.engine.all(); !slices.Equal(got, []string{"dev 2A7"}) {
		t.Errorf("taken %q", got)
	}
}

// TestUDPBadInput: datagrams of every wrong kind, and then a good one.
func TestUDPBadInput(t *testing.T) {
	b := newBed(t, 0, gate)
	conn, err := net.Dial("udp", b.udp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	good := notify.Push(package0(t, "dm", 0))
	bad := bytes.Clone(good)
	bad[6+16] = 0x80 // a version of 51.x
	for _, d := range [][]byte{good[:20], bad, make([]byte, maxDatagram+100), []byte("x"), append([]byte{1, 6, 4, 0xC4, 0xAF, 0x82}, good[6:]...)} {
		if _, err := conn.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	b.counted(t, Malformed, 5)
	if _, err := conn.Write(good); err != nil {
		t.Fatal(err)
	}
	b.wait(t, 1)
}

// TestSlowEngine: while it answers nobody, the number of those who wait is
// bounded on every channel.
func TestSlowEngine(t *testing.T) {
	b := newBed(t, 0, gate)
	block := make(chan struct{})
	b.engine.set(nil, block)
	p := package0(t, "dm", 0)
	for range 3 * maxWaiting {
		if err := b.senders[ChannelUDP].Send(t.Context(), b.udp, p); err != nil {
			t.Fatal(err)
		}
	}
	b.counted(t, TooMany, 2*maxWaiting)
	d := newDoor(ChannelPAP, b.inbox, gate)
	r := &http.Request{RemoteAddr: "192.0.2.1:1"}
	for range maxWaiting {
		if _, v := d.enter(r); v != Taken {
			t.Fatal(v)
		}
	}
	if _, v := d.enter(r); v != TooMany {
		t.Errorf("one over the limit is %v", v)
	}
	d.leave()
	if _, v := d.enter(r); v != Taken {
		t.Errorf("with a place it is %v", v)
	}
	close(block)
	b.wait(t, maxWaiting)
}

// TestRates: a minute's worth at once, then as time goes by; peers do not
// share, until there are too many of them.
func TestRates(t *testing.T) {
	r := rates{perMinute: 2}
	now := time.Unix(1000, 0)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for n, want := range []bool{true, true, false} {
		if r.take(now, a) != want || r.take(now, b) != want {
			t.Errorf("take %d is not %v", n+1, want)
		}
	}
	if r.take(now, netip.MustParseAddr("2001:db8::2")) || !r.take(now, netip.MustParseAddr("2001:db8:0:1::")) {
		t.Error("IPv6 peers are not networks of 64 bits")
	}
	if r.take(now, netip.MustParseAddr("::ffff:192.0.2.1")) {
		t.Error("an IPv4 peer has two names")
	}
	if now = now.Add(30 * time.Second); !r.take(now, a) || r.take(now, a) {
		t.Error("not one more after half a minute")
	}
	for n := range 2 * maxPeers {
		r.take(now, netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}))
	}
	if len(r.peers) > maxPeers {
		t.Errorf("%d peers are kept", len(r.peers))
	}
	if r.take(now, netip.MustParseAddr("10.9.9.9")) {
		t.Error("those over the limit do not share a rate")
	}
	if now = now.Add(time.Minute); !r.take(now, netip.MustParseAddr("10.9.9.9")) || len(r.peers) > maxPeers/2 {
		t.Errorf("%d peers are kept after a minute", len(r.peers))
	}
}
