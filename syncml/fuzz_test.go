package syncml

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzDecodeXML(f *testing.F)   { fuzz(f, XML, DecodeXML) }
func FuzzDecodeWBXML(f *testing.F) { fuzz(f, WBXML, DecodeWBXML) }

// fuzz seeds from recordings and vectors. What decodes must come back, in
// either encoding that can carry it, as its normal form, and be stable from
// there on; what does not must be refused with a place inside the message.
func fuzz(f *testing.F, enc Encoding, decode func([]byte, Limits) (*Message, error)) {
	seed(f, enc)
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		m, err := decode(b, DefaultLimits)
		if !bytes.Equal(in, b) {
			t.Fatal("the decoder wrote into its input")
		}
		var syn *SyntaxError
		if err != nil {
			if !errors.As(err, &syn) || m != nil || syn.Offset < 0 || syn.Offset > int64(len(b)) || syn.Msg == "" {
				t.Fatalf("error %v, byte %d of %d", err, syn.Offset, len(b))
			}
			return
		}
		want := m.Normal()
		for _, e := range []Encoding{XML, WBXML} {
			again(t, m, want, e)
		}
	})
}

// seed adds all recordings and vectors of an encoding.
func seed(f *testing.F, enc Encoding) {
	_, in := package3(f)
	f.Add(in[enc])
	for file, b := range recorded(f) {
		if strings.HasSuffix(file, ".wbxml") == (enc == WBXML) {
			f.Add(b)
		}
	}
	for _, v := range vectors(f) {
		if v.enc == enc {
			f.Add(v.body)
		}
	}
}

// again checks that m, encoded as enc, is want.
func again(t *testing.T, m, want *Message, enc Encoding) {
	t.Helper()
	first, err := Encode(m, enc)
	if err != nil {
		var enco *EncodeError
		if !errors.As(err, &enco) {
			t.Fatalf("%s: %v", enc, err)
		}
		return
	}
	got, found, err := Decode(first, Limits{Message: 64 << 20}) // markup can make it longer
	if err != nil || found != enc {
		t.Fatalf("%s decoded as %s: %v\n%q", enc, found, err, first)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-normal +again):\n%s\n%q", enc, d, first)
	}
	if second, err := Encode(got, enc); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%s is not stable, error %v:\n%q\n%q", enc, err, first, second)
	}
}

func FuzzBothReadersXML(f *testing.F) {
	seed(f, XML)
	f.Fuzz(func(t *testing.T, b []byte) {
		sameXML(t, b, DefaultLimits)
		sameXML(t, b, small)
	})
}

func FuzzBothReadersWBXML(f *testing.F) {
	seed(f, WBXML)
	f.Fuzz(func(t *testing.T, b []byte) {
		sameWBXML(t, b, DefaultLimits)
		sameWBXML(t, b, small)
	})
}

func FuzzBothWriters(f *testing.F) {
	seed(f, WBXML) // Data can be any bytes there
	seed(f, XML)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, _, err := Decode(b, DefaultLimits); err == nil {
			sameWriting(t, m)
		}
	})
}

// FuzzTNDS: what comes out of either direction comes back through the other.
func FuzzTNDS(f *testing.F) {
	f.Add([]byte(mailTree))
	if wb, err := EncodeTNDS([]byte(mailTree), Limits{}); err == nil {
		f.Add(wb)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := b
		if len(b) > 0 && b[0] <= version13 {
			var err error
			if text, err = DecodeTNDS(b, Limits{}); err != nil {
				return
			}
		}
		wb, err := EncodeTNDS(text, Limits{})
		if err != nil {
			return
		}
		large := Limits{Message: 64 << 20} // markup can make it longer
		again, err := DecodeTNDS(wb, large)
		if err != nil && strings.Contains(err.Error(), "U+000D") {
			return // came by a reference, which is not written
		}
		if err != nil {
			t.Fatalf("%v\n%q", err, wb)
		}
		if same, err := EncodeTNDS(again, large); err != nil || !bytes.Equal(same, wb) {
			t.Fatalf("error %v\n%q\n%q", err, wb, same)
		}
	})
}

// TestCorpusHasTargets: inputs kept under a name that no target has any more
// would test nothing.
func TestCorpusHasTargets(t *testing.T) {
	src, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := os.ReadDir("testdata/fuzz")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Error("no corpus")
	}
	for _, d := range dirs {
		if !bytes.Contains(src, []byte("func "+d.Name()+"(f *testing.F)")) {
			t.Errorf("testdata/fuzz/%s has no target", d.Name())
		}
		if in, err := os.ReadDir("testdata/fuzz/" + d.Name()); err != nil || len(in) == 0 {
			t.Errorf("testdata/fuzz/%s: %d inputs, error %v", d.Name(), len(in), err)
		}
	}
}
