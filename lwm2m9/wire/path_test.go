package wire

import "testing"

func TestParsePath(t *testing.T) {
	for s, want := range map[string]Path{
		"": {}, "/": {}, "/9": PathOf(9), "/9/": PathOf(9), "/9/0": PathOf(9, 0), "/9/00/07": PathOf(9, 0, 7),
		"/65535/65534/65535/65534": PathOf(65535, 65534, 65535, 65534),
	} {
		if got, ok := ParsePath(s); !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", s, got, ok, want)
		}
		if again, ok := ParsePath(want.String()); !ok || again != want {
			t.Errorf("%v parsed again: %v, %v", want, again, ok)
		}
	}
	for _, s := range []string{"9", "9/0", "//", "//9", "/9//7", "/9/0//", "/a", "/-1", "/+1", "/65536", "/9/65535", "/9/0/1/65535", "/1/2/3/4/5", " /9", "/9 "} {
		if p, ok := ParsePath(s); ok || p != (Path{}) {
			t.Errorf("%q is taken for %v", s, p)
		}
	}
}

func TestPath(t *testing.T) {
	p := PathOf(9, 0, 17, 3)
	if p.Len() != 4 || p.ID(2) != 17 || p.ID(4) != 0 || p.ID(-1) != 0 || p.Down(1) != p || p.Up(9) != p || p.Up(-1) != (Path{}) {
		t.Errorf("%v is not what it was made of", p)
	}
	if got := p.Up(2).Down(7); got != PathOf(9, 0, 7) || got.String() != "/9/0/7" {
		t.Errorf("up and down again: %v", got)
	}
	if (Path{}).String() != "/" || PathOf(1, 2, 3, 4, 5) != PathOf(1, 2, 3, 4) {
		t.Error("the root or the longest path is wrong")
	}
	order := []Path{{}, PathOf(3), PathOf(9), PathOf(9, 0), PathOf(9, 0, 7), PathOf(9, 1), PathOf(65535)}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%v compared with %v: %d", a, b, got)
			}
		}
		if !a.Holds(a) || !order[0].Holds(a) || a != (Path{}) && a.Holds(Path{}) {
			t.Errorf("Holds of %v", a)
		}
	}
	if !PathOf(9).Holds(p) || PathOf(9, 1).Holds(p) || p.Holds(PathOf(9)) {
		t.Error("Holds of /9, /9/1 or the leaf")
	}
}
