package wire

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// object9 gives some types as the definition of Object 9 does. It wants to be
// asked for resources.
func object9(p Path) Type {
	if p.ID(0) != 9 || p.Len() != 3 {
		return TypeNone
	}
	return map[uint16]Type{
		0: TypeString, 2: TypeOpaque, 7: TypeInteger, 9: TypeInteger, 12: TypeBoolean, 13: TypeObjlnk, 17: TypeObjlnk,
	}[p.ID(2)]
}

// TLV, text and opaque as entries: with types, and as they come without.
func TestDecodePlain(t *testing.T) {
	tests := []struct {
		name         string
		format       Format
		base         string
		payload      string // in hex, but for text
		typed, plain string
	}{
		{"text", FormatText, "/9/0/7", "3", "/9/0/7=3", `/9/0/7=text"3"`},
		{"text, resource instance", FormatText, "/9/0/17/1", "14:0", "/9/0/17/1=14:0", `/9/0/17/1=text"14:0"`},
		{"text, old number", FormatOldText, "/9/0/0", "", `/9/0/0=""`, `/9/0/0=text""`},
		{"text, unknown resource", FormatText, "/10/0/7", "3", `/10/0/7=text"3"`, `/10/0/7=text"3"`},
		{"opaque", FormatOpaque, "/9/0/2", "00ff", "/9/0/2=h00ff", "/9/0/2=h00ff"},
		{"opaque, nothing", FormatOpaque, "/9/0/2", "", "/9/0/2=h", "/9/0/2=h"},
		{"TLV, object", FormatTLV, "/9", "0300c10703 0301c10704", "/9/0/7=3 /9/1/7=4", "/9/0/7=tlv03 /9/1/7=tlv04"},
		{"TLV, old number", FormatOldTLV, "/9/0/7", "c10703", "/9/0/7=3", "/9/0/7=tlv03"},
		{"TLV, empty instance", FormatTLV, "/9", "0001", "/9/1", "/9/1"},
		{"TLV, Create without a number", FormatTLV, "/9", "c10703", "/9/65535/7=3", "/9/65535/7=tlv03"},
		{"TLV, instance", FormatTLV, "/9/0", "c10703 c10c01 c0ff", "/9/0/7=3 /9/0/12=true /9/0/255=tlv", "/9/0/7=tlv03 /9/0/12=tlv01 /9/0/255=tlv"},
		{"TLV, instance in its wrapper", FormatTLV, "/9/0", "0300c10703", "/9/0/7=3", "/9/0/7=tlv03"},
		{"TLV, resource in the wrapper", FormatTLV, "/9/0/7", "0300c10703", "/9/0/7=3", "/9/0/7=tlv03"},
		{"TLV, multiple resource", FormatTLV, "/9/0/17", "88110c 4400000e0000 4401000e0001", "/9/0/17/0=14:0 /9/0/17/1=14:1", "/9/0/17/0=tlv000e0000 /9/0/17/1=tlv000e0001"},
		{"TLV, its instances alone", FormatTLV, "/9/0/17", "4400000e0000", "/9/0/17/0=14:0", "/9/0/17/0=tlv000e0000"},
		{"TLV, one instance of it", FormatTLV, "/9/0/17/0", "4400000e0000", "/9/0/17/0=14:0", "/9/0/17/0=tlv000e0000"},
		{"TLV, empty multiple resource", FormatTLV, "/9/0", "8011", "/9/0/17", "/9/0/17"},
		{"TLV, nothing", FormatTLV, "/9", "", "", ""},
		{"SenML JSON, a time and bytes", FormatSenMLJSON, "/9/0", "5b7b226e223a2232222c227664223a224150383d227d5d", "/9/0/2=h00ff", "/9/0/2=h00ff"},
		{"LwM2M JSON, bytes", FormatOldJSON, "/9/0", "7b2265223a5b7b226e223a2232222c227376223a224150383d227d5d7d", "/9/0/2=h00ff", `/9/0/2="AP8="`},
		{"CBOR, link as text", FormatCBOR, "/9/0/13", "6436363a31", "/9/0/13=66:1", `/9/0/13="66:1"`},
		{"SenML ETCH CBOR", FormatSenMLETCHCBOR, "/", "81a200692f392f302f31372f3102f6", "/9/0/17/1=null", "/9/0/17/1=null"},
	}
	for _, tt := range tests {
		base, _ := ParsePath(tt.base)
		payload := []byte(tt.payload)
		if tt.format.Current() != FormatText {
			payload = unhex(t, tt.payload)
		}
		for i, types := range []func(Path) Type{object9, nil} {
			want := []string{tt.typed, tt.plain}[i]
			entries, err := Decode(tt.format, base, payload, types)
			if got := dumpEntries(entries); got != want || err != nil {
				t.Errorf("%s, typed %v: %s, %v; want %s", tt.name, types != nil, got, err, want)
			}
			if types == nil {
				continue
			}
			written, err := Append(nil, tt.format, base, entries...)
			if strings.Contains(tt.typed, "tlv") || strings.Contains(tt.typed, "text") {
				if err == nil {
					t.Errorf("%s: bytes of unknown type were written", tt.name)
				}
				continue
			}
			again, err2 := Decode(tt.format, base, written, types)
			if got := dumpEntries(again); got != tt.typed || err != nil || err2 != nil {
				t.Errorf("%s, again: %s, %v, %v; want %s", tt.name, got, err, err2, tt.typed)
			}
		}
	}
}

