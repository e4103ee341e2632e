package dmserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

var radio = Campaign{Package: "pkg1", Name: "Radio & more", Version: "2.0", URL: "http://127.0.0.1/ok/radio-2.0.pkg", Correlator: "c-1"}

const (
	seenGets = "Get ./DevDetail/FwV|Get ./DevInfo|"
	seenRoot = "Add ./FwUpdate/pkg1|Add ./FwUpdate/pkg1/DownloadAndUpdate|"
	seenAdds = "Add ./FwUpdate/pkg1/PkgName|Add ./FwUpdate/pkg1/PkgVersion|Add ./FwUpdate/pkg1/DownloadAndUpdate/PkgURL|"
	seenExec = "Exec ./FwUpdate/pkg1/DownloadAndUpdate"
)

func TestCampaignInEveryStyle(t *testing.T) {
	all := seenGets + seenRoot + seenAdds + seenExec
	for _, tc := range []struct {
		style    Style
		seen     string
		sessions int
		opens    int // server messages without Final
	}{
		{StylePlain, all, 1, 0},
		{StyleLeaves, seenGets + seenAdds + seenExec, 1, 0},
		{StyleReplace, seenGets + seenRoot + "Add ./FwUpdate/pkg1/PkgName|Replace ./FwUpdate/pkg1/PkgName|Add ./FwUpdate/pkg1/PkgVersion|" +
			"Replace ./FwUpdate/pkg1/PkgVersion|Add ./FwUpdate/pkg1/DownloadAndUpdate/PkgURL|Replace ./FwUpdate/pkg1/DownloadAndUpdate/PkgURL|" + seenExec, 1, 0},
		{StyleMessages, all, 1, 0},
		{StyleSplit, all, 1, 7},
		{StyleSequence, "Sequence|" + all + "|/Sequence", 1, 0},
		{StyleAtomic, seenGets + "Atomic|" + seenRoot + seenAdds + "/Atomic|" + seenExec, 1, 0},
		{StyleSessions, all, 8, 0},
	} {
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			t.Run(tc.style.String()+" "+enc.String(), func(t *testing.T) {
				campaign := radio
				campaign.Style, campaign.Delete = tc.style, true
				s, url := start(t, Config{Campaigns: []Campaign{campaign}})
				c := newClient(t, url)
				c.enc = enc
				for range tc.sessions {
					c.must()
				}
				if got := strings.Join(c.seen, "|"); got != tc.seen {
					t.Errorf("commands:\n%s\nwant\n%s", got, tc.seen)
				}
				opens := 0
				for _, f := range c.finals {
					if !f {
						opens++
					}
				}
				if opens != tc.opens {
					t.Errorf("%d messages without Final, want %d", opens, tc.opens)
				}
				if got := c.tree["./FwUpdate/pkg1/PkgName"]; got != radio.Name {
					t.Errorf("PkgName %q", got)
				}
				c.must(final("pkg1", "200", "c-1"))
				wait(t, s, 1)
				r, _ := s.Result(c.id)
				if !r.OK() || r.Phase != Finished || r.Correlator != "c-1" || r.AlertsBefore != 1 || r.AlertsAfter != 0 || r.ExecStatus != 202 {
					t.Errorf("result %+v", r)
				}
				if diff := cmp.Diff([]string{"c-1"}, c.execs); diff != "" {
					t.Errorf("Execs (-want +got)\n%s", diff)
				}
				if _, left := c.tree["./FwUpdate/pkg1"]; left {
					t.Error("pkg1 was not removed")
				}
			})
		}
	}
}

