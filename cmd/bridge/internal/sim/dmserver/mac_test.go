package dmserver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	dm "github.com/fwbridge/fwbridge/syncml/session"
)

// TestMACVector is that of oma-dm.md 6.2.
func TestMACVector(t *testing.T) {
	nonce := []byte(" !\"#$%&'()*+,-./")
	want := `algorithm=MD5, username="dev-0001", mac=p2awsgE0nsoESCGU31ueLg==`
	if got := signature("dev-0001", "dev-pw", nonce, []byte("<SyncML/>")); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestMACHeaders(t *testing.T) {
	for _, c := range []struct{ header, user, mac string }{
		{`algorithm=MD5, username="dev", mac=p2==`, "dev", "p2=="},
		{`MAC = p2==,USERNAME = "dev"`, "dev", "p2=="},
		{`mac="p2==", username=dev, algorithm=md5`, "dev", "p2=="},
		{`username="a\"b\\c, mac=x", mac=p2==`, `a"b\c, mac=x`, "p2=="},
		{`algorithm=SHA, username="dev", mac=p2==`, "", ""},
		{`username="dev"`, "dev", ""},
		{"nonsense", "", ""},
		{"", "", ""},
	} {
		if user, mac := signer(c.header); user != c.user || mac != c.mac {
			t.Errorf("%s: %q, %q; want %q, %q", c.header, user, mac, c.user, c.mac)
		}
	}
	for _, user := range []string{"dev", `a"b\c, mac=x`, "ü = 1"} {
		if got, _ := signer(signature(user, "pw", nil, nil)); got != user {
			t.Errorf("user %q was read as %q", user, got)
		}
	}
}

// ours is the client of the bridge at a simulated server.
type ours struct {
	t      *testing.T
	s      *Server
	acc    dm.Account
	nonces dm.Nonces
	tree   *fwupdate.Tree
	change func(hmac string) string // what happens to the header on the way to the server; nil: nothing
	made   int                      // nonces

	codes  []syncml.Code  // of SyncHdr, from the server
	signed []bool         // of each message of the server
	creds  int            // messages with a Cred, of both sides
	given  map[string]int // nonces that the server gave
}

var schemeOf = map[Auth]dm.Scheme{AuthNone: dm.SchemeNone, AuthBasic: dm.SchemeBasic, AuthMD5: dm.SchemeMD5, AuthMAC: dm.SchemeMAC}

func newOurs(t *testing.T, s *Server) *ours {
	o := &ours{t: t, s: s, given: map[string]int{}, tree: fwupdate.NewTree(fwupdate.Identity{DeviceID: "IMEI:1", Manufacturer: "Acme", Model: "R2", Language: "en", DMVersion: "1.2"})}
	o.tree.SetRoles(map[string]fwupdate.Role{"srv": fwupdate.Manager})
	o.acc = dm.Account{DeviceID: "IMEI:1", ServerID: "srv", URL: "http://dm.test/dm", Version: syncml.DM12, MaxMsgSize: 16 << 10}
	if a := s.cfg.Auth; a != AuthNone {
		o.acc.Client = dm.Credentials{Scheme: schemeOf[a], User: "IMEI:1", Secret: "pw"}
	}
	if a := s.cfg.ServerAuth; a != AuthNone {
		o.acc.Server = dm.Credentials{Scheme: schemeOf[a], User: "srv", Secret: "spw"}
	}
	return o
}

// session holds one and says how it ended.
func (o *ours) session(notes ...dm.Notification) dm.End {
	o.t.Helper()
	fresh := func() []byte { o.made++; return fmt.Appendf(nil, "nonce-%010d", o.made) }
	c := dm.NewClient(o.acc, o.nonces, syncml.AlertClientInitiated, fmt.Sprint(o.s.Counts().Sessions+1), notes)
	out := c.Open(o.tree)
	for n := 0; out.End == dm.EndNot; n++ {
		if n > 40 {
			o.t.Fatal("the session has no end")
		}
		r := httptest.NewRequest(http.MethodPost, out.URL, strings.NewReader(string(out.Send)))
		if o.change != nil {
			out.HMAC = o.change(out.HMAC)
		}
		if out.HMAC != "" {
			r.Header.Set(dm.HMACHeader, out.HMAC)
		}
		w := httptest.NewRecorder()
		o.s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			o.t.Fatalf("HTTP %d: %s", w.Code, w.Body)
		}
		hmac := w.Header().Get(dm.HMACHeader)
		o.look(out.Send, w.Body.Bytes(), hmac)
		out = c.ReceiveHMAC(w.Body.Bytes(), hmac, o.tree, fresh)
	}
	o.nonces = out.Nonces
	return out.End
}

