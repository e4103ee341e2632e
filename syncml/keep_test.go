package syncml

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A message keeps nothing of the bytes that it was read from: they are of a
// buffer that the next message is read into.
func TestDecodeKeepsNothing(t *testing.T) {
	all := recorded(t)
	long := &Message{Header: Header{Version: DM12, SessionID: "1", MsgID: "1"}, Body: []Command{&Op{Cmd: CmdAdd, CmdID: "1", Items: []Item{
		{Target: Location{URI: "./a"}, Data: bytes.Repeat([]byte("long "), 2000)},
		{Target: Location{URI: "./b"}, Data: []byte("a&<b")}}}}}
	for _, enc := range []Encoding{XML, WBXML} {
		body, err := Encode(long, enc)
		if err != nil {
			t.Fatal(err)
		}
		all["long "+enc.String()] = body
	}
	for name, body := range all {
		if body[0] == '<' { // etree's way in
			all[name+" with a comment"] = append(bytes.Clone(body), "<!-- -->"...)
		}
	}
	for name, body := range all {
		want, _, err := Decode(bytes.Clone(body), DefaultLimits)
		if err != nil {
			t.Fatal(name, err)
		}
		got, _, err := Decode(body, DefaultLimits)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range body {
			body[i] = '#'
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(name, d)
		}
	}
}
