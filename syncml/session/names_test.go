package session

import "testing"

// TestNames: every end and finding has words of its own, and what is none does
// no harm.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for e := EndNot; e <= EndLeft; e++ {
		seen[e.String()] = true
	}
	for a := AuthUnasked; a <= AuthWrong; a++ {
		seen[a.String()] = true
	}
	if want := int(EndLeft) + 1 + int(AuthWrong) + 1; len(seen) != want || seen[""] {
		t.Errorf("%d names, want %d", len(seen), want)
	}
	if got := (EndLeft + 1).String() + ", " + (AuthWrong + 1).String(); got != "unknown end, unknown finding" {
		t.Error(got)
	}
}
