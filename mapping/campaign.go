package mapping

import (
	"fmt"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// A campaign is one package of a [Virtual] on its way to the legacy device
// (mapping.md, 6). It begins with an accepted Install and ends with a result of
// Object 9; meanwhile the instance stays DELIVERED.
//
//	queued -> contact -> handing -> running -> over
//	             ^  |       |          |
//	             +--+       +----------+--> over
//	           later       refused, success, failure, deadline
//
// In contact the device is woken and waited for. A session of it gets the
// package's nodes and the Exec, in this order, in one message if they fit and
// else the Exec when the nodes are there; from the moment it is sent the
// Exec may have been carried out, and is never sent again unless the device
// refused it. In running every session asks for State, and an alert or a final
// State ends it.

// CampaignPhase is the step of a campaign.
type CampaignPhase uint8

// The phases, in order.
const (
	CampaignNone    CampaignPhase = iota // no Install was accepted for this package
	CampaignQueued                       // another campaign has the device
	CampaignContact                      // the device is waited for, or retried
	CampaignHanding                      // Exec is under way
	CampaignRunning                      // handed over, or perhaps
	CampaignOver                         // it has its result
)

var campaignNames = [...]string{"none", "queued", "contact", "handing over", "running", "over"}

// String is the phase in a word or two.
func (p CampaignPhase) String() string {
	if int(p) < len(campaignNames) {
		return campaignNames[p]
	}
	return fmt.Sprintf("CampaignPhase(%d)", p)
}

// ExecFate is what became of the Exec of a campaign.
type ExecFate uint8

// The fates of Exec.
const (
	ExecNotSent  ExecFate = iota // never sent, or refused: it may be sent
	ExecSent                     // under way
	ExecAccepted                 // 200 or 202, or seen at work
	ExecUnknown                  // its Status is lost: never sent again
)

// Campaign is the state of a campaign. Package and Correlator belong to it
// alone, so that what a device says of an earlier one is not taken for this.
type Campaign struct {
	Phase      CampaignPhase  `json:"phase,omitempty"`
	Package    string         `json:"package,omitempty"` // the x of ./FwUpdate/x
	Correlator string         `json:"correlator,omitempty"`
	Exec       ExecFate       `json:"exec,omitempty"`
	Offered    bool           `json:"offered,omitempty"` // in this session: the nodes are there
	Asked      bool           `json:"asked,omitempty"`   // in this session: State was asked for
	Tried      bool           `json:"tried,omitempty"`   // in this session: it was refused, "later"
	Seen       fwupdate.State `json:"seen,omitempty"`    // State, as last read
	Tries      uint8          `json:"tries,omitempty"`   // refusals that mean "later"
	Overdue    bool           `json:"overdue,omitempty"` // over by a deadline: a late alert still counts
	Handed     time.Time      `json:"handed,omitzero"`   // when Exec was sent
	Next       time.Time      `json:"next,omitzero"`     // when the device is woken next
	Ends       time.Time      `json:"ends,omitzero"`     // deadline of the phase
}

// pending says that the campaign has not ended.
func (c Campaign) pending() bool { return c.Phase != CampaignNone && c.Phase != CampaignOver }

// handed says that the device has the Exec, or perhaps: it cannot be taken
// back.
func (c Campaign) handed() bool {
	return c.Phase == CampaignHanding || c.Phase == CampaignRunning
}

// about says whether an alert is about this campaign: by the Correlator, which
// nothing else has, or by the package when a device returns none.
func (c Campaign) about(a Alerted) bool {
	if c.Exec == ExecNotSent {
		return false
	}
	if a.Correlator != "" {
		return a.Correlator == c.Correlator
	}
	return a.Package == c.Package
}

// CampaignPolicy is what the operator decides about campaigns. Durations and
// numbers must be positive; DefaultCampaignPolicy gives the defaults.
type CampaignPolicy struct {
	Contact time.Duration // from Install until the device has taken the Exec
	Final   time.Duration // from the Exec to the result
	Doubt   time.Duration // from the first State that shows nothing of an Exec whose Status is lost
	Wake    time.Duration // between two triggers to a device that does not come
	Poll    time.Duration // between two triggers to ask for State
	Retry   time.Duration // before the next session after "later"

	Tries        uint8 // sessions in which the device may say "later", of each thing asked
	MaxCampaigns uint8 // campaigns of one package that may fail
	MaxInstances uint8 // instances of Object 9 at once

	// Object9 are the points where the seed says two things.
	Object9 lwm2m9.Options
	// RecordDeactivate accepts Deactivate and only records it: the firmware
	// runs on.
	RecordDeactivate bool
}

// DefaultCampaignPolicy is the policy of a bridge without configuration.
func DefaultCampaignPolicy() CampaignPolicy {
	return CampaignPolicy{
		Contact:      7 * 24 * time.Hour,
		Final:        7 * 24 * time.Hour,
		Doubt:        2 * time.Hour,
		Wake:         4 * time.Hour,
		Poll:         time.Hour,
		Retry:        15 * time.Minute,
		Tries:        5,
		MaxCampaigns: 3,
		MaxInstances: 8,
		Object9:      lwm2m9.Options{Verified: true},
	}
}