func TestDecodeRefused(t *testing.T) {
	tests := []struct {
		name    string
		format  Format
		base    string
		payload string
		code    uint8
		error   string
	}{
		{"unknown format", 11544, "/9/0", "", codeUnsupportedFormat, "content format 11544: not known"},
		{"links", FormatLink, "/9/0", "", codeUnsupportedFormat, "link-format: holds no values"},
		{"text of an instance", FormatText, "/9/0", "3", codeUnsupportedFormat, "not that of a resource"},
		{"opaque of an object", FormatOpaque, "/9", "3", codeUnsupportedFormat, "not that of a resource"},
		{"CBOR of the root", FormatCBOR, "/", "\x00", codeUnsupportedFormat, "not that of a resource"},
		{"TLV of the root", FormatTLV, "/", "", codeUnsupportedFormat, "names none"},
		{"text of another type", FormatText, "/9/0/7", "x", codeBadRequest, "text, entry 1: not an integer"},
		{"TLV cut off", FormatTLV, "/9/0", "\xc1\x07", codeBadRequest, "TLV at byte 2: value runs past the end"},
		{"TLV of another type", FormatTLV, "/9/0", "\xc0\x00\xc2\x07\x00\x00\xc3\x09abc", codeBadRequest, "TLV, entry 3: Integer of 3 bytes"},
		{"TLV of another instance", FormatTLV, "/9/0", "\x03\x01\xc1\x07\x00", codeBadRequest, "entry 1: outside the path"},
		{"TLV of another resource", FormatTLV, "/9/0/7", "\xc1\x09\x00", codeBadRequest, "entry 1: outside the path"},
		{"TLV, resource instance of an instance", FormatTLV, "/9/0", "\x41\x09\x00", codeBadRequest, "outside its resource"},
		{"TLV, a resource twice", FormatTLV, "/9/0", "\xc1\x07\x00\xc1\x07\x00", codeBadRequest, "entry 2: a path comes twice"},
		{"TLV, reserved instance", FormatTLV, "/9", "\x23\xff\xff\xc1\x07\x00", codeBadRequest, "reserved"},
		{"TLV, reserved resource instance", FormatTLV, "/9/0/17", "\x61\xff\xff\x00", codeBadRequest, "reserved"},
		{"opaque for an integer", FormatOpaque, "/9/0/7", "\x00", codeBadRequest, "Opaque instead of Integer"},
		{"JSON of another type", FormatSenMLJSON, "/9/0", `[{"n":"7","v":1},{"n":"9","vs":"x"}]`, codeBadRequest, "SenML JSON, entry 2 at byte 35: String instead of Integer"},
	}
	for _, tt := range tests {
		base, _ := ParsePath(tt.base)
		entries, err := Decode(tt.format, base, []byte(tt.payload), object9)
		if err == nil || entries != nil || !strings.Contains(err.Error(), tt.error) || Code(err) != tt.code {
			t.Errorf("%s: %v, %v (code %d); want nothing, %q, code %d", tt.name, entries, err, Code(err), tt.error, tt.code)
		}
	}
}