func TestPollingServer(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}})
	c := newClient(t, url)
	c.version = syncml.DM112 // is always polled, and has no Correlator
	c.must()
	c.must()
	c.state = "40"
	c.must()
	c.must()
	c.state = "80"
	c.must()
	wait(t, s, 1)
	r, _ := s.Result(c.id)
	if diff := cmp.Diff([]int{30, 40, 80}, r.States); diff != "" || r.OK() || r.Phase != Finished {
		t.Errorf("result %+v, states (-want +got)\n%s", r, diff)
	}
	if diff := cmp.Diff([]string{""}, c.execs); diff != "" {
		t.Errorf("Execs (-want +got)\n%s", diff)
	}
	before := len(c.seen)
	c.must()
	if len(c.seen) != before {
		t.Errorf("after the end: %v", c.seen[before:])
	}
}

func TestRefusedCommands(t *testing.T) {
	for _, tc := range []struct {
		name   string
		refuse func(*syncml.Op) syncml.Code
		reason string
	}{
		{"no ./FwUpdate", func(op *syncml.Op) syncml.Code {
			if op.Cmd == syncml.CmdGet {
				return 0
			}
			return 404
		}, "Add ./FwUpdate/pkg1: 404"},
		{"Exec", func(op *syncml.Op) syncml.Code {
			if op.Cmd == syncml.CmdExec {
				return 412
			}
			return 0
		}, "Exec ./FwUpdate/pkg1/DownloadAndUpdate: 412"},
	} {
		s, url := start(t, Config{Campaigns: []Campaign{radio}})
		c := newClient(t, url)
		c.refuse = tc.refuse
		c.must()
		wait(t, s, 1)
		if r, _ := s.Result(c.id); r.Phase != Failed || r.Reason != tc.reason || r.OK() {
			t.Errorf("%s: %+v", tc.name, r)
		}
	}
}

// What is left over from an earlier campaign does no harm.
func TestNodesThatExist(t *testing.T) {
	campaign := radio
	campaign.Style = StyleMessages
	s, url := start(t, Config{Campaigns: []Campaign{campaign}})
	c := newClient(t, url)
	c.tree["./FwUpdate/pkg1"] = ""
	c.must()
	if r, _ := s.Result(c.id); r.Phase != Running || len(c.execs) != 1 {
		t.Errorf("%d Execs, result %+v", len(c.execs), r)
	}
}

// A late repetition of the alert of one campaign is not taken for that of the
// next one with the same package.
func TestAlertBelongsToItsCorrelator(t *testing.T) {
	second := radio
	second.Correlator = "c-2"
	s, url := start(t, Config{Campaigns: []Campaign{radio, second}})
	c := newClient(t, url)
	c.must()
	c.running = false
	c.must(final("pkg1", "200", "c-1"))
	c.must(final("pkg1", "200", "c-1"))
	all := s.Campaigns()
	if all[0].AlertsAfter != 1 || all[1].AlertsBefore != 0 || all[1].Phase != Running {
		t.Errorf("campaigns %+v", all)
	}
}

func TestExecLaterWhenBusy(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}})
	c := newClient(t, url)
	c.running = true
	c.must()
	c.running = false
	c.must()
	if diff := cmp.Diff([]string{"c-1"}, c.execs); diff != "" {
		t.Errorf("Execs (-want +got)\n%s", diff)
	}
	if r, _ := s.Result(c.id); r.Phase != Running || r.ExecStatus != 202 {
		t.Errorf("result %+v", r)
	}
}