func (o *ours) look(request, answer []byte, hmac string) {
	o.t.Helper()
	for _, body := range [][]byte{request, answer} {
		m, _, err := syncml.Decode(body, syncml.Limits{})
		if err != nil {
			o.t.Fatal(err)
		}
		if m.Header.Cred != nil {
			o.creds++
		}
		if &body[0] != &answer[0] {
			continue
		}
		st := header(m)
		o.codes = append(o.codes, st.Code)
		if st.Chal != nil {
			o.given[string(st.Chal.Meta.NextNonce)]++
		}
		if hmac != "" && m.Header.Source.Name != "srv" {
			o.t.Errorf("a signed message has LocName %q; want the user", m.Header.Source.Name)
		}
	}
	o.signed = append(o.signed, hmac != "")
}

// succeeds runs a whole campaign in two sessions.
func (o *ours) succeeds() {
	o.t.Helper()
	if end := o.session(); end != dm.EndDone {
		o.t.Fatalf("the first session ended with %v", end)
	}
	end := o.session(dm.Notification{Key: "end", Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", Format: "int",
		Source: "./FwUpdate/pkg1/DownloadAndUpdate", Correlator: "c-1", Data: "200"})
	if r, ok := o.s.Result("IMEI:1"); end != dm.EndDone || !ok || !r.OK() || r.Phase != Finished {
		o.t.Errorf("the second session ended with %v, the campaign with %+v", end, r)
	}
}

func authServer(t *testing.T, client, server Auth, quirks ...string) *Server {
	t.Helper()
	cfg := Config{Auth: client, Accounts: []Account{{Device: "IMEI:1", Password: "pw"}}, Campaigns: []Campaign{radio}, ServerID: "srv",
		ServerAuth: server, ServerPassword: "spw"}
	for _, q := range quirks {
		cfg.Quirks = append(cfg.Quirks, quirkOf(t, q))
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOurClient: every scheme of either side with every one of the other.
func TestOurClient(t *testing.T) {
	for client := AuthNone; client <= AuthMAC; client++ {
		for server := AuthNone; server <= AuthMAC; server++ {
			t.Run(fmt.Sprintf("client %v, server %v", client, server), func(t *testing.T) {
				o := newOurs(t, authServer(t, client, server))
				o.succeeds()
				inCred := func(a Auth) bool { return a == AuthBasic || a == AuthMD5 }
				if any := inCred(client) || inCred(server); any != (o.creds > 0) {
					t.Errorf("%d messages with Cred", o.creds)
				}
				for i, signed := range o.signed {
					if signed != (server == AuthMAC) {
						t.Errorf("answer %d signed: %v", i+1, signed)
					}
				}
				if client == AuthMAC && len(o.given) != len(o.codes) {
					t.Errorf("%d nonces for %d messages; want a new one for each", len(o.given), len(o.codes))
				}
				for i, code := range o.codes {
					if client == AuthMAC && i > 0 && code != syncml.StatusOK {
						t.Errorf("message %d got %v; want 200: MAC is never good for a whole session", i+1, code)
					}
				}
			})
		}
	}
}

func TestMACRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		quirk  string
		with   func(*ours)
		client []syncml.Code // the first codes for our messages
		ok     bool
	}{
		{"wrong password", "", func(o *ours) { o.acc.Client.Secret = "no" }, []syncml.Code{407, 401}, false},
		{"another user", "", func(o *ours) {
			o.change = func(hmac string) string { return strings.Replace(hmac, "IMEI:1", "IMEI:2", 1) }
		}, []syncml.Code{407, 401}, false},
		{"header lost on the way", "", func(o *ours) { o.change = func(string) string { return "" } }, []syncml.Code{407, 407}, false},
		{"header of another message", "", func(o *ours) {
			first := ""
			o.change = func(now string) string {
				if first == "" {
					first = now
				}
				return first
			}
		}, []syncml.Code{407, 200, 401}, false},
		{"stale nonce", "stale-nonce", func(*ours) {}, []syncml.Code{407, 401, 200}, true},
		{"server signs wrongly once", "bad-server-auth*2", func(*ours) {}, []syncml.Code{407, 200, 200}, true},
		{"server always signs wrongly", "bad-server-auth*100", func(*ours) {}, []syncml.Code{407}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var quirks []string
			if c.quirk != "" {
				quirks = append(quirks, c.quirk)
			}
			o := newOurs(t, authServer(t, AuthMAC, AuthMAC, quirks...))
			c.with(o)
			if c.ok {
				o.succeeds()
			} else {
				if end := o.session(); end == dm.EndDone {
					t.Error("the session ended well")
				}
				if r, _ := o.s.Result("IMEI:1"); r.Phase > Setup {
					t.Errorf("the campaign came to %v", r.Phase)
				}
			}
			if n := len(c.client); len(o.codes) < n || cmp.Diff(c.client, o.codes[:n]) != "" {
				t.Errorf("got %v; want %v first", o.codes, c.client)
			}
		})
	}
}
