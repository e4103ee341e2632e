package mapping

import (
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Report asks to tell how a package has ended, where its download descriptor
// wants to know (installNotifyURI; OMA Download OTA 1.0, 5.4). It is asked for in
// the step that ends it, so it must be as durable as that step: nothing asks
// again.
//
// A package that did not come, and each campaign, ends once. An alert after the
// deadline of a campaign is told only when it is a success, because what was
// told before is wrong then.
type Report struct {
	Notify string              // the descriptor's URI
	Code   fwupdate.Code       // what the device said, or that it was given up; 0: Result says it
	Result lwm2m9.UpdateResult // what Object 9 shows; of no meaning when Code is there
}

func (Report) action() {}

// report has the end of a slot's package told.
func (s *vstep) report(slot *Slot, r lwm2m9.UpdateResult, c fwupdate.Code) {
	if slot.Package.Notify != "" {
		s.emit(Report{Notify: slot.Package.Notify, Code: c, Result: r})
	}
}

// takenBack has it told that a server takes a package back that is whole, or
// on the way to the device. One whose campaign has ended is told already.
func (s *vstep) takenBack(slot *Slot) {
	if slot.Campaign.Phase != CampaignOver {
		s.report(slot, lwm2m9.ResultDeviceError, fwupdate.CodeUserCancelled)
	}
}
