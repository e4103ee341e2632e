package pkgserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// media is what a descriptor says.
type media struct {
	XMLName xml.Name `xml:"http://www.openmobilealliance.org/xmlns/dd media"`
	Object  string   `xml:"objectURI"`
	Size    int      `xml:"size"`
	Hash    string   `xml:"hash"`
	Notify  string   `xml:"installNotifyURI"`
}

// TestDescriptor: a descriptor leads to the package, with size and digest, and
// to where the report goes; the wrong one has another digest.
func TestDescriptor(t *testing.T) {
	var told []string
	_, at, c := start(t, Config{OnReport: func(path, status string) { told = append(told, path+" "+status) }})
	for behaviour, right := range map[string]bool{"descriptor": true, "wrong-descriptor": false} {
		resp, b, err := get(t, c, at+Path(behaviour, "radio", "2.0")+"?size=100&x=1")
		var m media
		if resp.Header.Get("Content-Type") != "application/vnd.oma.dd+xml" || err != nil || xml.Unmarshal(b, &m) != nil {
			t.Fatalf("%s: %s, %v", behaviour, b, err)
		}
		base, err := url.Parse(at + Path(behaviour, "radio", "2.0"))
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := get(t, c, from(t, base, m.Object))
		if !bytes.Equal(body, Body(Config{Size: 100}, "ok", "radio", "2.0")) || m.Size != len(body) || err != nil {
			t.Errorf("%s: %q has %d bytes, announced %d; %v", behaviour, m.Object, len(body), m.Size, err)
		}
		if got := m.Hash == fmt.Sprintf("sha256:%x", sha256.Sum256(body)); got != right {
			t.Errorf("%s: %s", behaviour, m.Hash)
		}
		if code := post(t, c, from(t, base, m.Notify), "900 Success"); code != http.StatusNoContent {
			t.Errorf("%s: %d", behaviour, code)
		}
	}
	if want := "/report/radio-2.0.pkg 900 Success"; !slices.Equal(told, []string{want, want}) {
		t.Errorf("told %q", told)
	}
}

// TestReports: at the limit a report is taken, over it and by other methods not.
func TestReports(t *testing.T) {
	n := 0
	_, at, c := start(t, Config{OnReport: func(string, string) { n++ }})
	for body, want := range map[string]int{strings.Repeat("x", maxReport): 204, strings.Repeat("x", maxReport+1): 413} {
		if code := post(t, c, at+"/report/a", body); code != want {
			t.Errorf("%d bytes: %d", len(body), code)
		}
	}
	if resp, _, _ := get(t, c, at+"/report/a"); resp.StatusCode != http.StatusMethodNotAllowed || n != 1 {
		t.Errorf("GET: %d; %d taken", resp.StatusCode, n)
	}
}

// from is where a URI in a descriptor leads.
func from(t *testing.T, base *url.URL, uri string) string {
	t.Helper()
	u, err := base.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

func post(t *testing.T, c *http.Client, to, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
