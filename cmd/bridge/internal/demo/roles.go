package demo

import (
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
)

// role is what one device of the demo is for, and how it should end.
type role struct {
	story    string
	dialect  lwm2m9.Dialect
	version  syncml.Version
	encoding syncml.Encoding
	serves   string // behaviour of the package server
	fault    string // of the device; "" is none
	state    fwupdate.State
	code     fwupdate.Code // 0: no notification is due (DM 1.1.2)
}

// roles are handed out in this order; devices beyond them get the first one.
var roles = []role{
	{"registered dialect, all goes well", lwm2m9.Registered, syncml.DM12, syncml.XML, "ok", "", fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess},
	{"draft dialect, WBXML", lwm2m9.Draft, syncml.DM12, syncml.WBXML, "ok", "", fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess},
	{"corrupted package", lwm2m9.Registered, syncml.DM12, syncml.XML, "corrupt", "", fwupdate.StateUpdateFailed, fwupdate.CodeCorrupted},
	{"reboots while it installs", lwm2m9.Registered, syncml.DM12, syncml.WBXML, "ok", "reboot@installing=keep", fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess},
	{"DM 1.1.2, the server polls State", lwm2m9.Registered, syncml.DM112, syncml.XML, "ok", "", fwupdate.StateUpdateSuccessful, 0},
	{"package server answers 404", lwm2m9.Registered, syncml.DM12, syncml.XML, "status-404", "", fwupdate.StateDownloadFailed, fwupdate.CodeUndefined},
}

// part is a device of the demo.
type part struct {
	role
	name     string // short, for the screen
	endpoint string // at the bridge
	deviceID string // at the DM server
}

// cast hands the roles to n devices.
func cast(n int) []part {
	parts := make([]part, n)
	for i := range parts {
		imei := fmt.Sprintf("35600000%07d", i+1)
		r := roles[0]
		if i < len(roles) {
			r = roles[i]
		}
		parts[i] = part{role: r, name: fmt.Sprintf("device %d", i+1), endpoint: "urn:imei:" + imei, deviceID: "IMEI:" + imei}
	}
	return parts
}

func (p part) faults() []lwm2mdevice.Fault {
	if p.fault == "" {
		return nil
	}
	f, err := lwm2mdevice.ParseFault(p.fault)
	if err != nil {
		panic(err) // a constant of this file; the tests run every role
	}
	return []lwm2mdevice.Fault{f}
}
