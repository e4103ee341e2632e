package wire

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vector is one block of a file in testdata: lines of "key: value".
type vector map[string]string

func loadVectors(tb testing.TB, file string) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	var list []vector
	for block := range strings.SplitSeq(string(data), "\n\n") {
		v := vector{}
		for line := range strings.Lines(block) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			if !ok {
				tb.Fatalf("%s: no key in %q", file, line)
			}
			v[key] = strings.TrimPrefix(value, " ")
		}
		if len(v) > 0 {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		tb.Fatalf("%s holds no vector", file)
	}
	return list
}

// payload is the input of a vector.
func (v vector) payload(tb testing.TB) []byte {
	tb.Helper()
	if h, ok := v["hex"]; ok {
		return unhex(tb, h)
	}
	return unquote(tb, v["text"])
}

// short is the payload as our encoder writes it.
func (v vector) short(tb testing.TB) []byte {
	tb.Helper()
	s, differs := v["short"]
	switch _, isHex := v["hex"]; {
	case !differs:
		return v.payload(tb)
	case isHex:
		return unhex(tb, s)
	}
	return unquote(tb, s)
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func unquote(tb testing.TB, s string) []byte {
	tb.Helper()
	u, err := strconv.Unquote(s)
	if err != nil {
		tb.Fatalf("%s: %v", s, err)
	}
	return []byte(u)
}

// checkError compares an error with the vector's, and says whether the vector
// ends here.
func (v vector) checkError(t *testing.T, err error) bool {
	t.Helper()
	want, fails := v["error"]
	if !fails && err != nil {
		t.Fatalf("refused: %v", err)
	}
	if !fails {
		return false
	}
	se, ok := err.(*SyntaxError)
	if !ok {
		t.Fatalf("error is %T (%v), want a *SyntaxError", err, err)
	}
	if got := fmt.Sprintf("%d: %s", se.Offset, se.Reason); got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	return true
}

// dump writes items as the vectors do.
func dump(items []TLV) string {
	var words []string
	for _, t := range items {
		word := fmt.Sprintf("%c%d", "ivmr"[t.Kind], t.ID)
		if t.Kind.container() {
			word += "[" + dump(t.Items) + "]"
		} else {
			word += "=" + hex.EncodeToString(t.Value)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestTLVVectors(t *testing.T) {
	for _, v := range loadVectors(t, "tlv.txt") {
		t.Run(v["name"], func(t *testing.T) {
			items, err := DecodeTLV(v.payload(t))
			if v.checkError(t, err) {
				if items != nil {
					t.Error("items came with the error")
				}
				return
			}
			if got := dump(items); got != v["items"] {
				t.Errorf("decoded %s, want %s", got, v["items"])
			}
			again, err := AppendTLV([]byte("x"), items...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]byte("x"), v.short(t)...), again); diff != "" {
				t.Errorf("encoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLinkVectors(t *testing.T) {
	for _, v := range loadVectors(t, "links.txt") {
		t.Run(v["name"], func(t *testing.T) {
			links, err := ParseLinks(v.payload(t))
			if v.checkError(t, err) {
				return
			}
			if got := Root(links); got != v["root"] {
				t.Errorf("root %q, want %q", got, v["root"])
			}
			if got := strings.Join(ObjectPaths(links), " "); got != v["paths"] {
				t.Errorf("paths %q, want %q", got, v["paths"])
			}
			again, err := AppendLinks(nil, links...)
			if err != nil {
				t.Fatal(err)
			}
			if string(again) != string(v.short(t)) {
				t.Errorf("written %q, want %q", again, v.short(t))
			}
		})
	}
}

func TestArgumentVectors(t *testing.T) {
	for _, v := range loadVectors(t, "arguments.txt") {
		t.Run(v["name"], func(t *testing.T) {
			args, err := ParseArguments(v.payload(t))
			if v.checkError(t, err) {
				return
			}
			var words []string
			for _, a := range args {
				word := fmt.Sprint(a.ID)
				if a.HasValue {
					word += "=" + a.Value
				}
				words = append(words, word)
			}
			if got := strings.Join(words, " "); got != v["want"] {
				t.Errorf("parsed %q, want %q", got, v["want"])
			}
			again, err := AppendArguments(nil, args...)
			if err != nil {
				t.Fatal(err)
			}
			if string(again) != string(v.short(t)) {
				t.Errorf("written %q, want %q", again, v.short(t))
			}
		})
	}
}
