package syncml

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// gen draws messages. A wild one holds any bytes, a tame one only what both
// encodings can carry.
type gen struct {
	t    *rapid.T
	wild bool
}

var tameText = rapid.StringOfN(rapid.RuneFrom([]rune("aZ09./-_:?=&<>\"'%{}]! \t\néß€\U0001F600")), 0, 12, -1)

func (g gen) text() string {
	if g.wild && rapid.IntRange(0, 9).Draw(g.t, "odd") == 0 {
		return string(rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(g.t, "bytes"))
	}
	return tameText.Draw(g.t, "text")
}

// id is an identifier; not empty, also when trimmed, unless wild.
func (g gen) id() string {
	if g.wild {
		return g.text()
	}
	return rapid.StringMatching(` ?[0-9A-F]{1,4}\n?`).Draw(g.t, "id")
}

func (g gen) bool() bool { return rapid.Bool().Draw(g.t, "bool") }

func (g gen) n(most int) int { return rapid.IntRange(0, most).Draw(g.t, "n") }

func (g gen) location() Location {
	return Location{URI: g.text(), Name: g.text()}
}

func (g gen) meta() Meta {
	if g.bool() {
		return Meta{}
	}
	m := Meta{
		Format: rapid.SampledFrom([]string{"", "chr", "bin", "node", "b64"}).Draw(g.t, "format"),
		Type:   g.text(), Mark: g.text(), NextNonce: Secret(g.text()), Version: g.text(),
		Size:       rapid.Int64Min(0).Draw(g.t, "size"),
		MaxMsgSize: rapid.Int64Min(0).Draw(g.t, "maxmsg"), MaxObjSize: rapid.Int64Min(0).Draw(g.t, "maxobj"),
	}
	if g.wild && g.n(20) == 0 {
		m.Size = -m.Size
	}
	return m
}

func (g gen) cred() *Cred {
	if g.bool() {
		return nil
	}
	return &Cred{Meta: g.meta(), Data: Secret(g.text())}
}

func (g gen) items() []Item {
	var items []Item
	if g.bool() {
		items = []Item{}
	}
	for range g.n(3) {
		i := Item{Target: g.location(), Source: g.location(), Meta: g.meta(), MoreData: g.bool()}
		if g.bool() {
			i.Data = []byte(g.text())
		}
		items = append(items, i)
	}
	return items
}

func (g gen) texts() []string {
	var s []string
	for range g.n(2) {
		s = append(s, g.text())
	}
	return s
}

func (g gen) command(depth int) Command {
	switch k := g.n(6 + min(depth, 1)); k {
	case 0:
		s := &Status{CmdID: g.id(), MsgRef: g.id(), CmdRef: g.id(), Cmd: CmdSyncHdr, TargetRefs: g.texts(), SourceRefs: g.texts(),
			Cred: g.cred(), Code: Code(rapid.Uint16().Draw(g.t, "code")), Items: g.items()}
		if g.bool() {
			s.CmdRef = ""
		}
		if g.bool() {
			s.Chal = &Chal{Meta: g.meta()}
		}
		return s
	case 1:
		return &Results{CmdID: g.id(), MsgRef: g.id(), CmdRef: g.id(), Meta: g.meta(), TargetRef: g.text(), SourceRef: g.text(), Items: g.items()}
	case 2:
		return &Alert{CmdID: g.id(), NoResp: g.bool(), Code: AlertCode(rapid.Uint16().Draw(g.t, "alert")), Correlator: g.text(), Items: g.items()}
	case 3:
		return &Op{Cmd: CmdExec, CmdID: g.id(), NoResp: g.bool(), Meta: g.meta(), Correlator: g.text(), Items: g.items()}
	case 4, 5:
		cmd := rapid.SampledFrom([]Name{CmdAdd, CmdReplace, CmdGet, CmdDelete, CmdCopy}).Draw(g.t, "cmd")
		return &Op{Cmd: cmd, CmdID: g.id(), Meta: g.meta(), Items: g.items()}
	case 6:
		return &Unknown{Cmd: rapid.SampledFrom([]Name{"Put", "Sync", "Map", "Move", "Search"}).Draw(g.t, "unknown"), CmdID: g.id()}
	default:
		cmd := rapid.SampledFrom([]Name{CmdAtomic, CmdSequence}).Draw(g.t, "block")
		return &Block{Cmd: cmd, CmdID: g.id(), NoResp: g.bool(), Meta: g.meta(), Body: g.commands(depth - 1)}
	}
}

