package mapping

import "fmt"

// The phases, in order. A drive may go back from Room to Choose and from
// Download to Choose or Deliver, never back over Install.
const (
	PhaseChoose   Phase = iota // find or create the instance
	PhaseRoom                  // make it INITIAL
	PhaseDeliver               // write the Package URI
	PhaseDownload              // wait for DELIVERED
	PhaseInstall               // request Install, wait for INSTALLED
	PhaseActivate              // request Activate, wait for ENABLED
	PhaseCleanup               // the verdict is known: remove what is left
	PhaseOver                  // Finish was emitted
)

var phaseNames = [...]string{"choose", "room", "deliver", "download", "install", "activate", "clean up", "over"}

// String is the phase in a word.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("Phase(%d)", p)
}

// The notes a drive leaves in the time line.
const (
	NoteChosen         NoteKind = iota + 1 // Detail: the instance
	NoteRewrite                            // the package was lost; the URI is written again
	NoteForeignInstall                     // INSTALLED although Install was not sent
	NoteInstallUnknown                     // the answer to Install is lost; it is not repeated
	NoteRefused                            // Detail: operation and code
	NoteDataKept                           // the device kept the package
	NoteLeftInstalled                      // installed, but not active
	NoteInstanceGone                       // the instance vanished
	NoteDeadline                           // Detail: the phase whose deadline has passed
	NoteUndecided                          // the dialect is not decided yet
	NoteWay                                // another way to the device; Detail: which
)

// The notes of a campaign. Detail is a package, a code or a reason.
const (
	NotePackageFailed NoteKind = iota + NoteWay + 1 // it did not come into the store
	NoteWithdrawn                                   // before it was handed over
	NoteHanded                                      // the device has accepted Exec
	NoteExecUnknown                                 // the Status of Exec is lost
	NoteRefusedTask                                 // the device said no
	NoteState                                       // State, as read
	NoteAlert                                       // the final alert
	NoteLateAlert                                   // after the deadline
	NoteForeignAlert                                // of no campaign, or one that is over
	NoteNodeKept                                    // the package's nodes stay on the device
)

var noteTexts = [...]string{
	NoteChosen:         "instance chosen",
	NoteRewrite:        "package lost by the device, Package URI is written again",
	NoteForeignInstall: "INSTALLED although Install was not sent by the bridge",
	NoteInstallUnknown: "answer to Install lost, Install is not repeated",
	NoteRefused:        "refused by the device",
	NoteDataKept:       "data kept on the device",
	NoteLeftInstalled:  "software is installed but not active",
	NoteInstanceGone:   "instance is gone",
	NoteDeadline:       "deadline passed",
	NoteUndecided:      "dialect not decided, waiting for another reading",
	NoteWay:            "another way to the device is tried",
	NotePackageFailed:  "package did not come",
	NoteWithdrawn:      "withdrawn before it was handed over",
	NoteHanded:         "handed over to the device",
	NoteExecUnknown:    "Status of Exec lost, Exec is not repeated",
	NoteRefusedTask:    "refused",
	NoteState:          "State",
	NoteAlert:          "final alert",
	NoteLateAlert:      "final alert after the deadline",
	NoteForeignAlert:   "alert of no campaign that waits for one",
	NoteNodeKept:       "nodes kept on the device",
}

// String is the note in words.
func (n NoteKind) String() string {
	if n > 0 && int(n) < len(noteTexts) {
		return noteTexts[n]
	}
	return fmt.Sprintf("NoteKind(%d)", n)
}

// Text is the note as a sentence with its detail.
func (n Note) Text() string {
	if n.Detail == "" {
		return n.Kind.String()
	}
	return n.Kind.String() + ": " + n.Detail
}

var opNames = [...]string{"nothing", "survey", "read", "observe", "create", "write Package URI", "clear Package URI", "Install", "Uninstall", "Activate", "fetch the package", "push the package"}

// String is the operation in words.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", o)
}

var outcomeNames = [...]string{"no outcome", "accepted", "refused", "no answer", "garbage", "not sent"}

// String is the outcome in words.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", o)
}
