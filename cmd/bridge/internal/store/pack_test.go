package store

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type packed struct {
	Name  string                     `json:"name"`
	At    time.Time                  `json:"at,omitzero"`
	Info  map[string]string          `json:"info,omitempty"`
	Inner []packed                   `json:"inner,omitempty"`
	Raw   map[string]json.RawMessage `json:"raw,omitempty"`
	Here  string                     `json:"-"`
}

func full() packed {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456_789_012, time.UTC)
	return packed{Name: "IMEI:35", At: at, Info: map[string]string{"b": "\xff\xfe", "a": "1", "cc": "2"}, Inner: []packed{{Name: "x"}},
		Raw: map[string]json.RawMessage{"main": json.RawMessage(`{"v":1}`)}}
}

func TestPacked(t *testing.T) {
	want := full()
	b, err := Pack(want)
	if err != nil {
		t.Fatal(err)
	}
	var got packed
	if err := Unpack(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for range 100 { // maps have no order of their own
		if again, _ := Pack(full()); !bytes.Equal(b, again) {
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
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUnpackIsStrict(t *testing.T) {
	more, err := Pack(struct {
		Name  string `json:"name"`
		Later int    `json:"later"`
	}{"x", 1})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Pack(full())
	if err != nil {
		t.Fatal(err)
	}
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
	whole, err := Pack(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"name":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again packed
		if Unpack(b, &v) != nil {
			return
		}
		p, err := Pack(v)
		if err != nil {
			t.Skip(err) // a time that RFC 3339 cannot say
		}
		if err := Unpack(p, &again); err != nil {
			t.Fatal(err)
		}
		if q, _ := Pack(again); !bytes.Equal(p, q) {
			t.Fatalf("%x\n%x", p, q)
		}
	})
}
