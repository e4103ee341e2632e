package transfer

import "testing"

// TestPauses: why nothing moves is shown until something moves, or until the end.
func TestPauses(t *testing.T) {
	b, k := New(nil), Key{Device: "d", Way: Fetch}
	shows := func(when, want string) {
		t.Helper()
		all := b.List()
		if len(all) != 1 || all[0].Pause != want {
			t.Errorf("%s: %+v, want the pause %q", when, all, want)
		}
	}
	b.Pauses(k, "nobody knows of it")
	if all := b.List(); len(all) != 0 {
		t.Errorf("a pause made a transfer: %+v", all)
	}
	b.Moved(k, 0, 0, 0)
	b.Pauses(k, "no connection")
	shows("before the first byte", "no connection")
	b.Moved(k, 0, 10, 100)
	shows("while it moves", "")
	b.Pauses(k, "the connection broke")
	b.Ended(k, "interrupted")
	shows("at the end", "")
	b.Pauses(k, "late")
	shows("after the end", "")
}

// TestNothingCame: of a fetch that got nothing the reason is told, of other ways
// nothing is.
func TestNothingCame(t *testing.T) {
	b := New(nil)
	var told []string
	b.Tell = func(e Event) {
		if !e.Quiet {
			told = append(told, e.Text())
		}
	}
	for _, way := range []Way{Fetch, Push, HTTP} {
		k := Key{Device: "d", Way: way}
		b.Moved(k, 0, 0, 0)
		b.Ended(k, "no connection")
	}
	if len(told) != 1 || told[0] != "package not fetched: no connection" {
		t.Errorf("told %q", told)
	}
}
