package lwm2m9

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/internal/recordings"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/google/go-cmp/cmp"
)

// What the recorded client showed, in the order of the recording, in names:
// notifications and readings of 7, 9 and 12. Its registration and its notes
// tell that it speaks the registered dialect.
func TestRecordingsInNames(t *testing.T) {
	const (
		idle       = "INITIAL, initial"
		downloaded = "DOWNLOAD STARTED, downloading, DOWNLOADED, initial"
	)
	want := map[string][]string{
		"pull-install-activate-uninstall.txt": {
			"Observe /9/0/7, /9/0/9, /9/0/12: " + idle + ", DISABLED",
			"Write Package URI: " + downloaded + ", DELIVERED",
			"Install: INSTALLED, software successfully installed",
			"Activate: ENABLED",
			"Uninstall for update (argument 1): INITIAL, initial, DISABLED",
		},
		"push-install.txt": {
			"registration: " + idle,
			"Write Package block-wise, 32-byte blocks: DOWNLOADED, DELIVERED",
			"Install: INSTALLED, software successfully installed",
		},
		"failures.txt": {
			"registration: " + idle,
			"Write Package URI: HTTP 404: device defined update error",
			"Read 7, 9: INITIAL, device defined update error",
			"Write Package URI: connection refused: connection lost during download",
			"Read 7, 9: INITIAL, connection lost during download",
			"Write Package URI: bad checksum: DOWNLOAD STARTED, downloading, DOWNLOADED, initial, INITIAL, package integrity check failure",
			"Read 7, 9: INITIAL, package integrity check failure",
			"Write Package URI: wrong package type: DOWNLOAD STARTED, downloading, DOWNLOADED, initial, INITIAL, unsupported package type",
			"Read 7, 9: INITIAL, unsupported package type",
			"Write Package URI: unsupported scheme: invalid URI",
			"Read 7, 9: INITIAL, invalid URI, INITIAL, invalid URI", // again after an empty URI was refused
			"install fails: DOWNLOAD STARTED, downloading, DOWNLOADED, initial, DELIVERED, software installation failure",
			"Uninstall from DELIVERED: INITIAL, INITIAL, software installation failure",
		},
	}
	for file, wantLines := range want {
		messages, err := recordings.Load("../" + recordings.Dir + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		var last string
		for _, m := range messages {
			if m.Request() || len(m.Payload) == 0 {
				continue
			}
			word := named(t, m)
			if last == m.Note {
				lines[len(lines)-1] += ", " + word
			} else {
				lines = append(lines, m.Note+": "+word)
			}
			last = m.Note
		}
		if diff := cmp.Diff(wantLines, lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func named(t *testing.T, m recordings.Message) string {
	t.Helper()
	var rid ResourceID
	if _, err := fmt.Sscanf(m.Path, "/9/0/%d", &rid); err != nil {
		t.Fatalf("line %d: %s", m.Line, m.Path)
	}
	v, err := Text(rid, m.Payload)
	if err != nil {
		t.Fatalf("line %d: %v", m.Line, err)
	}
	switch rid {
	case RIDUpdateState:
		return Registered.State(v.Int).String()
	case RIDUpdateResult:
		return Registered.Result(v.Int).String()
	}
	return map[bool]string{true: "ENABLED", false: "DISABLED"}[v.Bool()]
}

// The readings of the recordings, whole and torn, decide for the registered
// dialect at the first one that counts.
func TestRecordingsAreDetected(t *testing.T) {
	for _, file := range []string{"register-read-1.0.txt", "register-read-1.1.txt", "register-read-1.2.txt"} {
		messages, err := recordings.Load("../" + recordings.Dir + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, m := range messages {
			if m.Format != 11542 || m.Request() || !strings.HasPrefix(m.Path, "/9") || m.Path == "/9/0/7" {
				continue
			}
			list, err := readAny(m)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, m.Line, err)
			}
			for i, instance := range list {
				read++
				wantInstance := Instance{ID: InstanceID(i), Activation: Disabled}
				if diff := cmp.Diff(wantInstance, instance); diff != "" {
					t.Errorf("%s:%d: undecided (-want +got):\n%s", file, m.Line, diff)
				}
				d, f := Detector{}.Observe(instance.Pair(), true)
				if f.Decided != Registered {
					t.Errorf("%s:%d: the pair decides %v", file, m.Line, f.Decided)
				}
				wantInstance.State, wantInstance.Result = Initial, ResultInitial
				if diff := cmp.Diff(wantInstance, instance.In(d.Dialect())); diff != "" {
					t.Errorf("%s:%d: decided (-want +got):\n%s", file, m.Line, diff)
				}
			}
		}
		if read < 3 {
			t.Errorf("%s: %d readings", file, read)
		}
	}
}

func readAny(m recordings.Message) ([]Instance, error) {
	if m.Path == "/9" {
		list, err := ObjectTLV(m.Payload)
		if err != nil {
			return nil, err
		}
		return ReadObject(list, DialectUnknown)
	}
	v, err := InstanceTLV(0, m.Payload)
	if err != nil {
		return nil, err
	}
	i, err := ReadInstance(0, v, DialectUnknown)
	return []Instance{i}, err
}

// The executes of the recording were answered as the machine says.
func TestRecordingsAnswerAsTheMachine(t *testing.T) {
	messages, err := recordings.Load("../" + recordings.Dir + "/pull-install-activate-uninstall.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine()
	after := map[ResourceID][]EventKind{ // what this client did by itself after each request
		RIDPackageURI: {EventWrite, EventWritten, EventIntegrityOK}, RIDInstall: {EventInstallOK},
		RIDActivate: {EventActivate}, RIDUninstall: {EventUninstall},
	}
	asked := 0
	for i, msg := range messages {
		var rid ResourceID
		if _, err := fmt.Sscanf(msg.Path, "/9/0/%d", &rid); err != nil || !msg.Request() || msg.Code == 1 || msg.Query != nil {
			continue
		}
		asked++
		answer := ResponseCode(messages[i+1].Code)
		if want := m.Answer(rid, Options{}); answer != want {
			t.Errorf("line %d: resource %d in %v was answered %v, the machine says %v", msg.Line, rid, m.State, answer, want)
		}
		if rid == RIDUninstall && answer == CodeChanged {
			args, err := wire.ParseArguments(msg.Payload)
			if forUpdate, ok := ForUpdate(args); err != nil || !ok || !forUpdate {
				t.Errorf("line %d: the argument is not read as for update", msg.Line)
			}
		}
		for _, k := range after[rid] {
			if next, effect := m.Apply(Event{Kind: k}); effect && answer.Success() {
				m = next
			}
		}
	}
	if asked != 8 || m != NewMachine() {
		t.Errorf("%d requests, and %+v in the end; want 8 and INITIAL", asked, m)
	}
}
