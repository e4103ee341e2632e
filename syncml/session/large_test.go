package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/syncml"
)

// part is an Add or Replace of one chunk; size 0 gives none.
func part(cmd syncml.Name, uri, data string, size int64, more bool) *syncml.Op {
	it := item(uri, "chr", data)
	it.Meta.Size, it.MoreData = size, more
	return &syncml.Op{Cmd: cmd, Items: []syncml.Item{it}}
}

func first(data string, size int64) *syncml.Op {
	return part(syncml.CmdAdd, pkgName, data, size, true)
}

func middle(data string) *syncml.Op { return part(syncml.CmdAdd, pkgName, data, 0, true) }

func last(data string) *syncml.Op { return part(syncml.CmdAdd, pkgName, data, 0, false) }

// TestChunksToTree: what the server sends in chunks arrives whole or not at all.
func TestChunksToTree(t *testing.T) {
	ok, added := "Status SyncHdr - 212", "Status Add "+pkgName+" "
	for _, tt := range []struct {
		name string
		msgs [][]syncml.Command // only the last message has Final
		want []string
		kept string // PkgName after it; "" is none
	}{
		{"three chunks", [][]syncml.Command{{first("ab", 6)}, {middle("cd")}, {last("ef")}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, added+"213", "Alert 1222"), lines(ok, added+"200", "Final")}, "abcdef"},
		{"other commands around", [][]syncml.Command{{get("./FwUpdate"), first("ab", 4)}, {last("cd"), get(pkgName)}},
			[]string{lines(ok, "Status Get ./FwUpdate 200", "Results ./FwUpdate=", added+"213", "Alert 1222"),
				lines(ok, added+"200", "Status Get "+pkgName+" 200", "Results "+pkgName+"=abcd", "Final")}, "abcd"},
		{"too short", [][]syncml.Command{{first("ab", 6)}, {last("ef")}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, added+"424", "Final")}, ""},
		{"without Size", [][]syncml.Command{{first("ab", 0)}, {last("ef")}},
			[]string{lines(ok, added+"411", "Alert 1222"), lines(ok, added+"411", "Final")}, ""},
		{"over MaxObjSize, which is tolerated", [][]syncml.Command{{first("ab", 1001)}, {last(strings.Repeat("c", 999))}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, added+"413", "Final")}, ""},
		{"at what is tolerated", [][]syncml.Command{{first("ab", DefaultMaxObject)}, {last("ef")}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, added+"424", "Final")}, ""},
		{"over it", [][]syncml.Command{{first("ab", DefaultMaxObject+1)}, {last("ef")}},
			[]string{lines(ok, added+"413", "Alert 1222"), lines(ok, added+"413", "Final")}, ""},
		{"interrupted by a command", [][]syncml.Command{{first("ab", 4)}, {add(pkgURL, "u")}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, "Status Add "+pkgURL+" 200", "Alert 1225", "Final")}, ""},
		{"interrupted by a block", [][]syncml.Command{{first("ab", 4)}, {atomic(del(pkgName))}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, "Status Atomic  507", "Status Delete "+pkgName+" 404", "Alert 1225", "Final")}, ""},
		{"interrupted by an empty block", [][]syncml.Command{{first("ab", 4)}, {sequence()}, {get("./FwUpdate")}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, "Status Sequence  200", "Alert 1225", "Alert 1222"),
				lines(ok, "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Final")}, ""},
		{"after a block", [][]syncml.Command{{sequence(get("./FwUpdate")), atomic(), first("ab", 4)}, {last("cd")}},
			[]string{lines(ok, "Status Sequence  200", "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Status Atomic  200", added+"213", "Alert 1222"),
				lines(ok, added+"200", "Final")}, "abcd"},
		{"interrupted by the end of the package", [][]syncml.Command{{first("ab", 4)}, {}},
			[]string{lines(ok, added+"213", "Alert 1222"), lines(ok, "Alert 1225", "Final")}, ""},
		{"two Items", [][]syncml.Command{{&syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{first("ab", 4).Items[0], add(pkgURL, "u").Items[0]}}}},
			[]string{lines(ok, added+"213", "Status Add "+pkgURL+" 200", "Alert 1225", "Alert 1222")}, ""},
		{"in a Sequence", [][]syncml.Command{{sequence(first("ab", 4))}, {sequence(last("cd"))}},
			[]string{lines(ok, "Status Sequence  200", added+"413", "Alert 1222"), lines(ok, "Status Sequence  200", added+"413", "Final")}, ""},
		{"in an Atomic", [][]syncml.Command{{atomic(first("ab", 4))}, {atomic(last("cd"))}},
			[]string{lines(ok, "Status Atomic  507", added+"413", "Alert 1222"), lines(ok, "Status Atomic  507", added+"413", "Final")}, ""},
		{"of an Exec", [][]syncml.Command{{part(syncml.CmdExec, run, "ab", 4, true)}, {part(syncml.CmdExec, run, "cd", 0, false)}},
			[]string{lines(ok, "Status Exec "+run+" 413", "Alert 1222"), lines(ok, "Status Exec "+run+" 413", "Final")}, ""},
		{"the tree refuses it", [][]syncml.Command{{part(syncml.CmdReplace, pkgName, "ab", 4, true)}, {part(syncml.CmdReplace, pkgName, "cd", 0, false)}},
			[]string{lines(ok, "Status Replace "+pkgName+" 213", "Alert 1222"), lines(ok, "Status Replace "+pkgName+" 404", "Final")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			acc := account()
			acc.MaxObjSize = 1000
			p, _ := start(t, acc, Nonces{})
			for i, cmds := range tt.msgs {
				m := p.message(212, cmds...)
				m.Final = i > 0 && i == len(tt.msgs)-1
				p.say(m)
				if d := cmp.Diff(tt.want[i], strings.ReplaceAll(brief(p.last), "Status Alert  200\n", "")); d != "" {
					t.Errorf("message %d: %s", i+1, d)
				}
			}
			found, _ := p.tree.Get(serverID, pkgName)
			got := ""
			if len(found) > 0 {
				got = string(found[0].Data)
			}
			if got != tt.kept {
				t.Errorf("%q is in the tree, want %q", got, tt.kept)
			}
		})
	}
}

