package session

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestServerMutual runs sessions for every pair of how the two sides present
// themselves. Nothing is carried out or reported unless both are who they
// should be, and all sessions end.
func TestServerMutual(t *testing.T) {
	type side struct {
		name        string
		has, wants  Scheme
		wrong       bool
		stored      string // what the one with the credentials has; the other has "n0"
		ok          bool
		known, lost bool // the other has a nonce at all; the session uses the default nonce
	}
	sides := []side{
		{"none", SchemeNone, SchemeNone, false, "", true, false, false},
		{"none, asked", SchemeNone, SchemeMD5, false, "", false, true, false},
		{"basic", SchemeBasic, SchemeBasic, false, "", true, false, false},
		{"basic, wrong", SchemeBasic, SchemeBasic, true, "", false, false, false},
		{"basic, asked for md5", SchemeBasic, SchemeMD5, false, "", true, true, false},
		{"basic, asked for MAC", SchemeBasic, SchemeMAC, false, "", true, false, false},
		{"md5", SchemeMD5, SchemeMD5, false, "n0", true, true, false},
		{"md5, stale", SchemeMD5, SchemeMD5, false, "n9", true, true, false},
		{"md5, no nonce anywhere", SchemeMD5, SchemeMD5, false, "", true, false, false},
		{"md5, wrong", SchemeMD5, SchemeMD5, true, "n0", false, true, false},
		{"md5, asked for basic", SchemeMD5, SchemeBasic, false, "n0", false, true, false},
		{"md5, asked for MAC", SchemeMD5, SchemeMAC, false, "n0", true, true, false},
		{"MAC", SchemeMAC, SchemeMAC, false, "n0", true, true, false},
		{"MAC, stale", SchemeMAC, SchemeMAC, false, "n9", true, true, false},
		{"MAC, wrong", SchemeMAC, SchemeMAC, true, "n0", false, true, false},
		{"MAC, asked for md5", SchemeMAC, SchemeMD5, false, "n0", false, true, false},
	}
	for _, c := range sides {
		for _, s := range sides {
			t.Run(c.name+"; server "+s.name, func(t *testing.T) {
				p := newPair(t, c.has, s.has)
				p.cfg.Account.Client.Scheme, p.acc.Server.Scheme = c.wants, s.wants
				if c.wrong {
					p.acc.Client.Secret = "guess"
				}
				if s.wrong {
					p.cfg.Account.Server.Secret = "guess"
				}
				p.client = Nonces{Client: bytesOf(c.stored)}
				p.server = Nonces{Server: bytesOf(s.stored)}
				if c.known {
					p.server.Client = []byte("n0")
				}
				if s.known {
					p.client.Server = []byte("n0")
				}
				p.run([]Notification{{Key: "n", Type: "t", Format: "chr", Data: "200"}}, add(pkgName, "x"), get(pkgName))
				done := len(p.tree.Packages()) == 1
				if want := c.ok && s.ok; done != want || (len(p.answers) == 1) != want || (p.results["1"].Code == 200) != want {
					t.Errorf("carried out %v, answers %v, results %v; client %q, server %q", done, p.answers, p.results, p.clientEnd, p.serverEnd)
				}
				if (len(p.events) == 1) != c.ok {
					t.Errorf("events %v from a device that is %v", p.events, c.ok)
				}
				if p.posts > 8 {
					t.Errorf("%d posts", p.posts)
				}
			})
		}
	}
}

// TestServerMAC: every message is to be signed; one that is not, or not well,
// is the last, whatever was accepted before.
func TestServerMAC(t *testing.T) {
	for _, bad := range []string{"", "nonsense", "signed over the last nonce"} {
		cfg := serverAccount()
		cfg.Account.Client, cfg.Nonces.Client = clientMAC, []byte("n0")
		d := newDevice(t, cfg)
		nonce := []byte("n0")
		d.hmac = func(body []byte) string { return clientMAC.hmacHeader(nonce, body) }
		d.say(d.first(), get("./a"))
		for range 3 {
			nonce = d.given()
			if d.say(d.answer(nil), get("./a")); len(d.got.Results) != 1 || d.last.Body[0].(*syncml.Status).Code != syncml.StatusOK {
				t.Fatalf("%+v", d.got)
			}
		}
		d.hmac = func(body []byte) string {
			if bad == "" || bad == "nonsense" {
				return bad
			}
			return clientMAC.hmacHeader(nonce, body)
		}
		d.say(d.answer(nil, generic("", "1")))
		if d.reply.End != EndClientAuth || len(d.got.Results)+len(d.got.Events) != 0 || d.last.Body[0].(*syncml.Status).Code == syncml.StatusOK {
			t.Errorf("%q: end %q, %+v, %s", bad, d.reply.End, d.got, outline(d.last))
		}
	}
}

