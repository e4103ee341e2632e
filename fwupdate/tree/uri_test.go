package tree

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

var limits = Limits{Depth: 4, Total: 100, Segment: 12}

func TestParseURI(t *testing.T) {
	all := AttributesOf(PropACL, PropFormat, PropTitle, PropTStamp, PropType, PropVerNo, PropValue) // of TNDS that names none
	for uri, want := range map[string]Address{
		".":                       {Path: "."},
		"./A":                     {Path: "A"},
		"A/b":                     {Path: "A/b"},
		"./A/{x}":                 {Path: "A/%7Bx%7D"},
		"./A/%7bx%7d":             {Path: "A/%7Bx%7D"},
		"./A/a%2Fb":               {Path: "A/a%2Fb"},
		"./A/%41":                 {Path: "A/A"},
		"./%C3%BC":                {Path: "%C3%BC"},
		"./ü":                     {Path: "%C3%BC"},
		"./A+b":                   {Path: "A+b"},
		"./...":                   {Path: "..."},
		".?prop=ACL":              {Path: ".", Property: PropACL},
		"./A?prop=Format":         {Path: "A", Property: PropFormat},
		"./A?prop=Name":           {Path: "A", Property: PropName},
		"./A?prop=Size":           {Path: "A", Property: PropSize},
		"./A?prop=Title":          {Path: "A", Property: PropTitle},
		"./A?prop=TStamp":         {Path: "A", Property: PropTStamp},
		"./A?prop=Type":           {Path: "A", Property: PropType},
		"./A?prop=VerNo":          {Path: "A", Property: PropVerNo},
		"./A?list=Struct":         {Path: "A", List: List{ListStruct, all}},
		"./A?list=StructData":     {Path: "A", List: List{ListStructData, all}},
		"./A?list=TNDS":           {Path: "A", List: List{ListTNDS, all}},
		"./A?list=TNDS+ACL":       {Path: "A", List: List{ListTNDS, AttributesOf(PropACL)}},
		"./A?list=TNDS+ACL+Value": {Path: "A", List: List{ListTNDS, AttributesOf(PropACL, PropValue)}},
		"./A?list=TNDS-ACL-Value": {Path: "A", List: List{ListTNDS, all &^ AttributesOf(PropACL, PropValue)}},
		"./A/123456789012/b/d":    {Path: "A/123456789012/b/d"},
		strings.Repeat("a", 12):   {Path: Path(strings.Repeat("a", 12))},
		"./%7B%7B%7B%7B":          {Path: "%7B%7B%7B%7B"},
	} {
		got, err := ParseURI(uri, limits)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", uri, err, d)
		}
	}
	for uri, want := range map[string]syncml.Code{
		"": 404, "/": 404, "./": 404, "/A": 404, "A/": 404, "A//b": 404, "A/../b": 404, "A/./b": 404, "..": 404, "%2E": 404, "A/%2e%2E": 404,
		"A/%": 404, "A/%4": 404, "A/%zz": 404, "A/%ff": 404, "A/\xff": 404, "A/%0A": 404, "A/%7f": 404, "%EF%BF%BE": 404, "?prop=ACL": 404,
		"A/b/c/d/e": 414, "1234567890123": 414, "{{{{{": 414, "A?" + strings.Repeat("p", 99): 414,
		"A?": 406, "A?prop": 406, "A?prop=": 406, "A?prop=acl": 406, "A?prop=Value": 406, "A?list=": 406, "A?list=Node": 406,
		"A?list=TNDS+": 406, "A?list=TNDS+ACL-Value": 406, "A?list=TNDS-ACL+Value": 406, "A?list=TNDS+Colour": 406, "A?list=Struct+ACL": 406,
		"A?what=ACL": 406, "A?prop=ACL?list=TNDS": 406,
	} {
		_, err := ParseURI(uri, limits)
		refused, ok := errors.AsType[*syncml.StatusError](err)
		if !ok || refused.Code != want || !strings.HasPrefix(uri, refused.URI) {
			t.Errorf("%s: %v, want %d", uri, err, want)
		}
	}
}

// FuzzParseURI: an address that is taken has one form, within the limits, which
// is an address too and names the same node.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{".", "./A/b", "A/%7Bx%7D?prop=ACL", "./A?list=TNDS-ACL-Value", "A//b", "%", "./{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseURI(s, limits)
		if err != nil {
			return
		}
		if !a.Path.Valid() {
			t.Fatalf("%q gives %q", s, a.Path)
		}
		b, err := ParseURI(a.Path.URI(), Limits{limits.Depth, 3*limits.Total + 2, limits.Segment})
		if err != nil || b.Path != a.Path {
			t.Fatalf("%q gives %q gives %q (%v)", s, a.Path, b.Path, err)
		}
		p, depth := Root, 0
		for path, name := range a.Path.Steps() {
			p = p.Child(name)
			if depth++; p != path {
				t.Fatalf("%q is a step to %q, not %q", path, a.Path, p)
			}
		}
		if depth > limits.Depth || p != a.Path || !a.Path.In(a.Path.Parent()) || a.Path != Root && a.Path.Parent().In(a.Path) {
			t.Fatalf("%q is %q, in %q", a.Path, p, a.Path.Parent())
		}
	})
}

func TestPath(t *testing.T) {
	for _, tt := range []struct {
		p, top Path
		in     bool
	}{
		{"A/b", "A", true}, {"A", "A", true}, {"Ab", "A", false}, {"A", "A/b", false}, {"A", Root, true}, {Root, "A", false},
	} {
		if tt.p.In(tt.top) != tt.in {
			t.Errorf("%s in %s: %v", tt.p, tt.top, !tt.in)
		}
	}
	if Root.URI() != "." || Path("A/b").URI() != "./A/b" || Root.Name() != "" || Path("A/b").Name() != "b" || Path("A").Name() != "A" {
		t.Error("addresses")
	}
	for _, p := range []Path{"", "./A", "A/", "A//b", "a%2fb", "{x}", "..", "A/%41"} {
		if p.Valid() {
			t.Errorf("%q is a path", p)
		}
	}
}
