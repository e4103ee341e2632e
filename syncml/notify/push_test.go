package notify

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestPushBytes: the headers of oma-dm.md, 7.2, byte for byte.
func TestPushBytes(t *testing.T) {
	if got := hex.EncodeToString(Push([]byte{0xFF})); got != "010603c4af87ff" {
		t.Error(got)
	}
	sms, err := Segment(make([]byte, 133), 0x1234, 1)
	if err != nil || len(sms) != 1 || hex.EncodeToString(sms[0].UDH) != "0605040b841234" {
		t.Errorf("%v, %d SMS", err, len(sms))
	}
}

// TestParsePush: other senders write the same headers in other ways.
func TestParsePush(t *testing.T) {
	text := hex.EncodeToString([]byte("application/vnd.syncml.notification"))
	urn := hex.EncodeToString([]byte("x-wap-application:syncml.dm"))
	name := hex.EncodeToString([]byte("X-Wap-Application-Id"))
	for _, tt := range []struct{ name, headers, err string }{
		{"as built", "c4af87", ""},
		{"without an application id", "c4", ""},
		{"content type as text", text + "00af87", ""},
		{"content type with a length", "01c4af87", ""},
		{"content type with parameters", "03c48181af87", ""},
		{"content type as text with parameters", "1f26" + text + "008181af87", ""},
		{"content type quoted length", "1f01c4af87", ""},
		{"content type as one byte", "020144af87", ""},
		{"application id as text", "c4af" + urn + "00", ""},
		{"application id by name", "c4" + name + "00" + urn + "00", ""},
		{"application id with a length", "c4af0107", ""},
		{"another header between", "c48d84af87", ""},
		{"another header of text between", "c4b0" + urn + "00af87", ""},
		{"another header of bytes behind", "c4af878d02ffff", ""},
		{"a shift of the code page", "c47f02af87", ""},
		{"another content type", "aeaf87", "other"},
		{"another application", "c4af82", "other"},
		{"another application as text", "c4af" + text + "00", "other"},
		{"no content type", "", "syntax"},
		{"a header without a value", "c4af", "syntax"},
		{"a length past the end", "c4af05", "syntax"},
		{"a text without an end", "c4af" + urn, "syntax"},
		{"a zero where a header begins", "c400", "syntax"},
	} {
		headers := unhex(t, tt.headers)
		b := append([]byte{0x77, pduPush, byte(len(headers))}, headers...)
		got, err := ParsePush(append(b, "body"...))
		switch tt.err {
		case "":
			if err != nil || string(got) != "body" {
				t.Errorf("%s: %q, %v", tt.name, got, err)
			}
		case "other":
			if !errors.Is(err, ErrNotTrigger) {
				t.Errorf("%s: %q, %v; want ErrNotTrigger", tt.name, got, err)
			}
		default:
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Errorf("%s: %q, %v; want a syntax error", tt.name, got, err)
			}
		}
	}
}

// TestParsePushLengths: the length of the headers is held against what there
// is, and against the limit.
func TestParsePushLengths(t *testing.T) {
	fill := func(n int) []byte {
		b := []byte{1, pduPush, byte(n>>7) | 0x80, byte(n & 0x7F), 0xC4}
		for len(b) < 4+n {
			b = append(b, 0x8D, 0x84)
		}
		return b[:4+n]
	}
	if _, err := ParsePush(fill(maxWSPHeaders - 1)); err != nil { // an odd number: pairs behind one byte
		t.Error(err)
	}
	for name, b := range map[string][]byte{
		"too long": fill(maxWSPHeaders + 1), "cut off": {1, pduPush, 9, 0xC4}, "empty": nil, "no length": {1, pduPush},
		"another PDU": {1, 5, 1, 0xC4}, "endless integer": {1, pduPush, 0x81, 0x81, 0x81, 0x01},
	} {
		if _, err := ParsePush(b); err == nil || errors.Is(err, ErrNotTrigger) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParsePush(append([]byte{1, pduConfirmedPush}, Push(nil)[2:]...)); err != nil {
		t.Errorf("confirmed push: %v", err)
	}
}

// TestOpenForms: what is no trigger is said of the right form.
func TestOpenForms(t *testing.T) {
	m := plain()
	b, _ := m.Append(nil)
	if _, err := Open([]byte{1, pduPush, 1, 0xAE, 0}); !errors.Is(err, ErrNotTrigger) {
		t.Error(err)
	}
	if _, err := Open(Push(b[:20])); err == nil {
		t.Error("half a Package 0 in a push is read")
	}
	whole := string(Push(b))
	for name, udh := range map[string]string{"another port": "\x06\x05\x04\x0b\x85\x0b\x84", "a part of two": "\x0b\x05\x04\x0b\x84\x0b\x84\x00\x03\x01\x02\x01"} {
		if got, err := Open([]byte(udh + whole)); err == nil {
			t.Errorf("an SMS of %s is taken: %+v", name, got)
		}
	}
	if _, err := Open([]byte("\x06\x05\x04\x0b\x84\x0b\x84" + whole)); err != nil {
		t.Errorf("an SMS of our port: %v", err)
	}
	likePush := plain() // its digest looks like the header of a push
	likePush.Digest = Digest{0, pduPush, 8, 4}
	b, _ = likePush.Append(nil)
	if got, err := Open(b); err != nil || got.SessionID != 1 {
		t.Errorf("a digest like a push: %v", err)
	}
	if Looks([]byte("<?xml version=\"1.0\"?><SyncML xmlns='SYNCML:SYNCML1.2'/>")) || !Looks(b) || !Looks(Push(b)) {
		t.Error("Looks is wrong")
	}
}

// TestSegmentAndAssemble: parts come in any order, twice, and of two senders to
// two devices at once, under the same reference.
func TestSegmentAndAssemble(t *testing.T) {
	push := bytes.Repeat([]byte("0123456789"), 30)
	list, err := Segment(push, Port, 7)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d SMS, %v", len(list), err)
	}
	var a Assembler
	now := time.Unix(1000, 0)
	ways := [][2]string{{"smsc", "a"}, {"smsc", "b"}, {"other", "a"}}
	for i, n := range []int{2, 2, 0} {
		for _, w := range ways {
			if got, err := a.Add(now, w[0], w[1], list[n]); got != nil || err != nil {
				t.Fatalf("part %d: %q, %v", i, got, err)
			}
		}
	}
	for _, w := range ways {
		if got, err := a.Add(now.Add(AssemblyTime), w[0], w[1], list[1]); !bytes.Equal(got, push) || err != nil {
			t.Errorf("from and to %s: %q, %v", w, got, err)
		}
	}
	if len(a.open) != 0 {
		t.Error("something is left")
	}
}

