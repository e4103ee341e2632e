package wire

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestValueTLV(t *testing.T) {
	tests := []struct {
		typ   Type
		hex   string
		want  Value
		short string // as we write it, when not hex
	}{
		{TypeInteger, "00", Integer(0), ""},
		{TypeInteger, "7f", Integer(127), ""},
		{TypeInteger, "80", Integer(-128), ""},
		{TypeInteger, "ff", Integer(-1), ""},
		{TypeInteger, "0080", Integer(128), ""},
		{TypeInteger, "ff7f", Integer(-129), ""},
		{TypeInteger, "7fff", Integer(math.MaxInt16), ""},
		{TypeInteger, "00008000", Integer(math.MaxInt16 + 1), ""},
		{TypeInteger, "80000000", Integer(math.MinInt32), ""},
		{TypeInteger, "0000000080000000", Integer(math.MaxInt32 + 1), ""},
		{TypeInteger, "8000000000000000", Integer(math.MinInt64), ""},
		{TypeInteger, "0004", Integer(4), "04"},
		{TypeInteger, "ffffffff", Integer(-1), "ff"},
		{TypeInteger, "0000000000000005", Integer(5), "05"},
		{TypeBoolean, "00", Boolean(false), ""},
		{TypeBoolean, "01", Boolean(true), ""},
		{TypeString, "", String(""), ""},
		{TypeString, "67c3bc", String("gü"), ""},
		{TypeOpaque, "00ff", Opaque([]byte{0, 0xff}), ""},
		{TypeFloat, "3fc00000", Float(1.5), ""},
		{TypeFloat, "3fb999999999999a", Float(0.1), ""},
		{TypeFloat, "3ff8000000000000", Float(1.5), "3fc00000"},
		{TypeTime, "5182428f", Time(time.Date(2013, 5, 2, 10, 40, 15, 0, time.UTC)), ""},
		{TypeObjlnk, "00420001", Objlnk(66, 1), ""},
		{TypeObjlnk, "ffffffff", Objlnk(65535, 65535), ""},
		{TypeUnsigned, "ff", Unsigned(255), ""},
		{TypeUnsigned, "0100", Unsigned(256), ""},
		{TypeUnsigned, "00010000", Unsigned(1 << 16), ""},
		{TypeUnsigned, "ffffffffffffffff", Unsigned(math.MaxUint64), ""},
		{TypeUnsigned, "00000001", Unsigned(1), "01"},
		{TypeCorelnk, "3c2f333e", Corelnk("</3>"), ""},
	}
	for _, tt := range tests {
		got, err := tt.typ.FromTLV(unhex(t, tt.hex))
		if err != nil || got != tt.want {
			t.Errorf("%v %s: %+v, %v; want %+v", tt.typ, tt.hex, got, err, tt.want)
		}
		want := tt.short
		if want == "" {
			want = tt.hex
		}
		if again := hex.EncodeToString(tt.want.AppendTLV(nil)); again != want {
			t.Errorf("%v %s: written %s, want %s", tt.typ, tt.hex, again, want)
		}
	}
}

func TestValueTLVRefused(t *testing.T) {
	tests := []struct {
		typ Type
		hex string
	}{
		{TypeInteger, ""}, {TypeInteger, "000000"}, {TypeInteger, "0000000000"}, {TypeInteger, "000000000000000000"},
		{TypeTime, ""}, {TypeTime, "000000"},
		{TypeBoolean, ""}, {TypeBoolean, "02"}, {TypeBoolean, "0001"},
		{TypeString, "ff"}, {TypeString, "c3"},
		{TypeFloat, ""}, {TypeFloat, "0000"}, {TypeFloat, "7fc00000"}, {TypeFloat, "7ff0000000000000"},
		{TypeObjlnk, "0042"}, {TypeObjlnk, "0042000100"},
		{TypeNone, ""}, {TypeNone, "00"}, {TypeRawText + 1, ""}, {TypeNull, "00"}, {TypeRawTLV, "00"},
		{TypeUnsigned, ""}, {TypeUnsigned, "000000"}, {TypeCorelnk, "ff"},
	}
	for _, tt := range tests {
		v, err := tt.typ.FromTLV(unhex(t, tt.hex))
		if _, ok := errors.AsType[*SyntaxError](err); !ok || v != (Value{}) {
			t.Errorf("%v %q: %+v, %v; want a *SyntaxError and nothing else", tt.typ, tt.hex, v, err)
		}
	}
}

