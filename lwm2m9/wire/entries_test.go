package wire

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entryFiles are the vectors of each format that has records.
var entryFiles = map[string]Format{
	"senml-json.txt": FormatSenMLJSON,
	"senml-cbor.txt": FormatSenMLCBOR,
	"lwm2m-json.txt": FormatJSON,
	"cbor.txt":       FormatCBOR,
}

// dumpEntries writes entries as the vectors do.
func dumpEntries(entries []Entry) string {
	var words []string
	for _, e := range entries {
		word := e.Path.String()
		if e.Value.Type != TypeNone {
			word += "=" + dumpValue(e.Value)
		}
		if e.Time != 0 {
			word += "@" + strconv.FormatFloat(e.Time, 'f', -1, 64)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func dumpValue(v Value) string {
	switch v.Type {
	case TypeString:
		return strconv.Quote(v.Str)
	case TypeOpaque:
		return "h" + hex.EncodeToString([]byte(v.Str))
	case TypeFloat:
		return "f" + string(v.AppendText(nil))
	case TypeUnsigned:
		return "u" + string(v.AppendText(nil))
	case TypeBoolean:
		return strconv.FormatBool(v.Bool())
	case TypeNull:
		return "null"
	case TypeInteger, TypeObjlnk:
		return string(v.AppendText(nil))
	case TypeRawTLV:
		return "tlv" + hex.EncodeToString([]byte(v.Str))
	case TypeRawText:
		return "text" + strconv.Quote(v.Str)
	}
	return fmt.Sprintf("%+v", v)
}

// base is the path that a vector belongs to.
func (v vector) base(tb testing.TB) Path {
	tb.Helper()
	p, ok := ParsePath(v["base"])
	if !ok {
		tb.Fatalf("%s is no path", v["base"])
	}
	return p
}

func TestEntryVectors(t *testing.T) {
	for file, format := range entryFiles {
		for _, v := range loadVectors(t, file) {
			t.Run(file+"/"+v["name"], func(t *testing.T) {
				payload, base := v.payload(t), v.base(t)
				entries, err := Decode(format, base, payload, nil)
				if want, fails := v["error"]; fails {
					checkEntryError(t, entries, err, want)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := dumpEntries(entries); got != v["entries"] {
					t.Errorf("decoded %s\n   want %s", got, v["entries"])
				}
				out, err := Append([]byte("x"), format, base, entries...)
				if err != nil {
					t.Fatal(err)
				}
				if want := "x" + string(v.short(t)); string(out) != want {
					t.Errorf("written %s %q\n   want %q", hex.EncodeToString(out[1:]), out, want)
				}
				again, err := Decode(format, base, out[1:], nil)
				if diff := cmp.Diff(entries, again, comparePaths); diff != "" || err != nil {
					t.Errorf("decoded again: %v\n%s", err, diff)
				}
			})
		}
	}
}

// comparePaths lets cmp look into paths.
var comparePaths = cmp.Comparer(func(a, b Path) bool { return a == b })

func checkEntryError(t *testing.T, entries []Entry, err error, want string) {
	t.Helper()
	se, ok := err.(*SyntaxError)
	if !ok || entries != nil {
		t.Fatalf("%v, error %v; want nothing and a *SyntaxError", entries, err)
	}
	if got := fmt.Sprintf("entry %d, byte %d: %s", se.Entry, se.Offset, se.Reason); got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if Code(err) != 4<<5 {
		t.Errorf("code %d of %v, want 4.00", Code(err), err)
	}
}

// What SenML JSON says is said the same in SenML CBOR, and, where it can hold
// it, in LwM2M JSON.
func TestVectorsInOtherFormats(t *testing.T) {
	compared := 0
	for _, file := range []string{"senml-json.txt", "senml-cbor.txt", "lwm2m-json.txt"} {
		for _, v := range loadVectors(t, file) {
			if _, fails := v["error"]; fails {
				continue
			}
			entries, err := Decode(entryFiles[file], v.base(t), v.payload(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []Format{FormatSenMLJSON, FormatSenMLCBOR, FormatJSON} {
				lossy := func(e Entry) bool { return e.Value.Type == TypeNull || e.Value.Type == TypeOpaque }
				if other == FormatJSON && slices.ContainsFunc(entries, lossy) {
					continue
				}
				out, err := Append(nil, other, v.base(t), entries...)
				if err != nil {
					t.Fatal(err)
				}
				again, err := Decode(other, v.base(t), out, nil)
				if diff := cmp.Diff(entries, again, comparePaths); diff != "" || err != nil {
					t.Errorf("%s, %s, through %v: %v\n%s", file, v["name"], other, err, diff)
				}
				compared++
			}
		}
	}
	if compared < 100 {
		t.Errorf("compared only %d", compared)
	}
}
