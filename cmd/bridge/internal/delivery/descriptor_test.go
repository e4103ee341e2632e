package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

const ddHead = `<?xml version="1.0"?><media xmlns="http://www.openmobilealliance.org/xmlns/dd"><DDVersion>1.0</DDVersion>`

// serveDescriptor serves a descriptor at /dd and a package at /fw.bin, and
// takes status reports.
func serveDescriptor(t *testing.T, dd string, b []byte, reports chan string) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/dd":
			w.Header().Set("Content-Type", descriptorType+"; charset=utf-8")
			_, _ = io.WriteString(w, dd)
		case "/fw.bin":
			serveBytes(b, "")(w, r)
		case "/notify":
			body, _ := io.ReadAll(r.Body)
			reports <- r.Method + " " + string(body)
		default:
			w.WriteHeader(404)
		}
	})
}

func TestDescriptor(t *testing.T) {
	b := random(1000)
	sum := sha256.Sum256(b)
	reports := make(chan string, 1)
	dd := ddHead + `<objectURI>fw.bin</objectURI><size>1000</size><type>application/x-radio</type><name>Radio</name><version>2.0</version>` +
		`<vendor>x</vendor><installNotifyURI>/notify</installNotifyURI><hash>` + base64.StdEncoding.EncodeToString(sum[:]) + `</hash></media>`
	at := serveDescriptor(t, dd, b, reports)
	f, _ := newFetcher(t, FetcherOptions{})
	want := Fetched{Digest: sum, Size: 1000, Name: "Radio", Version: "2.0", Type: "application/x-radio", Notify: at + "/notify", Announced: true}
	got, err := f.Fetch(t.Context(), FetchRequest{URL: at + "/dd"})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	p, err := f.Probe(t.Context(), FetchRequest{URL: at + "/dd"})
	if diff := cmp.Diff(Probed{URL: at + "/fw.bin", Size: 1000, Type: "application/x-radio", Name: "Radio", Version: "2.0", Digest: sum, Notify: at + "/notify"}, p); err != nil || diff != "" {
		t.Errorf("Probe: %v %s", err, diff)
	}
	if err := f.Notify(t.Context(), got.Notify, InstallStatusOf(lwm2m9.ResultInstalled)); err != nil {
		t.Error(err)
	}
	if s := <-reports; s != "POST 900 Success" {
		t.Errorf("%q", s)
	}
}

// TestDescriptorOnce: a package that is in the store already, by the digest
// behind the URL, still has the descriptor's name and place to be told; and a
// Probe that fails has the place too.
func TestDescriptorOnce(t *testing.T) {
	b := random(1000)
	sum := Digest(sha256.Sum256(b))
	at := serveDescriptor(t, ddHead+`<objectURI>fw.bin</objectURI><name>Radio</name><installNotifyURI>notify</installNotifyURI></media>`, b, nil)
	f, _ := newFetcher(t, FetcherOptions{})
	for i := range 2 {
		got, err := f.Fetch(t.Context(), FetchRequest{URL: at + "/dd#sha256=" + sum.String()})
		if err != nil || got.Notify != at+"/notify" || got.Name != "Radio" || got.Reused != (i == 1) {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
	bad := serveDescriptor(t, ddHead+`<objectURI>file:///x</objectURI><installNotifyURI>notify</installNotifyURI></media>`, b, nil)
	if _, err := f.Probe(t.Context(), FetchRequest{URL: bad + "/dd"}); asError(err).Notify != bad+"/notify" {
		t.Errorf("Probe: %v", err)
	}
}

// TestMaxNotify: an installNotifyURI at the limit is kept, one over it is none.
func TestMaxNotify(t *testing.T) {
	base := &url.URL{Scheme: "http", Host: "h", Path: "/dd"}
	for over, want := range map[int]int{0: MaxNotify, 1: 0} {
		notify := "http://h/" + strings.Repeat("x", MaxNotify+over-len("http://h/"))
		d, err := parseDescriptor([]byte(ddHead+"<objectURI>fw.bin</objectURI><installNotifyURI>"+notify+"</installNotifyURI></media>"), base)
		if err != nil || len(d.notify) != want {
			t.Errorf("%d over: %d bytes, %v", over, len(d.notify), err)
		}
	}
}

// TestZeroDigest: what would announce nothing is no digest.
func TestZeroDigest(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{})
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: serve(t, status(200)) + "/x#sha256=" + strings.Repeat("0", 64)}); KindOf(err) != KindURI {
		t.Error(err)
	}
}