func TestTwoCampaignsOneAfterTheOther(t *testing.T) {
	second := radio
	second.Package, second.Correlator, second.Device = "pkg2", "c-2", "IMEI:1"
	other := radio
	other.Device = "IMEI:2"
	s, url := start(t, Config{Campaigns: []Campaign{radio, other}})
	if err := s.AddCampaign(second); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, url)
	c.must()
	c.running = false
	c.must(final("pkg1", "200", "c-1")) // the answer goes on with pkg2
	c.must(final("pkg2", "410", "c-2"))
	wait(t, s, 2)
	var got []string
	for _, r := range s.Campaigns() {
		got = append(got, r.Device+" "+r.Package+" "+r.Phase.String()+" "+map[bool]string{true: "ok", false: "not ok"}[r.OK()])
	}
	if diff := cmp.Diff([]string{"IMEI:1 pkg1 finished ok", "IMEI:1 pkg2 finished not ok"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := s.AddCampaign(Campaign{}); err == nil {
		t.Error("an empty campaign was taken")
	}
}

func TestClientAuthentication(t *testing.T) {
	accounts := []Account{{Device: "IMEI:1", Password: "pw"}}
	for _, tc := range []struct {
		name     string
		demanded Auth
		with     func(*client)
		codes    []syncml.Code // of SyncHdr
		execs    int
	}{
		{"md5 after a challenge", AuthMD5, func(c *client) {}, []syncml.Code{407, 212, 212}, 1},
		{"md5 with a stale nonce", AuthMD5, func(c *client) { c.nonce = []byte("old") }, []syncml.Code{401, 212, 212}, 1},
		{"md5 at once", AuthMD5, func(c *client) {}, []syncml.Code{212, 212}, 1},
		{"md5 with LocName", AuthMD5, func(c *client) { c.name = "IMEI:1" }, []syncml.Code{212, 212}, 1},
		{"md5 with another LocName", AuthMD5, func(c *client) { c.name = "IMEI:2" }, []syncml.Code{401, 401, 401, 401}, 0},
		{"md5 with a wrong password", AuthMD5, func(c *client) { c.pass = "no" }, []syncml.Code{401, 401, 401, 401}, 0},
		{"basic instead of md5", AuthMD5, func(c *client) { c.auth = AuthBasic }, []syncml.Code{401, 401, 401, 401}, 0},
		{"basic", AuthBasic, func(c *client) { c.auth = AuthBasic }, []syncml.Code{212, 212}, 1},
		{"unknown device", AuthMD5, func(c *client) { c.id = "IMEI:9" }, []syncml.Code{404}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, url := start(t, Config{Auth: tc.demanded, Accounts: accounts, Campaigns: []Campaign{radio}})
			c := newClient(t, url)
			c.auth = AuthMD5
			if strings.Contains(tc.name, "challenge") {
				c.auth = AuthNone
			}
			tc.with(c)
			if c.auth == AuthNone {
				m, err := c.session()
				if err != nil || header(m).Code != 407 {
					t.Fatalf("without credentials: %v, %v", header(m).Code, err)
				}
				c.codes, c.auth = c.codes[:1], AuthMD5
			}
			c.must()
			if diff := cmp.Diff(tc.codes, c.codes); diff != "" {
				t.Errorf("codes (-want +got)\n%s", diff)
			}
			if len(c.execs) != tc.execs {
				t.Errorf("%d Execs, want %d", len(c.execs), tc.execs)
			}
		})
	}
}

