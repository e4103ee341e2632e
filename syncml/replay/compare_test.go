package replay_test

import (
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// alter is a copy of m that f has changed.
func alter(m *syncml.Message, f func(*syncml.Message)) *syncml.Message {
	c := m.Normal()
	f(c)
	return c
}

// client is a client's message with a bit of everything.
func client() *syncml.Message {
	item := func(uri, format, data string) syncml.Item {
		return syncml.Item{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format}, Data: []byte(data)}
	}
	return &syncml.Message{Final: true, Header: head(replay.FromClient, "1", "2"), Body: []syncml.Command{
		&syncml.Status{CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 212,
			Chal: &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5", NextNonce: "AAAA"}}},
		status("2", "1", "4", syncml.CmdGet, 200),
		status("3", "1", "5", syncml.CmdAdd, 418),
		&syncml.Results{CmdID: "4", MsgRef: "1", CmdRef: "4", Items: []syncml.Item{item("./a", "node", "x/y/z"), item("./b?prop=TStamp", "chr", "20260101T000000Z")}},
		&syncml.Alert{CmdID: "5", Code: syncml.AlertGeneric, Items: []syncml.Item{item("./c", "chr", "1\n2")}},
		&syncml.Alert{CmdID: "6", Code: syncml.AlertClientInitiated},
	}}
}

func results(m *syncml.Message) *syncml.Results { return m.Body[3].(*syncml.Results) }

// TestMayDiffer: what is not a difference.
func TestMayDiffer(t *testing.T) {
	for name, f := range map[string]func(*syncml.Message){
		"nothing": func(*syncml.Message) {},
		"CmdIDs": func(m *syncml.Message) {
			m.Body[1].(*syncml.Status).CmdID, m.Body[2].(*syncml.Status).CmdID = "3", "2"
			m.Body[5].(*syncml.Alert).CmdID = "77"
		},
		"nonce":               func(m *syncml.Message) { m.Body[0].(*syncml.Status).Chal.Meta.NextNonce = "BBBB" },
		"order of Status":     func(m *syncml.Message) { m.Body[1], m.Body[2] = m.Body[2], m.Body[1] },
		"Results before":      func(m *syncml.Message) { m.Body[1], m.Body[3] = m.Body[3], m.Body[1] },
		"order of alerts":     func(m *syncml.Message) { m.Body[4], m.Body[5] = m.Body[5], m.Body[4] },
		"order of Items":      func(m *syncml.Message) { i := results(m).Items; i[0], i[1] = i[1], i[0] },
		"order of children":   func(m *syncml.Message) { results(m).Items[0].Data = []byte("z/x/y") },
		"a time":              func(m *syncml.Message) { results(m).Items[1].Data = []byte("20260102T030405Z") },
		"Meta of the command": func(m *syncml.Message) { results(m).Meta.Type = "" },
	} {
		if d := replay.Compare(client(), alter(client(), f), replay.FromClient); d != nil {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	cred := func(data syncml.Secret) *syncml.Message {
		m := client()
		m.Header.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: data}
		return m
	}
	if d := replay.Compare(cred("AAAA"), cred("BBBB"), replay.FromClient); d != nil {
		t.Errorf("credentials:\n%s", d)
	}
}

// TestDiffers: what is one, and how it is shown.
func TestDiffers(t *testing.T) {
	for name, tt := range map[string]struct {
		f    func(*syncml.Message)
		want []string // lines of the diff
	}{
		"a code": {func(m *syncml.Message) { m.Body[2].(*syncml.Status).Code = 200 },
			[]string{"-       <Data>418</Data> <!-- already exists -->", "+       <Data>200</Data> <!-- ok -->"}},
		"an alert":         {func(m *syncml.Message) { m.Body = m.Body[:5] }, []string{"-       <Data>1201</Data> <!-- client-initiated session -->"}},
		"a reference":      {func(m *syncml.Message) { m.Body[1].(*syncml.Status).CmdRef = "9" }, []string{"-       <CmdRef>4</CmdRef>", "+       <CmdRef>9</CmdRef>"}},
		"a value":          {func(m *syncml.Message) { m.Body[4].(*syncml.Alert).Items[0].Data = []byte("1\n3") }, []string{`-         <Data>1\n2</Data>`, `+         <Data>1\n3</Data>`}},
		"Final":            {func(m *syncml.Message) { m.Final = false }, []string{"-     <Final/>"}},
		"no CmdID":         {func(m *syncml.Message) { m.Body[1].(*syncml.Status).CmdID = "" }, []string{"+       <CmdID>(none)</CmdID>"}},
		"a CmdID twice":    {func(m *syncml.Message) { m.Body[1].(*syncml.Status).CmdID = "1" }, []string{"+       <CmdID>(used twice)</CmdID>"}},
		"no challenge":     {func(m *syncml.Message) { m.Body[0].(*syncml.Status).Chal = nil }, []string{"-           <NextNonce>(nonce)</NextNonce>"}},
		"another child":    {func(m *syncml.Message) { results(m).Items[0].Data = []byte("x/y") }, []string{"-         <Data>x/y/z</Data>", "+         <Data>x/y</Data>"}},
		"200 with a Chal":  {func(m *syncml.Message) { m.Body[0].(*syncml.Status).Code = 200 }, []string{"+       <Data>200</Data> <!-- ok -->"}},
		"SessionID":        {func(m *syncml.Message) { m.Header.SessionID = "2" }, []string{"+     <SessionID>2</SessionID>"}},
		"no time any more": {func(m *syncml.Message) { results(m).Items[1].Data = []byte{} }, []string{"-         <Data>(time)</Data>"}},
	} {
		d := replay.Compare(client(), alter(client(), tt.f), replay.FromClient)
		for _, line := range tt.want {
			if !strings.Contains(d.String(), line+"\n") {
				t.Errorf("%s: no line %q in\n%s", name, line, d)
			}
		}
		hunks := d.Hunks()
		if len(hunks) == 0 || len(hunks[0].Lines) > len(d) || !strings.HasPrefix(hunks[0].Path, "SyncML/Sync") {
			t.Errorf("%s: hunks %+v", name, hunks)
		}
	}
}

// TestServerOrder: what a server wants done has an order.
func TestServerOrder(t *testing.T) {
	a := message("1", 200, op("4", syncml.CmdAdd, "./a", "1"), op("5", syncml.CmdReplace, "./a", "2"))
	b := message("1", 200, op("4", syncml.CmdReplace, "./a", "2"), op("5", syncml.CmdAdd, "./a", "1"))
	if d := replay.Compare(a, b, replay.FromServer); d == nil {
		t.Error("another order of commands is no difference")
	}
	if d := replay.Compare(a, a, replay.FromServer); d != nil {
		t.Errorf("a message differs from itself:\n%s", d)
	}
}

// TestIgnore leaves out elements with all that is in them.
func TestIgnore(t *testing.T) {
	got := alter(client(), func(m *syncml.Message) {
		m.Body[0].(*syncml.Status).Chal = nil
		m.Header.Meta.MaxMsgSize = 5
	})
	if d := replay.Compare(client(), got, replay.FromClient, "Status/Chal", "SyncHdr/Meta"); d != nil {
		t.Errorf("not ignored:\n%s", d)
	}
	if d := replay.Compare(client(), got, replay.FromClient, "Chal", "tatus/Chal"); d == nil {
		t.Error("all is ignored")
	}
}

// TestSecrets: a diff says that a password differs, and not what it is.
func TestSecrets(t *testing.T) {
	with := func(password string) *syncml.Message {
		return message("1", 200, op("4", syncml.CmdReplace, "./SyncML/DMAcc/a/AAuthSecret", password))
	}
	d := replay.Compare(with("hunter1"), with("hunter2"), replay.FromServer)
	if d == nil || strings.Contains(d.String(), "hunter") || !strings.Contains(d.String(), "another secret") {
		t.Errorf("want a difference without the passwords:\n%s", d)
	}
}

// TestLargeDiff: what is too long for a table of all pairs is shown as a whole.
func TestLargeDiff(t *testing.T) {
	many := func(code syncml.Code, n int) *syncml.Message {
		m := message("1", 200)
		for i := range n {
			m.Body = append(m.Body, op(string(rune('a'+i%26))+strings.Repeat("x", i), syncml.CmdGet, "./"+code.String()+strings.Repeat("y", i%5), ""))
		}
		return m
	}
	d := replay.Compare(many(1, 400), many(2, 400), replay.FromServer)
	if n := len(d); n < 2*400*7 {
		t.Errorf("%d lines", n)
	}
}
