package syncml

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func described(t *testing.T, m *Message, secrets bool) string {
	t.Helper()
	var b strings.Builder
	if err := Describe(&b, m, secrets); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDescribe compares with testdata/describe.txt, which was read by a
// person: the message below is one of everything.
func TestDescribe(t *testing.T) {
	m := minimal(DM12)
	m.Header.Source.Name = "dev <1>"
	m.Header.Cred = &Cred{Meta: Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: "ODXSCqjigZg2oO37iz4tCA=="}
	m.Body = append(m.Body,
		&Status{CmdID: "2", MsgRef: "1", CmdRef: "1", Cmd: CmdExec, Code: StatusAccepted, Chal: &Chal{}},
		&Status{CmdID: "3", MsgRef: "1", CmdRef: "2", Cmd: CmdAlert, Code: 299, Chal: &Chal{Meta{Type: "syncml:auth-md5", NextNonce: "qjLUPD877j1sY6n16QbW6w=="}}},
		&Alert{CmdID: "4", Code: AlertGeneric, Correlator: "c 1", Items: []Item{{Meta: Meta{Mark: "critical"}, Data: []byte("410")}}},
		&Op{Cmd: CmdReplace, CmdID: "5", Items: []Item{
			{Target: Location{URI: "./DMAcc/a/AAuthSecret"}, Data: []byte("hunter2")},
			{Target: Location{URI: "./x"}, Data: []byte("bell \a, \x1b[31m, \u202e, \u00e9,\n two & lines <")},
			{Target: Location{URI: "./y"}, Data: []byte("\x00\xff\xfe"), MoreData: true},
			{Target: Location{URI: "./z"}},
		}},
		&Block{Cmd: CmdAtomic, CmdID: "6", Body: []Command{&Op{Cmd: CmdGet, Correlator: "odd"}}},
		&Unknown{Cmd: "Reboot-->", CmdID: "7"},
		nil,
	)
	want, err := os.ReadFile("testdata/describe.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := described(t, m, false)
	if got != string(want) {
		t.Errorf("got\n%s", got)
	}
	shown := described(t, m, true)
	for _, s := range []string{"hunter2", "ODXSCqjigZg2oO37iz4tCA==", "qjLUPD877j1sY6n16QbW6w=="} {
		if !strings.Contains(shown, s) {
			t.Errorf("%s is not shown when asked for", s)
		}
	}
}

// TestDescribeAny: what decodes can be shown, and says the same when its
// secrets are shown and it has nothing but text.
func TestDescribeAny(t *testing.T) {
	for _, v := range vectors(t) {
		if v.message == "" {
			continue
		}
		m, _, err := Decode(v.body, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if out := described(t, m, true); !strings.HasPrefix(out, "<SyncML>\n  <SyncHdr>\n") || !strings.HasSuffix(out, "</SyncML>\n") {
			t.Errorf("%s: %s", v.name, out)
		}
	}
}

func TestDescribeError(t *testing.T) {
	if err := Describe(full{}, minimal(DM12), false); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
