package session

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// TestImplicitAddFails: the Status of an Add that fails at a node above its
// target has the code that an Add of that node has, and an Item that names it.
func TestImplicitAddFails(t *testing.T) {
	stranger := func(a *Account) { a.ServerID = "stranger" }
	for _, tt := range []struct {
		name   string
		change []func(*Account)
		packs  int
		cmd    *syncml.Op
		code   syncml.Code
		named  string // LocURI in the Item; empty for no Item
	}{
		{"device full", nil, fwupdate.MaxPackages, add("./FwUpdate/new/DownloadAndUpdate/PkgURL", "u"), 420, "./FwUpdate/new"},
		{"device full, the node itself", nil, fwupdate.MaxPackages, add("FwUpdate/new", ""), 420, ""},
		{"one less", nil, fwupdate.MaxPackages - 1, add("./FwUpdate/new/DownloadAndUpdate/PkgURL", "u"), 200, ""},
		{"no right", []func(*Account){stranger}, 0, add("FwUpdate/{n}/PkgName", "n"), 425, "./FwUpdate/%7Bn%7D"},
		{"no right to the node itself", []func(*Account){stranger}, 1, add("./FwUpdate/0/PkgVersion", "1"), 425, ""},
		{"no Add at all", nil, 0, replace("./FwUpdate/none/PkgName", "n"), 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := fresh(t, tt.change...)
			for i := range tt.packs {
				if err := p.tree.Add(serverID, item(fmt.Sprintf("./FwUpdate/%d/PkgName", i), "chr", "n")); err != nil {
					t.Fatal(err)
				}
			}
			if tt.cmd.Items[0].Target.URI == "FwUpdate/new" {
				tt.cmd.Items[0].Meta.Format = "node"
			}
			said(t, p, tt.cmd)
			got := p.last.Body[1].(*syncml.Status)
			var want []syncml.Item
			if tt.named != "" {
				want = []syncml.Item{{Target: syncml.Location{URI: tt.named}}}
			}
			if d := cmp.Diff(want, got.Items); d != "" || got.Code != tt.code {
				t.Errorf("status %d: %s", got.Code, d)
			}
		})
	}
}
