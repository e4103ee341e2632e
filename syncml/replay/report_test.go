package replay_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

// report has one of each: as recorded, different, not played.
func report(t *testing.T) *replay.Report {
	s := session(t, package1("1"), message("1", 200))
	play := func(code int) *replay.Result {
		h := &answers{t: t}
		h.list = append(h.list, message("1", 200))
		if code != 0 {
			h.list[0] = message("1", 418)
		}
		r, err := replay.New(replay.Options{}).AsClient(t.Context(), s, replay.Handler(h, server))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	return &replay.Report{Recordings: []replay.RecordingReport{
		{Path: "good", Results: []*replay.Result{play(0)}},
		{Path: "bad", Results: []*replay.Result{play(418)}},
		{Path: "ugly", Err: errors.New("no <peer>")},
	}}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	if err := report(t).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Total, Different int
		Recordings       []struct {
			Path, Error string
			OK          bool
			Sessions    []struct {
				Messages []struct {
					From string
					Diff []struct{ Op, Path, Text string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Total != 3 || got.Different != 2 || !got.Recordings[0].OK || got.Recordings[1].OK || got.Recordings[2].Error != "no <peer>" {
		t.Errorf("%s", &b)
	}
	m := got.Recordings[1].Sessions[0].Messages[0]
	if m.From != "s2c" || len(m.Diff) != 6 || m.Diff[0].Op != "-" || m.Diff[0].Path != "SyncML/SyncBody/Status/Data" || m.Diff[1].Text != "<Data>418</Data> <!-- already exists -->" {
		t.Errorf("%+v", m)
	}
}

func TestJUnit(t *testing.T) {
	var b strings.Builder
	if err := report(t).WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Failure *string `xml:"failure"`
				Error   *struct {
					Message string `xml:"message,attr"`
				} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 3 || got.Failures != 1 || got.Errors != 1 || len(got.Suites) != 3 {
		t.Fatalf("%s", &b)
	}
	if f := got.Suites[1].Cases[0].Failure; f == nil || !strings.Contains(*f, "+   <Data>418</Data> <!-- already exists -->") {
		t.Errorf("%s", &b)
	}
	if e := got.Suites[2].Cases[0].Error; e == nil || e.Message != "no <peer>" {
		t.Errorf("%s", &b)
	}
}

// TestColour: only lines that differ have one, and it ends with the line.
func TestColour(t *testing.T) {
	var b strings.Builder
	if err := report(t).Recordings[1].Results[0].WriteText(&b, true); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "\x1b[31m      -") || strings.HasPrefix(line, "\x1b[32m      +") {
			if !strings.HasSuffix(line, "\x1b[0m\n") {
				t.Errorf("%q has no end", line)
			}
		} else if strings.Contains(line, "\x1b") {
			t.Errorf("%q has a colour", line)
		}
	}
	if strings.Count(b.String(), "\x1b[32m") != 3 {
		t.Errorf("%q", &b)
	}
}
