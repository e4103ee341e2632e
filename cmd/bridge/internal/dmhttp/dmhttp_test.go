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

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/syncml"
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

// post sends a message with a new client.
func post(t *testing.T, o Options, url, body string) (Response, error) {
	t.Helper()
	return newClient(t, o).Post(t.Context(), Request{URL: url, Body: []byte(body)})
}

func TestPostCarriesTheMessageBothWays(t *testing.T) {
	var got *http.Request
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = r
		w.Header().Set("Content-Type", dmXML+"; charset=utf-8")
		w.Header().Set("x-syncml-hmac", "answer")
		_, _ = w.Write(append([]byte("re:"), b...))
	})
	answer, err := newClient(t, Options{}).Post(t.Context(), Request{URL: url, HMAC: "question", Body: []byte("ping")})
	if want := (Response{Status: 200, HMAC: "answer", Body: []byte("re:ping")}); err != nil || !cmp.Equal(answer, want) {
		t.Errorf("Post = %+v, %v", answer, err)
	}
	want := http.Header{"Content-Type": {dmXML}, "Accept": {dmXML}, "Accept-Encoding": {"identity"}, "Content-Length": {"4"},
		"User-Agent": {"fwbridge"}, "X-Syncml-Hmac": {"question"}}
	if diff := cmp.Diff(want, got.Header); got.Method != http.MethodPost || got.ContentLength != 4 || diff != "" {
		t.Errorf("%s of %d bytes (-want +got):\n%s", got.Method, got.ContentLength, diff)
	}
}

// TestFamilies: what is sent is configured for each server; what is taken is
// either, in any case and with parameters.
func TestFamilies(t *testing.T) {
	for _, tc := range []struct {
		family   Family
		encoding syncml.Encoding
		sent     string
		answered string
	}{
		{FamilyDM, syncml.XML, "application/vnd.syncml.dm+xml", "application/vnd.syncml+xml"},
		{FamilyDM, syncml.WBXML, "application/vnd.syncml.dm+wbxml", "application/vnd.syncml+wbxml"},
		{FamilySyncML, syncml.XML, "application/vnd.syncml+xml", "Application/VND.SyncML.DM+XML; Charset=UTF-8"},
		{FamilySyncML, syncml.WBXML, "application/vnd.syncml+wbxml", "application/vnd.syncml.dm+wbxml ;charset=utf-8"},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if ct, accept := r.Header.Get("Content-Type"), r.Header.Get("Accept"); ct != tc.sent || accept != tc.sent {
				t.Errorf("sent %q and %q; want %q", ct, accept, tc.sent)
			}
			w.Header().Set("Content-Type", tc.answered)
			_, _ = io.WriteString(w, "x")
		})
		c := newClient(t, Options{Servers: map[string]Server{"s": {Family: tc.family}}})
		answer, err := c.Post(t.Context(), Request{Server: "s", URL: url, Encoding: tc.encoding})
		if err != nil || answer.Encoding != tc.encoding || string(answer.Body) != "x" {
			t.Errorf("%s: %+v, %v", tc.answered, answer, err)
		}
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	for _, tc := range []struct{ contentType, coding, want string }{
		{"text/html", "", `Content-Type "text/html"`},
		{"", "", `Content-Type ""`},
		{"application/vnd.syncml.dmddf+xml", "", `Content-Type "application/vnd.syncml.dmddf+xml"`},
		{dmXML, "gzip", `Content-Encoding "gzip"`},
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{tc.contentType}
			if tc.coding != "" {
				w.Header().Set("Content-Encoding", tc.coding)
			}
			_, _ = io.WriteString(w, "<html>")
		})
		answer, err := post(t, Options{}, url, "")
		if err == nil || !strings.Contains(err.Error(), tc.want) || answer.Body != nil {
			t.Errorf("%q: %+v, %v; want %s", tc.contentType, answer, err, tc.want)
		}
	}
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", dmXML)
		w.Header().Set("Content-Encoding", "identity")
		_, _ = io.WriteString(w, "x")
	})
	if answer, err := post(t, Options{}, url, ""); err != nil || string(answer.Body) != "x" {
		t.Errorf("identity: %+v, %v", answer, err)
	}
}

func TestStatusIsNotAnError(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	if answer, err := post(t, Options{}, url, "m"); answer.Status != 503 || answer.Body != nil || err != nil {
		t.Errorf("Post = %+v, %v; want 503", answer, err)
	}
}

func TestEmptyAnswerNeedsNoContentType(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if answer, err := post(t, Options{}, url, "m"); answer.Status != 204 || answer.Body != nil || err != nil {
		t.Errorf("Post = %+v, %v; want 204", answer, err)
	}
}

// TestBodyLimit: at the limit and one over it, with a length and in chunks.
func TestBodyLimit(t *testing.T) {
	const limit = 100
	for _, n := range []int{limit, limit + 1} {
		for _, chunked := range []bool{false, true} {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", dmXML)
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, strings.Repeat("x", n))
			})
			answer, err := post(t, Options{MaxBody: limit}, url, "")
			big, over := errors.AsType[*TooLargeError](err)
			if n <= limit && (err != nil || len(answer.Body) != n) {
				t.Errorf("%d bytes, chunked %v: %+v, %v; want all of it", n, chunked, answer, err)
			}
			if n > limit && (!over || big.Limit != limit || answer.Body != nil) {
				t.Errorf("%d bytes, chunked %v: %+v, %v; want a TooLargeError", n, chunked, answer, err)
			}
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
			answer, err := post(t, Options{}, url+"/a", "m")
			if answer.Status != tc.status || (err != nil) != tc.fails || answer.Status == 200 && string(answer.Body) != "m" {
				t.Errorf("Post = %+v, %v", answer, err)
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
	if _, err := post(t, Options{Timeout: time.Millisecond}, url, "m"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("own time-out: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, Options{}).Post(ctx, Request{URL: url}); !errors.Is(err, context.Canceled) {
		t.Errorf("caller's context: %v", err)
	}
}

// TestAnswerWithoutEnd: a server that has always one more byte runs into the
// time-out, and one that hangs up in mid-answer gives an error.
func TestAnswerWithoutEnd(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", dmXML)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	if _, err := post(t, Options{Timeout: 50 * time.Millisecond, MaxBody: 1 << 40}, url, "m"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a trickle: %v", err)
	}
	url = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", dmXML)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	if answer, err := post(t, Options{}, url, "m"); !errors.Is(err, io.ErrUnexpectedEOF) || answer.Body != nil {
		t.Errorf("a torn answer: %+v, %v", answer, err)
	}
}

func TestBrokenURL(t *testing.T) {
	if _, err := post(t, Options{}, "http://[", "m"); err == nil {
		t.Error("want an error")
	}
}

// TestErrorsDoNotShowTheSessionKey: it stands in the query of a RespURI.
func TestErrorsDoNotShowTheSessionKey(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close() // nobody listens there now
	_, err := post(t, Options{}, s.URL+"/dm?s=hunter2", "m")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("got %v; want an error with the address and without the query", err)
	}
}

// TestConnectionIsKept: the messages of a session share one.
func TestConnectionIsKept(t *testing.T) {
	peers := map[string]bool{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		w.Header().Set("Content-Type", dmXML)
		_, _ = io.WriteString(w, "x")
	})
	c := newClient(t, Options{})
	for range 5 {
		if _, err := c.Post(t.Context(), Request{URL: url, Body: []byte("m")}); err != nil {
			t.Fatal(err)
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for five messages", len(peers))
	}
}
