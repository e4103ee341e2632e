package tree

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestParseACL is the grammar of oma-dm.md 8.3.
func TestParseACL(t *testing.T) {
	long := "Get=" + strings.Repeat("s", MaxACL-4)
	for _, good := range []string{
		"", "Get=*", "Add=a&Delete=b&Exec=c&Get=d&Replace=e", "Replace=www.sonera.fi-8765+321_&Get=*", "Get=a+*", "Get=a+a", long,
	} {
		a, err := ParseACL(good)
		if err != nil || a.String() != good || a.IsZero() != (good == "") {
			t.Errorf("%.40q: %v %.40q", good, err, a)
		}
	}
	for _, bad := range []string{
		"Get", "Get=", "Get=+a", "Get=a+", "Get=a&", "&Get=a", "Get=a&Get=b", "Copy=a", "get=a", "Get=a b", "Get=é", "Get=a=b", "Get=a*", " Get=a", "Get=\x7f",
		long + "s",
	} {
		if a, err := ParseACL(bad); !errors.Is(err, ErrACL) || !a.IsZero() {
			t.Errorf("%.40q: %v %v", bad, a, err)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, tt := range []struct {
		acl    string
		server string
		right  Right
		want   bool
	}{
		{"Get=a+b", "a", RightGet, true},
		{"Get=a+b", "b", RightGet, true},
		{"Get=a+b", "c", RightGet, false},
		{"Get=a+b", "a+b", RightGet, false},
		{"Get=a", "a", RightReplace, false},
		{"Get=*", "anyone", RightGet, true},
		{"Get=a+*", "b", RightGet, true},
		{"", "a", RightGet, false},
	} {
		a, err := ParseACL(tt.acl)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Allows(tt.server, tt.right); got != tt.want {
			t.Errorf("%q, %s %v: %v", tt.acl, tt.server, tt.right, got)
		}
	}
}

func TestChangedACLs(t *testing.T) {
	parse := func(s string) ACL {
		a, err := ParseACL(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, tt := range []struct{ got, want string }{
		{Grant([]string{"b", "a", "b"}, RightGet, RightReplace).String(), "Get=a+b&Replace=a+b"},
		{Grant(nil, AllRights...).String(), ""},
		{Grant([]string{"a", "with space"}, RightGet).String(), "Get=*"},
		{parse("Get=a").With("b", RightGet, RightAdd).String(), "Get=a+b&Add=b"},
		{parse("Get=*").With("b", RightGet).String(), "Get=*"},
		{parse("Get=a").With("no id", RightAdd).String(), "Get=a&Add=*"},
		{parse("Get=a+b&Replace=a").Without("a", false).String(), "Get=b"},
		{parse("Get=a+b&Replace=a").Without("a", true).String(), "Get=b&Replace=*"},
		{parse("Get=a").Without("a", false).String(), ""},
		{parse("Get=a").Without("b", true).String(), "Get=a"},
		{parse("Get=a+b").Entry(RightGet), "a+b"},
		{parse("Get=a").Entry(RightAdd), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	a := parse("Get=a")
	a.With("b", RightGet)
	a.Without("a", true)
	if a.String() != "Get=a" {
		t.Errorf("a list was changed: %v", a)
	}
}

// FuzzParseACL: what is taken is text for text what was sent, and nobody gets
// a right that the text does not name.
func FuzzParseACL(f *testing.F) {
	for _, s := range []string{"Get=*", "Add=a&Get=a+b", "Get=a&Get=b", "", "=&+", "Exec=*+x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseACL(s)
		if err != nil {
			return
		}
		if a.String() != s {
			t.Fatalf("%q became %q", s, a)
		}
		for _, r := range AllRights {
			if a.Allows("server", r) && !strings.Contains(s, r.String()+"=") {
				t.Fatalf("%q gives %v", s, r)
			}
		}
		if b := a.Without("server", false); b.Allows("server", RightGet) && !b.Allows("other", RightGet) {
			t.Fatalf("%q keeps the server", s)
		}
	})
}

// TestDropServer: after any changes of lists, a dropped server has no right of
// its own anywhere, and the root's list loses no entry.
func TestDropServer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b Book
		acl := rapid.Custom(func(rt *rapid.T) ACL {
			a := ACL{}
			for _, id := range rapid.SliceOfN(rapid.SampledFrom([]string{"s", "t", "*"}), 0, 4).Draw(rt, "ids") {
				a = a.With(id, rapid.SampledFrom(AllRights).Draw(rt, "right"))
			}
			return a
		})
		before := map[Path]ACL{}
		for _, p := range []Path{Root, "A", "A/b"} {
			before[p] = acl.Draw(rt, "acl")
			b.SetACL(p, before[p])
		}
		b.DropServer("s")
		for p, old := range before {
			now := b.Of(p).ACL
			for _, r := range AllRights {
				if now.Allows("s", r) != now.Allows("someone else", r) {
					rt.Fatalf("%s: %q became %q", p, old, now)
				}
				if old.Allows("t", r) && !now.Allows("t", r) {
					rt.Fatalf("%s: %q became %q: t lost a right", p, old, now)
				}
				if p == Root && (old.Entry(r) == "") != (now.Entry(r) == "") {
					rt.Fatalf("the root's %q became %q", old, now)
				}
			}
		}
	})
}
