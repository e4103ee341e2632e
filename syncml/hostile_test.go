package syncml

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// maxMemory is what the decode of any message of [DefaultMaxMessage] may
// allocate in all, in bytes. The worst are XML that only etree reads.
const maxMemory = 32 << 20

const (
	xmlHead   = `<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID></SyncHdr><SyncBody>`
	wbxmlHead = "\x02\xa4\x01\x6a\x00\x6d\x6c\x65\x031\x00\x01\x5b\x031\x00\x01\x01\x6b"
)

// fill repeats s up to the limit of a message.
func fill(s string) string { return strings.Repeat(s, (DefaultMaxMessage-1000)/len(s)) }

// laughs is the entity bomb that is called a billion laughs.
func laughs() string {
	var b strings.Builder
	b.WriteString("<?xml version='1.0'?><!DOCTYPE SyncML [<!ENTITY e0 'ha'>")
	for i := range 30 {
		fmt.Fprintf(&b, "<!ENTITY e%d '%s'>", i+1, strings.Repeat(fmt.Sprintf("&e%d;", i), 10))
	}
	return b.String() + "]><SyncML>&e30;</SyncML>"
}

// hostile are messages made to cost more than they are worth. Where the fault
// is empty they are read.
var hostile = []struct{ name, in, fault string }{
	{"entity bomb", laughs(), "a DOCTYPE with an internal subset"},
	{"entity bomb without DOCTYPE", xmlHead + fill("&e30;"), "an entity other than the five of XML"},
	{"external entity", "<!DOCTYPE SyncML [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + xmlHead + "&x;", "a DOCTYPE with an internal subset"},
	{"deep XML", fill("<a>"), "more than 32 levels of elements"},
	{"deep in Data", xmlHead + "<Get><Item><Data>" + fill("<a>"), "more than 32 levels of elements"},
	{"10,000 commands in XML", xmlHead + strings.Repeat("<Get/>", 10_000) + "</SyncBody></SyncML>", "more than 1024 commands"},
	{"10,000 commands in a block", xmlHead + "<Atomic>" + strings.Repeat("<Get/>", 10_000) + "</Atomic></SyncBody></SyncML>", "more than 1024 commands"},
	{"unknown commands", xmlHead + fill("<a/>") + "</SyncBody></SyncML>", tooManyElements},
	{"unknown elements in an Item", xmlHead + "<Get><Item>" + fill("<a/>") + "</Item></Get></SyncBody></SyncML>", tooManyElements},
	{"unknown element with text", xmlHead + "<Get><a>" + fill("a ") + "</a></Get></SyncBody></SyncML>", ""},
	{"elements in Data", xmlHead + "<Get><Item><Data>" + fill("<a/>") + "</Data></Item></Get></SyncBody></SyncML>", ""},
	{"a long name", xmlHead + "<" + fill("a") + "/></SyncBody></SyncML>", "the name of a command is too long"},
	{"attributes", xmlHead + "<Get" + fill(" a=''") + "/></SyncBody></SyncML>", ""},
	{"comments", xmlHead + fill("<!---->") + "</SyncBody></SyncML>", ""},
	{"instructions", xmlHead + fill("<?a?>") + "</SyncBody></SyncML>", ""},
	{"CDATA in pieces", xmlHead + "<Get><Item><Data>" + fill("<![CDATA[a]]>") + "</Data></Item></Get></SyncBody></SyncML>", ""},
	{"references", xmlHead + "<Get><Item><Data>" + fill("&#65;") + "</Data></Item></Get></SyncBody></SyncML>", ""},
	{"NUL bytes", xmlHead + fill("\x00 ") + "</SyncBody></SyncML>", "a character that XML forbids"},
	{"unfinished tag", xmlHead + "<" + fill("a"), "the message ends too early"},
	{"end tags", xmlHead + fill("</a>"), "an end tag that does not match"},

	{"deep WBXML", wbxmlHead + fill("\x64"), "more than 32 levels of elements"},
	{"10,000 commands in WBXML", wbxmlHead + strings.Repeat("\x13", 10_000) + "\x01\x01", "more than 1024 commands"},
	{"10,000 Items", wbxmlHead + "\x53" + strings.Repeat("\x14", 10_000) + "\x01\x01\x01", "more than 1024 Items"},
	{"elements of one byte", wbxmlHead + "\x53\x54" + fill("\x07"), tooManyElements},
	{"texts of one byte", wbxmlHead + "\x53\x54\x4f" + fill("\x03a\x00") + "\x01\x01\x01\x01\x01", ""},
	{"blanks between elements", wbxmlHead + "\x53\x54\x03" + strings.Repeat(" ", 100_000) + "\x00" +
		strings.Repeat("\x4f\x03a\x00\x03b\x00\x01\x03 \x00", 10_000) + "\x01\x01\x01\x01", "a second Data in Item"},
	{"elements in Data of WBXML", wbxmlHead + "\x53\x54\x4f" + strings.Repeat("\x07", 10_000) + "\x01\x01\x01\x01\x01", ""},
	{"a number without an end", wbxmlHead + "\x53\xc3" + fill("\xff"), "a number over 32 bits"},
	{"a number cut off", wbxmlHead + "\x53\xc3\xff", "the message ends too early"},
	{"an OPAQUE of 4 GiB less one", wbxmlHead + "\x53\xc3\x8f\xff\xff\xff\x7f", "the length of OPAQUE goes past the end of the message"},
	{"a string table of 4 GiB less one", "\x02\xa4\x01\x6a\x8f\xff\xff\xff\x7f", "the length of the string table goes past the end of the message"},
	{"an index of 4 GiB less one", wbxmlHead + "\x53\x83\x8f\xff\xff\xff\x7f", "an index outside the string table"},
	{"an entity of 4 GiB less one", wbxmlHead + "\x53\x02\x8f\xff\xff\xff\x7f", "an entity that is no character"},
	{"page switches", wbxmlHead + fill("\x00\x01") + "\x00\x00\x01\x01", ""},
	{"instructions in WBXML", wbxmlHead + fill("\x43\x05\x01") + "\x01\x01", ""},
	{"attributes in WBXML", wbxmlHead + "\x93" + fill("\x05") + "\x01\x01\x01", ""},
}

func TestHostile(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			in := []byte(h.in)
			if len(in) > DefaultMaxMessage {
				t.Fatalf("%d bytes", len(in))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, _, err := Decode(in, DefaultLimits)
			runtime.ReadMemStats(&after)
			if reason(err) != h.fault || (err == nil) != (m != nil) || (err == nil) != (h.fault == "") {
				t.Errorf("error %v, want %q", err, h.fault)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > maxMemory {
				t.Errorf("%d bytes allocated for %d, want at most %d", used, len(in), maxMemory)
			} else {
				t.Logf("%.1f MB", float64(used)/(1<<20))
			}
		})
	}
}

