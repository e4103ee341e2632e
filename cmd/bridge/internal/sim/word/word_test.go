package word

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Word{
		"a":          {Kind: "a"},
		" a@b ":      {Kind: "a", At: "b"},
		"a=c":        {Kind: "a", Value: "c"},
		"a@b=c*12":   {Kind: "a", At: "b", Value: "c", Times: 12},
		"a=1=2":      {Kind: "a", Value: "1=2"},
		"a@b@c":      {Kind: "a", At: "b@c"},
		"x-y@z=5.03": {Kind: "x-y", At: "z", Value: "5.03"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if got.String() != strings.TrimSpace(text) {
			t.Errorf("%q prints as %q", text, got)
		}
	}
	for _, text := range []string{"", "@b", "=c", "*2", "a*", "a*0", "a*x", "a@", "a=", "a@=c"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", text, got)
		}
	}
}

func TestIndex(t *testing.T) {
	names := []string{"", "one", "", "three"}
	if i, err := Index("number", "three", names); i != 3 || err != nil {
		t.Errorf("Index: %d, %v", i, err)
	}
	for got, want := range map[string]string{
		"":    "number is missing; known: one, three",
		"two": `unknown number "two"; known: one, three`,
	} {
		if _, err := Index("number", got, names); err == nil || err.Error() != want {
			t.Errorf("Index(%q): %v, want %s", got, err, want)
		}
	}
}
