package demo

import (
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
)

// legacyRole is what one legacy device of direction B is for, and how it should
// end.
type legacyRole struct {
	story    string
	version  syncml.Version
	encoding syncml.Encoding
	fault    string // of the device; "" is none
	alerts   int    // final alerts that it sends, at most
	state    fwupdate.State
	result   lwm2m9.UpdateResult // at the LwM2M server
}

// legacyRoles are handed out in this order; devices beyond them get the first one.
var legacyRoles = []legacyRole{
	{"DM 1.2, XML, all goes well", syncml.DM12, syncml.XML, "", 1, fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
	{"DM 1.2, WBXML", syncml.DM12, syncml.WBXML, "", 1, fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
	{"DM 1.1.2 has no alerts: the bridge polls", syncml.DM112, syncml.XML, "", 0, fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
	{"its alert is lost: State decides", syncml.DM12, syncml.WBXML, "no-alert", 0, fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
	{"the download fails", syncml.DM12, syncml.XML, "download", 1, fwupdate.StateDownloadFailed, lwm2m9.ResultConnectionLost},
	{"reboots while it updates", syncml.DM12, syncml.WBXML, "reboot@updating=keep", 1, fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
}

// legacyPart is a legacy device of the demo.
type legacyPart struct {
	legacyRole
	name     string // short, for the screen
	endpoint string // at the LwM2M server
	deviceID string // in DM sessions
}

// legacyCast hands the roles to n devices.
func legacyCast(n int) []legacyPart {
	parts := make([]legacyPart, n)
	for i := range parts {
		imei := fmt.Sprintf("35700000%07d", i+1)
		r := legacyRoles[0]
		if i < len(legacyRoles) {
			r = legacyRoles[i]
		}
		parts[i] = legacyPart{legacyRole: r, name: fmt.Sprintf("legacy %d", i+1), endpoint: "urn:imei:" + imei, deviceID: "IMEI:" + imei}
	}
	return parts
}

func (p legacyPart) faults() []dmdevice.Fault {
	if p.fault == "" {
		return nil
	}
	f, err := dmdevice.ParseFault(p.fault)
	if err != nil {
		panic(err) // a constant of this file; the tests run every role
	}
	return []dmdevice.Fault{f}
}
