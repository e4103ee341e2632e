package fwupdate

import (
	"fmt"
	"testing"
)

// TestNames: the codes print as numbers and as words.
func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{StateDownloading.String(), "30"}, {StateDownloading.Name(), "Download progressing"}, {State(11).Name(), "State 11"},
		{CodeCorrupted.String(), "402"}, {CodeCorrupted.Name(), "corrupted package"},
		{Code(250).Name(), "success, vendor"}, {Code(299).Name(), "success, vendor"}, {Code(249).Name(), "code 249"}, {Code(550).Name(), "server error, vendor"}, {Code(499).Name(), "client error, vendor"}, {Code(450).Name(), "client error, vendor"},
		{Code(599).Name(), "server error, vendor"}, {Code(600).Name(), "code 600"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	for s, final := range map[State]bool{10: false, 20: true, 30: false, 40: false, 50: false, 60: false, 70: true, 80: true, 90: true, 100: true} {
		if s.Final() != final {
			t.Errorf("State %s: final %v", s, !final)
		}
	}
	for c, success := range map[Code]bool{200: true, 249: false, 250: true, 299: true, 300: false, 401: false} {
		if c.Success() != success {
			t.Errorf("code %s: success %v", c, !success)
		}
	}
	if got := fmt.Sprint(StateIdle, CodeSuccess); got != "10 200" {
		t.Error(got)
	}
}