// A client that finds 401 for SyncHdr only ends silently: every command of
// the message must be refused.
func TestEveryCommandIsRefused(t *testing.T) {
	_, url := start(t, Config{Auth: AuthMD5, Accounts: []Account{{Device: AnyDevice, Password: "pw"}}})
	c := newClient(t, url)
	m, err := syncml.Encode(&syncml.Message{Final: true, Body: c.package1([]*syncml.Alert{final("x", "200", "")}),
		Header: syncml.Header{Version: syncml.DM12, SessionID: "1", MsgID: "1", Source: syncml.Location{URI: "IMEI:1"}}}, syncml.XML)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.post(url, m)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, cmd := range c.decode(b).Body {
		st := cmd.(*syncml.Status)
		got = append(got, string(st.Cmd)+" "+st.CmdRef+" "+st.Code.String())
	}
	want := []string{"SyncHdr 0 407", "Alert 1 407", "Alert 2 407", "Replace 3 407"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNonceChangesWithEachSession(t *testing.T) {
	_, url := start(t, Config{Auth: AuthMD5, Accounts: []Account{{Device: AnyDevice, User: "me", Password: "pw"}}})
	c := newClient(t, url)
	c.auth, c.user = AuthMD5, "me"
	c.must()
	first := string(c.nonce)
	c.must()
	if first == "" || first == string(c.nonce) || len(first) != nonceSize {
		t.Errorf("nonces %x, %x", first, c.nonce)
	}
	if diff := cmp.Diff([]syncml.Code{212, 212}, c.codes); diff != "" {
		t.Errorf("codes (-want +got)\n%s", diff)
	}
}

func TestServerCredentials(t *testing.T) {
	cfg := Config{ServerAuth: AuthMD5, ServerID: "srv", ServerPassword: "spw", Campaigns: []Campaign{radio}}
	for _, tc := range []struct {
		name    string
		quirk   string
		nonce   string
		execs   int
		refused int
	}{
		{"right at once", "", "", 1, 0},
		{"stale nonce", "", "new nonce", 1, 1},
		{"wrong once", "bad-server-auth", "", 1, 1},
		{"wrong always", "bad-server-auth*100", "", 0, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := cfg
			if tc.quirk != "" {
				cfg.Quirks = []Quirk{quirkOf(t, tc.quirk)}
			}
			s, url := start(t, cfg)
			c := newClient(t, url)
			c.serverID, c.serverPass, c.serverNonce = "srv", "spw", []byte(tc.nonce)
			c.must()
			if len(c.execs) != tc.execs || s.Counts().Refused != tc.refused {
				t.Errorf("%d Execs, %d times refused; want %d, %d", len(c.execs), s.Counts().Refused, tc.execs, tc.refused)
			}
		})
	}
}

// A client that keeps no nonce over its sessions refuses the first message of
// each that holds commands: also the clean-up is sent again then.
func TestStaleNonceAtTheCleanup(t *testing.T) {
	campaign := radio
	campaign.Delete = true
	s, url := start(t, Config{ServerAuth: AuthMD5, ServerID: "srv", ServerPassword: "spw", Campaigns: []Campaign{campaign}})
	c := newClient(t, url)
	c.serverID, c.serverPass = "srv", "spw"
	c.must()
	c.serverNonce = []byte("as it was installed")
	c.must(final("pkg1", "200", "c-1"))
	if r, _ := s.Result(c.id); r.Phase != Finished || !r.OK() {
		t.Errorf("result %+v", r)
	}
	if _, exists := c.tree["./FwUpdate/pkg1"]; exists {
		t.Error("./FwUpdate/pkg1 is still there")
	}
}

// A real client answers with a Status of 0 when it was not given credentials
// that it wants: a failure, and no missing answer.
func TestStatusZeroIsAFailure(t *testing.T) {
	for name, zero := range map[string][]syncml.Name{
		"all":  {syncml.CmdGet, syncml.CmdAdd, syncml.CmdExec},
		"Exec": {syncml.CmdExec},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := start(t, Config{Campaigns: []Campaign{radio}})
			c := newClient(t, url)
			c.zero = zero
			c.must()
			if r, _ := s.Result(c.id); r.Phase != Failed || !strings.HasSuffix(r.Reason, ": 0") {
				t.Errorf("result %+v", r)
			}
		})
	}
}

