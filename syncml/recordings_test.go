package syncml

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const recordings = "../testdata/dm-client-recordings"

// recorded returns the messages of all recordings by file name.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for _, pattern := range []string{"*.xml", "*.wbxml"} {
		files, err := filepath.Glob(filepath.Join(recordings, "*", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if all[f], err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(all) < 70 {
		t.Fatalf("only %d recorded messages in %s", len(all), recordings)
	}
	return all
}

// otherOrder is the recording whose client writes Correlator before Data; all
// the other WBXML is byte for byte what we write.
const otherOrder = "11-c2s.wbxml"

func TestRecordings(t *testing.T) {
	for file, b := range recorded(t) {
		t.Run(strings.TrimPrefix(file, recordings+"/"), func(t *testing.T) {
			m, enc, err := Decode(b, DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if wb := strings.HasSuffix(file, ".wbxml"); wb != (enc == WBXML) {
				t.Errorf("taken for %s", enc)
			}
			for _, e := range []Encoding{XML, WBXML} {
				again, err := Encode(m, e)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(m, decoded(t, again, e)); d != "" {
					t.Errorf("encoded again as %s (-recorded +again):\n%s", e, d)
				}
				if e == WBXML && enc == WBXML && bytes.Equal(again, b) == (filepath.Base(file) == otherOrder) {
					t.Errorf("encoded again:\n got %x\nwant %x", again, b)
				}
			}
			if len(m.Body) == 0 || !m.Final || m.Header.Version != DM12 {
				t.Errorf("a recorded message with %d commands, final %v, version %v", len(m.Body), m.Final, m.Header.Version)
			}
		})
	}
}

// TestRecordingsReadAlike compares our reading of the recorded WBXML with that
// of another tool, which stands beside it.
func TestRecordingsReadAlike(t *testing.T) {
	all, pairs := recorded(t), 0
	for file, b := range all {
		name, ok := strings.CutSuffix(file, ".wbxml")
		if !ok {
			continue
		}
		pairs++
		want := decoded(t, all[name+".decoded.xml"], XML)
		if d := cmp.Diff(want, decoded(t, b, WBXML)); d != "" {
			t.Errorf("%s (-other tool +ours):\n%s", file, d)
		}
	}
	if pairs < 20 {
		t.Errorf("only %d recordings with a reading", pairs)
	}
}

// TestWbxml2xml has Debian's wbxml2xml (libwbxml2-utils) read what we write.
func TestWbxml2xml(t *testing.T) {
	tool, err := exec.LookPath("wbxml2xml")
	if err != nil {
		t.Skip("wbxml2xml is not installed (Debian package libwbxml2-utils): our WBXML is not read by another tool")
	}
	// Not "commands" of the vectors: the tool does not split ]]> in the CDATA
	// it makes of OPAQUE.
	messages := map[string]*Message{"bench": benchMessage(), "markup": replaceX(Meta{Format: "xml", Type: "a&b"}, ` <a b="c">'&amp; é€ `)}
	for _, name := range []string{"minimal", "minimal11", "absent-data", "tnds"} {
		messages[name] = vectorMessages[name]
	}
	for file, b := range recorded(t) {
		messages[strings.TrimPrefix(file, recordings+"/")], _, _ = Decode(b, DefaultLimits)
	}
	for name, m := range messages {
		in, err := m.AppendWBXML(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cmd := exec.CommandContext(t.Context(), tool, "-o", "-", "-")
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(m.Normal(), decoded(t, out, XML)); d != "" {
			t.Errorf("%s (-written +read by wbxml2xml):\n%s", name, d)
		}
	}
}

// decoded is the message in b, which must be one.
func decoded(t testing.TB, b []byte, enc Encoding) *Message {
	t.Helper()
	decode := DecodeXML
	if enc == WBXML {
		decode = DecodeWBXML
	}
	m, err := decode(b, DefaultLimits)
	if err != nil {
		t.Fatalf("%v\n%q", err, b)
	}
	return m
}
