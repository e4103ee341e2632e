package dmserver

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

func TestParseQuirk(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Quirk
		out  string
	}{
		{"drop-answer", Quirk{Kind: DropAnswer, Times: 1}, "drop-answer*1"},
		{"drop-answer@exec*2", Quirk{Kind: DropAnswer, Place: ExecMessage, Times: 2}, ""},
		{"late", Quirk{Kind: LateAnswer, Duration: lateDefault, Times: 1}, "late=200ms*1"},
		{"late@first=5ms*3", Quirk{Kind: LateAnswer, Place: FirstMessage, Duration: 5 * time.Millisecond, Times: 3}, ""},
		{"http@alert=503*1", Quirk{Kind: HTTPError, Place: AlertMessage, HTTP: 503, Times: 1}, ""},
		{"malformed*1", Quirk{Kind: Malformed, Times: 1}, ""},
		{"bad-server-auth*1", Quirk{Kind: BadServerAuth, Times: 1}, ""},
		{"stale-nonce*1", Quirk{Kind: StaleNonce, Times: 1}, ""},
		{"unknown-device*1", Quirk{Kind: UnknownDevice, Times: 1}, ""},
		{"refuse-alert=500*1", Quirk{Kind: RefuseAlert, Code: 500, Times: 1}, ""},
		{"lose-alert*1", Quirk{Kind: LoseAlert, Times: 1}, ""},
		{"second-exec*1", Quirk{Kind: SecondExec, Times: 1}, ""},
		{"delete-running*1", Quirk{Kind: DeleteRunning, Times: 1}, ""},
		{"empty-session*1", Quirk{Kind: EmptySession, Times: 1}, ""},
		{"abort*1", Quirk{Kind: Abort, Times: 1}, ""},
	} {
		got, err := ParseQuirk(tc.text)
		if err != nil || got != tc.want {
			t.Errorf("ParseQuirk(%q) = %+v, %v; want %+v", tc.text, got, err, tc.want)
			continue
		}
		if tc.out == "" {
			tc.out = tc.text
		}
		if got.String() != tc.out {
			t.Errorf("%q prints as %q, want %q", tc.text, got, tc.out)
		}
	}
	if len(QuirkWords()) != int(Abort)+1 {
		t.Errorf("%d words for %d quirks", len(QuirkWords()), Abort+1)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"sulk":              `unknown quirk "sulk"; known: drop-answer, late, http`,
		"drop-answer@lunch": `unknown place "lunch"; known: any, first, exec, alert`,
		"abort@first":       "abort takes no place after @",
		"abort=1":           "abort takes no value after =",
		"http":              `"" is not a status`,
		"http=200":          `"200" is not a status from 300 to 599`,
		"http@exec=500":     "nobody knows",
		"late=soon":         `"soon" is not a duration`,
		"abort*0":           "a number of 1 or more",
	} {
		if _, err := ParseQuirk(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseQuirk(%q): %v, want %q", text, err, want)
		}
	}
	if _, err := ParseStyle("baroque"); err == nil || !strings.Contains(err.Error(), "known: plain, leaves, replace") {
		t.Errorf("ParseStyle: %v", err)
	}
	if _, err := ParseAuth("trust"); err == nil || !strings.Contains(err.Error(), "known: none, basic, md5") {
		t.Errorf("ParseAuth: %v", err)
	}
}

// TestQuirksOfTransport: a client that repeats a message which got no usable
// answer gets to the end, and nothing happens twice.
func TestQuirksOfTransport(t *testing.T) {
	for _, text := range []string{
		"drop-answer@first", "drop-answer@exec", "drop-answer@alert", "drop-answer*4", "malformed@exec", "malformed@alert",
		"late=1ms*3", "http@first=503*2", "http=500*2", "http@alert=500", "lose-alert*2",
	} {
		t.Run(text, func(t *testing.T) {
			s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, text)}})
			c := newClient(t, url)
			c.retry = 5
			c.must()
			c.must(final("pkg1", "200", "c-1"))
			wait(t, s, 1)
			r, _ := s.Result(c.id)
			if !r.OK() || r.AlertsBefore != 1 || r.AlertsAfter != 0 || len(c.execs) != 1 {
				t.Errorf("%d Execs, result %+v", len(c.execs), r)
			}
			if strings.HasPrefix(text, "drop-answer") != (s.Counts().Repeated > 0) && !strings.HasPrefix(text, "malformed") {
				t.Errorf("counts %+v", s.Counts())
			}
		})
	}
}

// The answer to the alert is lost for good: the client comes with it again in
// a new session, and that is no alert too many.
func TestAlertAgainAfterALostAnswer(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "drop-answer@alert")}})
	c := newClient(t, url)
	c.must()
	if _, err := c.session(final("pkg1", "200", "c-1")); err == nil {
		t.Fatal("the answer was not dropped")
	}
	c.must(final("pkg1", "200", "c-1"))
	if r, _ := s.Result(c.id); r.AlertsBefore != 2 || r.AlertsAfter != 0 {
		t.Errorf("result %+v", r)
	}
	c.must(final("pkg1", "200", "c-1")) // now it is one too many
	if r, _ := s.Result(c.id); r.AlertsAfter != 1 {
		t.Errorf("result %+v", r)
	}
}

func TestRefusedAlert(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "refuse-alert=500*2")}})
	c := newClient(t, url)
	c.must()
	var codes []syncml.Code
	for range 3 {
		c.must(final("pkg1", "402", "c-1"))
		codes = append(codes, c.codeOf["Alert 2"])
	}
	if diff := cmp.Diff([]syncml.Code{500, 500, 200}, codes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r, _ := s.Result(c.id)
	if r.AlertsBefore != 3 || r.AlertsAfter != 0 || r.Code != 402 || r.Phase != Finished || r.OK() {
		t.Errorf("result %+v", r)
	}
}

