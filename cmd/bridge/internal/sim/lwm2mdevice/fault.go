package lwm2mdevice

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Fault is one thing that goes wrong. Kind decides which other fields count.
type Fault struct {
	Kind     FaultKind
	Step     Step                // Reboot, Rebind, Silent, Stuck, Slow
	Op       Op                  // Refuse, LoseAnswer
	Code     lwm2m9.ResponseCode // Refuse, WrongState
	Result   lwm2m9.UpdateResult // FailDownload, FailInstall
	Memory   Memory              // Reboot
	Garbage  Garbage             // Nonsense
	Rate     float64             // Drop, Repeat: 0 to 1
	Duration time.Duration       // Slow, Torn, Delay
	// Times is how often the fault strikes; 0 is always. [ParseFault] gives
	// Reboot and Rebind 1 when the text says nothing.
	Times int
}

// part is a piece of the text form that a kind takes.
type part uint16

const (
	needStep part = 1 << iota
	needOp
	needCode
	needResult
	needRate
	needDuration
	mayMemory
	mayResult
	mayDuration
)

var faultParts = [...]part{
	FailDownload: needResult, FailInstall: mayResult, Refuse: needOp | needCode, LoseAnswer: needOp,
	Reboot: needStep | mayMemory, Rebind: needStep, Silent: needStep, Stuck: needStep, Slow: needStep | needDuration,
	Torn: mayDuration, WrongState: needCode, Drop: needRate, Repeat: needRate, Delay: needDuration,
}

func (k FaultKind) parts() part {
	if int(k) < len(faultParts) {
		return faultParts[k]
	}
	return 0
}

// FaultWords lists the kinds that [ParseFault] knows.
func FaultWords() []string { return append([]string(nil), faultWords...) }

// ParseFault reads the text form of a fault, kind[@place][=value][*times]:
// "reboot@installing", "download=invalid-uri", "refuse@install=5.03*3",
// "drop=0.1". The error of an unknown word lists the known ones.
func ParseFault(s string) (Fault, error) {
	w, err := word.Parse(s)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %w", err)
	}
	kind, err := word.Index("fault", w.Kind, faultWords)
	if err != nil {
		return Fault{}, err
	}
	f := Fault{Kind: FaultKind(kind), Times: w.Times}
	if f.Times == 0 && (f.Kind == Reboot || f.Kind == Rebind) {
		f.Times = 1
	}
	if err := f.place(w.At); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", s, err)
	}
	if err := f.value(w.Value); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", s, err)
	}
	return f, nil
}

func (f *Fault) place(at string) error {
	var i int
	var err error
	switch p := f.Kind.parts(); {
	case f.Kind == Slow || f.Kind == Stuck:
		i, err = word.Index("working step", at, working)
		f.Step = Step(i)
	case p&needStep != 0:
		i, err = word.Index("step", at, stepWords)
		f.Step = Step(i)
	case p&needOp != 0:
		i, err = word.Index("request", at, opWords)
		f.Op = Op(i)
	case at != "":
		err = fmt.Errorf("%s takes no place after @", f.Kind)
	}
	return err
}

func (f *Fault) value(v string) (err error) {
	var i int
	p := f.Kind.parts()
	switch {
	case p&needCode != 0:
		f.Code, err = parseCode(v)
	case p&needRate != 0:
		f.Rate, err = parseRate(v)
	case p&needDuration != 0 || p&mayDuration != 0 && v != "":
		f.Duration, err = parseDuration(v)
	case p&needResult != 0:
		i, err = word.Index("result", v, resultWords[:lwm2m9.ResultDeviceError+1])
		f.Result = lwm2m9.UpdateResult(i)
	case p&mayResult != 0 && v != "":
		i, err = word.Index("result", v, resultWords)
		f.Result = lwm2m9.UpdateResult(i)
	case p&mayResult != 0:
		f.Result = lwm2m9.ResultInstallFailure
	case p&mayMemory != 0:
		if v != "" {
			i, err = word.Index("memory", v, memoryWords)
			f.Memory = Memory(i)
		}
	case f.Kind == Nonsense:
		i, err = word.Index("kind of nonsense", v, garbageWords)
		f.Garbage = Garbage(i)
	case v != "":
		err = fmt.Errorf("%s takes no value after =", f.Kind)
	}
	return err
}

func parseCode(v string) (lwm2m9.ResponseCode, error) {
	class, detail, ok := strings.Cut(v, ".")
	c, err1 := strconv.ParseUint(class, 10, 3)
	d, err2 := strconv.ParseUint(detail, 10, 5)
	if !ok || err1 != nil || err2 != nil || len(detail) != 2 || c != 4 && c != 5 {
		return 0, fmt.Errorf("%q is not a CoAP error code such as 4.05 or 5.03", v)
	}
	return lwm2m9.ResponseCode(c<<5 | d), nil
}

func parseRate(v string) (float64, error) {
	r, err := strconv.ParseFloat(v, 64)
	if err != nil || !(r >= 0 && r <= 1) {
		return 0, fmt.Errorf("%q is not a rate between 0 and 1", v)
	}
	return r, nil
}

func parseDuration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 200ms or 5s", v)
	}
	return d, nil
}

// String is the form that [ParseFault] reads.
func (f Fault) String() string {
	w := word.Word{Kind: f.Kind.String(), Times: f.Times}
	p := f.Kind.parts()
	if p&needStep != 0 {
		w.At = f.Step.String()
	}
	if p&needOp != 0 {
		w.At = f.Op.String()
	}
	switch {
	case p&needCode != 0:
		w.Value = f.Code.String()
	case p&needRate != 0:
		w.Value = strconv.FormatFloat(f.Rate, 'g', -1, 64)
	case p&needDuration != 0, p&mayDuration != 0 && f.Duration != 0:
		w.Value = f.Duration.String()
	case p&(needResult|mayResult) != 0:
		w.Value = wordOf(resultWords, f.Result)
	case p&mayMemory != 0:
		w.Value = f.Memory.String()
	case f.Kind == Nonsense:
		w.Value = f.Garbage.String()
	}
	return w.String()
}

// UnmarshalText reads the form of [ParseFault].
func (f *Fault) UnmarshalText(b []byte) (err error) {
	*f, err = ParseFault(string(b))
	return err
}

// MarshalText writes the form of [ParseFault].
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }
