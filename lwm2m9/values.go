package lwm2m9

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Values are the values of one instance by resource, of the types that the
// definition gives them. Multiple resources (17) are not in it.
type Values map[ResourceID]wire.Value

// ValueError says which resource of which instance an answer got wrong. It
// does not hold the value.
type ValueError struct {
	Instance InstanceID
	Resource ResourceID
	Reason   string
	Err      error // a *wire.SyntaxError, or nil
}

func (e *ValueError) Error() string {
	s := fmt.Sprintf("lwm2m9: /9/%d/%d: %s", e.Instance, e.Resource, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// ReadInstance makes a reading of the values of an instance, from one answer
// or gathered from several. Update State and Update Result have to be there;
// an absent Activation State is ActivationUnknown, an absent name is empty.
// While the dialect is undecided, states and results are unknown and only the
// numbers are kept: see [Instance.In]. The error is a [*ValueError].
func ReadInstance(id InstanceID, v Values, d Dialect) (Instance, error) {
	for _, r := range [...]ResourceID{RIDUpdateState, RIDUpdateResult} {
		if _, ok := v[r]; !ok {
			return Instance{}, &ValueError{Instance: id, Resource: r, Reason: "not in the answer"}
		}
	}
	for r, value := range v {
		if reason := check(r, value); reason != "" {
			return Instance{}, &ValueError{Instance: id, Resource: r, Reason: reason}
		}
	}
	i := Instance{
		ID:        id,
		Name:      v[RIDPkgName].Str,
		Version:   v[RIDPkgVersion].Str,
		RawState:  v[RIDUpdateState].Int,
		RawResult: v[RIDUpdateResult].Int,
	}
	if active, ok := v[RIDActivationState]; ok {
		i.Activation = Disabled
		if active.Bool() {
			i.Activation = Enabled
		}
	}
	return i.In(d), nil
}

// In is the same reading with its numbers named in a dialect: what was read
// while the dialect was open can be understood once it is decided.
func (i Instance) In(d Dialect) Instance {
	i.State, i.Result = d.State(i.RawState), d.Result(i.RawResult)
	return i
}

// check says what is wrong with a value for its resource, or "".
func check(id ResourceID, v wire.Value) string {
	def, ok := Definition(id)
	switch {
	case !ok:
		return "no such resource"
	case v.Type != def.Type:
		return fmt.Sprintf("%v instead of %v", v.Type, def.Type)
	case def.MaxBytes > 0 && len(v.Str) > def.MaxBytes:
		return fmt.Sprintf("longer than %d bytes", def.MaxBytes)
	}
	return ""
}

// Value is what a device in this dialect answers to a Read of one resource of an
// instance: its name, its version, or what the machine says in numbers. It fails
// for a state, a result or a dialect that is unknown, for a name that is too
// long, and for every other resource.
func (m Machine) Value(r ResourceID, name, version string, d Dialect) (wire.Value, error) {
	var v wire.Value
	var n int64
	known := true
	switch r {
	case RIDPkgName:
		v = wire.String(name)
	case RIDPkgVersion:
		v = wire.String(version)
	case RIDUpdateState:
		n, known = m.State.Number(d)
		v = wire.Integer(n)
	case RIDUpdateResult:
		n, known = m.Result.Number(d)
		v = wire.Integer(n)
	case RIDActivationState:
		v = wire.Boolean(m.Activation == Enabled)
	default:
		return v, &ValueError{Resource: r, Reason: "not of the machine"}
	}
	if !known {
		return v, fmt.Errorf("lwm2m9: no numbers for %v, %v in dialect %v", m.State, m.Result, d)
	}
	if reason := check(r, v); reason != "" {
		return v, &ValueError{Resource: r, Reason: reason}
	}
	return v, nil
}

// Values are all that [Machine.Value] gives.
func (m Machine) Values(name, version string, d Dialect) (Values, error) {
	v := make(Values)
	for _, r := range [...]ResourceID{RIDPkgName, RIDPkgVersion, RIDUpdateState, RIDUpdateResult, RIDActivationState} {
		value, err := m.Value(r, name, version, d)
		if err != nil {
			return nil, err
		}
		v[r] = value
	}
	return v, nil
}

// TLV is the values as TLV resources in ascending order, without an instance
// around them.
func (v Values) TLV() []wire.TLV {
	items := make([]wire.TLV, 0, len(v))
	for _, id := range slices.Sorted(maps.Keys(v)) {
		items = append(items, wire.Resource(uint16(id), v[id]))
	}
	return items
}