func TestStaleNonce(t *testing.T) {
	_, url := start(t, Config{Auth: AuthMD5, Accounts: []Account{{Device: AnyDevice, Password: "pw"}},
		Quirks: []Quirk{quirkOf(t, "stale-nonce")}, Campaigns: []Campaign{radio}})
	c := newClient(t, url)
	c.auth = AuthMD5
	c.must()
	if diff := cmp.Diff([]syncml.Code{401, 212, 212}, c.codes); diff != "" || len(c.execs) != 1 {
		t.Errorf("%d Execs, codes (-want +got)\n%s", len(c.execs), diff)
	}
}

func TestUnknownDeviceQuirk(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "unknown-device")}})
	c := newClient(t, url)
	if m := c.must(); header(m).Code != syncml.StatusNotFound {
		t.Errorf("code %v", header(m).Code)
	}
	c.must()
	if len(c.execs) != 1 || s.Counts().Unknown != 1 {
		t.Errorf("%d Execs, counts %+v", len(c.execs), s.Counts())
	}
}

func TestSecondExecAndDelete(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "second-exec"), quirkOf(t, "delete-running")}})
	c := newClient(t, url)
	c.refuse = func(op *syncml.Op) syncml.Code {
		if op.Cmd == syncml.CmdDelete {
			return syncml.StatusForbidden
		}
		return 0
	}
	c.must()
	r, _ := s.Result(c.id)
	want := []Answer{
		{Cmd: syncml.CmdExec, URI: "./FwUpdate/pkg1/DownloadAndUpdate", Status: 417},
		{Cmd: syncml.CmdDelete, URI: "./FwUpdate/pkg1", Status: 403},
	}
	if diff := cmp.Diff(want, r.Statuses[len(r.Statuses)-2:]); diff != "" || r.Phase != Running || r.ExecStatus != 202 {
		t.Errorf("result %+v (-want +got)\n%s", r, diff)
	}
}

func TestDeleteWhileRunningEndsTheCampaign(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "delete-running")}})
	c := newClient(t, url)
	c.must()
	wait(t, s, 1)
	if r, _ := s.Result(c.id); r.Phase != Failed || !strings.Contains(r.Reason, "deleted") {
		t.Errorf("result %+v", r)
	}
}

func TestEmptySessionAndAbort(t *testing.T) {
	_, url := start(t, Config{Campaigns: []Campaign{radio}, Quirks: []Quirk{quirkOf(t, "empty-session"), quirkOf(t, "abort")}})
	c := newClient(t, url)
	c.must()
	if len(c.seen)+len(c.alerts) != 0 {
		t.Errorf("empty session: %v, %v", c.seen, c.alerts)
	}
	c.must()
	if len(c.seen) != 0 || len(c.alerts) != 1 || c.alerts[0].(*syncml.Alert).Code != syncml.AlertSessionAbort {
		t.Errorf("aborted session: %v, %v", c.seen, c.alerts)
	}
	c.must()
	if len(c.execs) != 1 {
		t.Errorf("%d Execs, want 1", len(c.execs))
	}
}

func TestEvents(t *testing.T) {
	var got []string
	cfg := Config{Campaigns: []Campaign{radio}, OnEvent: func(e Event) {
		if e.Kind != EventAnswer {
			got = append(got, strings.TrimSpace(e.Kind.String()+" "+e.Result.Phase.String()+" "+e.Text))
		}
	}}
	_, url := start(t, cfg)
	c := newClient(t, url)
	c.must()
	c.must(final("pkg1", "200", "c-1"))
	want := []string{"session waiting 1", "phase setup", "phase running", "session waiting 2", "alert running", "phase finished"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLoadScript(t *testing.T) {
	const good = `
auth: md5
accounts:
  - {device: "IMEI:1", user: me, password: secret}
server-auth: basic
server-id: srv
server-password: spw
campaigns:
  - package: pkg1
    name: radio
    version: "2.0"
    url: http://127.0.0.1/x
    correlator: c-1
    style: atomic
    delete: true
quirks: [drop-answer@exec, refuse-alert=500*2]
`
	got, err := LoadScript(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Auth: AuthMD5, ServerAuth: AuthBasic, ServerID: "srv", ServerPassword: "spw",
		Accounts:  []Account{{Device: "IMEI:1", User: "me", Password: "secret"}},
		Campaigns: []Campaign{{Package: "pkg1", Name: "radio", Version: "2.0", URL: "http://127.0.0.1/x", Correlator: "c-1", Style: StyleAtomic, Delete: true}},
		Quirks:    []Quirk{{Kind: DropAnswer, Place: ExecMessage, Times: 1}, {Kind: RefuseAlert, Code: 500, Times: 2}}}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".OnEvent" }, cmp.Ignore())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := LoadScript(strings.NewReader(`{"campaigns": [{"package": "p", "url": "http://h/x"}]}`)); err != nil {
		t.Errorf("JSON: %v", err)
	}
	for script, want := range map[string][]string{
		"colour: red":                            {"colour", "line 1"},
		"auth: trust":                            {"known: none, basic, md5"},
		"quirks: [sulk]":                         {`unknown quirk "sulk"`},
		"auth: md5\ncampaigns: [{package: a/b}]": {"auth md5 without an account", `campaign 1: package "a/b"`, `url "" is not a URL`},
		strings.Repeat("#", maxScript+1):         {"over 1048576 bytes"},
	} {
		_, err := LoadScript(strings.NewReader(script))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("script %.40q: %v; want %q", script, err, w)
			}
		}
	}
}