// TestAssemblerBounds: what does not come to an end is forgotten.
func TestAssemblerBounds(t *testing.T) {
	list, _ := Segment(make([]byte, 200), Port, 7)
	var a Assembler
	now := time.Unix(1000, 0)
	for i := range MaxAssemblies + 5 {
		if got, err := a.Add(now.Add(time.Duration(i)), "smsc", fmt.Sprint(i), list[0]); got != nil || err != nil {
			t.Fatal(err)
		}
	}
	if len(a.open) != MaxAssemblies {
		t.Errorf("%d are kept", len(a.open))
	}
	if got, _ := a.Add(now, "smsc", "4", list[1]); got != nil {
		t.Error("the oldest was not given up")
	}
	if got, _ := a.Add(now, "smsc", fmt.Sprint(MaxAssemblies), list[1]); len(got) != 200 {
		t.Error("a younger one was given up")
	}
	if _, err := a.Add(now.Add(AssemblyTime+time.Minute), "smsc", "new", list[0]); err != nil || len(a.open) != 1 {
		t.Errorf("%d are kept after their time, %v", len(a.open), err)
	}
}

// TestBadSMS: headers that are wrong, and limits at them and one over.
func TestBadSMS(t *testing.T) {
	if _, err := Segment(make([]byte, MaxParts*128), Port, 1); err != nil {
		t.Error(err)
	}
	if _, err := Segment(make([]byte, MaxParts*128+1), Port, 1); err == nil {
		t.Error("too many parts")
	}
	if list, _ := Segment(make([]byte, 134), Port, 1); len(list) != 2 {
		t.Errorf("134 bytes take %d SMS", len(list))
	}
	var a Assembler
	for name, s := range map[string]SMS{
		"another port":           {UDH: unhex(t, "060504c34f0000")},
		"empty header":           {},
		"header cut off":         {UDH: unhex(t, "0605040b84")},
		"element past the end":   {UDH: unhex(t, "0605050b840000")},
		"element of wrong size":  {UDH: unhex(t, "0505030b8400")},
		"half an element":        {UDH: unhex(t, "0105")},
		"zero length":            {UDH: unhex(t, "00")},
		"more behind the header": {UDH: unhex(t, "0605040b84000000")},
		"part 0 of 2":            {UDH: unhex(t, "0b05040b8400000003010200")},
		"part 3 of 2":            {UDH: unhex(t, "0b05040b8400000003010203")},
		"part 1 of 17":           {UDH: unhex(t, "0b05040b8400000003011101")},
		"oversize":               {UDH: unhex(t, "0605040b840000"), Data: make([]byte, 134)},
	} {
		if got, err := a.Add(time.Unix(1, 0), "", "", s); err == nil {
			t.Errorf("%s: taken as %x", name, got)
		}
	}
	if _, err := a.Add(time.Unix(1, 0), "", "", SMS{UDH: unhex(t, "0404025050")}); !errors.Is(err, ErrNotTrigger) {
		t.Errorf("a port of 8 bits: %v", err)
	}
	for name, udh := range map[string]string{
		"16-bit reference": "0c08040101020105040b840000", "unknown element": "0924010005040b840000", "whole": "0605040b840000",
	} {
		if _, err := a.Add(time.Unix(1, 0), "", "", SMS{UDH: unhex(t, udh)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