// TestDescriptorsBound: at the limit one is forgotten.
func TestDescriptorsBound(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{MaxKnown: 2})
	for _, at := range []string{"a", "b", "c"} {
		f.described(at, &descriptor{name: at})
	}
	if len(f.descriptors) != 2 || f.description("c") == nil {
		t.Errorf("%v", f.descriptors)
	}
}

func TestDescriptorFaults(t *testing.T) {
	b := random(1000)
	for name, row := range map[string]struct {
		dd   string
		want Kind
	}{
		"no XML":           {"{}", KindUnsupported},
		"another document": {"<html/>", KindUnsupported},
		"cut":              {ddHead + "<objectURI>fw.bin", KindUnsupported},
		"no objectURI":     {ddHead + "<size>3</size></media>", KindUnsupported},
		"no URI":           {ddHead + "<objectURI>http://%zz/</objectURI></media>", KindUnsupported},
		"version 2":        {"<media><DDVersion>2.0</DDVersion><objectURI>fw.bin</objectURI></media>", KindUnsupported},
		"size":             {ddHead + "<objectURI>fw.bin</objectURI><size>much</size></media>", KindUnsupported},
		"hash":             {ddHead + "<objectURI>fw.bin</objectURI><hash>abc</hash></media>", KindUnsupported},
		"zero hash":        {ddHead + "<objectURI>fw.bin</objectURI><hash>" + strings.Repeat("0", 64) + "</hash></media>", KindUnsupported},
		"too long":         {ddHead + "<objectURI>fw.bin</objectURI>" + strings.Repeat(" ", MaxDescriptor) + "</media>", KindServer},
		"itself":           {ddHead + "<objectURI>dd</objectURI></media>", KindUnsupported},
		"other size":       {ddHead + "<objectURI>fw.bin</objectURI><size>999</size></media>", KindIntegrity},
		"other hash":       {ddHead + "<objectURI>fw.bin</objectURI><hash>sha256:" + strings.Repeat("0a", 32) + "</hash></media>", KindIntegrity},
		"not there":        {ddHead + "<objectURI>other</objectURI></media>", KindRefused},
		"metadata":         {ddHead + "<objectURI>http://169.254.169.254/</objectURI></media>", KindNotAllowed},
		"a file":           {ddHead + "<objectURI>file:///etc/passwd</objectURI></media>", KindURI},
	} {
		f, _ := newFetcher(t, FetcherOptions{})
		dd := strings.Replace(row.dd, "</media>", "<installNotifyURI>notify</installNotifyURI></media>", 1)
		at := serveDescriptor(t, dd, b, nil)
		_, err := f.Fetch(t.Context(), FetchRequest{URL: at + "/dd"})
		if KindOf(err) != row.want || f.o.Store.Usage().Packages != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if e := asError(err); row.want != KindUnsupported && name != "too long" && e.Notify != at+"/notify" {
			t.Errorf("%s: nobody is told: %q", name, e.Notify)
		}
	}
}

func TestNotify(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{MaxAttempts: 3})
	n := 0
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		w.WriteHeader(map[int]int{1: 503, 2: 204}[n])
	})
	if err := f.Notify(t.Context(), at, StatusLoaderError); err != nil || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
	if err := f.Notify(t.Context(), serve(t, status(404)), StatusSuccess); KindOf(err) != KindRefused {
		t.Error(err)
	}
	if err := f.Notify(t.Context(), "coap://127.0.0.1/x", StatusSuccess); KindOf(err) != KindURI {
		t.Error(err)
	}
	if InstallStatusOf(lwm2m9.ResultNotEnoughStorage) != 901 || InstallStatusOf(lwm2m9.ResultInstallFailure) != 954 || InstallStatus(999).String() != "999" {
		t.Error("statuses")
	}
}