// TestServerMACMissing: a signature that was demanded and does not come is a
// wrong one.
func TestServerMACMissing(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client = clientMAC
	d := newDevice(t, cfg)
	var codes []syncml.Code
	for d.reply.End == EndNot {
		d.say(d.first())
		codes = append(codes, d.last.Body[0].(*syncml.Status).Code)
	}
	if !slices.Equal(codes, []syncml.Code{407, 401, 401}) || d.reply.End != EndClientAuth {
		t.Errorf("%v, end %q", codes, d.reply.End)
	}
}

// TestDefaultNonce: it is good once, in a session that was triggered with it,
// in both of its forms; both sides get a fresh one and keep only that.
func TestDefaultNonce(t *testing.T) {
	for _, scheme := range []Scheme{SchemeMD5, SchemeMAC} {
		for form, nonce := range DefaultNonces() {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("scheme %d form %d lost %v", scheme, form, lost), func(t *testing.T) {
					p := newPair(t, scheme, scheme)
					p.cfg.DefaultNonce = lost
					p.client = Nonces{Client: nonce, Server: nonce}
					p.run(nil, add(pkgName, "x"))
					if p.clientEnd != EndDone || p.results["0"].Code != 200 {
						t.Fatalf("client %q, server %q", p.clientEnd, p.serverEnd)
					}
					if fast := p.posts == 2; fast != lost {
						t.Errorf("%d posts", p.posts)
					}
					if d := cmp.Diff(p.client, p.server, cmp.Comparer(func(a, b Nonces) bool {
						return string(a.Client) == string(b.Client) && string(a.Server) == string(b.Server)
					})); d != "" || isDefaultNonce(p.server.Client) || isDefaultNonce(p.server.Server) || p.server.Client == nil || p.server.Server == nil {
						t.Errorf("kept: client %q %q, server %q %q", p.client.Client, p.client.Server, p.server.Client, p.server.Server)
					}
				})
			}
		}
	}
	// And not twice.
	cfg := serverAccount()
	cfg.Account.Client, cfg.DefaultNonce = clientMAC, true
	d := newDevice(t, cfg)
	d.hmac = func(body []byte) string { return clientMAC.hmacHeader(DefaultNonces()[0], body) }
	if d.say(d.first(), get("./a")); d.got.Auth != AuthOK {
		t.Errorf("%v", d.got.Auth)
	}
	if d.say(d.answer(nil)); d.reply.End != EndClientAuth {
		t.Errorf("end %q", d.reply.End)
	}
}

// TestServerBounds: what a device can make us keep has limits.
func TestServerBounds(t *testing.T) {
	d := newDevice(t, serverAccount())
	n := 0
	for i := 0; i <= MaxEvents; i += 100 {
		var events []syncml.Command
		for k := range 100 {
			events = append(events, generic("", fmt.Sprint(i+k)))
		}
		d.say(d.message(events...))
		n += len(d.got.Events)
	}
	if n != MaxEvents {
		t.Errorf("%d events", n)
	}
	d = newDevice(t, serverAccount())
	d.say(d.first(), get("./a"))
	held, chunk := 0, fmt.Sprintf("%0200000d", 0)
	for refused := false; !refused; held++ {
		m := d.message(results("1", "4", "./a", chunk))
		m.Final = false
		d.say(m)
		refused = len(d.got.Failures) > 0
		if held > MaxHeld/len(chunk)+1 {
			t.Fatal("Results without limit")
		}
	}
	if held != MaxHeld/len(chunk)+1 {
		t.Errorf("%d of %d bytes", held, len(chunk))
	}
	if d.say(d.answer(nil)); d.s.held != 0 {
		t.Errorf("%d bytes held after the Result was told", d.s.held)
	}
}
