package replay_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

var (
	recordings = filepath.Join("..", "..", "testdata", "dm-client-recordings")
	sessions   = filepath.Join("..", "..", "testdata", "sessions")
)

// options are with the passwords of all recordings in testdata.
func options() replay.Options {
	return replay.Options{
		Client: replay.Credentials{User: "user", Secret: "pass"}, Server: replay.Credentials{User: "dmserver", Secret: "srvpass"},
		Ignore: []string{"Source/LocName"}, // the recorded client leaves its user name out
	}
}

// known are the places where our client says something else than the real one.
var known = []struct{ uri, path, why string }{
	{"./FwUpdate/pkg1/DownloadAndUpdate", "Status/Data", "202: the update has only begun"},
	{"", "?prop=ACL", "the value of an ACL nobody set"},
	{"", "Status/Chal", "one new nonce a session is enough; it goes with the first 212"},
}

// TestRealClient plays the server of the recorded sessions of a real client to
// ours, which may differ where it is known to.
func TestRealClient(t *testing.T) {
	for _, folders := range []string{"life-1-install life-2-alert-state life-3-delete", "xml-md5-challenge", "wbxml-md5", "srvcred-md5"} {
		t.Run(folders, func(t *testing.T) {
			tree := fwupdate.NewTree(fwupdate.Identity{DeviceID: "IMEI:490154203237518", Manufacturer: "Intel", Model: "libdmclient",
				Language: "en-US", DMVersion: "1.2", FirmwareVersion: "TODO"})
			tree.SetRoles(map[string]fwupdate.Role{"dmserver": fwupdate.Manager})
			o := options()
			o.Prepare = func(next *syncml.Message) { showState(tree, next) }
			r := replay.New(o)
			for _, folder := range strings.Fields(folders) {
				rec, err := replay.Load(filepath.Join(recordings, folder))
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range rec.Sessions {
					playToTree(t, r, s, tree)
				}
			}
		})
	}
}

func playToTree(t *testing.T, r *replay.Replayer, s replay.Session, tree *fwupdate.Tree) {
	t.Helper()
	c, err := r.NewClient(s, tree)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.AsServer(t.Context(), s, c)
	if err != nil || len(result.Steps) != len(s.Exchanges) {
		t.Errorf("%s: %d of %d messages compared, %v", s.Name, len(result.Steps), len(s.Exchanges), err)
	}
	for _, step := range result.Steps {
		if step.Fault != "" {
			t.Errorf("%s: %s", step.Message, step.Fault)
		}
		for _, h := range step.Diff.Hunks() {
			if !expected(h) {
				t.Errorf("%s: %s (%s):\n%s", step.Message, h.Path, h.URI, step.Diff)
			}
		}
	}
	tree.SetBusy("pkg1", fwupdate.NotBusy)
}

func expected(h replay.Hunk) bool {
	for _, k := range known {
		acl := k.path == "?prop=ACL" && slices.ContainsFunc(h.Lines, func(l replay.Line) bool { return strings.Contains(l.Text, k.path) })
		if acl || strings.Contains(h.Path, k.path) && (k.uri == "" || k.uri == h.URI) {
			return true
		}
	}
	return false
}

// showState gives the package the State that the recorded device shows next.
func showState(tree *fwupdate.Tree, next *syncml.Message) {
	for _, cmd := range next.Body {
		res, ok := cmd.(*syncml.Results)
		if !ok || !strings.HasSuffix(res.Items[0].Source.URI, "/State") {
			continue
		}
		if n, err := strconv.ParseUint(string(res.Items[0].Data), 10, 8); err == nil {
			tree.SetState("pkg1", fwupdate.State(n))
		}
	}
}
