package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// pair is our client against our server, over a line that may lose.
type pair struct {
	t      *testing.T
	tree   *fwupdate.Tree
	acc    Account
	cfg    ServerConfig
	client Nonces // what each side has stored
	server Nonces
	lossy  bool // every message and every answer is lost once
	count  int

	results              map[string]Result
	failures             []error // what the server refused
	events               []Event
	answers              []Answer
	sizes                int // of the longest message from the server
	posts                int
	clientEnd, serverEnd End
}

func (p *pair) nonce() []byte {
	p.count++
	return fmt.Appendf(nil, "nonce-%010d", p.count)
}

// run holds one session and queues commands at its first message.
func (p *pair) run(notes []Notification, queue ...syncml.Command) {
	p.t.Helper()
	c := NewClient(p.acc, p.client, syncml.AlertClientInitiated, "1F", notes)
	p.cfg.Nonces = p.server
	s := NewServer(p.cfg)
	p.results = map[string]Result{}
	out := c.Open(p.tree)
	queued := false
	for p.posts = 0; out.End == EndNot; p.posts++ {
		if p.posts > 2*MaxMessages {
			p.t.Fatal("the session does not end")
		}
		p.client = out.Nonces
		reply := p.post(s, out, !queued, queue)
		queued = queued || p.serverEnd != EndNot || s.them.ok || p.cfg.Account.Client.Scheme == SchemeNone
		if reply.Send == nil {
			break
		}
		p.sizes = max(p.sizes, len(reply.Send))
		out = c.ReceiveHMAC(reply.Send, reply.HMAC, p.tree, p.nonce)
		if p.lossy && out.End == EndNot {
			if again := c.ReceiveHMAC(reply.Send, reply.HMAC, p.tree, p.nonce); !bytes.Equal(again.Send, out.Send) || again.HMAC != out.HMAC {
				p.t.Error("the client answers a repeated message otherwise")
			}
		}
		p.client = out.Nonces
		p.answers = append(p.answers, out.Answers...)
		noSecrets(p.t, out, c)
	}
	p.clientEnd = out.End
}

func (p *pair) post(s *Server, out Output, queue bool, cmds []syncml.Command) Reply {
	p.t.Helper()
	got, err := s.Receive(out.Send, out.HMAC, p.nonce)
	if err != nil {
		p.t.Fatal(err)
	}
	p.events = append(p.events, got.Events...)
	p.failures = append(p.failures, got.Failures...)
	for _, r := range got.Results {
		p.results[r.Key] = r
	}
	if queue && (got.Auth == AuthOK || got.Auth == AuthUnasked) {
		for i, cmd := range cmds {
			s.Queue(fmt.Sprint(i), cmd)
		}
	}
	reply := s.Reply()
	for _, r := range reply.Unsent {
		p.results[r.Key] = r
	}
	p.server, p.serverEnd = got.Nonces, reply.End
	noServerSecrets(p.t, s, got, reply)
	if p.lossy {
		again, err := s.Receive(out.Send, out.HMAC, p.nonce)
		if r := s.Reply(); err != nil || !again.Replayed || len(again.Events)+len(again.Results) > 0 || !bytes.Equal(r.Send, reply.Send) || r.HMAC != reply.HMAC {
			p.t.Errorf("the server answers a repeated message otherwise: %v", err)
		}
	}
	return reply
}

// TestPair runs whole sessions of our client with our server over versions,
// encodings, schemes, message sizes and losses: everything is carried out and
// reported once.
func TestPair(t *testing.T) {
	schemes := map[string]Scheme{"none": SchemeNone, "basic": SchemeBasic, "md5": SchemeMD5, "mac": SchemeMAC}
	for _, version := range []syncml.Version{syncml.DM12, syncml.DM112} {
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			for cname, cs := range schemes {
				for sname, ss := range schemes {
					for _, size := range []int64{0, 2000, 5000} {
						for _, lossy := range []bool{false, true} {
							name := fmt.Sprintf("%s %s client %s server %s size %d lossy %v", version.Proto, enc, cname, sname, size, lossy)
							t.Run(name, func(t *testing.T) { pairSession(t, version, enc, cs, ss, size, lossy) })
						}
					}
				}
			}
		}
	}
}

func pairSession(t *testing.T, version syncml.Version, enc syncml.Encoding, cs, ss Scheme, size int64, lossy bool) {
	p := newPair(t, cs, ss)
	p.acc.Version, p.acc.Encoding, p.acc.MaxMsgSize, p.lossy = version, enc, size, lossy
	p.cfg.Account.MaxMsgSize = size
	for round := range 2 { // the second one with the nonces of the first
		uri := fmt.Sprintf("./FwUpdate/x%d", round)
		var cmds []syncml.Command
		for i := range 6 {
			leaf := fmt.Sprintf("%s-%d/PkgName", uri, i)
			cmds = append(cmds, add(leaf, strings.Repeat("n", 200)), get(leaf))
		}
		cmds = append(cmds, get("./FwUpdate/none"),
			sequence(add(uri+"-s/PkgName", "s"), get(uri+"-s/PkgName")), atomic(add(uri+"-a/PkgName", "a"), replace(uri+"-a/PkgName", "b")))
		p.events, p.answers, p.failures = nil, nil, nil
		p.run([]Notification{{Key: "n", Type: "t", Format: "chr", Source: "./FwUpdate", Correlator: "c", Data: "200"}}, cmds...)
		if p.clientEnd != EndDone || p.serverEnd != EndDone {
			t.Fatalf("round %d: client %q, server %q after %d posts", round, p.clientEnd, p.serverEnd, p.posts)
		}
		if size > 0 && int64(p.sizes) > size {
			t.Errorf("a message of %d bytes", p.sizes)
		}
		if round > 0 && len(p.failures) > 0 {
			t.Errorf("credentials refused, although both know the nonces: %v", p.failures)
		}
		checkPairResults(t, p, len(cmds), version)
	}
	if cs.nonced() && p.posts > 20 {
		t.Errorf("%d posts", p.posts)
	}
}

func checkPairResults(t *testing.T, p *pair, n int, version syncml.Version) {
	t.Helper()
	if len(p.results) != n {
		t.Fatalf("%d results of %d", len(p.results), n)
	}
	for i := range 12 {
		r := p.results[fmt.Sprint(i)]
		if r.Code != syncml.StatusOK || (len(r.Found) == 1) != (i%2 == 1) {
			t.Errorf("command %d: %+v", i, r)
		}
	}
	if r := p.results["12"]; r.Code != syncml.StatusNotFound {
		t.Errorf("a missing node: %+v", r)
	}
	for _, key := range []string{"13", "14"} {
		if r := p.results[key]; r.Code != syncml.StatusOK || len(r.Parts) != 2 || r.Parts[0].Code != syncml.StatusOK || r.Parts[1].Code != syncml.StatusOK {
			t.Errorf("a block: %+v", r)
		}
	}
	want := 1
	if version == syncml.DM112 {
		want = 0 // it has no Generic Alert
	}
	if len(p.events) != want || len(p.answers) != want {
		t.Errorf("events %v, answers %v", p.events, p.answers)
	}
}

func newPair(t *testing.T, cs, ss Scheme) *pair {
	p := &pair{t: t, tree: newTree(), acc: account(), cfg: serverAccount()}
	p.acc.Client = Credentials{Scheme: cs, User: "user", Secret: "hunter2-client"}
	p.acc.Server = Credentials{Scheme: ss, User: serverID, Secret: "hunter2-server"}
	p.cfg.Account.Client, p.cfg.Account.Server = p.acc.Client, p.acc.Server
	return p
}