func (g gen) commands(depth int) []Command {
	var c []Command
	for range g.n(4) {
		c = append(c, g.command(depth))
	}
	return c
}

func (g gen) message() *Message {
	v := DM12
	if g.wild {
		v = Version{DTD: g.text(), Proto: g.text()}
	}
	return &Message{
		Header: Header{Version: v, SessionID: g.id(), MsgID: g.id(), Target: g.location(), Source: g.location(),
			RespURI: g.text(), NoResp: g.bool(), Cred: g.cred(), Meta: g.meta()},
		Body:  g.commands(3),
		Final: g.bool(),
	}
}

// TestRoundTrip: what can be carried comes back, in both encodings, as the
// normal form says.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := gen{t: t}.message()
		want := m.Normal()
		for _, enc := range []Encoding{XML, WBXML} {
			out, err := Encode(m, enc)
			if err != nil {
				t.Fatalf("%s: %v", enc, err)
			}
			got, found, err := Decode(out, DefaultLimits)
			if err != nil || found != enc {
				t.Fatalf("%s decoded as %s: %v\n%q", enc, found, err, out)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s (-normal +decoded):\n%s\n%q", enc, d, out)
			}
		}
	})
}

// TestNoSilentDamage: whatever a message holds, it comes back or is refused.
func TestNoSilentDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := gen{t: t, wild: true}.message()
		want := m.Normal()
		for _, enc := range []Encoding{XML, WBXML} {
			dst := []byte("before")
			out, err := Encode(m, enc)
			var enco *EncodeError
			switch {
			case err == nil:
				got, _, err := Decode(out, DefaultLimits)
				if err != nil {
					t.Fatalf("%s: %v\n%q", enc, err, out)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("%s (-normal +decoded):\n%s\n%q", enc, d, out)
				}
			case !errors.As(err, &enco) || enco.Encoding != enc || enco.Path == "":
				t.Fatalf("%s: error %v", enc, err)
			default:
				if dst, _ = m.AppendXML(dst); enc == XML && string(dst) != "before" {
					t.Fatalf("a refused message left %q", dst)
				}
			}
		}
	})
}

// TestNormal: the normal form is a fixed point and shares nothing with m.
func TestNormal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := gen{t: t, wild: true}.message()
		first := m.Normal()
		if d := cmp.Diff(first, first.Normal()); d != "" {
			t.Fatalf("(-once +twice):\n%s", d)
		}
		before := fmt.Sprint(m)
		spoil(first.Body)
		if after := fmt.Sprint(m); before != after {
			t.Fatalf("a change to the normal form changed the message:\n%s\n%s", before, after)
		}
	})
}

// spoil writes into everything a message points to.
func spoil(cmds []Command) {
	for i, c := range cmds {
		cmds[i] = nil
		switch c := c.(type) {
		case *Op:
			c.CmdID = "spoiled"
			for i := range c.Items {
				c.Items[i].Target.URI = "spoiled"
				for j := range c.Items[i].Data {
					c.Items[i].Data[j] ^= 0xFF
				}
			}
		case *Status:
			for i := range c.TargetRefs {
				c.TargetRefs[i] = "spoiled"
			}
			if c.Cred != nil {
				c.Cred.Meta.Type = "spoiled"
			}
		case *Block:
			spoil(c.Body)
		}
	}
}