// TestChunksWithFinal: a server that closes its package with every chunk is
// asked for the next one all the same.
func TestChunksWithFinal(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	p.say(p.message(212, first("ab", 4)))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Add "+pkgName+" 213", "Alert 1222"), brief(p.last)); d != "" {
		t.Error(d)
	}
	p.say(p.message(212, last("cd")))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Add "+pkgName+" 200", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
}

// TestMaxObjSizeAnnounced: in every header, and only when there is one.
func TestMaxObjSizeAnnounced(t *testing.T) {
	for _, n := range []int64{0, 5000} {
		acc := account()
		acc.MaxObjSize = n
		p, _ := start(t, acc, Nonces{})
		if got := p.last.Header.Meta.MaxObjSize; got != n {
			t.Errorf("MaxObjSize %d, want %d", got, n)
		}
	}
}

// TestObjectWithoutEnd: a server whose chunks never end. What is kept of them
// is bounded, and so is the session.
func TestObjectWithoutEnd(t *testing.T) {
	acc := account()
	acc.MaxObjSize = 64 << 10
	p, _ := start(t, acc, Nonces{})
	chunk := strings.Repeat("x", 8<<10)
	for n := 0; ; n++ {
		cmd := middle(chunk)
		if n%10 == 0 {
			cmd = first(chunk, acc.MaxObjSize) // begins anew, and anew
		}
		m := p.message(212, cmd)
		m.Final = false
		out := p.say(m)
		if o := p.c.in.open; o != nil && int64(len(o.data)) > mostCarried(acc.MaxObjSize) {
			t.Fatalf("%d bytes are kept", len(o.data))
		}
		if out.End != EndNot {
			if out.End != EndTooManySent || n != MaxMessages-1 {
				t.Errorf("message %d: end %q", n, out.End)
			}
			return
		}
	}
}

// bigTree answers every Get with the same data.
type bigTree struct {
	Tree
	data string
}

func (b bigTree) Get(_, uri string) ([]syncml.Item, error) {
	return []syncml.Item{{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "chr", Type: "text/plain"}, Data: []byte(b.data)}}, nil
}

// collect is a server that asks for one node and takes its Results apart or
// whole, in messages of at most max bytes and objects of at most most. It fails if a message is longer.
func collect(p *peer, big bigTree, max, most int64, enc syncml.Encoding) (pieces int, got string, code syncml.Code, err error) {
	return collectAll(p, get("./Big"), big, max, most, enc)
}

// collectAll is collect for any Get and any tree.
func collectAll(p *peer, asks *syncml.Op, big Tree, max, most int64, enc syncml.Encoding) (pieces int, got string, code syncml.Code, err error) {
	p.c.acc.Encoding = enc
	m := p.message(212, asks)
	m.Header.Meta.MaxMsgSize, m.Header.Meta.MaxObjSize = max, most
	var in assembler
	for {
		out := p.took(p.c.Receive(encode(p.t, m), big, p.nonce))
		if out.End != EndNot {
			return pieces, got, code, fmt.Errorf("end %q: %w", out.End, out.Err)
		}
		if int64(len(out.Send)) > max {
			return pieces, got, code, fmt.Errorf("a message of %d bytes", len(out.Send))
		}
		var replies []syncml.Command
		for _, cmd := range p.last.Body {
			switch cmd := cmd.(type) {
			case *syncml.Status:
				if cmd.Cmd == syncml.CmdGet {
					code = cmd.Code
				}
			case *syncml.Results:
				pieces++
				whole, all, err := in.take(syncml.CmdResults, cmd.Items[0])
				if err != nil {
					return pieces, got, code, err
				}
				if got = string(all.Data); !whole {
					replies = append(replies, p.status(cmd.CmdID, syncml.CmdResults, syncml.StatusChunkAccepted))
				}
			}
		}
		if p.last.Final {
			return pieces, got, code, nil
		}
		m = p.message(212, append(replies, alert(syncml.AlertNextMessage))...)
		m.Final = false
	}
}

