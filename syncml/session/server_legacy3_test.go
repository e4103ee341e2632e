package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

func legacyCmdIDs(t *testing.T) {
	d := newDevice(t, serverAccount())
	for i, data := range []string{"1", "2", "3"} {
		m := d.message(generic("", data))
		d.say(m)
		want := []syncml.Command{&syncml.Status{CmdID: "2", MsgRef: m.Header.MsgID, CmdRef: "1", Cmd: syncml.CmdAlert, Code: 200}}
		if diff := cmp.Diff(want, d.last.Body[1:]); diff != "" || len(d.got.Events) != 1 {
			t.Errorf("message %d: %+v %s", i+1, d.got.Events, diff)
		}
	}
	// Ours begin at 1 too: a late Status belongs to the command of its message.
	d = newDevice(t, serverAccount())
	d.say(d.message(), exec("./a"))
	d.say(d.answer(map[string]syncml.Code{"Exec ./a": 101}), get("./b"))
	d.say(d.message(&syncml.Status{MsgRef: "1", CmdRef: "2", Cmd: syncml.CmdExec, Code: 404},
		&syncml.Status{MsgRef: "2", CmdRef: "2", Cmd: syncml.CmdGet, Code: 200}))
	if r := d.got.Results; len(r) != 2 || r[0].Code != 404 || r[1].Code != 200 {
		t.Errorf("%+v", r)
	}
}

func legacyDotSlash(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.message(alert(syncml.AlertClientInitiated), devInfo("DevInfo/Man", "Acme", "./DevInfo/Mod", "R2")), get("./FwUpdate/x"))
	if d := cmp.Diff(map[string]string{"./DevInfo/Man": "Acme", "./DevInfo/Mod": "R2"}, d.got.DevInfo); d != "" {
		t.Error(d)
	}
	d.say(d.answer(nil, results("1", "4", "FwUpdate/x", "State")))
	if r := d.got.Results[0]; r.Code != 200 || len(r.Found) != 1 || string(r.Found[0].Data) != "State" {
		t.Errorf("%+v", r)
	}
}
