package legacy

import (
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// deviceNodes are the nodes that /3 comes from, and its resources (LwM2M 1.1
// Core, E.4).
var deviceNodes = []struct {
	uri      string
	resource uint16
	at       func(*client.DeviceInfo) *string
}{
	{"./DevInfo/Man", 0, func(i *client.DeviceInfo) *string { return &i.Manufacturer }},
	{"./DevInfo/Mod", 1, func(i *client.DeviceInfo) *string { return &i.Model }},
	{"./DevInfo/DevId", 2, func(i *client.DeviceInfo) *string { return &i.Serial }},
	{"./DevDetail/FwV", 3, func(i *client.DeviceInfo) *string { return &i.Firmware }},
	{"./DevDetail/DevTyp", 17, func(i *client.DeviceInfo) *string { return &i.Type }},
	{"./DevDetail/HwV", 18, func(i *client.DeviceInfo) *string { return &i.Hardware }},
	{"./DevDetail/SwV", 19, func(i *client.DeviceInfo) *string { return &i.Software }},
}

// Object3 is /3 of a device, for an LwM2M client: a legacy device cannot be
// made to reboot.
func (e *Engine) Object3(id string) client.Object {
	return client.NewDevice(func() client.DeviceInfo {
		info := client.DeviceInfo{Serial: id}
		_ = e.look(id, func(r *record) { // of a device that cannot be looked at little is known
			known := r.known()
			for _, n := range deviceNodes {
				if v := known[n.uri]; v != "" {
					*n.at(&info) = v
				}
			}
		})
		return info
	}, client.DeviceActions{})
}

// shownNode says whether /3 shows a node.
func shownNode(uri string) bool {
	for _, n := range deviceNodes {
		if n.uri == uri {
			return true
		}
	}
	return false
}

// devicePaths are the resources of /3 that change with what is known.
func devicePaths() []wire.Path {
	var all []wire.Path
	for _, n := range deviceNodes {
		all = append(all, wire.PathOf(3, 0, n.resource))
	}
	return all
}
