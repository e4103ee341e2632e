package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// asks is a message of Gets; answers waits for their results.
func asks(uris ...string) (commands []syncml.Command) {
	for _, uri := range uris {
		commands = append(commands, op(syncml.CmdGet, uri, "", ""))
	}
	return commands
}

func (w *world) answers(uris ...string) map[string]string {
	w.t.Helper()
	got := map[string]string{}
	w.until(fmt.Sprint("answers of ", uris), 3*time.Hour, func() bool {
		w.dm.look(func() {
			for _, uri := range uris {
				if v, ok := w.dm.device(imeiA).results[uri]; ok {
					got[uri] = v
				}
			}
		})
		return len(got) == len(uris)
	})
	return got
}

// What is installed is in the tree before the server's first message, grows
// with the update, and outlives the bridge.
func TestServerSeesWhatIsInstalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		const rom = "./Vendor/MSFT/ROMPackage"
		dev.instances[0].name, dev.instances[0].version = "app", "2.0"
		dev.instances[1] = &software{Machine: lwm2m9.Machine{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled}, name: "base", version: "1.1"}
		w.start()
		defer func() { w.stop() }()
		w.dm.orders(imeiA, asks(rom)...)
		w.register(dev)
		if d := cmp.Diff(map[string]string{rom: "9.1"}, w.answers(rom)); d != "" {
			t.Errorf("before the update: %s", d)
		}
		w.dm.orders(imeiA, campaign("p1", pkgURL, "")...)
		if !w.until("final notification", 3*time.Hour, w.answered(devA, imeiA)) {
			return
		}
		w.stop()
		w.start()
		name, version := rom+"/9.0/PkgName", rom+"/9.0/PkgVersion"
		w.dm.look(func() { clear(w.dm.device(imeiA).results) })
		w.dm.orders(imeiA, asks(rom, name, version)...)
		if d := cmp.Diff(map[string]string{rom: "9.0/9.1", name: "app", version: "2.0"}, w.answers(rom, name, version)); d != "" {
			t.Errorf("after the update: %s", d)
		}
	})
}

// The device's account is in the tree, in the layout of its version and
// without secrets; a server whose account is gone leaves the access control
// lists.
func TestServerSeesItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.acc.Client = session.Credentials{Scheme: session.SchemeBasic, User: "user-name", Secret: "pass-word"}
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		const account = "./DMAcc/legacy"
		lists := "./FwUpdate/p1?prop=ACL"
		order := append([]syncml.Command{
			op(syncml.CmdAdd, "./FwUpdate/p1", "node", ""), op(syncml.CmdReplace, lists, "chr", "Get=dm.test+third&Replace=dm.test"),
		}, asks(account, account+"/ServerID", account+"/AppAuth/CLCRED/AAuthName", account+"/AppAuth/CLCRED/AAuthSecret", "./FwUpdate/p1?prop=TStamp")...)
		w.dm.orders(imeiA, order...)
		w.register(dev)
		got := w.answers(account, account+"/ServerID", account+"/AppAuth/CLCRED/AAuthName", "./FwUpdate/p1?prop=TStamp")
		stamp := got["./FwUpdate/p1?prop=TStamp"]
		delete(got, "./FwUpdate/p1?prop=TStamp")
		want := map[string]string{account: "AppID/ServerID/Name/AppAddr/AAuthPref/AppAuth", account + "/ServerID": "dm.test", account + "/AppAuth/CLCRED/AAuthName": "user-name"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if at, err := time.Parse("20060102T150405Z", stamp); err != nil || time.Since(at) > time.Hour {
			t.Errorf("TStamp %q", stamp)
		}
		_, statuses := w.dm.seen(imeiA)
		if last := "Get " + account + "/AppAuth/CLCRED/AAuthSecret 405"; len(statuses) < 6 || statuses[5] != last {
			t.Errorf("statuses %q, want %q", statuses, last)
		}
		for _, n := range w.detail(devA).Tree {
			if n.Secret != (n.URI == account+"/AppAuth/CLCRED/AAuthSecret") || n.Secret && n.Value != nil {
				t.Errorf("the API shows %+v", n)
			}
		}

		w.stop()
		w.acc.ServerID, w.acc.Version = "dm2.test", syncml.DM112
		w.start()
		if err := dev.register(t.Context(), w.engine); err != nil {
			t.Fatal(err)
		}
		tree := w.storedTree(devA)
		shown := map[string]string{}
		for _, uri := range []string{lists, "./SyncML/DMAcc/legacy/ServerId", "."} {
			who := "dm2.test"
			if uri == lists {
				who = "third" // the only one left
			}
			items, err := tree.Get(who, uri)
			if err != nil {
				t.Fatal(err)
			}
			shown[uri] = string(items[0].Data)
		}
		wantShown := map[string]string{lists: "Get=third", "./SyncML/DMAcc/legacy/ServerId": "dm2.test", ".": "FwUpdate/DevInfo/DevDetail/SyncML/Vendor"}
		if d := cmp.Diff(wantShown, shown); d != "" {
			t.Error(d)
		}
	})
}

// storedTree is the tree of a device as it is in the store, for a server that may
// do everything.
func (w *world) storedTree(endpoint string) *fwupdate.Tree {
	w.t.Helper()
	entry, err := w.store.Get(keyOf(endpoint))
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := decodeRecord(entry)
	if err != nil {
		w.t.Fatal(err)
	}
	rec.Tree.SetRoles(map[string]fwupdate.Role{w.acc.ServerID: fwupdate.Manager, "third": fwupdate.Manager})
	return rec.Tree
}
