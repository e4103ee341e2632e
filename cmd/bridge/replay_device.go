package main

import (
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// replayDevice is the device that recorded servers are played to: a ./FwUpdate
// tree that looks like the recorded one from outside. Only what a device says
// of itself is taken from the recording; what the server's commands bring about
// is the tree's own work.
type replayDevice struct {
	tree *fwupdate.Tree
}

// newReplayDevice makes the device of a recording; serverID may do everything.
// What the recorded device had before the first session is there too.
func newReplayDevice(rec *replay.Recording, serverID string) *replayDevice {
	id, before := fwupdate.Identity{}, []syncml.Item{}
	added := make(map[string]bool) // packages that the server made
	for _, s := range rec.Sessions {
		for _, e := range s.Exchanges {
			if m, _, err := e.Request.Decode(); err == nil {
				for uri, value := range toldBy(m) {
					if at := identityField(&id, uri); at != nil && *at == "" {
						*at = value
					}
					if node, ok := packageNode(uri); ok && !added[node] {
						before = append(before, packageItems(uri, node, value)...)
					}
				}
			}
			if m, _, err := e.Response.Decode(); err == nil {
				notePackages(m.Body, added)
			}
		}
	}
	tree := fwupdate.NewTree(id)
	tree.SetRoles(map[string]fwupdate.Role{serverID: fwupdate.Manager})
	for _, item := range before {
		_ = tree.Add(serverID, item) // a node that is there already stays
	}
	return &replayDevice{tree}
}

// packageNode is the ./FwUpdate/x that a node belongs to.
func packageNode(uri string) (string, bool) {
	parts := strings.Split(strings.TrimPrefix(uri, "./"), "/")
	if len(parts) < 3 || parts[0] != "FwUpdate" {
		return "", false
	}
	return "./FwUpdate/" + parts[1], true
}

// packageItems add a package and one of its leaves.
func packageItems(uri, node, value string) []syncml.Item {
	leaf := syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "chr"}, Data: []byte(value)}
	return []syncml.Item{{Target: syncml.Location{URI: node}, Meta: syncml.Meta{Format: "node"}, Data: []byte{}}, leaf}
}

// notePackages notes which packages the commands of a server add.
func notePackages(body []syncml.Command, added map[string]bool) {
	for _, cmd := range body {
		switch cmd := cmd.(type) {
		case *syncml.Block:
			notePackages(cmd.Body, added)
		case *syncml.Op:
			for _, it := range cmd.Items {
				if node, ok := packageNode(it.Target.URI + "/x"); ok && cmd.Cmd == syncml.CmdAdd {
					added[node] = true
				}
				if node, ok := packageNode(it.Target.URI); ok && cmd.Cmd == syncml.CmdAdd {
					added[node] = true
				}
			}
		}
	}
}

// identityField is the field that a leaf shows; nil for other leaves.
func identityField(id *fwupdate.Identity, uri string) *string {
	return map[string]*string{
		"DevInfo/DevId": &id.DeviceID, "DevInfo/Man": &id.Manufacturer, "DevInfo/Mod": &id.Model,
		"DevInfo/DmV": &id.DMVersion, "DevInfo/Lang": &id.Language,
		"DevDetail/DevTyp": &id.DeviceType, "DevDetail/OEM": &id.OEM, "DevDetail/FwV": &id.FirmwareVersion,
		"DevDetail/SwV": &id.SoftwareVersion, "DevDetail/HwV": &id.HardwareVersion,
	}[strings.TrimPrefix(uri, "./")]
}

// toldBy is what a device says in a message, by URI: in Results and in the
// Replace of package 1.
func toldBy(m *syncml.Message) map[string]string {
	told := make(map[string]string)
	for _, cmd := range m.Body {
		var items []syncml.Item
		switch cmd := cmd.(type) {
		case *syncml.Results:
			items = cmd.Items
		case *syncml.Op:
			items = cmd.Items
		}
		for _, it := range items {
			if it.Data != nil {
				told[it.Source.URI] = string(it.Data)
			}
		}
	}
	return told
}

// prepare gives each package the State that the recorded device shows next:
// updates go on outside of sessions.
func (d *replayDevice) prepare(next *syncml.Message) {
	for uri, value := range toldBy(next) {
		id, ok := strings.CutSuffix(strings.TrimPrefix(strings.TrimPrefix(uri, "./"), "FwUpdate/"), "/State")
		n, err := strconv.ParseUint(value, 10, 8)
		if ok && err == nil && !strings.Contains(id, "/") {
			d.tree.SetState(id, fwupdate.State(n))
		}
	}
}

// settle ends what runs: between two recorded sessions the device had time.
func (d *replayDevice) settle() {
	for _, p := range d.tree.Packages() {
		d.tree.SetBusy(p.ID, fwupdate.NotBusy)
	}
	d.tree.TakeExecutions()
	d.tree.TakeDeletions()
}
