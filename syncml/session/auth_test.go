package session

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestVectors are those of oma-dm.md 6.2 and the sample of DM Security 1.2.
func TestVectors(t *testing.T) {
	vector := Credentials{User: "dev-0001", Secret: "dev-pw"}
	nonce, err := base64.StdEncoding.DecodeString("ICEiIyQlJicoKSorLC0uLw==")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		acc    Credentials
		scheme Scheme
		nonce  []byte
		want   string
	}{
		{vector, SchemeBasic, nil, "ZGV2LTAwMDE6ZGV2LXB3"},
		{vector, SchemeMD5, nonce, "ifnrQtF3scTvnIsKH2M4kg=="},
		{Credentials{User: "Bruce2", Secret: "OhBehave"}, SchemeMD5, []byte("Nonce"), "Zz6EivR3yeaaENcRN6lpAQ=="},
	} {
		if got := tt.acc.credential(tt.scheme, tt.nonce); got != tt.want {
			t.Errorf("%s with scheme %d: %s, want %s", tt.acc.User, tt.scheme, got, tt.want)
		}
	}
}

var (
	clientMD5   = Credentials{Scheme: SchemeMD5, User: "user", Secret: "hunter2-client"}
	clientMAC   = Credentials{Scheme: SchemeMAC, User: "user", Secret: "hunter2-client"}
	serverMAC   = Credentials{Scheme: SchemeMAC, User: serverID, Secret: "hunter2-server"}
	clientBasic = Credentials{Scheme: SchemeBasic, User: "user", Secret: "hunter2-client"}
	serverMD5   = Credentials{Scheme: SchemeMD5, User: serverID, Secret: "hunter2-server"}
	serverBasic = Credentials{Scheme: SchemeBasic, User: serverID, Secret: "hunter2-server"}
	wrong       = Credentials{Scheme: SchemeMD5, User: serverID, Secret: "guess"}
)

// challenge adds a Chal to the Status for the SyncHdr of a message.
func challenge(m *syncml.Message, metaType, nonce string) *syncml.Message {
	ch := &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: metaType}}
	if nonce != "" {
		ch.Meta.NextNonce = syncml.Secret(base64.StdEncoding.EncodeToString([]byte(nonce)))
	}
	m.Body[0].(*syncml.Status).Chal = ch
	return m
}

