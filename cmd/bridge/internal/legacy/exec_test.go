package legacy

import (
	"strconv"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// dialog is a DM session of the device, with the messages that go over the line.
type dialog struct {
	w     *world
	srv   *session.Server
	visit dmlisten.Visit
	sent  int
	max   int64 // MaxMsgSize; 0 for none
}

// installing is a session of a device that has an update coming.
func (w *world) installing() *dialog {
	w.t.Helper()
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	return w.dialog()
}

func (w *world) dialog() *dialog {
	w.t.Helper()
	cfg, v, err := w.e.Open(w.t.Context(), dmlisten.Caller{Peek: session.Peek{DeviceID: device}})
	if err != nil {
		w.t.Fatal(err)
	}
	return &dialog{w: w, srv: session.NewServer(cfg), visit: v}
}

// post sends a message and returns the answer's commands, nil for no answer.
func (d *dialog) post(final bool, body ...syncml.Command) *syncml.Message {
	d.w.t.Helper()
	d.sent++
	for i, c := range body {
		switch c := c.(type) {
		case *syncml.Status:
			c.CmdID = strconv.Itoa(i + 1)
		case *syncml.Alert:
			c.CmdID = strconv.Itoa(i + 1)
		}
	}
	b, err := syncml.Encode(&syncml.Message{Final: final, Body: body, Header: syncml.Header{
		Version: syncml.DM12, SessionID: "1", MsgID: strconv.Itoa(d.sent), Meta: syncml.Meta{MaxMsgSize: d.max},
		Target: syncml.Location{URI: "http://b"}, Source: syncml.Location{URI: device},
	}}, syncml.XML)
	if err != nil {
		d.w.t.Fatal(err)
	}
	got, err := d.srv.Receive(b, "", func() []byte { return make([]byte, 16) })
	if err != nil {
		d.w.t.Fatal(err)
	}
	jobs, err := d.visit.Heard(d.w.t.Context(), got)
	if err != nil {
		d.w.t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Now {
			d.srv.QueueNow(j.Key, j.Command)
		} else {
			d.srv.Queue(j.Key, j.Command)
		}
	}
	r := d.srv.Reply()
	d.visit.Said(r.Unsent, r.End)
	if r.Send == nil {
		return nil
	}
	m, _, err := syncml.Decode(r.Send, syncml.DefaultLimits)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return m
}

func begin() syncml.Command { return &syncml.Alert{Code: syncml.AlertServerInitiated} }

// head is a Status for our SyncHdr.
func head(m *syncml.Message, code syncml.Code) syncml.Command {
	return &syncml.Status{MsgRef: m.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: code}
}

// answers are the Statuses of a device that does all it is told, but for what
// is at the URIs that end so.
func answers(m *syncml.Message, but ...string) []syncml.Command {
	all := []syncml.Command{head(m, syncml.StatusOK)}
next:
	for _, op := range ops(m) {
		for _, end := range but {
			if strings.HasSuffix(string(op.Cmd)+" "+op.Items[0].Target.URI, end) {
				continue next
			}
		}
		st := &syncml.Status{MsgRef: m.Header.MsgID, CmdRef: op.CmdID, Cmd: op.Cmd, Code: syncml.StatusOK}
		if op.Cmd == syncml.CmdExec {
			st.Code = syncml.StatusAccepted
		}
		all = append(all, st)
	}
	return all
}

func ops(m *syncml.Message) (all []*syncml.Op) {
	if m == nil {
		return nil
	}
	for _, c := range m.Body {
		if op, ok := c.(*syncml.Op); ok {
			all = append(all, op)
		}
	}
	return all
}

// exec is the Exec of a message, nil for none.
func exec(m *syncml.Message) *syncml.Op {
	for _, op := range ops(m) {
		if op.Cmd == syncml.CmdExec {
			return op
		}
	}
	return nil
}

// TestExecNeverSent: what was never on the line was not carried out: the next
// session hands the package over.
func TestExecNeverSent(t *testing.T) {
	for name, run := range map[string]func(d *dialog) *syncml.Message{
		"the device has more to say": func(d *dialog) *syncml.Message { return d.post(false, begin()) },
		"the device ends the session": func(d *dialog) *syncml.Message {
			return d.post(true, begin(), &syncml.Alert{Code: syncml.AlertSessionAbort})
		},
		"we end the session": func(d *dialog) *syncml.Message { d.srv.Abort(); return d.post(true, begin()) },
		"the Adds fill the message": func(d *dialog) *syncml.Message {
			d.max = 1800
			m := d.post(true, begin())
			if len(ops(m)) == 0 {
				t.Error("not even the Adds go out")
			}
			return m
		},
	} {
		w := newWorld(t)
		d := w.installing()
		if exec(run(d)) != nil {
			t.Errorf("%s: and is sent an Exec", name)
		}
		d.visit.Gone()
		if c := w.slot().Campaign; c.Exec != mapping.ExecNotSent || c.Phase != mapping.CampaignContact || c.Tries != 0 {
			t.Errorf("%s: %+v", name, c)
		}
		w.now = w.now.Add(w.e.o.Policy.Retry)
		w.settle()
		if m := w.dialog().post(true, begin()); exec(m) == nil {
			t.Errorf("%s: the next session has no Exec: %+v", name, ops(m))
		}
	}
}

// TestExecAfterAdds: where not all fits into one message the Exec goes out once
// the nodes are there, and not before; also where it never fits behind the Adds.
func TestExecAfterAdds(t *testing.T) {
	for _, most := range []int64{1800, 1200} {
		w := newWorld(t)
		d := w.installing()
		d.max = most
		m, execs, added := d.post(true, begin()), 0, false
		for range 8 {
			if exec(m) != nil {
				if execs++; !added {
					t.Errorf("%d bytes: Exec before the nodes are there", most)
				}
			}
			for _, op := range ops(m) {
				added = added || strings.HasSuffix(op.Items[0].Target.URI, "PkgURL")
			}
			if m = d.post(true, answers(m)...); len(ops(m)) == 0 {
				break
			}
		}
		if c := w.slot().Campaign; execs != 1 || c.Exec != mapping.ExecAccepted {
			t.Errorf("%d bytes: %d Execs: %+v", most, execs, c)
		}
	}
}

// TestExecWithoutURL: a device that cannot be told the URL is not told to use it.
func TestExecWithoutURL(t *testing.T) {
	w := newWorld(t)
	w.packs.long = strings.Repeat("x", 2500)
	d := w.installing()
	d.max = 2000
	m := d.post(true, begin())
	for range 4 {
		if exec(m) != nil {
			t.Fatal("it is")
		}
		if m = d.post(true, answers(m)...); len(ops(m)) == 0 {
			break
		}
	}
	if c := w.slot().Campaign; c.Exec != mapping.ExecNotSent || c.Tries != 1 {
		t.Errorf("%+v", c)
	}
}

// TestExecWithoutStatus: a device that answers all but the Exec has perhaps
// carried it out: it is not told again, in this session or another one.
func TestExecWithoutStatus(t *testing.T) {
	for _, final := range []bool{true, false} {
		w := newWorld(t)
		d := w.installing()
		m := d.post(true, begin())
		sent := exec(m)
		if sent == nil {
			t.Fatal("no Exec")
		}
		m2 := d.post(final, answers(m, "/DownloadAndUpdate")...)
		late := &syncml.Status{MsgRef: m.Header.MsgID, CmdRef: sent.CmdID, Cmd: syncml.CmdExec, Code: syncml.StatusAccepted}
		if m3 := d.post(true, head(m2, syncml.StatusOK), late); exec(m3) != nil {
			t.Errorf("final %v: it is told again in the same session", final)
		}
		d.visit.Gone()
		w.now = w.now.Add(w.e.o.Policy.Retry)
		w.settle()
		if exec(w.dialog().post(true, begin())) != nil {
			t.Errorf("final %v: it is told again in the next session", final)
		}
		if c := w.slot().Campaign; c.Phase != mapping.CampaignRunning {
			t.Errorf("final %v: %+v", final, c)
		}
	}
}

// TestMessageRefused: what a device refuses as a whole it has not carried out.
func TestMessageRefused(t *testing.T) {
	w := newWorld(t)
	d := w.installing()
	m := d.post(true, begin())
	d.post(true, head(m, syncml.StatusUnavailable))
	d.visit.Gone()
	if c := w.slot().Campaign; c.Exec != mapping.ExecNotSent || c.Phase != mapping.CampaignContact || c.Tries != 1 {
		t.Errorf("%+v", c)
	}
}
