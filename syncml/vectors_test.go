package syncml

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vector is one file of testdata/vectors: a header of "key: value" lines, an
// empty line, the message. XML stands as it is, with \xNN for bytes an editor
// would not keep; WBXML stands in hexadecimal, with # comments. In a message to
// be refused, {{!}} in XML and ! in WBXML mark where the fault is.
type vector struct {
	name    string
	enc     Encoding
	body    []byte
	message string // name in vectorMessages; empty: to be refused
	fault   string
	offset  int64
	strict  bool // encoding the message again gives the same bytes
}

func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d vectors, error %v", len(files), err)
	}
	var vs []vector
	for _, f := range files {
		vs = append(vs, readVector(t, f))
	}
	return vs
}

func readVector(t testing.TB, file string) vector {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		t.Fatalf("%s: no empty line after the header", file)
	}
	v := vector{name: strings.TrimSuffix(filepath.Base(file), ".txt"), offset: -1}
	for line := range strings.Lines(head + "\n") {
		key, val, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "expect":
			v.message = strings.TrimPrefix(strings.TrimPrefix(val, "refused"), "message ")
		case "error":
			v.fault = val
		case "strict":
			v.strict = val == "yes"
		case "form":
			if val == "wbxml" {
				v.enc = WBXML
			}
		case "comment":
		default:
			t.Fatalf("%s: header %q", file, key)
		}
	}
	if v.enc == WBXML {
		v.body, v.offset = fromHex(t, file, body)
	} else {
		v.body, v.offset = fromEscaped(body)
	}
	return v
}

var escaped = regexp.MustCompile(`\\x[0-9a-f]{2}`)

func fromEscaped(body string) ([]byte, int64) {
	body = escaped.ReplaceAllStringFunc(strings.TrimSuffix(body, "\n"), func(s string) string {
		c, _ := strconv.ParseUint(s[2:], 16, 8)
		return string([]byte{byte(c)})
	})
	mark := strings.Index(body, "{{!}}")
	return []byte(strings.Replace(body, "{{!}}", "", 1)), int64(mark)
}

func fromHex(t testing.TB, file, body string) ([]byte, int64) {
	var out []byte
	mark := int64(-1)
	for line := range strings.Lines(body) {
		line, _, _ = strings.Cut(line, "#")
		for _, f := range strings.Fields(line) {
			if f == "!" {
				mark = int64(len(out))
				continue
			}
			c, err := hex.DecodeString(f)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			out = append(out, c...)
		}
	}
	return out, mark
}

func TestVectors(t *testing.T) {
	used := make(map[string]bool)
	for _, v := range vectors(t) {
		used[v.message] = true
		t.Run(v.name, func(t *testing.T) {
			got, enc, err := Decode(v.body, DefaultLimits)
			if enc != v.enc {
				t.Errorf("taken for %s", enc)
			}
			if v.message == "" {
				refused(t, v, got, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, ok := vectorMessages[v.message]
			if !ok {
				t.Fatalf("no message %q in vectorMessages", v.message)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
			if v.strict {
				if again, err := Encode(got, enc); err != nil || !bytes.Equal(again, v.body) {
					t.Errorf("encoded again, error %v:\n got %q\nwant %q", err, again, v.body)
				}
			}
		})
	}
	for name := range vectorMessages {
		if !used[name] {
			t.Errorf("no vector has message %q", name)
		}
	}
}

func refused(t *testing.T, v vector, got *Message, err error) {
	t.Helper()
	var syn *SyntaxError
	if !errors.As(err, &syn) || got != nil {
		t.Fatalf("message %v, error %v; want no message and a SyntaxError", got != nil, err)
	}
	if syn.Msg != v.fault || syn.Offset != v.offset || syn.Encoding != v.enc {
		t.Errorf("%s, byte %d: %s\nwant: byte %d: %s", syn.Encoding, syn.Offset, syn.Msg, v.offset, v.fault)
	}
}

// TestExampleOf10_7 keeps the length the specification sheet gives.
func TestExampleOf10_7(t *testing.T) {
	if v := readVector(t, "testdata/vectors/wbxml-minimal.txt"); len(v.body) != 119 || !v.strict {
		t.Errorf("%d bytes, strict %v; want 119, true", len(v.body), v.strict)
	}
}

// TestErrorsHoldNoContent plants a word in every refused message and looks
// for it in the error.
func TestErrorsHoldNoContent(t *testing.T) {
	const word = "hunter2"
	for _, in := range []string{
		"<SyncML><SyncHdr><Cred><Data>" + word,
		"<SyncML>&" + word + ";</SyncML>",
		"<" + word + "/>",
		"<" + word + " x=" + word + "/>",
		"<SyncML xmlns='" + word + "'/>",
		"<SyncML>" + word + "</SyncML>",
		"<?xml version='" + word + "'?><SyncML/>",
		"<?xml version='1.0' encoding='" + word + "'?><SyncML/>",
		"<!DOCTYPE " + word + " [<!ENTITY " + word + ">]><SyncML/>",
		"<SyncML><SyncHdr><" + word + ">" + word + "</SyncHdr></SyncML>",
		"<SyncML><SyncHdr><MsgID>" + strings.Repeat(word, 50) + "</MsgID></SyncHdr></SyncML>",
		"<SyncML><SyncHdr><Meta><Size>" + word + "</Size></Meta></SyncHdr></SyncML>",
		word,
		"\x02\xa4\x01\x6a\x00\x6d\x03" + word + "\x00\x01",
	} {
		_, _, err := Decode([]byte(in), DefaultLimits)
		if err == nil {
			t.Errorf("accepted: %q", in)
		} else if strings.Contains(err.Error(), word) {
			t.Errorf("error repeats the message: %v", err)
		}
	}
}
