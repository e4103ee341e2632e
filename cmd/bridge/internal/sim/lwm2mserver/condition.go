package lwm2mserver

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// view is an instance as it is known. Its three values come one by one, so a
// result may be left from what was before.
type view struct {
	lwm2m9.Instance
	fresh bool // the result came after the last request that may change it
}

// Condition is one thing that an instance has to show, or one of several:
// "state=DELIVERED", "installed|failed", "result=58".
type Condition struct {
	any  []func(view) bool
	text string
}

// String is the condition as it was written.
func (c Condition) String() string { return c.text }

func (c Condition) holds(i view) bool {
	for _, holds := range c.any {
		if holds(i) {
			return true
		}
	}
	return false
}

// conditionWords are the conditions without a value.
var conditionWords = []string{"installed", "failed", "active"}

var conditionFuncs = []func(view) bool{
	func(i view) bool { return i.State == lwm2m9.Installed },
	func(i view) bool { return i.fresh && i.Result.Failed() },
	func(i view) bool { return i.Activation == lwm2m9.Enabled },
}

func conditions(s *Step, args []string) error {
	if len(args) == 0 {
		return errors.New("want conditions such as state=DELIVERED or installed|failed")
	}
	for _, text := range args {
		c := Condition{text: text}
		for one := range strings.SplitSeq(text, "|") {
			holds, err := parseCondition(one)
			if err != nil {
				return err
			}
			c.any = append(c.any, holds)
		}
		s.Conditions = append(s.Conditions, c)
	}
	return nil
}

func parseCondition(text string) (func(view) bool, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		i, err := word.Index("condition", key, conditionWords)
		if err != nil {
			return nil, fmt.Errorf("%w, state=…, result=…, activation=…, version=…, name=…", err)
		}
		return conditionFuncs[i], nil
	}
	want := plainWord(value)
	n, err := strconv.ParseInt(value, 10, 64)
	isNumber := err == nil
	switch key {
	case "state":
		if !isNumber && !named(want, lwm2m9.Initial, lwm2m9.Installed) {
			return nil, fmt.Errorf("unknown state %q", value)
		}
		return func(i view) bool {
			return isNumber && i.RawState == n || plainWord(i.State.String()) == want
		}, nil
	case "result":
		if !isNumber && !named(want, lwm2m9.ResultInitial, lwm2m9.ResultUninstallFailure) {
			return nil, fmt.Errorf("unknown result %q", value)
		}
		return func(i view) bool {
			return isNumber && i.RawResult == n || plainWord(i.Result.String()) == want
		}, nil
	case "activation":
		if !named(want, lwm2m9.Disabled, lwm2m9.Enabled) {
			return nil, fmt.Errorf("unknown activation %q", value)
		}
		return func(i view) bool { return plainWord(i.Activation.String()) == want }, nil
	case "version":
		return func(i view) bool { return i.Version == value }, nil
	case "name":
		return func(i view) bool { return i.Name == value }, nil
	}
	return nil, fmt.Errorf("unknown condition %q", key)
}

// plainWord is a name as scripts may spell it: "not-enough-storage" is "not
// enough storage", and case does not matter.
func plainWord(s string) string {
	return strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(s))
}

// named says whether one of the values from first to last has a name.
func named[T interface {
	~uint8
	String() string
}](want string, first, last T) bool {
	for v := first; v <= last; v++ {
		if plainWord(v.String()) == want {
			return true
		}
	}
	return false
}