// TestClientCredentials: what package 1 carries, what a challenge changes, and
// what may be stored.
func TestClientCredentials(t *testing.T) {
	type step struct {
		code     syncml.Code
		chal     string // Meta Type
		nonce    string
		wantCred string // scheme and nonce of the next message: "md5 n1", "basic", "" for none, "end"
	}
	for _, tt := range []struct {
		name   string
		acc    Credentials
		stored string
		first  string
		steps  []step
		end    End
		kept   string // the client nonce at the end
	}{
		{"none, never asked", Credentials{}, "", "", []step{{212, "", "", ""}}, EndNot, ""},
		{"none, asked", Credentials{}, "", "", []step{{407, "syncml:auth-md5", "n1", "end"}}, EndRefused, ""},
		{"md5, stored nonce right", clientMD5, "n0", "md5 n0", []step{{212, "syncml:auth-md5", "n1", ""}}, EndNot, "n1"},
		{"md5, no Chal with the 212", clientMD5, "n0", "md5 n0", []step{{212, "", "", ""}}, EndNot, "n0"},
		{"md5, no nonce yet", clientMD5, "", "", []step{{407, "syncml:auth-md5", "n1", "md5 n1"}, {212, "syncml:auth-md5", "n2", ""}}, EndNot, "n2"},
		{"md5, stale nonce", clientMD5, "n0", "md5 n0", []step{{401, "syncml:auth-md5", "n1", "md5 n1"}, {212, "", "", ""}}, EndNot, "n1"},
		{"md5, wrong secret", clientMD5, "n0", "md5 n0", []step{{401, "syncml:auth-md5", "n1", "md5 n1"}, {401, "syncml:auth-md5", "n2", "md5 n2"},
			{401, "syncml:auth-md5", "n3", "end"}}, EndRefused, "n0"},
		{"md5, 401 without Chal", clientMD5, "n0", "md5 n0", []step{{401, "", "", "end"}}, EndRefused, "n0"},
		{"md5, 407 without Chal or nonce", clientMD5, "", "", []step{{407, "", "", "md5 "}, {212, "", "", ""}}, EndNot, ""},
		{"md5, per message", clientMD5, "n0", "md5 n0", []step{{200, "syncml:auth-md5", "n1", "md5 n1"}, {200, "syncml:auth-md5", "n2", "md5 n2"}}, EndNot, "n2"},
		{"md5, asked for basic", clientMD5, "n0", "md5 n0", []step{{401, "syncml:auth-basic", "", "end"}}, EndRefused, "n0"},
		{"md5, asked for MAC", clientMD5, "n0", "md5 n0", []step{{401, "syncml:auth-MAC", "n1", "mac n1"}, {200, "syncml:auth-MAC", "n2", "mac n2"}}, EndNot, "n2"},
		{"MAC, stored nonce right", clientMAC, "n0", "mac n0", []step{{200, "syncml:auth-MAC", "n1", "mac n1"}, {212, "syncml:auth-MAC", "n2", "mac n2"}}, EndNot, "n2"},
		{"MAC, no nonce yet", clientMAC, "", "", []step{{407, "syncml:auth-MAC", "n1", "mac n1"}, {200, "", "", "mac n1"}}, EndNot, "n1"},
		{"MAC, stale nonce", clientMAC, "n0", "mac n0", []step{{401, "syncml:auth-MAC", "n1", "mac n1"}, {200, "syncml:auth-MAC", "n2", "mac n2"}}, EndNot, "n2"},
		{"MAC, asked for md5", clientMAC, "n0", "mac n0", []step{{401, "syncml:auth-md5", "n1", "end"}}, EndRefused, "n0"},
		{"MAC, 401 without Chal", clientMAC, "n0", "mac n0", []step{{401, "", "", "end"}}, EndRefused, "n0"},
		{"the default nonce is not kept", clientMD5, "0x00000000", "md5 0x00000000", []step{{212, "", "", ""}}, EndNot, "0x00000000"},
		{"basic", clientBasic, "", "basic", []step{{212, "", "", ""}}, EndNot, ""},
		{"basic, per message", clientBasic, "", "basic", []step{{200, "", "", "basic"}}, EndNot, ""},
		{"basic, wrong", clientBasic, "", "basic", []step{{401, "syncml:auth-basic", "", "basic"}, {401, "syncml:auth-basic", "", "basic"},
			{401, "syncml:auth-basic", "", "end"}}, EndRefused, ""},
		{"basic, asked for md5", clientBasic, "", "basic", []step{{401, "syncml:auth-md5", "n1", "md5 n1"}, {212, "", "", ""}}, EndNot, "n1"},
		{"scheme changed after success", clientBasic, "", "basic", []step{{200, "", "", "basic"}, {401, "syncml:auth-md5", "n1", "end"}}, EndRefused, ""},
		{"asked again after 212", clientMD5, "n0", "md5 n0", []step{{212, "", "", ""}, {401, "syncml:auth-md5", "n1", "md5 n1"}}, EndNot, "n0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			acc := account()
			acc.Client = tt.acc
			p, out := start(t, acc, Nonces{Client: bytesOf(tt.stored)})
			checkCred(t, p, out, tt.acc, tt.first)
			for _, s := range tt.steps {
				m := p.message(s.code, get("./FwUpdate"))
				if !s.code.Success() {
					m.Body = m.Body[:len(m.Body)-1]
				}
				if s.chal != "" {
					challenge(m, s.chal, s.nonce)
				}
				out = p.say(m)
				if s.wantCred == "end" {
					break
				}
				checkCred(t, p, out, tt.acc, s.wantCred)
			}
			if out.End != tt.end {
				t.Errorf("end %q, want %q (%v)", out.End, tt.end, out.Err)
			}
			if got := string(out.Nonces.Client); got != tt.kept {
				t.Errorf("nonce to store %q, want %q", got, tt.kept)
			}
			noSecrets(t, out, p.c)
		})
	}
}