func TestAppendRefused(t *testing.T) {
	value := Entry{Path: PathOf(9, 0, 7), Value: Integer(1)}
	tests := []struct {
		name    string
		format  Format
		base    Path
		entries []Entry
		code    uint8
	}{
		{"unknown format", 11544, value.Path, []Entry{value}, codeNotAcceptable},
		{"links", FormatLink, value.Path, []Entry{value}, codeNotAcceptable},
		{"text of an instance", FormatText, PathOf(9, 0), []Entry{value}, codeNotAcceptable},
		{"text of nothing", FormatText, value.Path, nil, codeNotAcceptable},
		{"text of two instances", FormatText, value.Path, []Entry{{Path: value.Path.Down(0), Value: Integer(1)}, {Path: value.Path.Down(1), Value: Integer(1)}}, codeNotAcceptable},
		{"text without a value", FormatText, value.Path, []Entry{{Path: value.Path}}, codeNotAcceptable},
		{"opaque for a number", FormatOpaque, value.Path, []Entry{value}, codeNotAcceptable},
		{"CBOR of nothing", FormatCBOR, value.Path, nil, codeNotAcceptable},
		{"TLV of the root", FormatTLV, Path{}, []Entry{value}, codeNotAcceptable},
		{"TLV with a time", FormatTLV, value.Path, []Entry{{value.Path, Integer(1), 5}}, codeNotAcceptable},
		{"TLV with null", FormatTLV, value.Path, []Entry{{Path: value.Path, Value: Null()}}, codeNotAcceptable},
		{"LwM2M JSON with null", FormatJSON, value.Path, []Entry{{Path: value.Path, Value: Null()}}, codeNotAcceptable},
		{"outside", FormatSenMLJSON, PathOf(9, 1), []Entry{value}, codeInternal},
		{"value of an instance", FormatSenMLJSON, PathOf(9), []Entry{{Path: PathOf(9, 0), Value: Integer(1)}}, codeInternal},
		{"not UTF-8", FormatSenMLCBOR, value.Path, []Entry{{Path: value.Path, Value: String("\xff")}}, codeInternal},
		{"not finite", FormatSenMLCBOR, value.Path, []Entry{{Path: value.Path, Value: Float(math.Inf(1))}}, codeInternal},
		{"time not finite", FormatSenMLCBOR, value.Path, []Entry{{value.Path, Integer(1), math.NaN()}}, codeInternal},
		{"type not known", FormatTLV, value.Path, []Entry{{Path: value.Path, Value: Value{Type: TypeRawTLV, Str: "\x01"}}}, codeInternal},
	}
	for _, tt := range tests {
		out, err := Append([]byte("x"), tt.format, tt.base, tt.entries...)
		if err == nil || string(out) != "x" || Code(err) != tt.code {
			t.Errorf("%s: %q, %v (code %d); want code %d", tt.name, out, err, Code(err), tt.code)
		}
	}
	if Code(nil) != 0 || Code(fmt.Errorf("a: %w", &SyntaxError{})) != codeBadRequest || Code(errors.New("x")) != codeInternal {
		t.Error("Code of nil, a wrapped or a foreign error is wrong")
	}
}

// A path that comes twice is found among few entries and among many, whether
// it was one of the first or of the last.
func TestTwice(t *testing.T) {
	for _, n := range []int{2, fewEntries, fewEntries + 1, 3 * fewEntries} {
		for _, first := range []int{0, (n - 1) / 2, n - 2} {
			entries := make([]Entry, n)
			for i := range entries {
				entries[i] = Entry{Path: PathOf(9, 0, uint16(i)), Value: Integer(1), Time: 1}
			}
			for time, refused := range map[float64]bool{1: true, 2: false} {
				entries[n-1] = Entry{Path: entries[first].Path, Value: Integer(1), Time: time}
				b, err := Append(nil, FormatSenMLCBOR, PathOf(9, 0), entries...)
				if err != nil {
					t.Fatal(err)
				}
				if _, err = Decode(FormatSenMLCBOR, PathOf(9, 0), b, nil); refused != (err != nil) {
					t.Errorf("the last of %d is number %d again, at %v: %v", n, first, time, err)
				}
			}
		}
	}
}

// TLV is put in the order of the paths, whatever that of the entries.
func TestAppendTLVEntriesOrder(t *testing.T) {
	entry := func(n int64, ids ...uint16) Entry { return Entry{Path: PathOf(ids...), Value: Integer(n)} }
	entries := []Entry{entry(4, 9, 1, 7), entry(3, 9, 0, 18), entry(2, 9, 0, 17, 1), entry(1, 9, 0, 17, 0), {Path: PathOf(9, 2)}}
	out, err := Append(nil, FormatTLV, PathOf(9), entries...)
	if err != nil {
		t.Fatal(err)
	}
	items, err := DecodeTLV(out)
	if got, want := dump(items), "i0[m17[v0=01 v1=02] r18=03] i1[r7=04] i2[]"; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for base, want := range map[Path]string{PathOf(9, 0, 17): "m17[v1=02]", PathOf(9, 0, 17, 1): "v1=02", PathOf(9, 0): "m17[v1=02]", PathOf(9): "i0[m17[v1=02]]"} {
		out, _ := Append(nil, FormatTLV, base, entries[2])
		if items, err := DecodeTLV(out); dump(items) != want || err != nil {
			t.Errorf("as the payload of %v: %s, %v; want %s", base, dump(items), err, want)
		}
	}
	if entries[0].Path != PathOf(9, 1, 7) {
		t.Error("the caller's entries were sorted")
	}
}

