package session

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// honest is a DM server that checks the client by the book, and presents
// itself as its mode says. It wants one thing done: add a package.
type honest struct {
	p      *peer
	client Credentials // what it expects; the zero value wants none
	nonce  []byte      // for the client's next Cred
	mode   string      // of its own credentials: "none", "right", "stale", "wrong", "missing"
	own    []byte      // nonce for its own Cred
	passed bool        // the client has been accepted
	added  bool        // the client has confirmed the Add
	count  int
}

// answer is the server's next message.
func (h *honest) answer() *syncml.Message {
	h.learn()
	h.p.cred = h.cred()
	if !h.passed && h.client.Scheme != SchemeNone {
		cred := h.p.last.Header.Cred
		if cred == nil || !h.client.matches(cred, h.nonce) {
			code := syncml.StatusUnauthorized
			if cred == nil {
				code = syncml.StatusCredentialsMissing
			}
			m := h.p.message(code)
			h.count++
			h.nonce = fmt.Appendf(nil, "client-nonce-%03d", h.count)
			m.Body[0].(*syncml.Status).Chal = chal(h.client.Scheme, h.nonce)
			return m
		}
	}
	h.passed = true
	if h.added {
		return h.p.message(212)
	}
	return h.p.message(212, add(pkgName, "n"))
}

// learn reads the client's Statuses: a new nonce, and whether the Add is done.
func (h *honest) learn() {
	for _, cmd := range h.p.last.Body {
		s, ok := cmd.(*syncml.Status)
		if !ok {
			continue
		}
		if s.Chal != nil && s.Chal.Meta.NextNonce != "" {
			h.own, _ = base64.StdEncoding.DecodeString(string(s.Chal.Meta.NextNonce))
			if h.mode == "stale" {
				h.mode = "right" // it has learned
			}
		}
		h.added = h.added || s.Cmd == syncml.CmdAdd && s.Code == syncml.StatusOK
	}
}

func (h *honest) cred() *syncml.Cred {
	switch h.mode {
	case "right":
		return serverMD5.cred(SchemeMD5, h.own)
	case "stale":
		return serverMD5.cred(SchemeMD5, []byte("an older nonce"))
	case "wrong":
		return wrong.cred(SchemeMD5, h.own)
	}
	return nil
}

// TestMutual runs whole sessions for every pair of how the two sides present
// themselves. Nothing is carried out unless the server is who it should be,
// nothing goes on unless the client is, and all sessions end.
func TestMutual(t *testing.T) {
	clients := []struct {
		name   string
		has    Credentials // the account's
		wants  Credentials // the server's
		stored string      // the client's nonce; the server's is "c0"
		ok     bool
	}{
		{"none", Credentials{}, Credentials{}, "", true},
		{"none, asked", Credentials{}, clientMD5, "", false},
		{"basic right", clientBasic, clientBasic, "", true},
		{"basic wrong", clientBasic, Credentials{SchemeBasic, "user", "guess"}, "", false},
		{"basic, challenged to md5", clientBasic, clientMD5, "", true},
		{"md5 right", clientMD5, clientMD5, "c0", true},
		{"md5 stale", clientMD5, clientMD5, "c9", true},
		{"md5 without nonce", clientMD5, clientMD5, "", true},
		{"md5 wrong", clientMD5, Credentials{SchemeMD5, "user", "guess"}, "c0", false},
		{"md5, challenged to basic", clientMD5, clientBasic, "c0", false},
	}
	servers := []struct {
		mode  string
		wants Credentials
		ok    bool
	}{
		{"none", Credentials{}, true}, {"right", serverMD5, true}, {"stale", serverMD5, true},
		{"wrong", serverMD5, false}, {"missing", serverMD5, false},
	}
	for _, c := range clients {
		for _, s := range servers {
			t.Run(c.name+", server "+s.mode, func(t *testing.T) {
				acc := account()
				acc.Client, acc.Server = c.has, s.wants
				p, out := start(t, acc, Nonces{Client: bytesOf(c.stored), Server: []byte("s0")}, Notification{Key: "k", Data: "200"})
				h := &honest{p: p, client: c.wants, nonce: []byte("c0"), mode: s.mode, own: []byte("s0")}
				var answers []Answer
				for n := 0; out.End == EndNot; n++ {
					if n > 10 {
						t.Fatal("the session does not end")
					}
					out = p.say(h.answer())
					answers = append(answers, out.Answers...)
					noSecrets(t, out, p.c)
				}
				done := len(p.tree.Packages()) == 1
				if want := c.ok && s.ok; done != want || (len(answers) == 1) != want || (out.End == EndDone) != want {
					t.Errorf("carried out %v, answers %v, end %q (%v)", done, answers, out.End, out.Err)
				}
				if !c.ok && s.ok && out.End != EndRefused || c.ok && !s.ok && out.End != EndServerAuth {
					t.Errorf("end %q", out.End)
				}
			})
		}
	}
}
