package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type packed struct {
	Name  string                     `json:"name"`
	At    time.Time                  `json:"at,omitzero"`
	Info  map[string]string          `json:"info,omitempty"`
	Inner []packed                   `json:"inner,omitempty"`
	Raw   map[string]json.RawMessage `json:"raw,omitempty"`
	Kept  Packed[map[string]string]  `json:"kept,omitzero"`
	Here  string                     `json:"-"`
}

func full() packed {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456_789_012, time.UTC)
	return packed{Name: "IMEI:35", At: at, Info: map[string]string{"b": "\xff\xfe", "a": "1", "cc": "2"}, Inner: []packed{{Name: "x"}},
		Raw: map[string]json.RawMessage{"main": json.RawMessage(`{"v":1}`)}, Kept: Pack(&map[string]string{"b": "1", "a": "2"})}
}

var (
	packer = NewPacker[packed]()
	// library writes what a Packer does.
	library = must(cbor.EncOptions{Sort: cbor.SortLengthFirst, Time: cbor.TimeRFC3339Nano}.EncMode())
)

// inside lets cmp look into what is packed.
var inside = cmp.Exporter(func(reflect.Type) bool { return true })

func TestPacked(t *testing.T) {
	want := full()
	b := packer.Append(nil, &want)
	var got packed
	if err := Unpack(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, inside); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for range 100 { // maps have no order of their own
		same := full()
		if again := packer.Append(nil, &same); !bytes.Equal(b, again) {
			t.Fatalf("the same value gives other bytes:\n%x\n%x", b, again)
		}
	}
}

// TestUnpackJSON: what bridges before this one wrote.
func TestUnpackJSON(t *testing.T) {
	want := full()
	want.Info["b"] = "plain" // JSON has no other bytes
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got packed
	if err := Unpack(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, inside); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUnpackIsStrict(t *testing.T) {
	more, err := library.Marshal(struct {
		Name  string `json:"name"`
		Later int    `json:"later"`
	}{"x", 1})
	if err != nil {
		t.Fatal(err)
	}
	v := full()
	whole := packer.Append(nil, &v)
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": whole[:len(whole)-1], "more after it": append(whole, 0), "a field of a later bridge": more,
		"another case": []byte("\xa1\x64Name\x61x"), "twice": []byte("\xa2\x64name\x61x\x64name\x61y"), "another type": []byte("\xa1\x64name\x01"),
		"no map": []byte("\x61x"), "JSON cut": []byte(`{"name":"x"`), "JSON with more": []byte(`{"name":"x"}{}`), "JSON of a later bridge": []byte(`{"later":1}`),
	} {
		if err := Unpack(b, new(packed)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	v := full()
	f.Add(packer.Append(nil, &v))
	f.Add([]byte(`{"name":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again packed
		if Unpack(b, &v) != nil {
			return
		}
		p := packer.Append(nil, &v)
		want, err := library.Marshal(v)
		if err != nil {
			t.Skip(err) // a time that RFC 3339 cannot say
		}
		if !bytes.Equal(p, want) {
			t.Fatalf("%x, and the library\n%x", p, want)
		}
		if err := Unpack(p, &again); err != nil {
			t.Fatal(err)
		}
		if q := packer.Append(nil, &again); !bytes.Equal(p, q) {
			t.Fatalf("%x\n%x", p, q)
		}
	})
}

// kinds has a field of each kind that a Packer knows.
type kinds struct {
	Yes     bool                       `json:"yes"`
	Perhaps bool                       `json:"perhaps,omitempty"`
	Int     int64                      `json:"int"`
	Small   int8                       `json:"small,omitempty"`
	Uint    uint64                     `json:"uint"`
	Text    string                     `json:"text"`
	Maybe   string                     `json:"maybe,omitempty"`
	Bytes   []byte                     `json:"bytes"`
	Some    []byte                     `json:"some,omitempty"`
	List    []uint16                   `json:"list"`
	Texts   map[string]string          `json:"texts"`
	Raws    map[string]json.RawMessage `json:"raws,omitempty"`
	At      time.Time                  `json:"at"`
	Seen    time.Time                  `json:"seen,omitzero"`
	In      pair                       `json:"in"`
	Zero    pair                       `json:"zero,omitzero"`
	Pairs   []pair                     `json:"pairs,omitempty"`
	Aside   int                        `json:"-"`
}

type pair struct {
	B string `json:"b,omitempty"`
	A uint16 `json:"a"`
}

// TestPackerAndLibrary: a Packer writes what the library writes.
func TestPackerAndLibrary(t *testing.T) {
	p := NewPacker[kinds]()
	all := rapid.Make[kinds]().AsAny()
	rapid.Check(t, func(t *rapid.T) {
		v := all.Draw(t, "value").(kinds)
		times := rapid.Int64Range(-1e9, 5e9)
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 5400)})
		v.At = time.Unix(times.Draw(t, "at"), rapid.Int64Range(0, 1e9).Draw(t, "ns")).In(zone.Draw(t, "zone"))
		if rapid.Bool().Draw(t, "seen") {
			v.Seen = v.At
		}
		want, err := library.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Append([]byte("before"), &v); string(got) != "before"+string(want) {
			t.Fatalf("%+v:\n%x, and the library\n%x", v, got, want)
		}
	})
}

// TestPackerKnowsItsTypes: what it cannot write it does not take.
func TestPackerKnowsItsTypes(t *testing.T) {
	for name, make := range map[string]func(){
		"a float": func() {
			NewPacker[struct {
				F float64 `json:"f"`
			}]()
		},
		"a pointer": func() {
			NewPacker[struct {
				P *int `json:"p"`
			}]()
		},
		"packed floats": func() { NewPacker[[]Packed[float64]]() },
		"another map":   func() { NewPacker[map[int]string]() },
		"no tag":        func() { NewPacker[struct{ A int }]() },
		"a field of its own": func() {
			packers{}.of(reflect.StructOf([]reflect.StructField{{Name: "a", PkgPath: "p", Type: reflect.TypeFor[int](), Tag: `json:"a"`}}))
		},
		"another option": func() {
			NewPacker[struct {
				A int `json:"a,string"`
			}]()
		},
		"omitempty of a struct": func() {
			NewPacker[struct {
				A pair `json:"a,omitempty"`
			}]()
		},
		"omitzero with an own zero": func() {
			NewPacker[struct {
				A ownZero `json:"a,omitzero"`
			}]()
		},
		"24 fields": func() { packers{}.of(manyFields(maxFields + 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is taken")
				}
			}()
			make()
		})
	}
}

// TestPackerManyFields: their number is in one byte.
func TestPackerManyFields(t *testing.T) {
	many := manyFields(maxFields)
	v := reflect.New(many).Elem()
	want, err := library.Marshal(v.Interface())
	got := (packers{}).of(many)(nil, v)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, and the library\n%x, %v", got, want, err)
	}
}

func manyFields(n int) reflect.Type {
	fields := make([]reflect.StructField, n)
	for i := range fields {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int](), Tag: reflect.StructTag(fmt.Sprintf(`json:"f%d"`, i))}
	}
	return reflect.StructOf(fields)
}

type ownZero int

func (o ownZero) IsZero() bool { return o == 1 }

func BenchmarkPacker(b *testing.B) {
	v := full()
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		room = packer.Append(room[:0], &v)
	}
}