func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// checkCred compares the Cred or the HMAC header of the client's last message,
// and its LocName.
func checkCred(t *testing.T, p *peer, out Output, acc Credentials, want string) {
	t.Helper()
	if p.last == nil {
		t.Fatalf("nothing was sent, want a message with Cred %q", want)
	}
	got := p.last.Header.Cred
	scheme, nonce, _ := strings.Cut(want, " ")
	if (out.HMAC != "") != (scheme == "mac") {
		t.Errorf("message %s: HMAC %q, want %q", p.last.Header.MsgID, out.HMAC, want)
	}
	switch scheme {
	case "mac":
		if want := acc.hmacHeader([]byte(nonce), out.Send); got != nil || out.HMAC != want || p.last.Header.Source.Name != acc.User {
			t.Errorf("message %s: HMAC %q, want %q; Cred %v, LocName %q", p.last.Header.MsgID, out.HMAC, want, got, p.last.Header.Source.Name)
		}
		return
	case "":
		if got != nil {
			t.Errorf("message %s has a Cred", p.last.Header.MsgID)
		}
		return
	case "basic":
		acc.Scheme = SchemeBasic
	case "md5":
		acc.Scheme = SchemeMD5
		if p.last.Header.Source.Name != acc.User {
			t.Errorf("LocName %q, want the user", p.last.Header.Source.Name)
		}
	}
	if d := cmp.Diff(acc.cred(acc.Scheme, []byte(nonce)), got); d != "" {
		t.Errorf("message %s, want Cred %q: %s", p.last.Header.MsgID, want, d)
	}
}

// noSecrets looks for secrets in all that goes to a log.
func noSecrets(t *testing.T, out Output, c *Client) {
	t.Helper()
	checkSecrets(t, fmt.Sprintf("%v %+v %#v %v %v", out.Err, out.Failures, c, c.acc, out.Nonces))
}

func checkSecrets(t *testing.T, text string) {
	t.Helper()
	for _, s := range []string{"hunter2", "guess", "nonce-"} {
		if strings.Contains(text, s) {
			t.Errorf("a secret can be read in %q", text)
		}
	}
}

// TestChallengeRepeats: the refused commands come again in the same session,
// with new CmdIDs after the Status for the server's header.
func TestChallengeRepeats(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{}, Notification{Key: "k", Data: "200"})
	if d := cmp.Diff(lines("Alert 1201", "Replace", "Alert 1226", "Final"), brief(p.last)); d != "" {
		t.Fatal(d)
	}
	p.say(challenge(p.message(407), "syncml:auth-md5", "n1"))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Alert 1201", "Replace", "Alert 1226", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
	if h := p.last.Header; h.SessionID != "2A7" || h.MsgID != "2" {
		t.Errorf("session %s message %s, want 2A7 and 2", h.SessionID, h.MsgID)
	}
	if p.last.Body[1].ID() != "2" {
		t.Errorf("CmdID %s, want a new one", p.last.Body[1].ID())
	}
}

// TestChallengeInMidSession: a refused message 3 is repeated with its Statuses
// and Results.
func TestChallengeInMidSession(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{Client: []byte("n0")})
	p.say(p.message(200, get("./FwUpdate")))
	p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
	want := lines("Status SyncHdr - 212", "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Final")
	if d := cmp.Diff(want, brief(p.last)); d != "" {
		t.Error(d)
	}
	if ref := p.last.Body[1].(*syncml.Status).MsgRef; ref != "1" {
		t.Errorf("MsgRef %s, want that of the Get", ref)
	}
}

// TestChallengeInOpenPackage: the Alert 1222 of a refused message is not
// repeated, since it asked for what the challenge was.
func TestChallengeInOpenPackage(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{Client: []byte("n0")})
	m := p.message(200, get("./FwUpdate"))
	m.Final = false
	p.say(m)
	p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
	want := lines("Status SyncHdr - 212", "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Final")
	if d := cmp.Diff(want, brief(p.last)); d != "" {
		t.Error(d)
	}
}

