package dmdevice

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// FaultKind is what goes wrong.
type FaultKind uint8

// The faults. The comment after each is its text form and what it does.
const (
	FailDownload  FaultKind = iota // download[=RESULT]: the download fails, State 20; 503
	FailUpdate                     // update[=RESULT]: the update fails, State 80; 410
	Refuse                         // refuse@COMMAND=STATUS: the command on ./FwUpdate is refused
	Reboot                         // reboot@STEP[=keep|lose]: power is gone; the update goes on, or is forgotten
	Away                           // away@STEP=DURATION: the device is off for that long
	Slow                           // slow@STEP=DURATION: the step takes that long
	Stuck                          // stuck@STEP: the step never ends
	NoAlert                        // no-alert: the end is never reported
	LoseAlert                      // lose-alert: the message with the alert does not reach the server
	AlertTwice                     // alert-twice: the alert comes once more after it was answered
	LoseAnswer                     // lose-answer[@PLACE]: an answer does not reach the device
	Deaf                           // deaf: a trigger does not reach the device
	WrongPassword                  // wrong-password: in that session
)

var faultWords = []string{
	FailDownload: "download", FailUpdate: "update", Refuse: "refuse", Reboot: "reboot", Away: "away", Slow: "slow", Stuck: "stuck",
	NoAlert: "no-alert", LoseAlert: "lose-alert", AlertTwice: "alert-twice", LoseAnswer: "lose-answer", Deaf: "deaf", WrongPassword: "wrong-password",
}

// Step is a moment of an update.
type Step uint8

// The steps, in their order.
const (
	NoStep      Step = iota
	Executed         // the Exec was carried out, its Status has not gone out
	Downloading      // State 30
	Halfway          // in State 30, when some of the package is there and some is not
	Downloaded       // State 40
	Updating         // State 50
	Reporting        // the end is known, the alert has not gone out
)

var stepWords = []string{Executed: "exec", Downloading: "downloading", Halfway: "halfway", Downloaded: "downloaded", Updating: "updating", Reporting: "reporting"}

// String is the word of the text form.
func (s Step) String() string {
	if int(s) < len(stepWords) && s != NoStep {
		return stepWords[s]
	}
	return "?"
}

// Place is a message whose answer is lost.
type Place uint8

// The places.
const (
	AnyMessage   Place = iota
	FirstMessage       // message 1 of a session
	ExecMessage        // the answer holds the Exec
	AlertMessage       // the message holds the final alert
)

var placeWords = []string{AnyMessage: "any", FirstMessage: "first", ExecMessage: "exec", AlertMessage: "alert"}

// commandWords are the commands that Refuse knows; AnyCommand stands for all.
var commandWords = []string{"any", "get", "add", "replace", "delete", "exec"}

var commandNames = []syncml.Name{AnyCommand, syncml.CmdGet, syncml.CmdAdd, syncml.CmdReplace, syncml.CmdDelete, syncml.CmdExec}

// AnyCommand in a Fault stands for every command.
const AnyCommand syncml.Name = ""

// Fault is one thing that goes wrong. Kind decides which other fields count.
type Fault struct {
	Kind     FaultKind
	Step     Step          // Reboot, Away, Slow, Stuck
	Place    Place         // LoseAnswer
	Command  syncml.Name   // Refuse
	Status   syncml.Code   // Refuse
	Result   fwupdate.Code // FailDownload, FailUpdate
	Lose     bool          // Reboot: the update is forgotten
	Duration time.Duration // Away, Slow
	// Times is how often the fault strikes; 0 is always. [ParseFault] gives all
	// but Refuse, NoAlert, Slow and WrongPassword 1 when the text says nothing.
	Times int
}

// FaultWords lists the kinds that [ParseFault] knows.
func FaultWords() []string { return append([]string(nil), faultWords...) }

// ParseFault reads the text form kind[@place][=value][*times]: "download*2",
// "reboot@exec=lose", "refuse@any=404", "away@halfway=24h". The error of an
// unknown word lists the known ones.
func ParseFault(s string) (Fault, error) {
	w, err := word.Parse(s)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %w", err)
	}
	k, err := word.Index("fault", w.Kind, faultWords)
	if err != nil {
		return Fault{}, err
	}
	f := Fault{Kind: FaultKind(k), Times: w.Times}
	switch f.Kind {
	case Refuse, NoAlert, Slow, WrongPassword:
	default:
		f.Times = max(f.Times, 1)
	}
	if err := errors.Join(f.place(w.At), f.value(w.Value)); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", s, err)
	}
	return f, nil
}

func (f *Fault) place(at string) (err error) {
	var i int
	switch f.Kind {
	case Reboot, Away, Slow, Stuck:
		i, err = word.Index("step", at, stepWords)
		f.Step = Step(i)
	case Refuse:
		if i, err = word.Index("command", at, commandWords); err == nil {
			f.Command = commandNames[i]
		}
	case LoseAnswer:
		if at != "" {
			i, err = word.Index("place", at, placeWords)
			f.Place = Place(i)
		}
	default:
		if at != "" {
			err = fmt.Errorf("%s takes no place after @", faultWords[f.Kind])
		}
	}
	return err
}

func (f *Fault) value(v string) (err error) {
	switch f.Kind {
	case FailDownload:
		f.Result, err = resultOf(v, fwupdate.CodeNetwork)
	case FailUpdate:
		f.Result, err = resultOf(v, fwupdate.CodeUpdateFailed)
	case Refuse:
		n, aerr := strconv.Atoi(v)
		if aerr != nil || n < 300 || n > 599 {
			return fmt.Errorf("%q is not a status from 300 to 599", v)
		}
		f.Status = syncml.Code(n)
	case Reboot:
		if v != "" {
			_, err = word.Index("memory", v, []string{"keep", "lose"})
			f.Lose = v == "lose"
		}
	case Away, Slow:
		d, derr := time.ParseDuration(v)
		if derr != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 200ms or 24h", v)
		}
		f.Duration = d
	default:
		if v != "" {
			err = fmt.Errorf("%s takes no value after =", faultWords[f.Kind])
		}
	}
	return err
}

// resultOf reads a FUMO result code of a failure.
func resultOf(v string, otherwise fwupdate.Code) (fwupdate.Code, error) {
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 400 || n > 599 {
		return 0, fmt.Errorf("%q is not a FUMO result from 400 to 599", v)
	}
	return fwupdate.Code(n), nil
}

// faults are the faults of a device at work: it counts how often each may
// still strike.
type faults struct {
	mu   sync.Mutex
	list []Fault
	left []int // guarded by mu; negative: always
}

func newFaults(list []Fault) *faults {
	f := &faults{list: list, left: make([]int, len(list))}
	for i, one := range list {
		if f.left[i] = one.Times; one.Times == 0 {
			f.left[i] = -1
		}
	}
	return f
}

// strike says whether a fault of the kind strikes now, and uses up one of its
// times. when, if not nil, must also be true of it.
func (f *faults) strike(k FaultKind, when func(Fault) bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.list {
		if one.Kind != k || f.left[i] == 0 || when != nil && !when(one) {
			continue
		}
		if f.left[i] > 0 {
			f.left[i]--
		}
		return one, true
	}
	return Fault{}, false
}

// at is strike for the faults that belong to a step.
func (f *faults) at(k FaultKind, s Step) (Fault, bool) {
	return f.strike(k, func(one Fault) bool { return one.Step == s })
}