func TestValueText(t *testing.T) {
	tests := []struct {
		typ   Type
		text  string
		want  Value
		short string // as we write it, when not text
	}{
		{TypeInteger, "3", Integer(3), ""},
		{TypeInteger, "+3", Integer(3), "3"},
		{TypeInteger, " 3", Integer(3), "3"},
		{TypeInteger, "\t-3 \r\n", Integer(-3), "-3"},
		{TypeInteger, "007", Integer(7), "7"},
		{TypeInteger, "-9223372036854775808", Integer(math.MinInt64), ""},
		{TypeBoolean, "0", Boolean(false), ""},
		{TypeBoolean, "1", Boolean(true), ""},
		{TypeBoolean, "false", Boolean(false), "0"},
		{TypeBoolean, "true", Boolean(true), "1"},
		{TypeBoolean, " True ", Boolean(true), "1"},
		{TypeString, "", String(""), ""},
		{TypeString, " a ü ", String(" a ü "), ""},
		{TypeFloat, "0.1", Float(0.1), ""},
		{TypeFloat, "-1e3", Float(-1000), "-1000"},
		{TypeOpaque, "", Opaque(nil), ""},
		{TypeOpaque, "AP8=", Opaque([]byte{0, 0xff}), ""},
		{TypeTime, "1367491215", Time(time.Unix(1367491215, 0)), ""},
		{TypeObjlnk, "66:1", Objlnk(66, 1), ""},
		{TypeObjlnk, " 65535:65535", Objlnk(65535, 65535), "65535:65535"},
		{TypeUnsigned, "18446744073709551615", Unsigned(math.MaxUint64), ""},
		{TypeUnsigned, " +7", Unsigned(7), "7"},
		{TypeCorelnk, "</3/0>;a=1", Corelnk("</3/0>;a=1"), ""},
	}
	for _, tt := range tests {
		got, err := tt.typ.FromText([]byte(tt.text))
		if err != nil || got != tt.want {
			t.Errorf("%v %q: %+v, %v; want %+v", tt.typ, tt.text, got, err, tt.want)
		}
		want := tt.short
		if want == "" {
			want = tt.text
		}
		if again := string(tt.want.AppendText(nil)); again != want {
			t.Errorf("%v %q: written %q, want %q", tt.typ, tt.text, again, want)
		}
	}
}

func TestValueTextRefused(t *testing.T) {
	tests := []struct {
		typ  Type
		text string
	}{
		{TypeInteger, ""}, {TypeInteger, " "}, {TypeInteger, "3.0"}, {TypeInteger, "0x3"}, {TypeInteger, "1_0"},
		{TypeInteger, "++3"}, {TypeInteger, "3 3"}, {TypeInteger, "9223372036854775808"}, {TypeInteger, "three"},
		{TypeBoolean, ""}, {TypeBoolean, "2"}, {TypeBoolean, "yes"}, {TypeBoolean, "01"},
		{TypeString, "\xff"},
		{TypeFloat, ""}, {TypeFloat, "NaN"}, {TypeFloat, "Inf"}, {TypeFloat, "0x1p-2"}, {TypeFloat, "1e999"}, {TypeFloat, "1_0"},
		{TypeOpaque, "A"}, {TypeOpaque, "AP8"}, {TypeOpaque, "A-_="},
		{TypeTime, "yesterday"},
		{TypeObjlnk, ""}, {TypeObjlnk, "66"}, {TypeObjlnk, "66:"}, {TypeObjlnk, ":1"}, {TypeObjlnk, "66:65536"}, {TypeObjlnk, "1:2:3"},
		{TypeNone, ""}, {TypeNone, "1"}, {TypeNull, "1"}, {TypeRawText, "1"},
		{TypeUnsigned, "-1"}, {TypeUnsigned, "18446744073709551616"}, {TypeUnsigned, "++1"}, {TypeCorelnk, "\xff"},
	}
	for _, tt := range tests {
		v, err := tt.typ.FromText([]byte(tt.text))
		se, ok := errors.AsType[*SyntaxError](err)
		if !ok || v != (Value{}) {
			t.Fatalf("%v %q: %+v, %v; want a *SyntaxError and nothing else", tt.typ, tt.text, v, err)
		}
		if len(tt.text) > 2 && strings.Contains(se.Error(), tt.text) {
			t.Errorf("%v: the error %q repeats the content", tt.typ, se)
		}
	}
}

func TestValueAccessors(t *testing.T) {
	if !Boolean(true).Bool() || Boolean(false).Bool() {
		t.Error("Bool is not what Boolean was given")
	}
	at := time.Date(2026, 11, 21, 20, 0, 0, 999, time.FixedZone("", 3600))
	if got, want := Time(at).Time(), time.Date(2026, 11, 21, 19, 0, 0, 0, time.UTC); got != want {
		t.Errorf("Time %v, want %v", got, want)
	}
	for typ := TypeNone; typ <= TypeRawText+1; typ++ {
		if typ.String() == "" {
			t.Errorf("type %d has no name", typ)
		}
	}
	if got := (Value{}).AppendTLV([]byte("x")); string(got) != "x" {
		t.Errorf("no value is written as %q", got)
	}
	if got := (Value{}).AppendText([]byte("x")); string(got) != "x" {
		t.Errorf("no value is written as %q", got)
	}
}
