package lwm2mdevice

import (
	"encoding/hex"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// packages starts a package server and returns its address.
func packages(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(pkgserver.New(pkgserver.Config{}))
	t.Cleanup(s.Close)
	return s.URL
}

func hexBody(a said) string { return hex.EncodeToString([]byte(a.body)) }

func TestRegisterAndRead(t *testing.T) {
	s := newServer(t)
	s.device(Config{QueueMode: true, AwakeFor: patience, Version: "1.1"})
	s.mu.Lock()
	regs := s.regs
	s.mu.Unlock()
	want := []string{"ep=urn:imei:490154203237518&lt=60&lwm2m=1.1&b=U&Q </3/0>,</9/0>"}
	if diff := cmp.Diff(want, regs); diff != "" {
		t.Errorf("registrations (-want +got)\n%s", diff)
	}
	// The same bytes as in testdata/lwm2m-client-recordings/register-read-1.1.txt.
	for _, tc := range []struct {
		path   string
		accept int
		want   said
	}{
		{"/9/0/7", noFormat, said{lwm2m9.CodeContent, textPlain, "0", ""}},
		{"/9/0/7", textPlain, said{lwm2m9.CodeContent, textPlain, "0", ""}},
		{"/9/0/7", tlv, said{lwm2m9.CodeContent, tlv, "\xc1\x07\x00", ""}},
		{"/9/0/7", 110, said{code: lwm2m9.CodeNotAcceptable, format: noFormat}},
		{"/9/0", tlv, said{lwm2m9.CodeContent, tlv, "\xc0\x00\xc0\x01\xc1\x07\x00\xc1\x09\x00\xc1\x0c\x00", ""}},
		{"/9/0", oldTLV, said{lwm2m9.CodeContent, oldTLV, "\xc0\x00\xc0\x01\xc1\x07\x00\xc1\x09\x00\xc1\x0c\x00", ""}},
		{"/9", noFormat, said{lwm2m9.CodeContent, tlv, "\x08\x00\x0d\xc0\x00\xc0\x01\xc1\x07\x00\xc1\x09\x00\xc1\x0c\x00", ""}},
		{"/9/0/3", noFormat, said{code: lwm2m9.CodeMethodNotAllowed, format: noFormat}},
		{"/9/0/16", noFormat, said{code: lwm2m9.CodeNotFound, format: noFormat}},
		{"/9/7/7", noFormat, said{code: lwm2m9.CodeNotFound, format: noFormat}},
		{"/4", noFormat, said{code: lwm2m9.CodeNotFound, format: noFormat}},
		{"/3/0/0", noFormat, said{lwm2m9.CodeContent, textPlain, "fwbridge", ""}},
		{"/9/0", linkFormat, said{lwm2m9.CodeContent, linkFormat,
			"</9/0>,</9/0/0>,</9/0/1>,</9/0/2>,</9/0/3>,</9/0/4>,</9/0/6>,</9/0/7>,</9/0/9>,</9/0/10>,</9/0/11>,</9/0/12>", ""}},
	} {
		var a said
		if tc.accept == noFormat {
			a = s.must(codes.GET, tc.path)
		} else {
			a = s.must(codes.GET, tc.path, accept(tc.accept))
		}
		if a != tc.want {
			t.Errorf("GET %s, Accept %d: %v (format %d, %s), want %v", tc.path, tc.accept, a, a.format, hexBody(a), tc.want)
		}
	}
}

func TestWholeUpdate(t *testing.T) {
	url := packages(t)
	for _, tc := range []struct {
		dialect       lwm2m9.Dialect
		states, pairs string
		removed       string
	}{
		{lwm2m9.Registered, "1 2 3 4", "4,2", "0,0"},
		{lwm2m9.Draft, "2 3 4 5", "5,2", "1,0"},
	} {
		t.Run(tc.dialect.String(), func(t *testing.T) {
			s := newServer(t)
			d, e := s.device(Config{Dialect: tc.dialect}, "quiet")
			states, results, act := s.observe("/9/0/7"), s.observe("/9/0/9"), s.observe("/9/0/12")
			if a := s.writeURI(url + pkgserver.Path("ok", "radio", "2.0")); a.code != lwm2m9.CodeChanged {
				t.Fatalf("Write URI: %v", a)
			}
			e.step(Delivered)
			if a := s.exec("4"); a.code != lwm2m9.CodeChanged {
				t.Fatalf("Install: %v", a)
			}
			e.step(Installed)
			if a := s.exec("10"); a.code != lwm2m9.CodeChanged {
				t.Fatalf("Activate: %v", a)
			}
			act.until("1")
			states.until(tc.states[6:])
			results.until("2")
			if diff := cmp.Diff(strings.Fields(tc.states), e.notified("/9/0/7", tc.states[6:])); diff != "" {
				t.Errorf("states (-want +got)\n%s", diff)
			}
			if got := s.pair(); got != tc.pairs {
				t.Errorf("pair %s, want %s", got, tc.pairs)
			}
			if got := s.must(codes.GET, "/9/0/0").body + " " + s.must(codes.GET, "/9/0/1").body; got != "radio 2.0" {
				t.Errorf("installed %q", got)
			}
			if a := s.exec("6", lwm2m9.UninstallArgument(tc.dialect, true)); a.code != lwm2m9.CodeChanged {
				t.Fatalf("Uninstall: %v", a)
			}
			e.step(Uninstalled)
			if got := s.pair(); got != tc.removed {
				t.Errorf("pair %s after Uninstall, want %s", got, tc.removed)
			}
			want := map[Op]int{OpObserveValue: 3, OpWriteURI: 1, OpInstall: 1, OpActivate: 1, OpUninstall: 1, OpRead: 6}
			c := d.Counts()
			if diff := cmp.Diff(want, c.Done); diff != "" || len(c.Refused) != 0 || c.Downloads != 1 {
				t.Errorf("counts %+v (-want +got)\n%s", c, diff)
			}
		})
	}
}

func TestObserveInstance(t *testing.T) {
	url := packages(t)
	s := newServer(t)
	_, e := s.device(Config{NonConfirmable: true})
	o := s.observe("/9/0")
	s.writeURI(url + pkgserver.Path("ok", "radio", "2.0"))
	e.step(Delivered)
	last := "c500726164696fc301322e30c10703c10903c10c00"
	o.until(last)
	want := []string{"c000c001c10701c10901c10c00", "c000c001c10702c10900c10c00", last}
	if diff := cmp.Diff(want, e.notified("/9/0", last)); diff != "" {
		t.Errorf("notifications (-want +got)\n%s", diff)
	}
}

// A cancelled observation, and one whose notification the server resets, are
// over.
func TestObservationsEnd(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "quiet")
	start := func(token string) func(*pool.Message) {
		return func(m *pool.Message) { m.SetObserve(0); m.SetToken(message.Token(token)) }
	}
	s.must(codes.GET, "/9/0/7", start("cancelled"[:8]))
	s.must(codes.GET, "/9/0/7", func(m *pool.Message) { m.SetObserve(1) })
	deliver(t, s, e)
	if n := d.Counts().Notifications; n != 0 {
		t.Errorf("%d notifications after the end of the observation", n)
	}
}

