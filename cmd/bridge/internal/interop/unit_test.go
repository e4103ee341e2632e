package interop

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComplaints(t *testing.T) {
	log := strings.Join([]string{
		"2026-11-22 00:04:04,285 INFO LeshanServer - started",
		"2026-11-22 00:04:04,300 WARN Servlet - odd",
		"java.lang.Exception: why",
		"\tat here",
		"org.eclipse.jetty.io.EofException",
		"\tat nobody's",
		"2026-11-22 00:04:04,353 INFO LeshanServerDemo - on",
		"\tat nobody's",
		"[main] ERROR org.eclipse.leshan - bad",
		"2026-11-22 00:04:04,353 DEBUG X - WARNING is no level",
	}, "\n")
	want := []string{
		"2026-11-22 00:04:04,300 WARN Servlet - odd\njava.lang.Exception: why\n\tat here",
		"[main] ERROR org.eclipse.leshan - bad",
	}
	if diff := cmp.Diff(want, complaints(log)); diff != "" {
		t.Error(diff)
	}
}

func TestReadEvents(t *testing.T) {
	stream := "event: A\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n: comment\r\n\r\nevent:B\ndata:2\n\ndata: cut"
	var got []Event
	readEvents(bufio.NewScanner(strings.NewReader(stream)), func(e Event) bool { got = append(got, e); return true })
	want := []Event{{Name: "A", Data: []byte("{\"a\":\n1}")}, {Name: "B", Data: []byte("2")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestObtain: nothing is taken that has not the digest, and nothing is
// downloaded that need not be.
func TestObtain(t *testing.T) {
	served := "good"
	asked := 0
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/org/x/a/1/a-1-all.jar" {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(served))
	}))
	t.Cleanup(repository.Close)
	dir := t.TempDir()
	t.Setenv(EnvCache, dir)
	t.Setenv(EnvMaven, repository.URL+"/")
	a := artifact{"org.x", "a", "1", "all", "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"} // of "good"

	if _, err := obtain(context.Background(), []artifact{a}, false); !errors.Is(err, errNotCached) || asked != 0 {
		t.Errorf("without leave to download: %v after %d requests", err, asked)
	}
	served = "bad"
	if _, err := obtain(context.Background(), []artifact{a}, true); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("wrong bytes: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("wrong bytes left %v, %v", left, err)
	}
	served = "good"
	for range 2 {
		paths, err := obtain(context.Background(), []artifact{a}, true)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(paths[0]); err != nil || string(b) != "good" {
			t.Errorf("%q, %v", b, err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times; want once for the bad and once for the good", asked)
	}
	b := a
	b.version = "2"
	if _, err := obtain(context.Background(), []artifact{b}, true); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("not there: %v", err)
	}
}
