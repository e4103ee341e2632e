package syncml

import "testing"

func TestNames(t *testing.T) {
	for c, want := range map[Code]string{
		StatusOK: "ok", StatusAccepted: "accepted", StatusCredentialsMissing: "missing credentials", 0: "unknown status",
		99: "unknown status", 199: "informational", 217: "success", 399: "redirection", 499: "originator error", 599: "recipient error", 600: "unknown status", 65535: "unknown status",
	} {
		if got := c.Name(); got != want {
			t.Errorf("Code %d: %q, want %q", c, got, want)
		}
	}
	for a, want := range map[AlertCode]string{AlertGeneric: "generic alert", AlertClientInitiated: "client-initiated session", 1221: "unknown alert"} {
		if got := a.Name(); got != want {
			t.Errorf("AlertCode %d: %q, want %q", a, got, want)
		}
	}
	seen := make(map[string]Code)
	for c, n := range codeNames {
		if other, ok := seen[n]; ok {
			t.Errorf("codes %d and %d are both %q", c, other, n)
		}
		seen[n] = c
	}
}

func TestSuccess(t *testing.T) {
	for c, want := range map[Code]bool{0: false, 101: false, 199: false, 200: true, 212: true, 299: true, 300: false, 401: false, 65535: false} {
		if c.Success() != want {
			t.Errorf("%d: %v", c, c.Success())
		}
	}
}
