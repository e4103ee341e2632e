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
