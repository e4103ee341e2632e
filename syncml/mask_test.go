package syncml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMasked: no secret is left, in either encoding, the rest stays, and the
// message it was made from is as before.
func TestMasked(t *testing.T) {
	item := func(uri, data string) Item { return Item{Target: Location{URI: uri}, Data: []byte(data)} }
	cred := func() *Cred {
		return &Cred{Meta: Meta{Format: "b64", Type: "syncml:auth-md5", NextNonce: "c2VjcmV0Tg=="}, Data: "c2VjcmV0Qw=="}
	}
	m := func() *Message {
		return &Message{Header: Header{Version: DM12, SessionID: "1", MsgID: "1", Target: Location{URI: "s"}, Source: Location{URI: "d", Name: "user"}, Cred: cred()},
			Body: []Command{
				&Status{CmdID: "1", MsgRef: "1", CmdRef: "0", Cmd: CmdSyncHdr, Cred: cred(), Chal: &Chal{Meta: Meta{NextNonce: "c2VjcmV0WA=="}}, Code: StatusOK},
				&Status{CmdID: "2", MsgRef: "1", CmdRef: "1", Cmd: CmdGet, Chal: &Chal{}, Items: []Item{item("./SyncML/DMAcc/a/AAuthData", "secretS")}},
				&Results{CmdID: "3", CmdRef: "1", Items: []Item{{Source: Location{URI: "./DMAcc/x/ClientPW"}, Data: []byte("secretR")}}},
				&Alert{CmdID: "4", Code: AlertGeneric, Items: []Item{item("./x/ServerNonce", "secretA")}},
				&Block{Cmd: CmdAtomic, CmdID: "5", Body: []Command{
					&Op{Cmd: CmdReplace, CmdID: "6", Items: []Item{item("./x/AAuthSecret", "secretB"), item("./x/AAuthName", "a name"), item("./x/AAuthSecret", "")}},
				}},
			}}
	}
	before := m()
	got := before.Masked()
	if d := cmp.Diff(m().Normal(), before.Normal()); d != "" {
		t.Errorf("the message itself has changed:\n%s", d)
	}
	for _, enc := range []Encoding{XML, WBXML} {
		b, err := Encode(got, enc)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"secret", "c2VjcmV0"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s: %q is still there", enc, secret)
			}
		}
		for _, stays := range []string{"a name", "user", "masked", "bWFza2Vk", "AAAAAAAAAAAAAAAAAAAAAA=="} {
			if !strings.Contains(string(b), stays) {
				t.Errorf("%s: %q is gone", enc, stays)
			}
		}
	}
	op := got.Body[4].(*Block).Body[0].(*Op)
	if len(op.Items[2].Data) != 0 || got.Body[1].(*Status).Chal.Meta.NextNonce != "" {
		t.Error("a mask stands where nothing was")
	}
}
