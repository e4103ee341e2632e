package dmdevice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
)

// TestFaults: what each fault does to an update that would have gone well.
func TestFaults(t *testing.T) {
	good := []string{"200 job-1"}
	for _, tc := range []struct {
		fault  string
		states []int
		code   fwupdate.Code // 0: it never ends
		alerts []string      // that the server took
		sent   int           // alerts that went out
		execs  int
	}{
		{"download", []int{10, 30, 20}, 503, []string{"503 job-1"}, 1, 1},
		{"download=412", []int{10, 30, 20}, 412, []string{"412 job-1"}, 1, 1},
		{"update", []int{10, 30, 40, 50, 80}, 410, []string{"410 job-1"}, 1, 1},
		{"update=499", []int{10, 30, 40, 50, 80}, 499, []string{"499 job-1"}, 1, 1},
		{"reboot@exec", goodStates, 200, good, 1, 1},
		{"reboot@exec=lose", append([]int{10}, goodStates...), 200, good, 1, 2},
		{"reboot@downloading", goodStates, 200, good, 1, 1},
		{"reboot@halfway", goodStates, 200, good, 1, 1},
		{"reboot@downloaded", goodStates, 200, good, 1, 1},
		{"reboot@updating", goodStates, 200, good, 1, 1},
		{"reboot@reporting", goodStates, 200, good, 1, 1},
		{"away@updating=20ms", goodStates, 200, good, 1, 1},
		{"away@halfway=20ms", goodStates, 200, good, 1, 1},
		{"slow@downloading=20ms", goodStates, 200, good, 1, 1},
		{"slow@reporting=20ms", goodStates, 200, good, 1, 1},
		{"no-alert", goodStates, 200, nil, 0, 1},
		{"lose-alert*2", goodStates, 200, good, 3, 1},
		{"alert-twice", goodStates, 200, []string{"200 job-1", "200 job-1"}, 2, 1},
		{"lose-answer@alert", goodStates, 200, []string{"200 job-1", "200 job-1"}, 2, 1},
		{"lose-answer@exec", goodStates, 200, good, 1, 1},
		{"lose-answer@first*2", goodStates, 200, good, 1, 1},
		{"wrong-password*1", goodStates, 200, good, 1, 1},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			t.Parallel()
			b := faulty(t, tc.fault)
			b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg?size=200000")...)
			b.start(t)
			same(t, "result", b.waits(t, 1)[0].Code, tc.code)
			same(t, "States", b.log.states(), tc.states)
			same(t, "alerts", b.alerts(), tc.alerts)
			if n := b.Counts(); n.Alerts != tc.sent || n.Executions != tc.execs {
				t.Errorf("%d alerts and %d Execs, want %d and %d", n.Alerts, n.Executions, tc.sent, tc.execs)
			}
			if len(b.log.texts(dmdevice.EventFault)) == 0 {
				t.Error("the fault did not strike")
			}
		})
	}
}

func faulty(t *testing.T, texts ...string) *bed {
	t.Helper()
	return newBed(t, func(c *dmdevice.Config) {
		for _, text := range texts {
			f, err := dmdevice.ParseFault(text)
			if err != nil {
				t.Fatal(err)
			}
			c.Faults = append(c.Faults, f)
		}
		c.Auth, c.Secret, c.Every = 2, "pw", 20*time.Millisecond
	})
}

// TestRefusals: a Status of a fault is what the server gets, and the commands
// go well when it is over.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		fault string
		want  string
	}{
		{"refuse@any=404", "404 404 404 404 404 404"},
		{"refuse@exec=417", "200 200 200 200 200 417"},
		{"refuse@add=500*3", "500 500 500 200 200 202"},
		{"refuse@add=503*1", "503 200 200 200 200 202"},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			b := faulty(t, tc.fault)
			keys := b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg")...)
			b.start(t)
			b.log.happens(t, dmdevice.EventEnded, 1)
			same(t, "Statuses", strings.Join(codes(b, keys), " "), tc.want)
		})
	}
}

func codes(b *bed, keys []string) (list []string) {
	seen := b.work.Seen(b.device)
	for _, key := range keys {
		list = append(list, seen.Results[key].Code.String())
	}
	return list
}

// TestWrongPasswordIsRetried: without end, as devices do, until it waits for
// its schedule.
func TestWrongPasswordIsRetried(t *testing.T) {
	b := newBed(t, func(c *dmdevice.Config) {
		c.Auth, c.Secret = 2, "pw"
		c.Faults = []dmdevice.Fault{{Kind: dmdevice.WrongPassword}}
	})
	b.start(t)
	b.log.happens(t, dmdevice.EventEnded, 4)
	if n := b.Counts(); n.SessionsFailed < 4 || b.work.Seen(b.device).Sessions != 0 {
		t.Errorf("%+v; %d sessions of the server", n, b.work.Seen(b.device).Sessions)
	}
}

func TestParseFault(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"explode", "unknown fault"},
		{"reboot", "step is missing"},
		{"reboot@install", "unknown step"},
		{"reboot@exec=some", "unknown memory"},
		{"refuse@exec=200", "is not a status from 300 to 599"},
		{"refuse@exec=600", "is not a status from 300 to 599"},
		{"refuse=404", "command is missing"},
		{"download=399", "is not a FUMO result from 400 to 599"},
		{"update=600", "is not a FUMO result from 400 to 599"},
		{"download@exec", "takes no place after @"},
		{"away@exec", "is not a duration"},
		{"slow@exec=-1s", "is not a duration"},
		{"no-alert=1", "takes no value after ="},
		{"deaf*0", "after * must come a number"},
		{"lose-answer@exit", "unknown place"},
	} {
		if _, err := dmdevice.ParseFault(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
	for _, text := range []string{"refuse@any=300", "refuse@any=599", "download=400", "update=599", "away@reporting=0s"} {
		if _, err := dmdevice.ParseFault(text); err != nil {
			t.Error(err)
		}
	}
}