// TestAnsweredIsNotRepeated: with the header refused, what got an answer of its
// own is settled.
func TestAnsweredIsNotRepeated(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{}, Notification{Key: "k"})
	m := challenge(p.message(407), "syncml:auth-md5", "n1")
	for _, cmd := range m.Body {
		if s := cmd.(*syncml.Status); s.CmdRef == "2" || s.CmdRef == "3" {
			s.Code = syncml.StatusOK
		}
	}
	out := p.say(m)
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Alert 1201", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Answer{{"k", 200}}, out.Answers); d != "" {
		t.Error(d)
	}
}

// TestServerCredentials: nothing is carried out before they are right.
func TestServerCredentials(t *testing.T) {
	const refused401, refused407, done = "401", "407", "212"
	right := func(nonce string) *syncml.Cred { return serverMD5.cred(SchemeMD5, []byte(nonce)) }
	given := func(n int) *syncml.Cred { return right(fmt.Sprintf("nonce-%010d", n)) }
	for _, tt := range []struct {
		name   string
		acc    Credentials
		stored string
		creds  []*syncml.Cred // message by message
		want   []string       // status for the header; "end"
		end    End
		kept   string
	}{
		{"not wanted", Credentials{}, "s0", []*syncml.Cred{nil}, []string{done}, EndNot, "s0"},
		{"not wanted but sent", Credentials{}, "s0", []*syncml.Cred{right("s0")}, []string{done}, EndNot, "s0"},
		{"right", serverMD5, "s0", []*syncml.Cred{right("s0"), nil}, []string{done, done}, EndNot, "nonce-0000000001"},
		{"stale, then right", serverMD5, "s0", []*syncml.Cred{right("s9"), given(1)}, []string{refused401, done}, EndNot, "nonce-0000000002"},
		{"missing, then right", serverMD5, "s0", []*syncml.Cred{nil, given(1)}, []string{refused407, done}, EndNot, "nonce-0000000002"},
		{"no nonce yet", serverMD5, "", []*syncml.Cred{right(""), given(1)}, []string{refused401, done}, EndNot, "nonce-0000000002"},
		{"replayed after the challenge", serverMD5, "s0", []*syncml.Cred{nil, right("s0")}, []string{refused407, refused401}, EndNot, "s0"},
		{"wrong secret", serverMD5, "s0", []*syncml.Cred{wrong.cred(SchemeMD5, []byte("s0")), wrong.cred(SchemeMD5, nil), nil},
			[]string{refused401, refused401, "end"}, EndServerAuth, "s0"},
		{"never any", serverMD5, "s0", []*syncml.Cred{nil, nil, nil}, []string{refused407, refused407, "end"}, EndServerAuth, "s0"},
		{"basic for md5", serverMD5, "s0", []*syncml.Cred{serverMD5.cred(SchemeBasic, nil)}, []string{refused401}, EndNot, "s0"},
		{"basic", serverBasic, "", []*syncml.Cred{serverBasic.cred(SchemeBasic, nil)}, []string{done}, EndNot, ""},
		{"basic, wrong", serverBasic, "", []*syncml.Cred{wrong.cred(SchemeBasic, nil)}, []string{refused401}, EndNot, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			acc := account()
			acc.Server = tt.acc
			p, _ := start(t, acc, Nonces{Server: bytesOf(tt.stored)})
			var out Output
			for i, cred := range tt.creds {
				before := asJSON(t, p.tree)
				p.cred = cred
				out = p.say(p.message(212, add(fmt.Sprintf("./FwUpdate/p%d", i), ""), sequence(get("./FwUpdate"))))
				if tt.want[i] == "end" {
					break
				}
				uri := fmt.Sprintf("./FwUpdate/p%d", i)
				head, _, _ := strings.Cut(brief(p.last), "\n")
				if !strings.HasPrefix(head, "Status SyncHdr - "+tt.want[i]) {
					t.Fatalf("message %d: %s, want %s", i, head, tt.want[i])
				}
				if tt.want[i] == done {
					continue
				}
				want := lines("Status SyncHdr - "+tt.want[i]+" Chal", "Status Add "+uri+" "+tt.want[i],
					"Status Sequence  "+tt.want[i], "Status Get ./FwUpdate "+tt.want[i], "Final")
				if d := cmp.Diff(want, brief(p.last)); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(before, asJSON(t, p.tree)); d != "" {
					t.Errorf("a stranger changed the tree: %s", d)
				}
			}
			if out.End != tt.end {
				t.Errorf("end %q, want %q", out.End, tt.end)
			}
			if got := string(out.Nonces.Server); got != tt.kept {
				t.Errorf("nonce to store %q, want %q", got, tt.kept)
			}
			noSecrets(t, out, p.c)
		})
	}
}

