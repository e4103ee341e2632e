package lwm2mserver

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Verb is what a step does.
type Verb uint8

// The verbs. The comment after each is its text form and what it does.
const (
	Observe    Verb = iota // observe N…: observe resources of the instance
	Read                   // read N…: read resources and show them
	Write                  // write N [VALUE]: write a resource as text; for 3 the package URL if there is no value
	Push                   // push FILE: write Package (2) in blocks
	Install                // install: Execute 4
	Activate               // activate: Execute 10
	Deactivate             // deactivate: Execute 11
	Uninstall              // uninstall [ARGUMENT]: Execute 6, with 1 or 0='1' as it stands
	Create                 // create [N]: make an instance of Object 9
	Delete                 // delete N: remove an instance
	Instance               // instance N: the instance of the steps that follow; 0 at first
	Wait                   // wait CONDITION… [timeout=D]: until a notification brings all conditions
	Expect                 // expect CONDITION…: read, and fail unless all conditions hold
	Pause                  // pause D
)

var verbWords = []string{
	Observe: "observe", Read: "read", Write: "write", Push: "push", Install: "install", Activate: "activate", Deactivate: "deactivate",
	Uninstall: "uninstall", Create: "create", Delete: "delete", Instance: "instance", Wait: "wait", Expect: "expect", Pause: "pause",
}

// Verbs lists the words of the verbs.
func Verbs() []string { return append([]string(nil), verbWords...) }

// maxFile bounds a package that is pushed, in bytes.
const maxFile = 16 << 20

// Step is one line of a script. Verb decides which other fields count.
type Step struct {
	Verb       Verb
	Resources  []lwm2m9.ResourceID // Observe, Read; Write has one
	Value      string              // Write; Uninstall: the argument
	Body       []byte              // Push
	Instance   lwm2m9.InstanceID   // Create, Delete, Instance
	Numbered   bool                // Create: with that number
	Conditions []Condition         // Wait, Expect
	Duration   time.Duration       // Pause; Wait: the time-out, 0 is the script's
	// Refused is the code with which the device has to refuse the step, from
	// "refused 4.05 install"; 0: it has to succeed.
	Refused lwm2m9.ResponseCode
	text    string
}

// String is the step as it was written.
func (s Step) String() string { return s.text }

// UnmarshalText reads the form of [ParseStep].
func (s *Step) UnmarshalText(b []byte) (err error) { *s, err = ParseStep(string(b)); return err }

// ParseStep reads a line of a script: a verb with its arguments, behind
// "refused CODE" when the device has to refuse it. Push reads its file now. The
// error of an unknown verb lists the known ones.
func ParseStep(text string) (Step, error) {
	f := strings.Fields(text)
	s := Step{text: strings.Join(f, " ")}
	if len(f) > 1 && f[0] == "refused" {
		var err error
		if s.Refused, err = parseCode(f[1]); err != nil {
			return Step{}, fmt.Errorf("step %q: %w", text, err)
		}
		f = f[2:]
	}
	if len(f) == 0 {
		return Step{}, fmt.Errorf("step %q: no verb", text)
	}
	v, err := word.Index("step", f[0], verbWords)
	if err != nil {
		return Step{}, err
	}
	s.Verb = Verb(v)
	if err := arguments[s.Verb](&s, f[1:]); err != nil {
		return Step{}, fmt.Errorf("step %q: %w", text, err)
	}
	if s.Refused != 0 && (s.Verb >= Instance) {
		return Step{}, fmt.Errorf("step %q: a device cannot refuse that", text)
	}
	return s, nil
}

// arguments read what follows each verb.
var arguments = [...]func(*Step, []string) error{
	Observe: resources, Read: resources,
	Write: func(s *Step, args []string) error {
		if len(args) < 1 || len(args) > 2 {
			return errors.New("want a resource and a value")
		}
		if len(args) == 2 {
			s.Value = args[1]
		}
		return resources(s, args[:1])
	},
	Push:    file,
	Install: nothing, Activate: nothing, Deactivate: nothing,
	Uninstall: func(s *Step, args []string) error {
		if len(args) > 1 {
			return errors.New("want one argument, such as 1 or 0='1'")
		}
		s.Value = strings.Join(args, "")
		return nil
	},
	Create: func(s *Step, args []string) error {
		if s.Numbered = len(args) > 0; !s.Numbered {
			return nil
		}
		return number(s, args)
	},
	Delete: number, Instance: number,
	Wait: func(s *Step, args []string) (err error) {
		if n := len(args); n > 0 {
			if d, ok := strings.CutPrefix(args[n-1], "timeout="); ok {
				if err = duration(s, d); err != nil {
					return err
				}
				args = args[:n-1]
			}
		}
		return conditions(s, args)
	},
	Expect: conditions,
	Pause: func(s *Step, args []string) error {
		if len(args) != 1 {
			return errors.New("want a duration")
		}
		return duration(s, args[0])
	},
}

func nothing(_ *Step, args []string) error {
	if len(args) > 0 {
		return errors.New("it takes no argument")
	}
	return nil
}

func resources(s *Step, args []string) error {
	if len(args) == 0 {
		return errors.New("want the numbers of resources")
	}
	for _, a := range args {
		n, err := strconv.ParseUint(a, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not the number of a resource", a)
		}
		s.Resources = append(s.Resources, lwm2m9.ResourceID(n))
	}
	return nil
}

func number(s *Step, args []string) error {
	if len(args) != 1 {
		return errors.New("want the number of an instance")
	}
	n, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil || n > 65534 {
		return fmt.Errorf("%q is not the number of an instance", args[0])
	}
	s.Instance = lwm2m9.InstanceID(n)
	return nil
}

func duration(s *Step, text string) (err error) {
	if s.Duration, err = time.ParseDuration(text); err != nil || s.Duration <= 0 {
		return fmt.Errorf("%q is not a duration such as 200ms or 1m", text)
	}
	return nil
}

func file(s *Step, args []string) error {
	if len(args) != 1 {
		return errors.New("want a file")
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return err
	}
	if info.Size() > maxFile {
		return fmt.Errorf("%s: %d bytes, at most %d", args[0], info.Size(), maxFile)
	}
	s.Body, err = os.ReadFile(args[0])
	return err
}

// parseCode reads a CoAP error code, "4.05".
func parseCode(text string) (lwm2m9.ResponseCode, error) {
	class, detail, ok := strings.Cut(text, ".")
	c, err1 := strconv.ParseUint(class, 10, 3)
	d, err2 := strconv.ParseUint(detail, 10, 5)
	if !ok || err1 != nil || err2 != nil || len(detail) != 2 || c != 4 && c != 5 {
		return 0, fmt.Errorf("%q is not a CoAP error code such as 4.05", text)
	}
	return lwm2m9.ResponseCode(c<<5 | d), nil
}