func TestInstallStatusOfCode(t *testing.T) {
	for code, want := range map[fwupdate.Code]InstallStatus{
		fwupdate.CodeSuccess: StatusSuccess, fwupdate.CodeUserCancelled: StatusUserCancelled, fwupdate.CodeCorrupted: StatusAttributeMismatch,
		fwupdate.CodeUpdateFailed: StatusLoaderError, fwupdate.CodeDownloadOutOfMemory: StatusInsufficientMemory,
		fwupdate.CodeBadURL: StatusInvalidDescriptor, fwupdate.CodeNetwork: StatusLossOfService, fwupdate.CodeNotAcceptable: StatusNonAcceptable,
		fwupdate.CodeUndefined: StatusDeviceAborted, 0: StatusDeviceAborted,
	} {
		if got := InstallStatusOfCode(code); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
}

// TestNotifyFinal: what is worth another try, and what is not.
func TestNotifyFinal(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{MaxAttempts: 2})
	gone := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for at, want := range map[string]bool{
		serve(t, status(404)): true, serve(t, status(401)): true, serve(t, status(400)): true,
		serve(t, status(429)): false, serve(t, status(408)): false, serve(t, status(500)): false, serve(t, status(503)): false, gone: false,
		"http://169.254.169.254/": true, "ftp://h/x": true, "http://user:secret@127.0.0.1/": true,
	} {
		err := f.Notify(t.Context(), at, StatusSuccess)
		if err == nil || Final(err) != want {
			t.Errorf("%s: %v, want final %v", at, err, want)
		}
	}
	if Final(context.Canceled) {
		t.Error("a bridge that stops has been refused")
	}
}

func TestProbe(t *testing.T) {
	b := random(1000)
	sized := func(w http.ResponseWriter, r *http.Request) { serveBytes(b, "")(w, r) }
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		ask     FetchRequest
		size    int64
		want    Kind
		ok      bool
	}{
		{"HEAD", sized, FetchRequest{}, 1000, 0, true},
		{"no HEAD", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(405)
				return
			}
			sized(w, r)
		}, FetchRequest{}, 1000, 0, true},
		{"no length", func(w http.ResponseWriter, _ *http.Request) {}, FetchRequest{}, 0, 0, true},
		{"the size announced", sized, FetchRequest{Size: 1000}, 1000, 0, true},
		{"another size", sized, FetchRequest{Size: 1001}, 0, KindIntegrity, false},
		{"404", status(404), FetchRequest{}, 0, KindRefused, false},
		{"401", status(401), FetchRequest{}, 0, KindAuth, false},
		{"500", status(500), FetchRequest{}, 0, KindServer, false},
		{"redirects", redirect("/"), FetchRequest{}, 0, KindServer, false},
	} {
		f, _ := newFetcher(t, FetcherOptions{MaxAttempts: 1})
		row.ask.URL = serve(t, row.handler) + "/a/fw.bin"
		p, err := f.Probe(t.Context(), row.ask)
		if err == nil != row.ok || p.Size != row.size || !row.ok && KindOf(err) != row.want || row.ok && (p.URL != row.ask.URL || p.Name != "fw") {
			t.Errorf("%s: %+v, %v", row.name, p, err)
		}
		if f.o.Store.Usage().Packages != 0 {
			t.Errorf("%s: something was stored", row.name)
		}
	}
	f, _ := newFetcher(t, FetcherOptions{Store: openStore(t, StoreOptions{MaxPackage: 999})})
	if _, err := f.Probe(t.Context(), FetchRequest{URL: serve(t, sized)}); KindOf(err) != KindTooLarge {
		t.Error(err)
	}
	if _, err := f.Probe(t.Context(), FetchRequest{URL: "coap://127.0.0.1/x"}); KindOf(err) != KindURI {
		t.Error(err)
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add([]byte(ddHead + "<objectURI>fw.bin</objectURI><size>3</size></media>"))
	base := &url.URL{Scheme: "http", Host: "h", Path: "/dd"}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := parseDescriptor(b, base); err == nil && d.object == nil {
			t.Error(fmt.Sprint("no object: ", d))
		}
	})
}

// TestNotifyWhatever: a fetch that took too long in all still says who is to be
// told.
func TestNotifyWhatever(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{})
	u, err := url.Parse("http://h.example/fw.bin")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTotal)
	came := &Error{Kind: KindInterrupted, Notify: "http://h.example/notify"}
	e := asError(f.failed(ctx, want{u: u}, came))
	if e.Kind != KindTimeout || e.Notify != came.Notify || errTotal.Notify != "" {
		t.Errorf("%v, to be told at %q", e, e.Notify)
	}
}
