package session

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/syncml"
)

// fed is an Item for an assembler: "Add ./a 6+ abc" is a first chunk with Size 6,
// "Add ./a + abc" a later one, "Add ./a . abc" the last or a whole one.
func fed(t *testing.T, text string) (syncml.Name, syncml.Item) {
	t.Helper()
	f := strings.SplitN(text, " ", 4)
	it := syncml.Item{Target: syncml.Location{URI: f[1]}, Data: []byte(f[3]), MoreData: strings.HasSuffix(f[2], "+")}
	fmt.Sscan(f[2], &it.Meta.Size)
	if f[0] == "Results" {
		it.Target, it.Source = it.Source, it.Target
	}
	return syncml.Name(f[0]), it
}

// TestAssembler tells Items one after the other to an assembler with a
// MaxObjSize of 20 bytes.
func TestAssembler(t *testing.T) {
	twenty := strings.Repeat("a", 20)
	for _, tt := range []struct {
		name  string
		items []string
		want  string // what becomes of each
	}{
		{"a whole one", []string{"Add ./a . abc"}, "abc"},
		{"three chunks", []string{"Add ./a 7+ abc", "Add ./a + de", "Add ./a . fg"}, "213 213 abcdefg"},
		{"of Results", []string{"Results ./a 4+ ab", "Results ./a . cd"}, "213 abcd"},
		{"Size on every chunk", []string{"Add ./a 4+ ab", "Add ./a 4+ c", "Add ./a 4 d"}, "213 213 abcd"},
		{"an empty chunk", []string{"Add ./a 2+ ", "Add ./a + ab", "Add ./a . "}, "213 213 ab"},
		{"too short", []string{"Add ./a 5+ ab", "Add ./a . cd", "Add ./a . e"}, "213 424 e"},
		{"too long", []string{"Add ./a 3+ ab", "Add ./a . cd"}, "213 424"},
		{"far too long", []string{"Add ./a 2+ ab", "Add ./a + cdefghi", "Add ./a + j", "Add ./a . k", "Add ./a . l"}, "213 424 424 424 l"},
		{"at the limit", []string{"Add ./a 20+ a", "Add ./a . " + twenty[1:]}, "213 " + twenty},
		{"one over it", []string{"Add ./a 21+ a", "Add ./a + a", "Add ./a . " + twenty, "Add ./a . b"}, "413 413 413 b"},
		{"no Size", []string{"Add ./a + a", "Add ./a + b", "Add ./a . c", "Add ./a . d"}, "411 411 411 d"},
		{"again after a refusal", []string{"Add ./a + a", "Add ./a 2+ a", "Add ./a . b"}, "411 213 ab"},
		{"another object after a refusal", []string{"Add ./a + a", "Add ./b . b", "Add ./a . c"}, "411 b c"},
		{"interrupted", []string{"Add ./a 2+ a", "Add ./b . b", "Add ./a . c"}, "213 lost:./a,b c"},
		{"by another command", []string{"Add ./a 2+ a", "Replace ./a . b"}, "213 lost:./a,b"},
		{"by a new beginning", []string{"Add ./a 3+ a", "Add ./a 2+ b", "Add ./a . c"}, "213 lost:./a,213 bc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := assembler{max: 20}
			var got []string
			for _, text := range tt.items {
				cmd, it := fed(t, text)
				lost := ""
				if alert := a.interrupted(cmd, it); alert != nil {
					lost = "lost:" + alert.Items[0].Target.URI + ","
				}
				whole, all, err := a.take(cmd, it)
				switch refused, _ := errors.AsType[*syncml.StatusError](err); {
				case err != nil:
					got = append(got, lost+refused.Code.String())
				case whole:
					got = append(got, lost+string(all.Data))
				default:
					got = append(got, lost+"213")
				}
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
			if a.waiting() {
				t.Error("an object is still under way")
			}
		})
	}
}

// TestAssemblerSizes: what a Size may count (oma-dm.md 11, row 30).
func TestAssemblerSizes(t *testing.T) {
	raw := strings.Repeat("x", 100)
	coded := base64.StdEncoding.EncodeToString([]byte(raw))
	lines := coded[:76] + "\n" + coded[76:]
	for _, tt := range []struct {
		format, data string
		size         int
		ok           bool
	}{
		{"chr", raw, 100, true},
		{"", raw, 100, true},
		{"chr", coded, 100, false},
		{"b64", coded, len(coded), true},
		{"b64", coded, 100, true},
		{"B64", lines, 100, true},
		{"b64", lines, len(lines), true},
		{"b64", lines, len(coded), false},
		{"b64", coded, 99, false},
		{"b64", raw + "!", 75, false},
		{"bin", raw, 100, true},
		{"bin", raw, len(coded), true},
		{"bin", raw, 101, false},
	} {
		var a assembler
		meta := syncml.Meta{Format: tt.format, Size: int64(tt.size)}
		_, _, err := a.take(syncml.CmdAdd, syncml.Item{Meta: meta, Data: []byte(tt.data[:50]), MoreData: true})
		if err != nil {
			t.Fatal(err)
		}
		_, all, err := a.take(syncml.CmdAdd, syncml.Item{Data: []byte(tt.data[50:])})
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
		if tt.ok && (string(all.Data) != tt.data || all.Meta != meta) {
			t.Errorf("%+v became %+v", tt, all)
		}
	}
}

