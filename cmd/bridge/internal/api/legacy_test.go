package api

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
)

// fakeLegacy has devices, and what is wrong with each.
type fakeLegacy struct {
	names []string
	errs  map[string]error
}

func (f fakeLegacy) Devices() []string { return f.names }

func (f fakeLegacy) View(device string) (legacy.View, error) {
	return legacy.View{Device: device, Timeline: []legacy.Entry{{Note: "a line"}}}, f.errs[device]
}

func (fakeLegacy) Shown(string) []legacy.Shown { return []legacy.Shown{{Server: "main"}} }

func (fakeLegacy) Strangers() []legacy.Stranger { return []legacy.Stranger{{Device: "stranger"}} }

func TestLegacy(t *testing.T) {
	f := fakeLegacy{[]string{"a", "b/1", "c", "d"}, map[string]error{"c": legacy.ErrRecord, "x": legacy.ErrUnknown, "y": errors.New("/var/secret-path")}}
	for _, c := range []struct {
		path   string
		status int
		has    []string
		lacks  string
	}{
		{"", 200, []string{`"device": "a"`, `"device": "d"`, `"error": "the record`, `"stranger"`, `"server": "main"`}, "a line"},
		{"?limit=2", 200, []string{`"device": "b/1"`, `"next": "b/1"`}, `"device": "c"`},
		{"?limit=2&after=b/1", 200, []string{`"device": "c"`, `"device": "d"`}, "next"},
		{"?limit=4", 200, []string{`"device": "d"`}, "next"},
		{"?after=b/1", 200, nil, "stranger"},
		{"?after=z", 200, []string{`"devices": []`}, "next"},
		{"?limit=0", 400, []string{"limit: a number from 1 to 1000"}, ""},
		{"/b%2F1", 200, []string{`"device": "b/1"`, "a line", `"server": "main"`}, ""},
		{"/c", 500, []string{"cannot be read"}, ""},
		{"/x", 404, []string{"no such device"}, ""},
		{"/y", 500, []string{"internal error"}, "secret-path"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/api/v1/legacy"+c.path, nil)
		New(&fake{}, nil, f, nil, nil).ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != c.status || c.lacks != "" && strings.Contains(body, c.lacks) {
			t.Errorf("%s: %d %s", c.path, w.Code, body)
		}
		for _, text := range c.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: %s; want %s", c.path, body, text)
			}
		}
	}
	if status, _, _ := get(t, &fake{}, "GET", "/api/v1/legacy"); status != 404 {
		t.Errorf("without direction B: %d; want 404", status)
	}
	f.errs["a"] = errors.New("disk")
	w := httptest.NewRecorder()
	New(&fake{}, nil, f, nil, nil).ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/legacy", nil))
	if w.Code != 500 {
		t.Errorf("a store that fails: %d", w.Code)
	}
}