func TestDownloadResults(t *testing.T) {
	url, closed := packages(t), closedPort(t)
	s := newServer(t)
	_, e := s.device(Config{MaxPackage: 8192})
	for _, tc := range []struct {
		uri  string
		want lwm2m9.UpdateResult
	}{
		{url + pkgserver.Path("status-404", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("status-401", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("status-500", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("redirect", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("reset", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("short", "a", "1"), lwm2m9.ResultDeviceError},
		{url + pkgserver.Path("corrupt", "a", "1"), lwm2m9.ResultIntegrityFailure},
		{url + pkgserver.Path("wrong-digest", "a", "1"), lwm2m9.ResultIntegrityFailure},
		{url + pkgserver.Path("foreign", "a", "1"), lwm2m9.ResultUnsupportedType},
		{url + pkgserver.Path("ok", "a", "1") + "#sha256=00", lwm2m9.ResultIntegrityFailure},
		{url + pkgserver.Path("ok", "a", "1") + "?size=9000", lwm2m9.ResultNotEnoughStorage},
		{"http://" + closed + "/x", lwm2m9.ResultConnectionLost},
		{"http://no.such.host.invalid/x", lwm2m9.ResultInvalidURI},
	} {
		if a := s.writeURI(tc.uri); a.code != lwm2m9.CodeChanged {
			t.Errorf("%s: %v", tc.uri, a)
			continue
		}
		e.shows(lwm2m9.Machine{State: lwm2m9.Initial, Result: tc.want, Activation: lwm2m9.Disabled})
	}
	for _, uri := range []string{"ftp://127.0.0.1/x", "http:///x", "nonsense", "http://%zz/"} {
		if a := s.writeURI(uri); a.code != lwm2m9.CodeBadRequest {
			t.Errorf("%s: %v, want 4.00", uri, a)
		}
		if got := s.pair(); got != "0,56" {
			t.Errorf("%s: pair %s, want 0,56", uri, got)
		}
	}
	if a := s.writeURI(""); a.code != lwm2m9.CodeBadRequest {
		t.Errorf("empty URI: %v, want 4.00", a)
	}
}

func TestSlowServerIsConnectionLost(t *testing.T) {
	url := packages(t)
	s := newServer(t)
	_, e := s.device(Config{Timing: Timing{HTTP: 30e6}})
	s.writeURI(url + pkgserver.Path("stall", "a", "1"))
	e.shows(lwm2m9.Machine{State: lwm2m9.Initial, Result: lwm2m9.ResultConnectionLost, Activation: lwm2m9.Disabled})
}

func TestPushedPackage(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{MaxPackage: 5000})
	body := string(pkgserver.Body(pkgserver.Config{Size: 3000}, "ok", "radio", "2.0")) // three blocks
	if a := s.must(codes.PUT, "/9/0/2", content(octetStream, body)); a.code != lwm2m9.CodeChanged {
		t.Fatalf("Write Package: %v", a)
	}
	e.step(Delivered)
	if got := s.pair(); got != "3,3" {
		t.Errorf("pair %s, want 3,3", got)
	}
	s.exec("6")
	e.step(Uninstalled)
	if a := s.must(codes.PUT, "/9/0/2", content(octetStream, strings.Repeat("x", 5001))); a.code != lwm2m9.CodeTooLarge {
		t.Errorf("one byte too much: %v", a)
	}
}

func TestWriteForms(t *testing.T) {
	uri := packages(t) + "/ok/a-1.pkg"
	tlvURI := string(append([]byte{0xc8, 0x03, byte(len(uri))}, uri...))
	for _, tc := range []struct {
		name, path, body string
		method           codes.Code
		format           int
		want             lwm2m9.ResponseCode
	}{
		{"text", "/9/0/3", uri, codes.PUT, textPlain, lwm2m9.CodeChanged},
		{"TLV of the resource", "/9/0/3", tlvURI, codes.PUT, tlv, lwm2m9.CodeChanged},
		{"TLV to the instance", "/9/0", tlvURI, codes.POST, tlv, lwm2m9.CodeChanged},
		{"no format", "/9/0/3", uri, codes.PUT, noFormat, lwm2m9.CodeChanged},
		{"broken TLV", "/9/0/3", tlvURI[:9], codes.PUT, tlv, lwm2m9.CodeBadRequest},
		{"SenML", "/9/0/3", "[]", codes.PUT, 110, lwm2m9.CodeUnsupportedFormat},
		{"read-only", "/9/0/7", "1", codes.PUT, textPlain, lwm2m9.CodeMethodNotAllowed},
		{"no such resource", "/9/0/99", "1", codes.PUT, textPlain, lwm2m9.CodeNotFound},
		{"no such instance", "/9/4/3", uri, codes.PUT, textPlain, lwm2m9.CodeNotFound},
		{"too long", "/9/0/3", uri + strings.Repeat("x", 255), codes.PUT, textPlain, lwm2m9.CodeBadRequest},
		{"User Name", "/9/0/14", "me", codes.PUT, textPlain, lwm2m9.CodeChanged},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.device(Config{})
			if a := s.must(tc.method, tc.path, content(tc.format, tc.body)); a.code != tc.want {
				t.Errorf("%v, want %s", a, tc.want)
			}
		})
	}
}

func TestWrongState(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{})
	for _, rid := range []string{"4", "6", "10", "11"} {
		if a := s.exec(rid); a.code != lwm2m9.CodeMethodNotAllowed {
			t.Errorf("Execute %s in INITIAL: %v, want 4.05", rid, a)
		}
	}
	if a := s.exec("6", "5"); a.code != lwm2m9.CodeBadRequest {
		t.Errorf("Uninstall with argument 5: %v, want 4.00", a)
	}
	if n := len(d.Counts().Done); n != 0 {
		t.Errorf("%d kinds of requests carried out, want 0", n)
	}
}

func TestCreateAndDelete(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{Root: "/lwm2m", MaxInstances: 3})
	for _, want := range []string{"/lwm2m/9/1", "/lwm2m/9/7"} {
		a := s.must(codes.POST, "/lwm2m/9")
		if strings.HasSuffix(want, "7") {
			a = s.must(codes.DELETE, "/lwm2m/9/2")
			if a.code != lwm2m9.CodeDeleted {
				t.Fatalf("Delete: %v", a)
			}
			a = s.must(codes.POST, "/lwm2m/9", content(tlv, "\x00\x07"))
		}
		if a.code != lwm2m9.CodeCreated || "/"+strings.Trim(a.path, "/") != want {
			t.Errorf("Create: %v at %q, want 2.01 at %q", a, a.path, want)
		}
	}
	s.wait(`update </lwm2m>;rt="oma.lwm2m",</lwm2m/3/0>,</lwm2m/9/0>,</lwm2m/9/1>,</lwm2m/9/7>`)
	if a := s.must(codes.POST, "/lwm2m/9", content(tlv, "\x00\x07\x00")); a.code != lwm2m9.CodeBadRequest {
		t.Errorf("broken TLV: %v, want 4.00", a)
	}
	if a := s.must(codes.POST, "/lwm2m/9"); a.code != lwm2m9.CodeBadRequest {
		t.Errorf("one instance too many: %v, want 4.00", a)
	}
	var ids []lwm2m9.InstanceID
	for _, i := range d.Instances() {
		ids = append(ids, i.ID)
	}
	if diff := cmp.Diff([]lwm2m9.InstanceID{0, 1, 7}, ids); diff != "" {
		t.Errorf("instances (-want +got)\n%s", diff)
	}
}

func TestOlderVersionAfter412(t *testing.T) {
	s := newServer(t)
	s.refuse = codes.PreconditionFailed
	s.device(Config{Version: "1.1", QueueMode: true, AwakeFor: patience})
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.regs) != 2 || !strings.Contains(s.regs[0], "lwm2m=1.1") || !strings.Contains(s.regs[1], "lwm2m=1.0&b=UQ") {
		t.Errorf("registrations %q", s.regs)
	}
}

func TestRegistersAgainAfter404(t *testing.T) {
	s := newServer(t)
	s.forget = true
	_, e := s.device(Config{UpdateEvery: 10e6})
	s.wait("register")
	e.kind(EventRegistered)
	s.wait("register")
	s.wait("update")
}

func TestDeregister(t *testing.T) {
	s := newServer(t)
	t.Run("a device lives and ends", func(t *testing.T) {
		(&lwm2mServer{t: t, addr: s.addr}).device(Config{Deregister: true})
	})
	s.wait("deregister")
}