// TestMaxChunks: endless chunks end, even if there is nothing in them.
func TestMaxChunks(t *testing.T) {
	for _, over := range []int{0, 1} {
		var a assembler
		it := syncml.Item{Meta: syncml.Meta{Size: 1}, MoreData: true}
		for range MaxChunks - 1 + over {
			if _, _, err := a.take(syncml.CmdAdd, it); err != nil {
				t.Fatal(err)
			}
		}
		it.Data, it.MoreData = []byte("x"), false
		_, _, err := a.take(syncml.CmdAdd, it)
		if (err != nil) != (over == 1) || err != nil && codeOf(err) != syncml.StatusTooLarge {
			t.Errorf("%d over: %v", over, err)
		}
	}
}

// chunked splits an Item into messages of at most max bytes, and says what an
// assembler makes of it.
func chunked(it syncml.Item, enc syncml.Encoding, max int) (pieces int, got syncml.Item, err error) {
	encode := func(piece syncml.Item) []byte {
		b, err := syncml.Encode(&syncml.Message{
			Header: syncml.Header{Version: syncml.DM12, SessionID: "1", MsgID: "1"},
			Body:   []syncml.Command{&syncml.Op{Cmd: syncml.CmdAdd, CmdID: "1", Items: []syncml.Item{piece}}},
		}, enc)
		if err != nil {
			return nil
		}
		return b
	}
	fits := func(piece syncml.Item) bool { b := encode(piece); return b != nil && len(b) <= max }
	var a assembler
	for s := split(it); ; {
		piece, last, err := s.next(fits)
		if err != nil {
			return pieces, got, err
		}
		pieces++
		if piece.MoreData == last || (piece.Meta.Size > 0) != (pieces == 1 && !last) {
			return pieces, got, fmt.Errorf("piece %d: MoreData %v, Size %d", pieces, piece.MoreData, piece.Meta.Size)
		}
		m, _, err := syncml.Decode(encode(piece), syncml.DefaultLimits)
		if err != nil {
			return pieces, got, err
		}
		whole, all, err := a.take(syncml.CmdAdd, m.Body[0].(*syncml.Op).Items[0])
		if err != nil || whole != last {
			return pieces, got, fmt.Errorf("piece %d: whole %v, last %v: %w", pieces, whole, last, err)
		}
		if last {
			return pieces, all, nil
		}
	}
}

// TestSplitThenAssemble: whatever is cut is put together again, in both
// encodings, and every piece but the last fills its message.
func TestSplitThenAssemble(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		it := syncml.Item{Target: syncml.Location{URI: "./a"}, Meta: syncml.Meta{Type: "text/plain"}}
		enc := rapid.SampledFrom([]syncml.Encoding{syncml.XML, syncml.WBXML}).Draw(rt, "encoding")
		if enc == syncml.WBXML && rapid.Bool().Draw(rt, "binary") {
			it.Meta.Format = "bin"
			it.Data = rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "data")
		} else {
			it.Meta.Format = "chr"
			it.Data = []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab&<> \n]é€😀")), 0, 1000, -1).Draw(rt, "text"))
		}
		max := rapid.IntRange(600, 1200).Draw(rt, "max")
		pieces, got, err := chunked(it, enc, max)
		if err != nil {
			rt.Fatal(err)
		}
		if string(got.Data) != string(it.Data) {
			rt.Fatalf("%q became %q", it.Data, got.Data)
		}
		if most := 6*len(it.Data)/(max-560) + 2; pieces > most {
			rt.Fatalf("%d pieces of %d bytes in messages of %d", pieces, len(it.Data), max)
		}
	})
}

// TestNoRoomToSplit: a message that takes not one character.
func TestNoRoomToSplit(t *testing.T) {
	if _, _, err := chunked(syncml.Item{Data: []byte("abc")}, syncml.XML, 100); !errors.Is(err, errNoRoom) {
		t.Errorf("error %v", err)
	}
}

// TestCutPlaces: a character is never cut, what is none can be.
func TestCutPlaces(t *testing.T) {
	var got []int
	d := ends("aé€😀\xff\x80\x80\x80\x80z")
	for i := range d.count() {
		got = append(got, d.at(i))
	}
	want := []int{1, 3, 3, 6, 6, 6, 10, 10, 10, 10, 11, 12, 13, 14, 15, 16}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzSplit: no data and no size of messages keeps the pieces from being put
// together again.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("abc"), 300)
	f.Add([]byte(strings.Repeat("é€😀&", 30)), 470)
	f.Add([]byte{0xFF, 0x80, 0x80, 0x80, 0x80, 0, 0xF0}, 290)
	f.Fuzz(func(t *testing.T, data []byte, max int) {
		max %= 4096
		data = data[:min(len(data), 500)] // one at a time they take long
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			_, got, err := chunked(syncml.Item{Meta: syncml.Meta{Format: "bin"}, Data: data}, enc, max)
			if err == nil && string(got.Data) != string(data) {
				t.Errorf("%s: %q became %q", enc, data, got.Data)
			}
			if err != nil && !errors.Is(err, errNoRoom) {
				t.Errorf("%s: %v", enc, err)
			}
		}
	})
}
