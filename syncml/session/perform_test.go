package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

const (
	pkgName = "./FwUpdate/x/PkgName"
	pkgURL  = "./FwUpdate/x/DownloadAndUpdate/PkgURL"
	run     = "./FwUpdate/x/DownloadAndUpdate"
	st      = "./FwUpdate/x/State"
)

// TestCommands gives package 2 to a client and compares package 3.
func TestCommands(t *testing.T) {
	quiet := add(pkgName, "n")
	quiet.NoResp = true
	quietGet := get(st)
	quietGet.NoResp = true
	several := &syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{
		{Target: syncml.Location{URI: pkgName}}, {Target: syncml.Location{URI: "./FwUpdate/nosuch"}}, {Target: syncml.Location{URI: st}}}}
	inherited := &syncml.Op{Cmd: syncml.CmdAdd, Meta: syncml.Meta{Format: "b64"}, Items: []syncml.Item{item(pkgName, "", "n")}}
	nameless := add(pkgName, "n")
	nameless.CmdID = "-"
	namelessBlock := atomic(add(pkgName, "n"))
	namelessBlock.CmdID = "-"

	for _, tt := range []struct {
		name string
		cmds []syncml.Command
		want string
	}{
		{"order of Status and Results", []syncml.Command{add(pkgName, "n"), get(pkgName), get("./FwUpdate/y"), get(st)}, lines(
			"Status Add "+pkgName+" 200", "Status Get "+pkgName+" 200", "Results "+pkgName+"=n",
			"Status Get ./FwUpdate/y 404", "Status Get "+st+" 200", "Results "+st+"=10")},
		{"a Get with several Items", []syncml.Command{add(pkgName, "n"), several}, lines(
			"Status Add "+pkgName+" 200", "Status Get "+pkgName+" 200", "Status Get ./FwUpdate/nosuch 404", "Status Get "+st+" 200",
			"Results "+pkgName+"=n "+st+"=10")},
		{"Replace and Delete", []syncml.Command{add(pkgName, "n"), replace(pkgName, "m"), del("./FwUpdate/x"), del("./FwUpdate/x")}, lines(
			"Status Add "+pkgName+" 200", "Status Replace "+pkgName+" 200", "Status Delete ./FwUpdate/x 200", "Status Delete ./FwUpdate/x 404")},
		{"Copy", []syncml.Command{add(pkgURL, "http://p/1"), &syncml.Op{Cmd: syncml.CmdCopy, Items: []syncml.Item{
			{Target: syncml.Location{URI: pkgName}, Source: syncml.Location{URI: pkgURL}}}}}, lines("Status Add "+pkgURL+" 200", "Status Copy "+pkgName+" 200")},
		{"Copy without Source", []syncml.Command{add(pkgName, "n"), op(syncml.CmdCopy, pkgName)}, lines(
			"Status Add "+pkgName+" 200", "Status Copy "+pkgName+" 412")},
		{"rename", []syncml.Command{add(pkgName, "n"), replace("./FwUpdate/x?prop=Name", "y"), get("./FwUpdate")}, lines(
			"Status Add "+pkgName+" 200", "Status Replace ./FwUpdate/x?prop=Name 200", "Status Get ./FwUpdate 200", "Results ./FwUpdate=y")},
		{"Exec", []syncml.Command{add(pkgURL, "http://p/1"), exec(run), exec(run)}, lines(
			"Status Add "+pkgURL+" 200", "Status Exec "+run+" 202", "Status Exec "+run+" 417")},
		{"no Response wanted", []syncml.Command{quiet, quietGet}, lines("Results " + st + "=10")},
		{"Sequence goes on after a failure", []syncml.Command{sequence(del(pkgName), add(pkgName, "n"), get(pkgName))}, lines(
			"Status Sequence  200", "Status Delete "+pkgName+" 404", "Status Add "+pkgName+" 200", "Status Get "+pkgName+" 200", "Results "+pkgName+"=n")},
		{"Atomic in a Sequence", []syncml.Command{sequence(atomic(add(pkgName, "n"), del("./FwUpdate/y")), get("./FwUpdate"))}, lines(
			"Status Sequence  200", "Status Atomic  507", "Status Add "+pkgName+" 216", "Status Delete ./FwUpdate/y 404",
			"Status Get ./FwUpdate 200", "Results ./FwUpdate=")},
		{"an element that is no command", []syncml.Command{&syncml.Unknown{Cmd: "Search"}}, lines("Status Search  400")},
		{"no CmdID", []syncml.Command{nameless, get("./FwUpdate")}, lines(
			"Status Add  400", "Status Get ./FwUpdate 200", "Results ./FwUpdate=")},
		{"no CmdID of a block", []syncml.Command{namelessBlock}, lines("Status Atomic  400", "Status Add "+pkgName+" 215")},
		{"no Item in an Atomic", []syncml.Command{atomic(&syncml.Op{Cmd: syncml.CmdAdd})}, lines("Status Atomic  507", "Status Add  412")},
		{"no Item", []syncml.Command{&syncml.Op{Cmd: syncml.CmdGet}}, lines("Status Get  412")},
		{"no Target", []syncml.Command{&syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{{}}}}, lines("Status Get  412")},
		{"Meta of the command", []syncml.Command{inherited}, lines("Status Add " + pkgName + " 415")},
		{"user interaction", []syncml.Command{alert(syncml.AlertDisplay), alert(syncml.AlertConfirm), alert(syncml.AlertMultipleChoice)}, lines(
			"Status Alert  406", "Status Alert  406", "Status Alert  406")},
		{"alerts of the wrong direction", []syncml.Command{alert(syncml.AlertGeneric), alert(syncml.AlertClientInitiated), alert(1299)}, lines(
			"Status Alert  406", "Status Alert  406", "Status Alert  406")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			p.say(p.message(syncml.StatusOK, tt.cmds...))
			if d := cmp.Diff("Status SyncHdr - 212\n"+tt.want+"Final\n", brief(p.last)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestStatusRefs checks what a Status refers to, byte for byte.
func TestStatusRefs(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	cmd := get("FwUpdate")
	cmd.CmdID = "abc"
	m := p.message(syncml.StatusOK, cmd, &syncml.Op{CmdID: "-", Cmd: syncml.CmdGet, Items: cmd.Items})
	m.Header.MsgID = "m1"
	p.say(m)
	want := []syncml.Command{
		&syncml.Status{CmdID: "1", MsgRef: "m1", CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 212,
			TargetRefs: []string{deviceID}, SourceRefs: []string{dmURL}},
		&syncml.Status{CmdID: "2", MsgRef: "m1", CmdRef: "abc", Cmd: syncml.CmdGet, Code: 200, TargetRefs: []string{"FwUpdate"}},
		&syncml.Results{CmdID: "3", MsgRef: "m1", CmdRef: "abc", Items: []syncml.Item{
			{Source: syncml.Location{URI: "FwUpdate"}, Meta: syncml.Meta{Format: "node"}, Data: []byte{}}}},
		&syncml.Status{CmdID: "4", MsgRef: "m1", CmdRef: "", Cmd: syncml.CmdGet, Code: 400},
	}
	if d := cmp.Diff(want, p.last.Body); d != "" {
		t.Error(d)
	}
}

// TestAtomic is the table of oma-dm.md 3.9, with what this client allows.
func TestAtomic(t *testing.T) {
	missing := "./FwUpdate/none"
	two := &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{
		item(pkgName, "chr", "n"), item(st, "chr", "10"), item(pkgURL, "chr", "http://p/1")}}
	for _, tt := range []struct {
		name string
		cmds []syncml.Command
		want string
		kept bool // the tree is not as before
	}{
		{"all ok", []syncml.Command{add(pkgName, "n"), replace(pkgName, "m")},
			lines("Atomic  200", "Add "+pkgName+" 200", "Replace "+pkgName+" 200"), true},
		{"empty", nil, lines("Atomic  200"), false},
		{"the first fails", []syncml.Command{del(missing), add(pkgName, "n")},
			lines("Atomic  507", "Delete "+missing+" 404", "Add "+pkgName+" 215"), false},
		{"one in the middle fails", []syncml.Command{add(pkgName, "n"), add(st, "10"), add(pkgURL, "http://p/1")},
			lines("Atomic  507", "Add "+pkgName+" 216", "Add "+st+" 405", "Add "+pkgURL+" 215"), false},
		{"the last fails", []syncml.Command{add(pkgName, "n"), del(missing)},
			lines("Atomic  507", "Add "+pkgName+" 216", "Delete "+missing+" 404"), false},
		{"an Item in the middle fails", []syncml.Command{two},
			lines("Atomic  507", "Add "+pkgName+" 216", "Add "+st+" 405", "Add "+pkgURL+" 215"), false},
		{"Get", []syncml.Command{add(pkgName, "n"), get(pkgName), add(pkgURL, "u")},
			lines("Atomic  507", "Add "+pkgName+" 216", "Get  500", "Add "+pkgURL+" 215"), false},
		{"nested Atomic", []syncml.Command{add(pkgName, "n"), atomic(add(pkgURL, "u")), del(pkgName)},
			lines("Atomic  507", "Add "+pkgName+" 216", "Atomic  500", "Add "+pkgURL+" 215", "Delete "+pkgName+" 215"), false},
		{"Sequence inside", []syncml.Command{sequence(add(pkgURL, "u"))},
			lines("Atomic  507", "Sequence  500", "Add "+pkgURL+" 215"), false},
		{"Alert", []syncml.Command{add(pkgName, "n"), alert(syncml.AlertConfirm)},
			lines("Atomic  507", "Add "+pkgName+" 216", "Alert  406"), false},
		{"unknown element", []syncml.Command{add(pkgName, "n"), &syncml.Unknown{Cmd: "Put"}},
			lines("Atomic  507", "Add "+pkgName+" 216", "Put  400"), false},
		{"Exec comes last", []syncml.Command{exec(run), add(pkgURL, "http://p/1")},
			lines("Atomic  200", "Exec "+run+" 202", "Add "+pkgURL+" 200"), true},
		{"Exec is not reached", []syncml.Command{add(pkgURL, "http://p/1"), exec(run), del(missing)},
			lines("Atomic  507", "Add "+pkgURL+" 216", "Exec "+run+" 215", "Delete "+missing+" 404"), false},
		{"Exec fails", []syncml.Command{add(pkgName, "n"), exec(run)},
			lines("Atomic  507", "Add "+pkgName+" 216", "Exec "+run+" 404"), false},
		{"the second Exec fails", []syncml.Command{add(pkgURL, "http://p/1"), exec(run), exec(run)},
			lines("Atomic  507", "Add "+pkgURL+" 216", "Exec "+run+" 216", "Exec "+run+" 417"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			before := asJSON(t, p.tree)
			p.say(p.message(syncml.StatusOK, atomic(tt.cmds...)))
			want := "Status SyncHdr - 212\n" + prefixed("Status ", tt.want) + "Final\n"
			if d := cmp.Diff(want, brief(p.last)); d != "" {
				t.Error(d)
			}
			if kept := asJSON(t, p.tree) != before; kept != tt.kept {
				t.Errorf("tree changed: %v, want %v\n%s", kept, tt.kept, asJSON(t, p.tree))
			}
		})
	}
}

// TestWhoIsTheServer: the tree is asked in the name of the account's server.
func TestWhoIsTheServer(t *testing.T) {
	acc := account()
	acc.ServerID = "stranger"
	p, _ := start(t, acc, Nonces{})
	out := p.say(p.message(syncml.StatusOK, add(pkgName, "n")))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Add "+pkgName+" 425", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
	if len(out.Failures) != 1 {
		t.Errorf("failures %v, want one", out.Failures)
	}
}

func TestExecutionLeftBehind(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	cmd := exec(run)
	cmd.Correlator = " c 1 "
	p.say(p.message(syncml.StatusOK, add(pkgURL, "http://p/1"), add(pkgName, "n"), cmd))
	want := []fwupdate.Execution{{Package: "x", Name: "n", URL: "http://p/1", Correlator: " c 1 "}}
	if d := cmp.Diff(want, p.tree.TakeExecutions()); d != "" {
		t.Error(d)
	}
}
