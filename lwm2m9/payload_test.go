package lwm2m9

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/internal/recordings"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/google/go-cmp/cmp"
)

var packFormats = []wire.Format{wire.FormatTLV, wire.FormatOldTLV, wire.FormatJSON, wire.FormatSenMLJSON, wire.FormatSenMLCBOR}

// What a machine answers is read as the same in every format, with the object
// and with the instance as what was asked for.
func TestDecodeEveryFormat(t *testing.T) {
	v, err := NewMachine().Values("app", "1.0", Registered)
	if err != nil {
		t.Fatal(err)
	}
	want := []InstanceValues{{3, v}}
	for _, f := range packFormats {
		for _, path := range []wire.Path{wire.PathOf(9), wire.PathOf(9, 3)} {
			payload, err := wire.Append(nil, f, path, v.Entries(3)...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(f, path, payload)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v of %v: %v (-want +got):\n%s", f, path, err, diff)
			}
		}
	}
	for _, f := range []wire.Format{wire.FormatText, wire.FormatCBOR} {
		for _, e := range v.Entries(3) {
			payload, err := wire.Append(nil, f, e.Path, e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(f, e.Path, payload)
			want := []InstanceValues{{3, Values{ResourceID(e.Path.ID(2)): e.Value}}}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v of %v: %v (-want +got):\n%s", f, e.Path, err, diff)
			}
		}
	}
}

// Two instances, one of them empty, and what is left out: an unknown resource, a
// multiple one, one that is executable, an optional one of another type.
func TestDecodeLeavesOut(t *testing.T) {
	payload := `[{"bn":"/9/","n":"0/7","v":1},{"n":"0/99","v":1},{"n":"0/17/0","vlo":"14:0"},{"n":"0/4","v":1},` +
		`{"n":"0/8","vs":"x"},{"n":"1"},{"n":"0/13","vs":"no"},{"n":"0/9","v":2.0}]`
	got, err := Decode(wire.FormatSenMLJSON, wire.PathOf(9), []byte(payload))
	want := []InstanceValues{{0, Values{RIDUpdateState: wire.Integer(1), RIDUpdateResult: wire.Integer(2)}}, {1, Values{}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDecodeRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		format  wire.Format
		path    wire.Path
		payload string
		code    ResponseCode
		is      error
	}{
		{"another object", wire.FormatTLV, wire.PathOf(3, 0), "", CodeBadRequest, ErrNotObject9},
		{"root", wire.FormatSenMLJSON, wire.Path{}, "", CodeBadRequest, ErrNotObject9},
		{"mandatory of another type", wire.FormatSenMLJSON, wire.PathOf(9, 0), `[{"n":"7","vs":"1"}]`, CodeBadRequest, nil},
		{"mandatory without a value", wire.FormatSenMLJSON, wire.PathOf(9, 0), `[{"n":"7"}]`, CodeBadRequest, nil},
		{"a value of two times", wire.FormatSenMLJSON, wire.PathOf(9, 0), `[{"n":"7","v":1},{"n":"7","v":2,"t":-5}]`, CodeBadRequest, ErrNotObject9},
		{"resource outside an instance", wire.FormatTLV, wire.PathOf(9), "\xc1\x07\x01", CodeBadRequest, ErrNotObject9},
		{"the object alone", wire.FormatSenMLJSON, wire.PathOf(9), `[{"n":""}]`, CodeBadRequest, ErrNotObject9},
		{"garbage", wire.FormatSenMLCBOR, wire.PathOf(9), "\xff", CodeBadRequest, nil},
		{"unknown format", 11544, wire.PathOf(9), "", CodeUnsupportedFormat, nil},
		{"text of an instance", wire.FormatText, wire.PathOf(9, 0), "1", CodeUnsupportedFormat, nil},
	} {
		got, err := Decode(tt.format, tt.path, []byte(tt.payload))
		if err == nil || got != nil || Code(err) != tt.code || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, %v (%v); want nothing and %v", tt.name, got, err, Code(err), tt.code)
		}
	}
	if _, err := wire.Append(nil, wire.FormatText, wire.PathOf(9, 0)); Code(err) != CodeNotAcceptable {
		t.Errorf("%v: %v, want 4.06", err, Code(err))
	}
	if Code(nil) != 0 || Code(errors.New("x")) != CodeInternal {
		t.Error("code of nil or of a foreign error")
	}
}

// Every answer to a Read of Object 9 that was recorded says the same about the
// resources that it holds, whatever its format; TLV and text also by the older
// functions.
func TestRecordingsDecodeEveryFormat(t *testing.T) {
	formats := map[string]int{}
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		file := "register-read-" + version + ".txt"
		messages, err := recordings.Load("../" + recordings.Dir + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			path, ok := wire.ParsePath(m.Path)
			f := wire.Format(m.Format)
			if m.Request() || !ok || path.ID(0) != ObjectID || len(m.Payload) == 0 || !f.HoldsEntries() {
				continue
			}
			list, err := Decode(f, path, m.Payload)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, m.Line, err)
			}
			formats[f.String()]++
			for _, iv := range list {
				name := fmt.Sprintf("%s:%d: %v of %v", file, m.Line, f, path)
				if state, ok := iv.Values[RIDUpdateState]; ok && state != wire.Integer(0) {
					t.Errorf("%s: state %+v", name, state)
				}
				if path.Len() < 3 && len(iv.Values) != 5 {
					t.Errorf("%s: %d values", name, len(iv.Values))
				}
			}
			if f == wire.FormatTLV && path.Len() == 1 {
				old, err := ObjectTLV(m.Payload)
				if diff := cmp.Diff(old, list); diff != "" || err != nil {
					t.Errorf("%s:%d: ObjectTLV: %v\n%s", file, m.Line, err, diff)
				}
			}
		}
	}
	for _, f := range []string{"text", "TLV", "SenML JSON", "SenML CBOR", "LwM2M JSON", "CBOR"} {
		if formats[f] == 0 {
			t.Errorf("no answer in %s was recorded: %v", f, formats)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for path, want := range map[wire.Path]wire.Type{
		wire.PathOf(9, 0, 7):      wire.TypeInteger,
		wire.PathOf(9, 5, 17, 2):  wire.TypeObjlnk,
		wire.PathOf(9, 0, 4):      wire.TypeNone,
		wire.PathOf(9, 0, 99):     wire.TypeNone,
		wire.PathOf(9, 0):         wire.TypeNone,
		wire.PathOf(3, 0, 0):      wire.TypeNone,
		wire.PathOf(9, 0, 7, 0):   wire.TypeInteger,
		wire.PathOf(10, 0, 7, 65): wire.TypeNone,
	} {
		if got := TypeOf(path); got != want {
			t.Errorf("%v is of %v, want %v", path, got, want)
		}
	}
}
