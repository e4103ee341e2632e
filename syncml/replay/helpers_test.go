package replay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	device = "IMEI:1"
	server = "http://dm.example.com/dm"
)

// head is the header of a message.
func head(from replay.Direction, id, msg string) syncml.Header {
	h := syncml.Header{Version: syncml.DM12, SessionID: id, MsgID: msg, Target: syncml.Location{URI: server}, Source: syncml.Location{URI: device}}
	if from == replay.FromServer {
		h.Target, h.Source = h.Source, h.Target
	}
	return h
}

func status(id, msg, ref string, cmd syncml.Name, code syncml.Code) *syncml.Status {
	return &syncml.Status{CmdID: id, MsgRef: msg, CmdRef: ref, Cmd: cmd, Code: code}
}

func op(id string, cmd syncml.Name, uri, data string) *syncml.Op {
	it := syncml.Item{Target: syncml.Location{URI: uri}}
	if data != "" {
		it.Data = []byte(data)
	}
	return &syncml.Op{Cmd: cmd, CmdID: id, Items: []syncml.Item{it}}
}

// package1 is the first message of a session.
func package1(id string) *syncml.Message {
	return &syncml.Message{Final: true, Header: head(replay.FromClient, id, "1"), Body: []syncml.Command{
		&syncml.Alert{CmdID: "1", Code: syncml.AlertClientInitiated},
		&syncml.Op{Cmd: syncml.CmdReplace, CmdID: "2", Items: []syncml.Item{{Source: syncml.Location{URI: "./DevInfo/DevId"}, Data: []byte(device)}}},
	}}
}

// message is one of the server that answers all of package 1.
func message(id string, code syncml.Code, cmds ...syncml.Command) *syncml.Message {
	return &syncml.Message{Final: true, Header: head(replay.FromServer, id, "1"), Body: append([]syncml.Command{
		status("1", "1", "0", syncml.CmdSyncHdr, code), status("2", "1", "1", syncml.CmdAlert, code), status("3", "1", "2", syncml.CmdReplace, code),
	}, cmds...)}
}

func encoded(t testing.TB, m *syncml.Message) []byte {
	t.Helper()
	b, err := syncml.Encode(m, syncml.XML)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// session is one whose messages come in turn from client and server.
func session(t testing.TB, messages ...*syncml.Message) replay.Session {
	t.Helper()
	s := replay.Session{Name: "test"}
	for i, m := range messages {
		rec := replay.Message{Name: fmt.Sprintf("%02d", i+1), Body: encoded(t, m)}
		if i%2 == 0 {
			s.Exchanges = append(s.Exchanges, replay.Exchange{Request: rec})
			continue
		}
		s.Exchanges[i/2].Response = rec
	}
	return s
}

// answers is a handler that gives the messages in turn, and notes what came.
type answers struct {
	t    testing.TB
	list []*syncml.Message
	got  []*syncml.Message
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := make([]byte, r.ContentLength)
	if _, err := r.Body.Read(b); err != nil && err.Error() != "EOF" {
		a.t.Error(err)
	}
	m, _, err := syncml.Decode(b, syncml.DefaultLimits)
	if err != nil || len(a.list) == 0 {
		http.Error(w, "no answer", http.StatusBadRequest)
		return
	}
	a.got = append(a.got, m)
	w.Header().Set("Content-Type", syncml.XML.MIME())
	_, _ = w.Write(encoded(a.t, a.list[0]))
	a.list = a.list[1:]
}

func text(r *replay.Result) string {
	var b strings.Builder
	_ = r.WriteText(&b, false)
	return b.String()
}
