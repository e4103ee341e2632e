package demo

import (
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// ends asks both sides how it went; the bridge is not asked.
func (s *stage) ends() []ending {
	list := make([]ending, len(s.parts))
	for i, p := range s.parts {
		result, _ := s.dm.Result(p.deviceID)
		list[i] = judge(p, result, s.devices[i])
	}
	return list
}

func judge(p part, r dmserver.Result, d *lwm2mdevice.Device) ending {
	e := ending{part: p, told: "nothing", object: "no instance"}
	if is := d.Instances(); len(is) > 0 {
		e.object = is[0].State.String()
		if is[0].Activation == lwm2m9.Enabled {
			e.object += ", ACTIVE"
		}
	}
	code := fwupdate.Code(r.Code)
	switch {
	case code != 0:
		e.told = fmt.Sprintf("result %d %s", code, code.Name())
	case r.State != 0:
		e.told = fmt.Sprintf("State %d %s", r.State, fwupdate.State(r.State).Name())
	case r.Reason != "":
		e.told = r.Reason
	}
	installed := e.object == "INSTALLED, ACTIVE"
	told := code == p.code && (p.code != 0 || fwupdate.State(r.State) == p.state)
	once := r.AlertsBefore+r.AlertsAfter <= 1 && d.Counts().Done[lwm2mdevice.OpInstall] <= 1
	if p.code != 0 {
		once = once && r.Correlator == "job-"+p.deviceID
	}
	e.good = told && once && installed == (p.state == fwupdate.StateUpdateSuccessful)
	return e
}