// TestServerNextNonce: the first 212 gives the nonce of the next session, 16
// bytes, and no later message does.
func TestServerNextNonce(t *testing.T) {
	acc := account()
	acc.Server = serverMD5
	p, _ := start(t, acc, Nonces{Server: []byte("s0")})
	p.cred = serverMD5.cred(SchemeMD5, []byte("s0"))
	p.say(p.message(212, get("./FwUpdate")))
	ch := p.last.Body[0].(*syncml.Status).Chal
	if ch == nil || ch.Meta.Type != "syncml:auth-md5" || string(ch.Meta.NextNonce) != "bm9uY2UtMDAwMDAwMDAwMQ==" {
		t.Errorf("Chal %v", ch)
	}
	p.say(p.message(212, get("./FwUpdate")))
	if p.last.Body[0].(*syncml.Status).Chal != nil {
		t.Error("a second Chal in one session")
	}
}

// TestStrangersNonce: an unauthenticated challenge is used, and not stored.
func TestStrangersNonce(t *testing.T) {
	acc := account()
	acc.Client, acc.Server = clientMD5, serverMD5
	p, _ := start(t, acc, Nonces{Client: []byte("n0"), Server: []byte("s0")})
	out := p.say(challenge(p.message(401), "syncml:auth-md5", "evil"))
	checkCred(t, p, out, clientMD5, "md5 evil")
	want := lines("Status SyncHdr - 407 Chal", "Alert 1201", "Replace", "Final")
	if d := cmp.Diff(want, brief(p.last)); d != "" {
		t.Error(d)
	}
	// The same stranger says that all is well, and sends another nonce.
	out = p.say(challenge(p.message(212), "syncml:auth-md5", "evil2"))
	if out.End != EndDone || string(out.Nonces.Client) != "n0" || string(out.Nonces.Server) != "s0" {
		t.Errorf("end %q, nonces %q %q, want those before", out.End, out.Nonces.Client, out.Nonces.Server)
	}
}

// TestStrangersAnswer: that a Generic Alert was taken counts only from the
// server itself, which is asked for its credentials for it.
func TestStrangersAnswer(t *testing.T) {
	acc := account()
	acc.Server = serverMD5
	for _, proves := range []bool{true, false} {
		p, _ := start(t, acc, Nonces{Server: []byte("s0")}, Notification{Key: "k", Data: "200"})
		out := p.say(p.message(212))
		if d := cmp.Diff(lines("Status SyncHdr - 407 Chal", "Final"), brief(p.last)); d != "" || len(out.Answers) != 0 {
			t.Fatalf("answers %v, sent %s", out.Answers, d)
		}
		if proves {
			p.cred = serverMD5.cred(SchemeMD5, []byte("nonce-0000000001"))
		}
		out = p.say(p.message(212))
		if got := len(out.Answers) == 1; got != proves || proves && out.End != EndDone {
			t.Errorf("proves %v: answers %v, end %q", proves, out.Answers, out.End)
		}
	}
}

// TestSilentStranger: a message that holds nothing is not worth a challenge.
func TestSilentStranger(t *testing.T) {
	acc := account()
	acc.Server = serverMD5
	p, _ := start(t, acc, Nonces{Server: []byte("s0")})
	if out := p.say(p.message(212)); out.End != EndDone || out.Send != nil || len(out.Failures) != 1 {
		t.Errorf("end %q, sent %q, failures %v", out.End, out.Send, out.Failures)
	}
}
