package lwm2m9

import (
	"errors"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/google/go-cmp/cmp"
)

// encode is the payload of a list of items.
func encode(tb testing.TB, items ...wire.TLV) []byte {
	tb.Helper()
	b, err := wire.AppendTLV(nil, items...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// What a machine answers to a Read is read as that machine, in both dialects,
// with and without the wrapper; substitutes included.
func TestMachineIsReadAsItself(t *testing.T) {
	for _, d := range []Dialect{Draft, Registered} {
		for s := Initial; s <= lastState; s++ {
			for r := ResultInitial; r <= lastResult; r++ {
				for _, a := range []ActivationState{Disabled, Enabled} {
					v, err := Machine{s, r, a}.Values("app", "1.0", d)
					if err != nil {
						t.Fatal(err)
					}
					state, _ := s.Number(d)
					result, _ := r.Number(d)
					want := Instance{
						ID: 3, Name: "app", Version: "1.0", State: s, Result: d.Result(result), Activation: a,
						RawState: state, RawResult: result,
					}
					bare, wrapped := encode(t, v.TLV()...), encode(t, wire.Instance(3, v.TLV()...))
					for _, payload := range [][]byte{bare, wrapped} {
						values, err := InstanceTLV(3, payload)
						if err != nil {
							t.Fatal(err)
						}
						got, err := ReadInstance(3, values, d)
						if diff := cmp.Diff(want, got); diff != "" || err != nil {
							t.Fatalf("%v %v %v: %v (-want +got):\n%s", d, s, r, err, diff)
						}
					}
				}
			}
		}
	}
}

func TestMachineValuesRefused(t *testing.T) {
	m, long := NewMachine(), strings.Repeat("x", MaxName)
	if _, err := m.Values(long, long, Draft); err != nil {
		t.Errorf("names at the limit: %v", err)
	}
	for name, err := range map[string]error{
		"name too long":              second(m.Values(long+"x", "", Draft)),
		"version too long":           second(m.Values("", long+"x", Draft)),
		"dialect":                    second(m.Values("", "", DialectUnknown)),
		"no machine":                 second(Machine{}.Values("", "", Draft)),
		"not a resource that it has": second(m.Value(RIDStatusReason, "", "", Registered)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestReadInstance(t *testing.T) {
	base := func() Values {
		return Values{RIDUpdateState: wire.Integer(4), RIDUpdateResult: wire.Integer(2)}
	}
	got, err := ReadInstance(1, base(), Registered)
	want := Instance{ID: 1, State: Installed, Result: ResultInstalled, RawState: 4, RawResult: 2}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("without names and activation: %v (-want +got):\n%s", err, diff)
	}
	for _, tt := range []struct {
		name string
		id   ResourceID
		set  *wire.Value
		want string
	}{
		{"no state", RIDUpdateState, nil, "/9/1/7: not in the answer"},
		{"no result", RIDUpdateResult, nil, "/9/1/9: not in the answer"},
		{"wrong type", RIDUpdateState, new(wire.String("4")), "/9/1/7: String instead of Integer"},
		{"long name", RIDPkgName, new(wire.String(strings.Repeat("x", MaxName+1))), "/9/1/0: longer than 255 bytes"},
		{"unknown resource", 19, new(wire.Integer(0)), "/9/1/19: no such resource"},
	} {
		v := base()
		delete(v, tt.id)
		if tt.set != nil {
			v[tt.id] = *tt.set
		}
		_, err := ReadInstance(1, v, Registered)
		if _, ok := errors.AsType[*ValueError](err); !ok || err.Error() != "lwm2m9: "+tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	v := base()
	v[RIDPkgName] = wire.String(strings.Repeat("x", MaxName))
	if _, err := ReadInstance(1, v, Registered); err != nil {
		t.Errorf("name at the limit: %v", err)
	}
}

func TestInstanceTLVTolerates(t *testing.T) {
	good := []wire.TLV{wire.Resource(7, wire.Integer(3)), wire.Resource(9, wire.Integer(58))}
	want := Values{RIDUpdateState: wire.Integer(3), RIDUpdateResult: wire.Integer(58)}
	for name, more := range map[string]wire.TLV{
		"vendor resource":          wire.Resource(26241, wire.Integer(1)),
		"resources of V1.1":        wire.Resource(21, wire.Integer(1)),
		"optional of a wrong type": wire.Resource(uint16(RIDCheckpoint), wire.String("x")),
		"multiple resource":        wire.Multiple(uint16(RIDSoftwareComponentLink), wire.Objlnk(14, 0)),
		"single as multiple":       wire.Multiple(uint16(RIDPkgName), wire.String("x")),
		"optional name too long":   wire.Resource(uint16(RIDUserName), wire.String(strings.Repeat("x", MaxName+1))),
	} {
		got, err := InstanceTLV(0, encode(t, append(good[:2:2], more)...))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestTLVRefused(t *testing.T) {
	state := wire.Resource(7, wire.Integer(3))
	wrong := wire.Resource(7, wire.String("DELIVERED"))
	for _, tt := range []struct {
		name    string
		decode  func([]byte) error
		payload []byte
		want    string
	}{
		{"broken", instance0, []byte{0xc1}, "wire: TLV at byte 1: identifier runs past the end"},
		{"another instance", instance0, encode(t, wire.Instance(1, state)), ErrNotObject9.Error() + ": instance 1 instead of 0"},
		{"two instances", instance0, encode(t, wire.Instance(0, state), wire.Instance(1, state)), ErrNotObject9.Error() + ": instance 0 among resources"},
		{"wrong type", instance0, encode(t, wrong), "lwm2m9: /9/0/7: not a value of its type: wire: TLV at byte 0: Integer of 9 bytes, not 1, 2, 4 or 8"},
		{"broken", object, []byte{0xc1}, "wire: TLV at byte 1: identifier runs past the end"},
		{"no instance", object, encode(t, state), ErrNotObject9.Error() + ": resource 7"},
		{"twice", object, encode(t, wire.Instance(1, state), wire.Instance(1, state)), ErrNotObject9.Error() + ": object instance 1"},
		{"number 65535", object, encode(t, wire.Instance(65535, state)), ErrNotObject9.Error() + ": object instance 65535"},
		{"wrong type", object, encode(t, wire.Instance(2, wrong)), "lwm2m9: /9/2/7: not a value of its type: wire: TLV at byte 0: Integer of 9 bytes, not 1, 2, 4 or 8"},
	} {
		if err := tt.decode(tt.payload); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.name, err, tt.want)
		}
	}
	if err := instance0(encode(t, wrong)); !errors.Is(err, errors.Unwrap(err)) || errors.Unwrap(err) == nil {
		t.Error("the cause cannot be reached")
	}
}

func instance0(b []byte) error { return second(InstanceTLV(0, b)) }
func object(b []byte) error    { return second(ObjectTLV(b)) }

func TestReadObject(t *testing.T) {
	list, err := ObjectTLV(encode(t,
		wire.Instance(4, wire.Resource(7, wire.Integer(1)), wire.Resource(9, wire.Integer(5))),
		wire.Instance(2, wire.Resource(7, wire.Integer(5)), wire.Resource(9, wire.Integer(2)), wire.Resource(12, wire.Boolean(true)))))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadObject(list, Draft)
	want := []Instance{
		{ID: 4, State: Initial, Result: ResultConnectionLost, RawState: 1, RawResult: 5},
		{ID: 2, State: Installed, Result: ResultInstalled, Activation: Enabled, RawState: 5, RawResult: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if empty, err := ObjectTLV(nil); len(empty) != 0 || err != nil {
		t.Errorf("an object without instances: %v, %v", empty, err)
	}
	list = append(list, InstanceValues{ID: 9})
	if _, err := ReadObject(list, Draft); err == nil {
		t.Error("an instance without its state was read")
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		id   ResourceID
		text string
		want wire.Value
	}{
		{RIDUpdateState, " 3", wire.Integer(3)}, {RIDUpdateResult, "+58", wire.Integer(58)},
		{RIDActivationState, "true", wire.Boolean(true)}, {RIDPackageURI, "", wire.String("")},
		{RIDPackageURI, strings.Repeat("x", MaxURI), wire.String(strings.Repeat("x", MaxURI))},
	} {
		if got, err := Text(tt.id, []byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("%d %q: %+v, %v", tt.id, tt.text, got, err)
		}
	}
	for _, tt := range []struct {
		id   ResourceID
		text string
	}{
		{RIDUpdateState, "DELIVERED"}, {RIDInstall, ""}, {19, "1"}, {RIDPackageURI, strings.Repeat("x", MaxURI+1)},
	} {
		if _, err := Text(tt.id, []byte(tt.text)); err == nil {
			t.Errorf("%d %.20q: accepted", tt.id, tt.text)
		}
	}
}

func TestForUpdate(t *testing.T) {
	for args, want := range map[string][2]bool{
		"": {false, true}, "0": {false, true}, "0='0'": {false, true},
		"1": {true, true}, "0='1'": {true, true},
		"2": {}, "0,1": {}, "0=''": {}, "0='2'": {}, "1='1'": {}, "1='0'": {},
	} {
		parsed, err := wire.ParseArguments([]byte(args))
		if err != nil {
			t.Fatal(err)
		}
		if forUpdate, ok := ForUpdate(parsed); forUpdate != want[0] || ok != want[1] {
			t.Errorf("%q: %v, %v; want %v", args, forUpdate, ok, want)
		}
	}
	for _, d := range []Dialect{Draft, Registered} { // what we write is understood
		for _, want := range []bool{true, false} {
			args, err := wire.ParseArguments([]byte(UninstallArgument(d, want)))
			if forUpdate, ok := ForUpdate(args); err != nil || !ok || forUpdate != (want && d == Registered) {
				t.Errorf("%v, %v: read as %v, %v, %v", d, want, forUpdate, ok, err)
			}
		}
	}
}

// FuzzObject9 reads any bytes as an instance and as an object: no panic, and
// what is read is written and read again the same.
func FuzzObject9(f *testing.F) {
	v, err := NewMachine().Values("app", "1.0", Registered)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encode(f, v.TLV()...))
	f.Add(encode(f, wire.Instance(0, v.TLV()...), wire.Instance(1, v.TLV()...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := InstanceTLV(0, b); err == nil {
			again, err := InstanceTLV(0, encode(t, v.TLV()...))
			if diff := cmp.Diff(v, again); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
		}
		list, err := ObjectTLV(b)
		if err != nil {
			return
		}
		if _, err := ReadObject(list, Draft); err == nil {
			for _, iv := range list {
				if iv.ID > 65534 {
					t.Fatalf("instance %d", iv.ID)
				}
			}
		}
	})
}
