package store

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// shelf holds packed what open has as it is.
type shelf struct {
	One Packed[kinds]   `json:"one,omitzero"`
	All []Packed[kinds] `json:"all,omitempty"`
}

type open struct {
	One kinds   `json:"one,omitzero"`
	All []kinds `json:"all,omitempty"`
}

// TestPackedAndLibrary: a record is stored as the same bytes, whether a part of
// it is packed or not, and both can be read.
func TestPackedAndLibrary(t *testing.T) {
	p := NewPacker[shelf]()
	all := rapid.Make[kinds]()
	rapid.Check(t, func(t *rapid.T) {
		plain := open{One: all.Draw(t, "one"), All: rapid.SliceOfN(all, 0, 3).Draw(t, "all")}
		plain.One.Yes, plain.One.Aside = true, 0
		kept := shelf{One: Pack(&plain.One)}
		for i := range plain.All {
			kept.All = append(kept.All, Pack(&plain.All[i]))
		}
		want, err := library.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Append(nil, &kept); !bytes.Equal(got, want) {
			t.Fatalf("%x, and the library\n%x", got, want)
		}
		if got, err := library.Marshal(kept); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x, and the library of what is not packed\n%x, %v", got, want, err)
		}
		var back shelf
		if err := Unpack(want, &back); err != nil || back.One != kept.One || len(back.All) != len(kept.All) {
			t.Fatalf("%+v, want %+v, %v", back, kept, err)
		}
		value := back.One.Value()
		if got, err := library.Marshal(value); err != nil || string(got) != kept.One.packed {
			t.Fatalf("%+v, want %+v, %v", value, plain.One, err)
		}
	})
}

// TestPackedHasOneForm, whatever form it was written in.
func TestPackedHasOneForm(t *testing.T) {
	type record struct {
		P Packed[pair] `json:"p,omitzero"`
	}
	want := Pack(&pair{B: "x", A: 1})
	for name, b := range map[string]string{
		"CBOR": "\xa1ap\xa2aa\x01abax", "in another order": "\xa1ap\xa2abaxaa\x01", "of no known length": "\xa1ap\xbfaa\x01abax\xff",
		"JSON": `{"p":{"b":"x","a":1}}`,
	} {
		var got record
		if err := Unpack([]byte(b), &got); err != nil || got.P != want || got.P.Value() != (pair{"x", 1}) {
			t.Errorf("%s: %+v, %v", name, got.P.Value(), err)
		}
	}
	if b, err := json.Marshal(record{want}); err != nil || string(b) != `{"p":{"b":"x","a":1}}` {
		t.Errorf("%s, %v", b, err)
	}
	for name, b := range map[string]string{
		"a field of a later bridge": "\xa1ap\xa1ac\x01", "another type": "\xa1ap\x01", "twice": "\xa1ap\xa2aa\x01aa\x01",
		"JSON of a later bridge": `{"p":{"c":1}}`, "JSON of another type": `{"p":1}`,
	} {
		if err := Unpack([]byte(b), new(record)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPackedNothing: the zero Packed is left out, and elsewhere nothing.
func TestPackedNothing(t *testing.T) {
	if got := NewPacker[shelf]().Append(nil, &shelf{}); string(got) != "\xa0" {
		t.Errorf("%x", got)
	}
	b := NewPacker[[]Packed[pair]]().Append(nil, &[]Packed[pair]{{}})
	var back []Packed[pair]
	if err := Unpack(b, &back); err != nil || len(back) != 1 || back[0].Value() != (pair{}) || (Packed[pair]{}).Value() != (pair{}) {
		t.Errorf("%x: %+v, %v", b, back, err)
	}
	if b, err := library.Marshal(Packed[pair]{}); err != nil || string(b) != "\xf6" {
		t.Errorf("%x, %v", b, err)
	}
}

func BenchmarkPackedAppend(b *testing.B) {
	info := map[string]string{"./DevInfo/Man": "Contoso", "./DevInfo/Mod": "X1", "./DevInfo/DevId": "IMEI:356938035643809", "./DevDetail/FwV": "1.0",
		"./DevDetail/SwV": "1.0", "./DevDetail/HwV": "1.0", "./DevInfo/DmV": "1.2", "./DevInfo/Lang": "en"}
	var room []byte
	b.Run("map", func(b *testing.B) {
		p := NewPacker[map[string]string]()
		for b.Loop() {
			room = p.Append(room[:0], &info)
		}
	})
	b.Run("packed", func(b *testing.B) {
		p, v := NewPacker[Packed[map[string]string]](), Pack(&info)
		for b.Loop() {
			room = p.Append(room[:0], &v)
		}
	})
}