func quirkOf(t *testing.T, s string) Quirk {
	t.Helper()
	q, err := ParseQuirk(s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestRepeatedMessageGetsTheSameBytes(t *testing.T) {
	s, url := start(t, Config{Campaigns: []Campaign{radio}, RespURI: true})
	c := newClient(t, url)
	b, err := syncml.Encode(&syncml.Message{Final: true, Body: c.package1(nil), Header: syncml.Header{Version: syncml.DM12,
		SessionID: "7", MsgID: "1", Source: syncml.Location{URI: "IMEI:1"}}}, syncml.XML)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := c.post(url, b)
	two, err2 := c.post(url, b)
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("answers differ: %v %v\n%s\n%s", err1, err2, one, two)
	}
	if n := s.Counts(); n.Repeated != 1 || n.Sessions != 1 {
		t.Errorf("counts %+v", n)
	}
}

func TestRespURIMustBeUsed(t *testing.T) {
	_, url := start(t, Config{Campaigns: []Campaign{radio}, RespURI: true})
	c := newClient(t, url)
	c.must()
	if len(c.execs) != 1 {
		t.Errorf("%d Execs over the RespURI, want 1", len(c.execs))
	}
	b, _ := syncml.Encode(&syncml.Message{Final: true, Header: syncml.Header{Version: syncml.DM12, SessionID: "1", MsgID: "9",
		Source: syncml.Location{URI: "IMEI:1"}}}, syncml.XML)
	if _, err := c.post(url, b); !errors.Is(err, errHTTP) {
		t.Errorf("the old address was taken: %v", err)
	}
}

func TestClientInSeveralMessagesGetsAlert1222(t *testing.T) {
	_, url := start(t, Config{Campaigns: []Campaign{radio}})
	c := newClient(t, url)
	b, _ := syncml.Encode(&syncml.Message{Body: c.package1(nil), Header: syncml.Header{Version: syncml.DM12, SessionID: "1", MsgID: "1",
		Source: syncml.Location{URI: "IMEI:1"}}}, syncml.XML)
	answer, err := c.post(url, b)
	if err != nil {
		t.Fatal(err)
	}
	m := c.decode(answer)
	last, ok := m.Body[len(m.Body)-1].(*syncml.Alert)
	if m.Final || !ok || last.Code != syncml.AlertNextMessage {
		t.Errorf("answer %+v", m)
	}
}

func TestBadHTTP(t *testing.T) {
	s, url := start(t, Config{})
	for _, tc := range []struct {
		method, body string
		want         int
	}{
		{http.MethodGet, "", http.StatusMethodNotAllowed},
		{http.MethodPost, "", http.StatusBadRequest},
		{http.MethodPost, "<SyncML", http.StatusBadRequest},
		{http.MethodPost, strings.Repeat("x", maxBody), http.StatusBadRequest},
		{http.MethodPost, strings.Repeat("x", maxBody+1), http.StatusRequestEntityTooLarge},
	} {
		req, err := http.NewRequest(tc.method, url, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s of %d bytes: %d, want %d", tc.method, len(tc.body), resp.StatusCode, tc.want)
		}
	}
	if n := s.Counts().Malformed; n != 3 {
		t.Errorf("%d malformed, want 3", n)
	}
}

func TestUnknownVersion(t *testing.T) {
	_, url := start(t, Config{})
	for version, want := range map[syncml.Version]syncml.Code{
		{DTD: "1.2", Proto: "DM/1.9"}: syncml.StatusProtoUnsupported,
		{DTD: "2.0", Proto: "DM/2.0"}: syncml.StatusDTDUnsupported,
	} {
		c := newClient(t, url)
		c.version = version
		if m := c.must(); header(m).Code != want {
			t.Errorf("%v: %v, want %v", version, header(m).Code, want)
		}
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	s, _ := start(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
}

// TestRecordedClients lets the recorded client messages in: each is understood
// and each command of it is answered.
func TestRecordedClients(t *testing.T) {
	files, err := filepath.Glob("../../../../../testdata/dm-client-recordings/*/*-c2s.*ml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	_, url := start(t, Config{})
	for _, f := range files {
		if strings.Contains(f, ".decoded.") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sent, enc, err := syncml.Decode(b, syncml.Limits{})
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		c := newClient(t, url)
		answer, err := c.post(url, b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		c.enc = enc
		m := c.decode(answer)
		want := 1
		for _, cmd := range sent.Body {
			if cmd.Name() != syncml.CmdStatus && cmd.Name() != syncml.CmdResults {
				want++
			}
		}
		if len(m.Body) != want || !m.Final || m.Header.SessionID != sent.Header.SessionID {
			t.Errorf("%s: %d answers for %d commands and the header", f, len(m.Body), want-1)
		}
	}
}
