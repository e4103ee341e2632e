package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
)

// canceller notes what is given up.
type canceller struct {
	err  error
	gone []string
}

func (c *canceller) Cancel(_ context.Context, name string) error {
	c.gone = append(c.gone, name)
	return c.err
}

func TestCancel(t *testing.T) {
	for _, tc := range []struct {
		name, method, path string
		header             string // a field that is set
		err                error
		status             int
		holds              string
		gone               int
	}{
		{"taken", "POST", "d1/cancel", "", nil, 202, `"cancelled": "d1"`, 1},
		{"name with a slash", "POST", "a%2Fb/cancel", "", nil, 202, `"cancelled": "a/b"`, 1},
		{"nothing runs", "POST", "d1/cancel", "", engine.ErrNoDrive, 409, "no update is running", 1},
		{"no such device", "POST", "d1/cancel", "", engine.ErrUnknownDevice, 404, "no such device", 1},
		{"broken record", "POST", "d1/cancel", "", engine.ErrRecord, 500, "left alone", 1},
		{"disk full", "POST", "d1/cancel", "", fmt.Errorf("%w: /var/secret-path", engine.ErrStore), 503, "try again", 1},
		{"too busy", "POST", "d1/cancel", "", engine.ErrBusy, 503, "try again", 1},
		{"stopping", "POST", "d1/cancel", "", engine.ErrStopped, 503, "try again", 1},
		{"any other", "POST", "d1/cancel", "", errors.New("/var/secret-path"), 500, "internal error", 1},
		{"read", "GET", "d1/cancel", "", nil, 405, "only POST", 0},
		{"a page in a browser", "POST", "d1/cancel", "Origin", nil, 403, "not for browsers", 0},
		{"a browser itself", "POST", "d1/cancel", "Sec-Fetch-Site", nil, 403, "not for browsers", 0},
		{"the device itself", "POST", "d1", "", nil, 405, "only GET", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &canceller{err: tc.err}
			r := httptest.NewRequest(tc.method, "/api/v1/devices/"+tc.path, nil)
			if tc.header != "" {
				r.Header.Set(tc.header, "http://127.0.0.1")
			}
			w := httptest.NewRecorder()
			New(&fake{}, c, nil, nil, nil).ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.holds) || len(c.gone) != tc.gone {
				t.Errorf("%d %s, given up %q; want %d with %q, %d", w.Code, w.Body, c.gone, tc.status, tc.holds, tc.gone)
			}
			if strings.Contains(w.Body.String(), "secret-path") {
				t.Errorf("the cause is shown: %s", w.Body)
			}
			if allow := w.Header().Get("Allow"); w.Code == http.StatusMethodNotAllowed && (allow == "POST") != (tc.gone == 0 && tc.method == "GET") {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// TestNoCancelUnlessWanted: the interface writes nothing by itself.
func TestNoCancelUnlessWanted(t *testing.T) {
	for _, method := range []string{"POST", "GET"} {
		if status, _, body := get(t, &fake{}, method, "/api/v1/devices/d1/cancel"); status != 404 || !strings.Contains(body, "no such resource") {
			t.Errorf("%s: %d %s; want 404", method, status, body)
		}
	}
}