func TestAs(t *testing.T) {
	at := Time(time.Unix(1638435000, 0))
	tests := []struct {
		in   Value
		to   Type
		want Value // none: refused
	}{
		{Integer(5), TypeInteger, Integer(5)},
		{Integer(5), TypeUnsigned, Unsigned(5)},
		{Integer(-5), TypeUnsigned, Value{}},
		{Integer(5), TypeFloat, Float(5)},
		{Integer(1638435000), TypeTime, at},
		{Integer(1), TypeBoolean, Value{}},
		{Integer(1), TypeString, Value{}},
		{Unsigned(math.MaxInt64), TypeInteger, Integer(math.MaxInt64)},
		{Unsigned(math.MaxInt64 + 1), TypeInteger, Value{}},
		{Unsigned(math.MaxUint64), TypeFloat, Float(1 << 64)},
		{Unsigned(math.MaxUint64), TypeTime, Value{}},
		{at, TypeInteger, Integer(1638435000)},
		{Float(1.638435e9), TypeTime, at},
		{Float(5), TypeInteger, Integer(5)},
		{Float(5.5), TypeInteger, Value{}},
		{Float(-1 << 63), TypeInteger, Integer(math.MinInt64)},
		{Float(1 << 63), TypeInteger, Value{}},
		{Float(1 << 63), TypeUnsigned, Unsigned(1 << 63)},
		{Float(1 << 64), TypeUnsigned, Value{}},
		{Float(-1), TypeUnsigned, Value{}},
		{Float(1), TypeBoolean, Value{}},
		{String("</3>"), TypeCorelnk, Corelnk("</3>")},
		{Corelnk("</3>"), TypeString, String("</3>")},
		{String("66:1"), TypeObjlnk, Objlnk(66, 1)},
		{String("66"), TypeObjlnk, Value{}},
		{String("AP8="), TypeOpaque, Opaque([]byte{0, 0xff})},
		{String("_w"), TypeOpaque, Opaque([]byte{0xff})},
		{String("#"), TypeOpaque, Value{}},
		{String("5"), TypeInteger, Value{}},
		{Boolean(true), TypeBoolean, Boolean(true)},
		{Boolean(true), TypeInteger, Value{}},
		{Opaque([]byte("a")), TypeString, Value{}},
		{Objlnk(1, 2), TypeString, Value{}},
		{Value{Type: TypeRawTLV, Str: "\x05"}, TypeInteger, Integer(5)},
		{Value{Type: TypeRawTLV, Str: "\x05\x05\x05"}, TypeInteger, Value{}},
		{Value{Type: TypeRawText, Str: "+5"}, TypeUnsigned, Unsigned(5)},
		{Value{Type: TypeRawText, Str: "x"}, TypeUnsigned, Value{}},
		{Value{}, TypeString, Value{}},
		{Value{}, TypeNone, Value{}},
		{Null(), TypeString, Value{}},
		{Null(), TypeNull, Value{}},
		{Value{Type: TypeRawTLV}, TypeRawTLV, Value{}},
	}
	for _, tt := range tests {
		got, err := tt.in.As(tt.to)
		if refused := tt.want == (Value{}); got != tt.want || refused != (err != nil) || refused != (Code(err) == codeBadRequest) {
			t.Errorf("%+v as %v: %+v, %v; want %+v", tt.in, tt.to, got, err, tt.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		format, current Format
		name            string
		entries         bool
	}{
		{FormatText, FormatText, "text", true}, {FormatOldText, FormatText, "text", true},
		{FormatLink, FormatLink, "link-format", false}, {FormatOpaque, FormatOpaque, "opaque", true},
		{FormatCBOR, FormatCBOR, "CBOR", true},
		{FormatTLV, FormatTLV, "TLV", true}, {FormatOldTLV, FormatTLV, "TLV", true},
		{FormatJSON, FormatJSON, "LwM2M JSON", true}, {FormatOldJSON, FormatJSON, "LwM2M JSON", true},
		{FormatSenMLJSON, FormatSenMLJSON, "SenML JSON", true}, {FormatSenMLETCHJSON, FormatSenMLJSON, "SenML JSON", true},
		{FormatSenMLCBOR, FormatSenMLCBOR, "SenML CBOR", true}, {FormatSenMLETCHCBOR, FormatSenMLCBOR, "SenML CBOR", true},
		{11544, 11544, "11544", false}, {-1, -1, "-1", false},
	} {
		if f := tt.format; f.Current() != tt.current || f.String() != tt.name || f.HoldsEntries() != tt.entries {
			t.Errorf("%d: %d, %s, %v", f, f.Current(), f, f.HoldsEntries())
		}
	}
}
