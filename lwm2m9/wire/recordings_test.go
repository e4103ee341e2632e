package wire

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/internal/recordings"
	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T) map[string][]recordings.Message {
	t.Helper()
	files, err := filepath.Glob("../../" + recordings.Dir + "/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	all := map[string][]recordings.Message{}
	for _, file := range files {
		if all[filepath.Base(file)], err = recordings.Load(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Every payload of the recordings in one of our formats decodes. The counts
// show that none was overlooked.
func TestRecordingsDecode(t *testing.T) {
	count := map[string]int{}
	for file, messages := range load(t) {
		for _, m := range messages {
			what, err := decodeRecorded(m)
			if err != nil {
				t.Errorf("%s:%d: %s: %v", file, m.Line, what, err)
			}
			count[what]++
		}
	}
	want := map[string]int{
		"no payload": count["no payload"], "block": 3, "link-format": 9 + 6, "arguments": 1,
		"TLV": 3*4 + 1, "text": 71, "SenML JSON": 3 * 2, "SenML CBOR": 2 + 2*3, "LwM2M JSON": 3 * 2, "CBOR": 3,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("payloads by format (-want +got):\n%s", diff)
	}
}

func decodeRecorded(m recordings.Message) (what string, err error) {
	switch {
	case len(m.Payload) == 0:
		return "no payload", nil
	case m.Block:
		return "block", nil
	case m.Path == "/rd" || m.Format == int(FormatLink):
		_, err = ParseLinks(m.Payload)
		return "link-format", err
	case m.Request() && m.Path == "/9/0/6":
		_, err = ParseArguments(m.Payload)
		return "arguments", err
	}
	base, ok := ParsePath(m.Path)
	if !ok {
		return m.Path, errors.New("no path")
	}
	_, err = Decode(Format(m.Format), base, m.Payload, recordedType)
	return Format(m.Format).String(), err
}

// recordedType is the type of what the recordings read in several formats, and
// of what they write.
func recordedType(p Path) Type {
	if p.ID(0) != 9 {
		return TypeNone
	}
	return map[uint16]Type{0: TypeString, 1: TypeString, 3: TypeString, 7: TypeInteger, 9: TypeInteger, 12: TypeBoolean}[p.ID(2)]
}

// What was read in one format is what the same read says in any other: those
// that know the types by themselves without being told.
func TestRecordingsAgree(t *testing.T) {
	compared := map[string]int{}
	for file, messages := range load(t) {
		want := map[string]string{} // by path read
		for _, m := range messages {
			if m.Format == int(FormatSenMLJSON) {
				want[m.Path] = decodeDump(t, m, nil)
			}
		}
		for _, m := range messages {
			if m.Request() || want[m.Path] == "" || len(m.Payload) == 0 || !Format(m.Format).HoldsEntries() {
				continue
			}
			f := Format(m.Format)
			types := recordedType
			if f.Current() != FormatTLV && f.Current() != FormatText {
				types = nil
			}
			if got := decodeDump(t, m, types); got != want[m.Path] {
				t.Errorf("%s:%d: %s in %v: %s, in SenML JSON %s", file, m.Line, m.Path, f, got, want[m.Path])
			}
			compared[f.String()]++
		}
	}
	want := map[string]int{"text": 6, "TLV": 7, "SenML JSON": 6, "SenML CBOR": 8, "LwM2M JSON": 6, "CBOR": 3}
	if diff := cmp.Diff(want, compared); diff != "" {
		t.Errorf("payloads compared (-want +got):\n%s", diff)
	}
}

func decodeDump(t *testing.T, m recordings.Message, types func(Path) Type) string {
	t.Helper()
	base, _ := ParsePath(m.Path)
	entries, err := Decode(Format(m.Format), base, m.Payload, types)
	if err != nil {
		t.Fatal(err)
	}
	return dumpEntries(entries)
}

// A read of the object holds what the read of the instance does, twice.
func TestRecordingsObject(t *testing.T) {
	found := 0
	for file, messages := range load(t) {
		read := map[string]string{}
		for _, m := range messages {
			if m.Format == int(FormatTLV) {
				items, err := DecodeTLV(m.Payload)
				if err != nil {
					t.Fatal(err)
				}
				read[m.Path] = dump(items)
			}
		}
		if read["/9"] == "" {
			continue
		}
		found++
		one := read["/9/0"]
		if want := "i0[" + one + "] i1[" + one + "]"; read["/9"] != want {
			t.Errorf("%s: /9 is %s, want %s", file, read["/9"], want)
		}
	}
	if found != 3 {
		t.Errorf("found %d reads of /9, want 3", found)
	}
}

// /3/0 has multiple resources, long and short strings, and an object link. What
// differs between the recordings (10, free memory; 13, the time) is left out.
func TestRecordingsDevice(t *testing.T) {
	want := map[uint16]string{
		0: "Anjay", 1: "demo-client", 2: "490154203237518", 3: "3.14.0", 6: "[0=0]", 9: "0", 11: "[0=0]",
		14: "+01:00", 15: "Europe/Warsaw", 16: "UQ", 17: "", 18: "", 19: "", 20: "0", 21: "0", 22: "[0=33606:0]",
	}
	types := map[uint16]Type{22: TypeObjlnk}
	for _, id := range []uint16{0, 1, 2, 3, 14, 15, 16, 17, 18, 19} {
		types[id] = TypeString
	}
	for file, messages := range load(t) {
		for _, m := range messages {
			if m.Path != "/3/0" || m.Request() {
				continue
			}
			items, err := DecodeTLV(m.Payload)
			if err != nil {
				t.Fatal(err)
			}
			got := map[uint16]string{}
			for _, item := range items {
				typ, ok := types[item.ID]
				if !ok {
					typ = TypeInteger
				}
				got[item.ID] = show(t, typ, item)
			}
			maps.DeleteFunc(got, func(id uint16, _ string) bool { _, ok := want[id]; return !ok })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:%d (-want +got):\n%s", file, m.Line, diff)
			}
		}
	}
}

func show(t *testing.T, typ Type, item TLV) string {
	t.Helper()
	if item.Kind.container() {
		var parts []string
		for _, i := range item.Items {
			parts = append(parts, fmt.Sprintf("%d=%s", i.ID, show(t, typ, i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	v, err := typ.FromTLV(item.Value)
	if err != nil {
		t.Fatalf("resource %d: %v", item.ID, err)
	}
	return string(v.AppendText(nil))
}

// The registrations and Discovers list what the client has, and the version
// of object 10 with quotes (1.0) and without (1.1, 1.2).
func TestRecordingsLinks(t *testing.T) {
	registered := "/1/1 /2 /3/0 /4/0 /5/0 /6/0 /7/0 /9/0 /9/1 /10 /10/0 /11 /16 /19 /20/0 /3303/0 /3313/0 /3347/0 /33605 /33606/0 /33607/0 /33608 /33609/0"
	want := map[string]string{"/rd": registered, "/9": "/9 /9/0 /9/1", "/9/0": "/9/0"}
	versions := map[string]int{}
	for file, messages := range load(t) {
		for _, m := range messages {
			if m.Format != int(FormatLink) || len(m.Payload) == 0 {
				continue
			}
			links, err := ParseLinks(m.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(ObjectPaths(links), " "); got != want[m.Path] || Root(links) != "" {
				t.Errorf("%s:%d: %s lists %q under %q, want %q", file, m.Line, m.Path, got, Root(links), want[m.Path])
			}
			for _, l := range links {
				if v, ok := l.Param("ver"); ok {
					versions[fmt.Sprintf("%s %s %v %s", l.Path, v, l.Params[0].Quoted, m.Query[0])]++
				}
			}
			if again, err := AppendLinks(nil, links...); err != nil || string(again) != string(m.Payload) {
				t.Errorf("%s:%d: written again: %v\n%s\n%s", file, m.Line, err, m.Payload, again)
			}
		}
	}
	wantVersions := map[string]int{"/10 1.1 false lwm2m=1.2": 6, "/10 1.1 false lwm2m=1.1": 2, "/10 1.1 true lwm2m=1.0": 1}
	if diff := cmp.Diff(wantVersions, versions); diff != "" {
		t.Errorf("versions of /10 (-want +got):\n%s", diff)
	}
}
