package replay

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Report collects the results of several recordings, for other programs.
type Report struct {
	Recordings []RecordingReport
}

// RecordingReport is what came of one recording. Err, if not nil, is why it
// could not be played to its end.
type RecordingReport struct {
	Path    string
	Results []*Result
	Err     error
}

// OK says whether everything was as recorded.
func (r RecordingReport) OK() bool {
	for _, s := range r.Results {
		if !s.OK() {
			return false
		}
	}
	return r.Err == nil && len(r.Results) > 0
}

// Different counts the recordings that were not as recorded.
func (r *Report) Different() int {
	n := 0
	for _, rec := range r.Recordings {
		if !rec.OK() {
			n++
		}
	}
	return n
}

// The JSON form. It is an interface of its own: the Go types may grow.
type (
	jsonReport struct {
		Recordings []jsonRecording `json:"recordings"`
		Total      int             `json:"total"`
		Different  int             `json:"different"`
	}
	jsonRecording struct {
		Path     string        `json:"path"`
		OK       bool          `json:"ok"`
		Error    string        `json:"error,omitempty"`
		Sessions []jsonSession `json:"sessions"`
	}
	jsonSession struct {
		Name     string        `json:"name"`
		OK       bool          `json:"ok"`
		Notes    []string      `json:"notes,omitempty"`
		Messages []jsonMessage `json:"messages"`
	}
	jsonMessage struct {
		Name  string     `json:"name"`
		From  string     `json:"from"` // "c2s", "s2c"
		OK    bool       `json:"ok"`
		Fault string     `json:"fault,omitempty"`
		Diff  []jsonLine `json:"diff,omitempty"`
	}
	jsonLine struct {
		Op   string `json:"op"` // "-" recorded, "+" live
		Path string `json:"path"`
		Text string `json:"text"`
	}
)

// WriteJSON writes the report as one JSON object, with the lines that differ
// and not those around them. The error is that of w.
func (r *Report) WriteJSON(w io.Writer) error {
	out := jsonReport{Recordings: []jsonRecording{}, Total: len(r.Recordings), Different: r.Different()}
	for _, rec := range r.Recordings {
		j := jsonRecording{Path: rec.Path, OK: rec.OK(), Sessions: []jsonSession{}}
		if rec.Err != nil {
			j.Error = rec.Err.Error()
		}
		for _, s := range rec.Results {
			j.Sessions = append(j.Sessions, s.json())
		}
		out.Recordings = append(out.Recordings, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (r *Result) json() jsonSession {
	out := jsonSession{Name: r.Session, OK: r.OK(), Notes: r.Notes, Messages: []jsonMessage{}}
	for _, s := range r.Steps {
		m := jsonMessage{Name: s.Message, From: s.From.String(), OK: s.OK(), Fault: s.Fault}
		for _, l := range s.Diff {
			if l.Op != Same {
				m.Diff = append(m.Diff, jsonLine{l.Op.String(), l.Path, l.Text})
			}
		}
		out.Messages = append(out.Messages, m)
	}
	return out
}

// The JUnit form, as test benches read it: a suite a recording, a case a
// session.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string    `xml:"name,attr"`
		Class   string    `xml:"classname,attr"`
		Failure *junitWhy `xml:"failure"`
		Error   *junitWhy `xml:"error"`
	}
	junitWhy struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report in the XML that JUnit made common. A session
// that was not as recorded is a failure with its diff, a recording that could
// not be played to its end an error. The error is that of w.
func (r *Report) WriteJUnit(w io.Writer) error {
	var out junitReport
	for _, rec := range r.Recordings {
		s := rec.junit()
		out.Suites = append(out.Suites, s)
		out.Tests, out.Failures, out.Errors = out.Tests+s.Tests, out.Failures+s.Failures, out.Errors+s.Errors
	}
	b, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func (r RecordingReport) junit() junitSuite {
	s := junitSuite{Name: r.Path}
	for _, res := range r.Results {
		c := junitCase{Name: res.Session, Class: r.Path}
		if !res.OK() {
			var text strings.Builder
			_ = res.WriteText(&text, false) // a strings.Builder takes everything
			c.Failure = &junitWhy{fmt.Sprintf("%d of %d messages differ", res.Different(), len(res.Steps)), text.String()}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	if r.Err != nil {
		s.Cases = append(s.Cases, junitCase{Name: "replay", Class: r.Path, Error: &junitWhy{r.Err.Error(), ""}})
		s.Errors++
	}
	s.Tests = len(s.Cases)
	return s
}
