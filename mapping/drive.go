package mapping

import (
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Drive is one DownloadAndUpdate on its way through Object 9: a plain,
// comparable value, stored as JSON.
type Drive struct {
	Order Order `json:"order"`
	// more fields: being written
}

// Start begins a drive for an accepted Exec. connected says whether the
// device is registered now.
func Start(now time.Time, o Order, connected bool, p Policy) (Drive, []Action) { panic("being written") }

// Step is the whole machine: an event and a time in, the next state and the
// actions out, to be performed in order after the state is durable.
func (d Drive) Step(now time.Time, ev Event, p Policy) (Drive, []Action) { panic("being written") }

// Deadline is when the drive wants its next Tick; zero for never.
func (d Drive) Deadline() time.Time { panic("being written") }

// Over says that Finish was emitted.
func (d Drive) Over() bool { panic("being written") }

// Busy says what the tree may allow while the drive runs.
func (d Drive) Busy() fwupdate.Busy { panic("being written") }

// Instance is the instance in use; false until one was chosen.
func (d Drive) Instance() (lwm2m9.InstanceID, bool) { panic("being written") }

// View is what the tree, the time line and the console show.
func (d Drive) View() View { panic("being written") }
