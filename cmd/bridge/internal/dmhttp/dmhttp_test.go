package dmhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dmXML = "application/vnd.syncml.dm+xml"

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func TestPostCarriesTheMessageBothWays(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != dmXML || r.Header.Get("Accept") != dmXML || r.ContentLength != 4 {
			t.Errorf("got %s %v, length %d", r.Method, r.Header, r.ContentLength)
		}
		w.Header().Set("Content-Type", dmXML+"; charset=utf-8")
		_, _ = w.Write(append([]byte("re:"), b...))
	})
	status, media, body, err := newClient(t, Options{}).Post(t.Context(), url, dmXML, []byte("ping"))
	if status != 200 || media != dmXML || string(body) != "re:ping" || err != nil {
		t.Errorf("Post = %d %q %q %v", status, media, body, err)
	}
}

func TestBothFamiliesOfContentTypes(t *testing.T) {
	for _, ct := range []string{
		"application/vnd.syncml.dm+xml", "application/vnd.syncml.dm+wbxml",
		"application/vnd.syncml+xml", "application/vnd.syncml+wbxml", "Application/VND.SyncML.DM+XML",
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", ct)
			_, _ = io.WriteString(w, "x")
		})
		if _, media, body, err := newClient(t, Options{}).Post(t.Context(), url, dmXML, nil); err != nil || media != strings.ToLower(ct) || string(body) != "x" {
			t.Errorf("%s: %q %q %v", ct, media, body, err)
		}
	}
}

func TestALoginPageIsNoMessage(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>")
	})
	_, _, body, err := newClient(t, Options{}).Post(t.Context(), url, dmXML, nil)
	if ct, ok := errors.AsType[*ContentTypeError](err); !ok || ct.Got != "text/html" || body != nil {
		t.Errorf("Post = %q, %v; want a ContentTypeError", body, err)
	}
}

func TestStatusIsNotAnError(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	if status, _, body, err := newClient(t, Options{}).Post(t.Context(), url, dmXML, nil); status != 503 || body != nil || err != nil {
		t.Errorf("Post = %d %q %v; want 503", status, body, err)
	}
}

func TestEmptyAnswerNeedsNoContentType(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if status, _, body, err := newClient(t, Options{}).Post(t.Context(), url, dmXML, nil); status != 204 || body != nil || err != nil {
		t.Errorf("Post = %d %q %v; want 204", status, body, err)
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 100
	for _, n := range []int{limit, limit + 1} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", dmXML)
			_, _ = io.WriteString(w, strings.Repeat("x", n))
		})
		_, _, body, err := newClient(t, Options{MaxBody: limit}).Post(t.Context(), url, dmXML, nil)
		big, over := errors.AsType[*TooLargeError](err)
		if n <= limit && (err != nil || len(body) != n) {
			t.Errorf("%d bytes: %d, %v; want all of it", n, len(body), err)
		}
		if n > limit && (!over || big.Limit != limit || body != nil) {
			t.Errorf("%d bytes: %d, %v; want a TooLargeError", n, len(body), err)
		}
	}
}

func TestRedirects(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the message went to another host") })
	for _, tc := range []struct {
		name   string
		code   int
		to     string
		status int
		fails  bool
	}{
		{"same host", http.StatusTemporaryRedirect, "/b", 200, false},
		{"a GET instead of the POST", http.StatusFound, "/b", 302, false},
		{"another host", http.StatusTemporaryRedirect, other, 0, true},
		{"for ever", http.StatusTemporaryRedirect, "/a", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/b" {
					w.Header().Set("Content-Type", dmXML)
					_, _ = io.Copy(w, r.Body)
					return
				}
				http.Redirect(w, r, tc.to, tc.code)
			})
			status, _, body, err := newClient(t, Options{}).Post(t.Context(), url+"/a", dmXML, []byte("m"))
			if status != tc.status || (err != nil) != tc.fails || status == 200 && string(body) != "m" {
				t.Errorf("Post = %d %q %v", status, body, err)
			}
		})
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	// Both limits end the wait: the client's own, and the caller's.
	if _, _, _, err := newClient(t, Options{Timeout: time.Millisecond}).Post(t.Context(), url, dmXML, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("own time-out: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := newClient(t, Options{}).Post(ctx, url, dmXML, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("caller's context: %v", err)
	}
}

func TestBrokenURL(t *testing.T) {
	if _, _, _, err := newClient(t, Options{}).Post(t.Context(), "http://[", dmXML, nil); err == nil {
		t.Error("want an error")
	}
}
