package lwm2mdevice

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

func TestParseFault(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Fault
		out  string // "": as text
	}{
		{"download=invalid-uri", Fault{Kind: FailDownload, Result: lwm2m9.ResultInvalidURI}, ""},
		{"integrity", Fault{Kind: FailIntegrity}, ""},
		{"install", Fault{Kind: FailInstall, Result: lwm2m9.ResultInstallFailure}, "install=install-failure"},
		{"install=device-error*2", Fault{Kind: FailInstall, Result: lwm2m9.ResultDeviceError, Times: 2}, ""},
		{"activate", Fault{Kind: FailActivate}, ""},
		{"uninstall", Fault{Kind: FailUninstall}, ""},
		{"refuse@install=5.03*3", Fault{Kind: Refuse, Op: OpInstall, Code: lwm2m9.CodeUnavailable, Times: 3}, ""},
		{"lose-answer@any", Fault{Kind: LoseAnswer}, ""},
		{"reboot@installing", Fault{Kind: Reboot, Step: Installing, Times: 1}, "reboot@installing=keep*1"},
		{"reboot@delivered=lose*2", Fault{Kind: Reboot, Step: Delivered, Memory: Lose, Times: 2}, ""},
		{"rebind@enabled", Fault{Kind: Rebind, Step: Enabled, Times: 1}, "rebind@enabled*1"},
		{"silent@registered", Fault{Kind: Silent, Step: Registered}, ""},
		{"stuck@downloaded", Fault{Kind: Stuck, Step: Downloaded}, ""},
		{"slow@uninstalling=1.5s", Fault{Kind: Slow, Step: Uninstalling, Duration: 1500 * time.Millisecond}, ""},
		{"coalesce", Fault{Kind: Coalesce}, ""},
		{"no-verified", Fault{Kind: NoVerified}, ""},
		{"torn", Fault{Kind: Torn}, ""},
		{"torn=20ms", Fault{Kind: Torn, Duration: 20 * time.Millisecond}, ""},
		{"quiet", Fault{Kind: Quiet}, ""},
		{"stale-result", Fault{Kind: StaleResult}, ""},
		{"ignore-unformatted", Fault{Kind: IgnoreUnformatted}, ""},
		{"wrong-state=4.00", Fault{Kind: WrongState, Code: lwm2m9.CodeBadRequest}, ""},
		{"nonsense=tlv", Fault{Kind: Nonsense, Garbage: TLVGarbage}, ""},
		{"no-observe", Fault{Kind: NoObserve}, ""},
		{"drop=0.25", Fault{Kind: Drop, Rate: 0.25}, ""},
		{"repeat=1", Fault{Kind: Repeat, Rate: 1}, ""},
		{"delay=5ms", Fault{Kind: Delay, Duration: 5 * time.Millisecond}, ""},
	} {
		got, err := ParseFault(tc.text)
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("ParseFault(%q): %v (-want +got)\n%s", tc.text, err, diff)
			continue
		}
		if tc.out == "" {
			tc.out = tc.text
		}
		if got.String() != tc.out {
			t.Errorf("%q prints as %q, want %q", tc.text, got, tc.out)
		}
		if again, err := ParseFault(got.String()); err != nil || again != got {
			t.Errorf("%q does not read back: %v, %v", got, again, err)
		}
	}
}

// TestEveryFaultHasAWord keeps the table of words complete.
func TestEveryFaultHasAWord(t *testing.T) {
	if len(FaultWords()) != int(Delay)+1 {
		t.Errorf("%d words for %d faults", len(FaultWords()), Delay+1)
	}
	for i, w := range FaultWords() {
		if w == "" {
			t.Errorf("fault %d has no word", i)
		}
	}
}

func TestParseFaultErrors(t *testing.T) {
	for text, want := range map[string]string{
		"explode":                   `unknown fault "explode"; known: download, integrity, install, activate`,
		"":                          "want kind[@place][=value][*times]",
		"reboot":                    "step is missing; known: registered, downloading",
		"reboot@lunch":              `unknown step "lunch"; known: registered`,
		"reboot@delivered=perhaps":  `unknown memory "perhaps"; known: keep, lose, hide`,
		"stuck@delivered":           "unknown working step",
		"slow@installing":           `"" is not a duration`,
		"slow@installing=-1s":       "is not a duration",
		"refuse@install=2.04":       "is not a CoAP error code",
		"refuse@install=4.5":        "is not a CoAP error code",
		"refuse@install=4.32":       "is not a CoAP error code",
		"refuse@nap=4.05":           `unknown request "nap"; known: any, read`,
		"download":                  "result is missing; known: not-enough-storage",
		"download=install-failure":  "unknown result",
		"integrity=5":               "integrity takes no value after =",
		"integrity@installing":      "integrity takes no place after @",
		"drop=1.1":                  "is not a rate between 0 and 1",
		"drop=NaN":                  "is not a rate between 0 and 1",
		"integrity*0":               "a number of 1 or more",
		"nonsense=wisdom":           `unknown kind of nonsense "wisdom"; known: text, state, result, tlv`,
		"reboot@":                   "nothing after @",
		"download=":                 "nothing after =",
		"install=0":                 "unknown result",
		"wrong-state=five-oh-three": "is not a CoAP error code",
	} {
		if f, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFault(%q) = %v, %v; want %q", text, f, err, want)
		}
	}
}

func TestValidateReportsEverything(t *testing.T) {
	_, err := New(Config{Server: "nowhere", Version: "2.0", Lifetime: time.Millisecond, MaxInstances: 1,
		Instances: make([]Software, 2), Root: "lwm2m"})
	for _, want := range []string{"no endpoint name", `server "nowhere"`, `version "2.0"`, "lifetime 1ms",
		"2 instances", `root "lwm2m"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if _, err := New(Config{Endpoint: "e", Server: "127.0.0.1:5683", Lifetime: time.Second, MaxInstances: 2,
		Instances: make([]Software, 2), Root: "/lwm2m"}); err != nil {
		t.Errorf("at the limits: %v", err)
	}
}