// TestElementLimit is for [maxElements] and one over it; SyncML to SyncBody,
// Get and Item are 7.
func TestElementLimit(t *testing.T) {
	for over, fault := range []string{"", tooManyElements} {
		n := maxElements - 7 + over
		for enc, in := range map[Encoding]string{
			XML:   xmlHead + "<Get><Item>" + strings.Repeat("<a/>", n) + "</Item></Get></SyncBody></SyncML>",
			WBXML: wbxmlHead + "\x53\x54" + strings.Repeat("\x07", n) + "\x01\x01\x01\x01",
		} {
			if _, _, err := Decode([]byte(in), DefaultLimits); reason(err) != fault {
				t.Errorf("%s, %d over: %v", enc, over, err)
			}
			if enc == WBXML {
				sameWBXML(t, []byte(in), DefaultLimits)
			} else if usual := sameXML(t, []byte(in), DefaultLimits); usual != (over == 0) {
				t.Errorf("%d over is read as usual: %v", over, usual)
			}
		}
	}
	if want := fmt.Sprintf("more than %d elements", maxElements); tooManyElements != want {
		t.Errorf("%q, want %q", tooManyElements, want)
	}
}

// TestCutOff cuts a message at every byte: always a clear refusal, and never
// beyond the end.
func TestCutOff(t *testing.T) {
	_, in := package3(t)
	for enc, b := range in {
		for n := range b {
			m, _, err := Decode(bytes.Clone(b[:n]), DefaultLimits)
			if m != nil || reason(err) == "" {
				t.Errorf("%s cut off at %d: %v", enc, n, err)
			}
		}
	}
}
