package config

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The engine asks for every device, often.
func TestMatchDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Pattern("urn:*:35?*1").Match("urn:imei:356938035643801") }); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ template, endpoint, want string }{
		{"{id}", "urn:imei:356938035643809", "IMEI:356938035643809"},
		{"{id}", "URN:IMEI:356938035643809", "IMEI:356938035643809"},
		{"{id}", "urn:esn:0x80d3c51a", "ESN:0x80d3c51a"},
		{"{id}", "urn:meid:A1000009F", "MEID:A1000009F"},
		{"{id}", "meter-7", "meter-7"},
		{"{id}", "urn:imei:", "urn:imei:"},
		{"{id}", "urn:imei-msisdn:35-49", "IMEI:35"},
		{"{msisdn}/{imei}", "urn:imei-msisdn:35-49", "49/35"},
		{"{imsi}", "urn:imei-imsi:35-262", "262"},
		{"{oui}.{class}.{serial}", "urn:dev:ops:00D09E-box-S-7", "00D09E.box.S-7"},
		{"{oui}.{serial}", "urn:dev:os:00D09E-S-7", "00D09E.S-7"},
		{"{uuid}", "urn:uuid:f81d4fae-7dec", "f81d4fae-7dec"},
		{"<{endpoint}>", "a{b}", "<a{b}>"},
		{"plain", "x", "plain"},
	} {
		if got, err := Template(c.template).fill(c.endpoint); err != nil || got != c.want {
			t.Errorf("%s of %s is %q, %v; want %q", c.template, c.endpoint, got, err, c.want)
		}
	}
}

func TestTemplateNotForThisDevice(t *testing.T) {
	c := load(t, minimal+"    account: {device_id: 'IMEI:{imei}'}\n")
	_, err := c.Account("meter-7")
	if !errors.Is(err, ErrNoAccount) || !strings.Contains(err.Error(), `at a: endpoint "meter-7" has no {imei}`) {
		t.Errorf("got %v; want ErrNoAccount with server, endpoint and variable", err)
	}
}

// An endpoint with a part that is missing or empty is not of that form: it has
// none of the form's variables.
func TestTemplateOfABrokenForm(t *testing.T) {
	for endpoint, name := range map[string]string{
		"urn:imei:": "imei", "urn:imei-msisdn:35": "imei", "urn:imei-msisdn:35-": "imei", "urn:imei-msisdn:-49": "msisdn",
		"urn:dev:ops:00D09E--7": "serial", "urn:dev:ops:00D09E-box": "oui",
	} {
		if got, err := Template("{" + name + "}").fill(endpoint); err == nil {
			t.Errorf("{%s} of %s is %q; want an error", name, endpoint, got)
		}
		if got, err := Template("{id}").fill(endpoint); err != nil || got != endpoint {
			t.Errorf("{id} of %s is %q, %v", endpoint, got, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, endpoint string
		want              bool
	}{
		{"*", "", true}, {"*", "a/b:c", true}, {"a", "a", true}, {"a", "ab", false}, {"a", "", false},
		{"a*", "a", true}, {"*b", "ab", true}, {"*b", "ba", false}, {"a*c*e", "abcde", true}, {"a*c*e", "abcd", false},
		{"?", "", false}, {"?", "ü", true}, {"??", "a", false}, {"urn:imei:35*", "urn:imei:351", true},
		{"*ab", "aab", true}, {"*aab", "aaab", true}, {"[a]", "a", false}, {"[a]", "[a]", true}, {`\*`, "*", false},
	} {
		if got := Pattern(c.pattern).Match(c.endpoint); got != c.want {
			t.Errorf("%q matches %q: %v; want %v", c.pattern, c.endpoint, got, c.want)
		}
	}
}

// TestPatternsAgree compares with a regular expression, and overlaps with the
// texts that two patterns match.
func TestPatternsAgree(t *testing.T) {
	pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab*?")), 0, 6, -1)
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abü")), 0, 8, -1)
	toRegexp := strings.NewReplacer("*", ".*", "?", ".")
	rapid.Check(t, func(t *rapid.T) {
		p, q, s := Pattern(pattern.Draw(t, "p")), Pattern(pattern.Draw(t, "q")), text.Draw(t, "s")
		want := regexp.MustCompile("^" + toRegexp.Replace(string(p)) + "$").MatchString(s)
		if got := p.Match(s); got != want {
			t.Fatalf("%q matches %q: %v; want %v", p, s, got, want)
		}
		if p.Match(s) && q.Match(s) && !p.overlaps(q) {
			t.Fatalf("%q and %q both match %q and do not overlap", p, q, s)
		}
		if p.overlaps(q) != q.overlaps(p) {
			t.Fatalf("overlap of %q and %q depends on the order", p, q)
		}
		// A pattern without * has few texts: overlap can be decided by trying them.
		if !strings.Contains(string(p), "*") {
			if got, want := p.overlaps(q), anyMatch(string(p), q); got != want {
				t.Fatalf("%q overlaps %q: %v; want %v", p, q, got, want)
			}
		}
	})
}

// anyMatch tries every text over a and b that p, a pattern without *, matches.
func anyMatch(p string, q Pattern) bool {
	before, after, found := strings.Cut(p, "?")
	if !found {
		return q.Match(p)
	}
	// c stands for every letter that no pattern names
	return anyMatch(before+"a"+after, q) || anyMatch(before+"b"+after, q) || anyMatch(before+"c"+after, q)
}
