package notify

import (
	"bytes"
	"testing"
	"time"
)

// FuzzOpen: whatever can be read is built again and read as the same.
func FuzzOpen(f *testing.F) {
	for _, v := range vectors(f) {
		push := Push(v.bytes)
		sms, err := Segment(push, Port, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v.bytes)
		f.Add(push)
		f.Add(append(bytes.Clone(sms[0].UDH), sms[0].Data...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Open(b)
		if err != nil {
			return
		}
		again, err := m.Append(nil)
		if err != nil || !bytes.HasSuffix(b, again) {
			t.Fatalf("built as %x from %x: %v", again, b, err)
		}
	})
}

// FuzzPush: the reader of WSP never gives more than there was.
func FuzzPush(f *testing.F) {
	f.Add(Push([]byte("x")))
	f.Add([]byte{1, 6, 8, 0x1F, 1, 0xC4, 0xAF, 2, 1, 7, 0x8D, 0x84})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePush(b); err == nil && !bytes.HasSuffix(b, p) {
			t.Fatalf("%x is no end of %x", p, b)
		}
	})
}

// FuzzAssemble: what Segment cuts, Assembler joins; any header is survived.
func FuzzAssemble(f *testing.F) {
	f.Add([]byte{6, 5, 4, 0x0B, 0x84, 0, 0}, make([]byte, 300))
	f.Add([]byte{0x0B, 5, 4, 0x0B, 0x84, 0, 0, 0, 3, 1, 2, 1}, []byte("x"))
	f.Fuzz(func(t *testing.T, udh, push []byte) {
		var a Assembler
		now := time.Unix(1, 0)
		_, _ = a.Add(now, "f", "t", SMS{udh, push})
		list, err := Segment(push, Port, 200)
		if err != nil {
			return
		}
		for i, s := range list {
			got, err := a.Add(now, "f", "other", s)
			if err != nil || (i == len(list)-1) != (got != nil || len(push) == 0) {
				t.Fatalf("part %d of %d: %v", i, len(list), err)
			}
			if i == len(list)-1 && !bytes.Equal(got, push) {
				t.Fatal("joined as something else")
			}
		}
	})
}
