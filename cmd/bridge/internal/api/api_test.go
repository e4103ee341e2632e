package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
)

// fake is an engine with n devices named d000, d001, …
type fake struct {
	n      int
	health engine.Health
	err    error
	asked  string
}

func (f *fake) Health() engine.Health { return f.health }

func (f *fake) List(after string, limit int) ([]engine.Status, bool, error) {
	if f.err != nil {
		return nil, false, f.err
	}
	list := []engine.Status{}
	for i := range f.n {
		name := fmt.Sprintf("d%03d", i)
		if name <= after {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, engine.Status{Name: name, State: 10})
	}
	return list, false, nil
}

func (f *fake) Device(name string) (engine.Detail, error) {
	f.asked = name
	return engine.Detail{Status: engine.Status{Name: name}}, f.err
}

func get(t *testing.T, f *fake, method, target string) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(f, nil, nil, nil, nil).ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Code, w.Header(), w.Body.String()
}

func TestAnswersAndErrorsAreJSON(t *testing.T) {
	internal := errors.New("disk /var/secret-path broke")
	for _, tc := range []struct {
		name, method, target string
		fake                 fake
		status               int
		holds                string
	}{
		{"healthy", "GET", "/healthz", fake{health: engine.Health{OK: true}}, 200, `"ok": true`},
		{"disk full", "GET", "/healthz", fake{health: engine.Health{Conditions: []engine.Condition{{Name: "store", Text: "disk full"}}}}, 503, "disk full"},
		{"list", "GET", "/api/v1/devices", fake{n: 1}, 200, `"name": "d000"`},
		{"empty list", "GET", "/api/v1/devices", fake{}, 200, `"devices": []`},
		{"list fails", "GET", "/api/v1/devices", fake{err: internal}, 500, "internal error"},
		{"limit 0", "GET", "/api/v1/devices?limit=0", fake{n: 1}, 400, "from 1 to 1000"},
		{"limit too high", "GET", "/api/v1/devices?limit=1001", fake{n: 1}, 400, "from 1 to 1000"},
		{"limit at its bound", "GET", "/api/v1/devices?limit=1000", fake{n: 1}, 200, "d000"},
		{"limit no number", "GET", "/api/v1/devices?limit=x", fake{n: 1}, 400, "limit"},
		{"device", "GET", "/api/v1/devices/d1", fake{}, 200, `"name": "d1"`},
		{"no such device", "GET", "/api/v1/devices/d1", fake{err: engine.ErrUnknownDevice}, 404, "no such device"},
		{"broken record", "GET", "/api/v1/devices/d1", fake{err: engine.ErrRecord}, 500, "left alone"},
		{"device fails", "GET", "/api/v1/devices/d1", fake{err: internal}, 500, "internal error"},
		{"no such path", "GET", "/api/v1/nothing", fake{}, 404, "no such resource"},
		{"root", "GET", "/", fake{}, 404, "no such resource"},
		{"wrong method", "POST", "/api/v1/devices", fake{}, 405, "only GET"},
		{"wrong method below", "DELETE", "/api/v1/devices/d1", fake{}, 405, "only GET"},
		{"wrong method for health", "PUT", "/healthz", fake{}, 405, "only GET"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, header, body := get(t, &tc.fake, tc.method, tc.target)
			if status != tc.status || !strings.Contains(body, tc.holds) {
				t.Errorf("%d %s\nwant %d with %q", status, body, tc.status, tc.holds)
			}
			if header.Get("Content-Type") != "application/json" || !json.Valid([]byte(body)) {
				t.Errorf("%s is not JSON: %s", header.Get("Content-Type"), body)
			}
			if strings.Contains(body, "secret-path") {
				t.Errorf("the cause is shown: %s", body)
			}
			if status == 405 && header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", header.Get("Allow"))
			}
		})
	}
}

func TestPagesMeetEnd(t *testing.T) {
	f := &fake{n: 25}
	var names []string
	target := "/api/v1/devices?limit=10"
	for range 5 {
		_, _, body := get(t, f, "GET", target)
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		for _, d := range p.Devices {
			names = append(names, d.Name)
		}
		if p.Next == "" {
			break
		}
		target = "/api/v1/devices?limit=10&after=" + p.Next
	}
	if len(names) != 25 || names[0] != "d000" || names[24] != "d024" {
		t.Errorf("pages hold %d devices: %v", len(names), names)
	}
}

func TestNamesWithSlashes(t *testing.T) {
	f := &fake{}
	for path, want := range map[string]string{
		"urn:imei:356":        "urn:imei:356",
		"a%2Fb":               "a/b",
		"a%20b%C3%A9":         "a bé",
		"..%2F..%2Fetc%2Fpwd": "../../etc/pwd",
	} {
		if status, _, body := get(t, f, "GET", "/api/v1/devices/"+path); status != 200 || f.asked != want {
			t.Errorf("%s: %d, asked for %q; want %q (%s)", path, status, f.asked, want, body)
		}
	}
}
