package session

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// anyCommand draws a command of a server; blocks nest at most twice.
func anyCommand(t *rapid.T, depth int) syncml.Command {
	uri := rapid.SampledFrom([]string{"./FwUpdate", "./FwUpdate/x", "FwUpdate/x/PkgName", pkgName, pkgURL, run, st,
		"./FwUpdate/y", "./FwUpdate/y/DownloadAndUpdate", "./FwUpdate/%7By%7D/PkgName", "./DevInfo", "./DevDetail/LrgObj", "/x", "."})
	names := []syncml.Name{syncml.CmdAdd, syncml.CmdAdd, syncml.CmdReplace, syncml.CmdGet, syncml.CmdDelete, syncml.CmdExec, syncml.CmdCopy}
	kinds := 6
	if depth > 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 4:
		a := alert(rapid.SampledFrom([]syncml.AlertCode{1100, 1101, 1102, 1103, 1104, 1105, 1222, 1225, 1226}).Draw(t, "alert"))
		for range rapid.IntRange(0, 4).Draw(t, "parts of the alert") {
			a.Items = append(a.Items, syncml.Item{Data: []byte(rapid.SampledFrom([]string{"", "DR=1", "DR=1-2&MAXLEN=1"}).Draw(t, "part"))})
		}
		return a
	case 5:
		return &syncml.Unknown{Cmd: "Search"}
	case 6, 7:
		b := &syncml.Block{Cmd: rapid.SampledFrom([]syncml.Name{syncml.CmdAtomic, syncml.CmdSequence}).Draw(t, "block")}
		for range rapid.IntRange(0, 4).Draw(t, "children") {
			b.Body = append(b.Body, anyCommand(t, depth-1))
		}
		return b
	}
	o := &syncml.Op{Cmd: rapid.SampledFrom(names).Draw(t, "op"), NoResp: rapid.IntRange(0, 9).Draw(t, "quiet") == 0}
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		it := syncml.Item{Target: syncml.Location{URI: uri.Draw(t, "uri")}}
		it.Meta.Format = rapid.SampledFrom([]string{"", "chr", "node", "b64"}).Draw(t, "format")
		it.Data = []byte(rapid.SampledFrom([]string{"", "http://p/1", "v"}).Draw(t, "data"))
		it.MoreData = rapid.IntRange(0, 19).Draw(t, "more") == 0
		it.Meta.Size = int64(rapid.SampledFrom([]int{0, 0, 2, 11, 1 << 40}).Draw(t, "size"))
		o.Items = append(o.Items, it)
	}
	return o
}

// TestAnyCommands: whatever a server sends, every command is answered in
// order, Results follow the Status of their Get, State is never set by a
// server, and a failed Atomic leaves the tree as it was.
func TestAnyCommands(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acc := account()
		acc.Interaction = Interaction(rapid.IntRange(0, int(InteractTimeout)).Draw(rt, "user"))
		c := NewClient(acc, Nonces{}, syncml.AlertClientInitiated, "2A7", nil)
		tree := newTree()
		p := &peer{t: t, c: c, tree: tree}
		p.took(c.Open(tree))
		for range rapid.IntRange(1, 5).Draw(rt, "messages") {
			var cmds []syncml.Command
			for range rapid.IntRange(0, 6).Draw(rt, "commands") {
				cmds = append(cmds, anyCommand(rt, 2))
			}
			before := asJSON(t, tree)
			m := p.message(212, cmds...)
			out := p.say(m)
			if out.End != EndNot {
				break
			}
			checkAnswers(rt, m, p.last)
			if len(cmds) == 1 && failedAtomic(p.last) && asJSON(t, tree) != before {
				rt.Fatalf("a failed Atomic changed the tree:\n%s\n%s", before, asJSON(t, tree))
			}
			checkTree(rt, tree)
		}
	})
}

func failedAtomic(m *syncml.Message) bool {
	for _, cmd := range m.Body {
		if s, ok := cmd.(*syncml.Status); ok && s.Cmd == syncml.CmdAtomic && s.Code == syncml.StatusAtomicFailed {
			return m.Body[1] == cmd
		}
	}
	return false
}

// checkAnswers compares a server's message with the answer to it.
func checkAnswers(t *rapid.T, asked, answer *syncml.Message) {
	var want []string
	var walk func(cmds []syncml.Command)
	walk = func(cmds []syncml.Command) {
		for _, cmd := range cmds {
			switch cmd := cmd.(type) {
			case *syncml.Status:
				continue
			case *syncml.Op:
				if cmd.NoResp {
					continue
				}
			case *syncml.Block:
				want = append(want, cmd.CmdID)
				walk(cmd.Body)
				continue
			}
			want = append(want, cmd.ID())
		}
	}
	walk(asked.Body)
	last := ""
	for i, cmd := range answer.Body {
		if cmd.ID() != fmt.Sprint(i+1) {
			t.Fatalf("CmdID %s at place %d", cmd.ID(), i+1)
		}
		s, ok := cmd.(*syncml.Status)
		if !ok || s.CmdRef == "0" || s.CmdRef == last {
			continue // another Item of the same command
		}
		if len(want) == 0 || s.CmdRef != want[0] {
			t.Fatalf("status for %s, want %v", s.CmdRef, want)
		}
		last, want = want[0], want[1:]
	}
	if len(want) != 0 {
		t.Fatalf("no status for %v", want)
	}
}

// checkTree: the State of a package is what no server can set, and an update
// is under way for at most one package, which is there.
func checkTree(t *rapid.T, tree *fwupdate.Tree) {
	running := 0
	for _, p := range tree.Packages() {
		if p.State != fwupdate.StateIdle {
			t.Fatalf("package %s has State %s", p.ID, p.State)
		}
		if p.Busy != fwupdate.NotBusy {
			running++
		}
	}
	if running > 1 {
		t.Fatalf("%d updates run", running)
	}
	b, err := tree.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var again fwupdate.Tree
	if err := again.UnmarshalJSON(b); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if c, err := again.MarshalJSON(); err != nil || string(c) != string(b) {
		t.Fatalf("%s became %s (%v)", b, c, err)
	}
}

// FuzzReceive: any bytes lead to a message that can be decoded, or to an end.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "dm-client-recordings", "*", "*-s2c.*ml"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		acc := account()
		acc.Client = clientMD5
		if len(body)%2 == 0 {
			acc.Server = serverMD5
		}
		p, _ := start(t, acc, Nonces{Client: []byte("n0")}, Notification{Key: "k"})
		if m, _, err := syncml.Decode(body, syncml.DefaultLimits); err == nil {
			p.c.id = m.Header.SessionID // so that the fuzzer gets past the header
			p.c.acc.DeviceID = m.Header.Target.URI
		}
		for range 3 {
			out := p.took(p.c.Receive(body, p.tree, p.nonce))
			noSecrets(t, out, p.c)
			if out.End == EndNot {
				checkNumbers(t, p.last)
			}
		}
	})
}

func checkNumbers(t *testing.T, m *syncml.Message) {
	for i, cmd := range m.Body {
		if cmd.ID() != fmt.Sprint(i+1) {
			t.Errorf("CmdID %s at place %d", cmd.ID(), i+1)
		}
	}
}