// TestLargeResults: a value longer than the server's messages comes in chunks;
// one over its MaxObjSize, or that no session could carry, is refused.
func TestLargeResults(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int
		most   int64 // MaxObjSize of the server
		pieces int
		code   syncml.Code
	}{
		{"fits", 1000, 0, 1, 200},
		{"two", 2000, 0, 2, 200},
		{"many", 20000, 0, 19, 200},
		{"at MaxObjSize", 5000, 5000, 5, 200},
		{"over MaxObjSize", 5001, 5000, 0, 413},
		{"as much as a session carries", 2000 * MaxMessages / 4, 0, 0, 200},
		{"more than a session carries", 2000*MaxMessages/4 + 1, 0, 0, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			data := strings.Repeat("0123456789", tt.length/10+1)[:tt.length]
			pieces, got, code, err := collect(p, bigTree{p.tree, data}, 2000, tt.most, syncml.XML)
			if err != nil || code != tt.code || tt.pieces > 0 && pieces != tt.pieces {
				t.Errorf("%d pieces, code %d, error %v", pieces, code, err)
			}
			if code == syncml.StatusOK && got != data {
				t.Errorf("%d bytes arrived", len(got))
			}
		})
	}
}

// TestLargeResultsAny: whatever the value, the encoding and the size of the
// messages, it arrives.
func TestLargeResultsAny(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, _ := start(t, account(), Nonces{})
		data := rapid.StringOfN(rapid.SampledFrom([]rune("ab&<> \n]é€😀")), 1, 3000, -1).Draw(rt, "data")
		enc := rapid.SampledFrom([]syncml.Encoding{syncml.XML, syncml.WBXML}).Draw(rt, "encoding")
		max := int64(rapid.IntRange(1500, 4000).Draw(rt, "max"))
		if _, got, code, err := collect(p, bigTree{p.tree, data}, max, 0, enc); err != nil || code != 200 || got != data {
			rt.Fatalf("code %d, error %v, %d bytes of %d", code, err, len(got), len(data))
		}
	})
}

// TestLargeResultsRefused: when the server refuses a chunk, or says that it
// misses the end, the rest stays here.
func TestLargeResultsRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply func(p *peer, ref string) syncml.Command
		stops bool
	}{
		{"213", func(p *peer, ref string) syncml.Command { return p.status(ref, syncml.CmdResults, 213) }, false},
		{"413", func(p *peer, ref string) syncml.Command { return p.status(ref, syncml.CmdResults, 413) }, true},
		{"0", func(p *peer, ref string) syncml.Command { return p.status(ref, syncml.CmdResults, 0) }, true},
		{"1225", func(*peer, string) syncml.Command { return alert(syncml.AlertNoEndOfData) }, true},
		{"nothing", func(*peer, string) syncml.Command { return get("./DevInfo") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			big := bigTree{p.tree, strings.Repeat("x", 3000)}
			m := p.message(212, get("./Big"))
			m.Header.Meta.MaxMsgSize = 2000
			p.took(p.c.Receive(encode(t, m), big, p.nonce))
			p.took(p.c.Receive(encode(t, p.message(212, alert(syncml.AlertNextMessage))), big, p.nonce))
			if r, ok := p.last.Body[2].(*syncml.Results); !ok || !r.Items[0].MoreData || r.Items[0].Meta.Size != 3000 || p.last.Final {
				t.Fatal(brief(p.last))
			}
			p.took(p.c.Receive(encode(t, p.message(212, tt.reply(p, p.last.Body[2].ID()), alert(syncml.AlertNextMessage))), p.tree, p.nonce))
			if got := strings.Contains(brief(p.last), "Results ./Big=xxx"); got == tt.stops {
				t.Errorf("the rest is sent: %v\n%s", got, brief(p.last))
			}
		})
	}
}

// TestChunkAfterChallenge: a chunk in a message that is refused with 401 comes
// again, and the rest after it.
func TestChunkAfterChallenge(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{Client: []byte("n0")})
	big := bigTree{p.tree, strings.Repeat("0123456789", 300)}
	m := p.message(200, get("./Big"))
	m.Header.Meta.MaxMsgSize = 2400
	p.took(p.c.Receive(encode(t, m), big, p.nonce))
	var in assembler
	for n := 0; n < 9; n++ {
		var replies []syncml.Command
		for _, cmd := range p.last.Body {
			r, ok := cmd.(*syncml.Results)
			if !ok || n == 1 {
				continue
			}
			whole, all, err := in.take(syncml.CmdResults, r.Items[0])
			if err != nil {
				t.Fatal(err)
			}
			if whole {
				if string(all.Data) != big.data {
					t.Errorf("%d bytes arrived", len(all.Data))
				}
				return
			}
			replies = append(replies, p.status(r.CmdID, syncml.CmdResults, syncml.StatusChunkAccepted))
		}
		m := p.message(200, append(replies, alert(syncml.AlertNextMessage))...)
		if n == 1 {
			m = challenge(p.message(401), "syncml:auth-md5", "n1")
		}
		p.took(p.c.Receive(encode(t, m), big, p.nonce))
	}
	t.Error(errors.New("the value has no end"))
}
