package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestCoAPRequest: the examples of RFC 7252, appendix B and 6.3, and what is at
// the limits.
func TestCoAPRequest(t *testing.T) {
	long := strings.Repeat("x", maxCoAPOption)
	for _, row := range []struct {
		uri, host   string
		path, query []string
	}{
		{"coap://[2001:db8::2:1]/", "", nil, nil},
		{"coap://example.net/", "example.net", nil, nil},
		{"coap://example.net/.well-known/core", "example.net", []string{".well-known", "core"}, nil},
		{"coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF", "xn--18j4d.example", []string{"こんにちは"}, nil},
		{"coap://198.51.100.1:61616//%2F//?%2F%2F&?%26", "", []string{"", "/", "", ""}, []string{"//", "?&"}},
		{"coap://EXAMPLE.com:5683/~sensors/temp.xml", "example.com", []string{"~sensors", "temp.xml"}, nil},
		{"coap://EXAMPLE.com:/%7esensors/temp.xml", "example.com", []string{"~sensors", "temp.xml"}, nil},
		{"coaps://Host", "host", nil, nil},
		{"coap://%C3%89cole.example/a+b?c+d", "École.example", []string{"a+b"}, []string{"c+d"}}, // not ASCII: as it is
		{"coap://[fe80::1%25eth0]/a", "", []string{"a"}, nil},
		{"coap://1.2.3.4.example/", "1.2.3.4.example", nil, nil},
		{"coap://" + long + "/" + long + "?" + long, long, []string{long}, []string{long}},
	} {
		u, err := url.Parse(row.uri)
		if err != nil {
			t.Fatal(err)
		}
		r, err := coapRequest(u)
		if err != nil || r.Host != row.host || !slices.Equal(r.Path, row.path) || !slices.Equal(r.Query, row.query) {
			t.Errorf("%s: %q, %q, %q, %v", row.uri, r.Host, r.Path, r.Query, err)
		}
	}
}

// TestCoAPName: a server is told which of its names is asked for, and each of
// the name's addresses that are allowed is tried.
func TestCoAPName(t *testing.T) {
	s := &shelf{body: random(5000), etag: "tag"}
	at := netip.MustParseAddrPort(serveCoAP(t, nil, s.serve))
	ask := FetchRequest{URL: fmt.Sprintf("coap://FW.example:%d/fw", at.Port())}
	for _, row := range []struct {
		all    []string // of which only the server's own answers
		pauses int
		kind   Kind
	}{
		{[]string{"127.0.0.1"}, 0, 0},
		{[]string{"192.0.2.1", "::ffff:127.0.0.1"}, 0, 0},
		{[]string{"127.0.0.2", "192.0.2.1", "127.0.0.3", "127.0.0.1"}, 2, 0},
		{[]string{"192.0.2.1"}, 0, KindNotAllowed},
	} {
		f, slept := newFetcher(t, FetcherOptions{transmission: brief, lookup: func(_ context.Context, _, host string) (all []netip.Addr, err error) {
			for _, a := range row.all {
				all = append(all, netip.MustParseAddr(a))
			}
			if host != "FW.example" {
				t.Errorf("looked up %q", host)
			}
			return all, nil
		}})
		_, err := f.Fetch(t.Context(), ask)
		if (err != nil) != (row.kind != 0) || err != nil && KindOf(err) != row.kind || len(*slept) != row.pauses {
			t.Errorf("%v: %v, slept %v", row.all, err, *slept)
		}
	}
	if _, _, hosts := s.saw(); !slices.Equal(hosts, []string{"fw.example"}) {
		t.Errorf("hosts %q", hosts)
	}
}

// background runs something until the test is over.
func background(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = run(ctx) })
	t.Cleanup(wg.Wait)
	t.Cleanup(cancel)
}

// TestCoAPFromBridge: another bridge's packages for devices.
func TestCoAPFromBridge(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := random(50_000)
	s := server.New(server.Options{Conn: udp, Handler: struct{ server.Handler }{}, Packages: func(_ context.Context, token, _ string) (server.Package, error) {
		if token != "good" {
			return server.Package{}, server.ErrNoPackage
		}
		return server.Package{Body: server.Body{ReaderAt: bytes.NewReader(b), Size: int64(len(b))}, ETag: []byte("e")}, nil
	}})
	background(t, s.Run)
	o := newOutage(t, udp.LocalAddr().String(), 12, 2)
	f, _ := newFetcher(t, FetcherOptions{sleep: o.mend, transmission: brief})
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at + "/p/good"})
	if err != nil || got.Digest != sha256.Sum256(b) || f.Counts().Bytes != 50_000 {
		t.Errorf("%+v, %v, %d bytes in all", got, err, f.Counts().Bytes)
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at + "/p/bad"}); KindOf(err) != KindRefused {
		t.Error(err)
	}
}

// goCoAP runs a go-coap server and returns its authority.
func goCoAP(t *testing.T, blocks bool, h mux.HandlerFunc) string {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	if err := r.Handle("/fw", h); err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error {
		s := udp.NewServer(options.WithMux(r), options.WithContext(ctx),
			options.WithBlockwise(blocks, blockwise.SZX1024, 3*time.Second), options.WithErrors(func(error) {}),
			options.WithPeriodicRunner(func(func(time.Time) bool) {})) // its timer outlives the server
		defer context.AfterFunc(ctx, s.Stop)()
		return s.Serve(coapnet.NewUDPConn("udp4", c))
	})
	return c.LocalAddr().String()
}

// TestCoAPFromGoCoAP fetches from go-coap's server, over a line that breaks. It
// gives no ETag by itself.
func TestCoAPFromGoCoAP(t *testing.T) {
	b := random(50_000)
	for _, etag := range []string{"", "tag"} {
		at := goCoAP(t, true, func(w mux.ResponseWriter, _ *mux.Message) {
			var opts []message.Option
			if etag != "" {
				opts = append(opts, message.Option{ID: message.ETag, Value: []byte(etag)})
			}
			if err := w.SetResponse(codes.Content, message.AppOctets, bytes.NewReader(b), opts...); err != nil {
				t.Error(err)
			}
		})
		o := newOutage(t, at, 12, 1)
		f, slept := newFetcher(t, FetcherOptions{transmission: brief})
		f.o.sleep = func(ctx context.Context, d time.Duration) error {
			*slept = append(*slept, d)
			return o.mend(ctx, d)
		}
		got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at + "/fw"})
		if err != nil || got.Digest != sha256.Sum256(b) || len(*slept) == 0 {
			t.Errorf("ETag %q: %+v, %v, slept %v", etag, got, err, *slept)
		}
		t.Logf("ETag %q: %d bytes in all", etag, f.Counts().Bytes)
	}
}

// TestCoAPSize2: what a server says of the size is an estimate. Only one over the
// limit counts; and without one the bytes do.
func TestCoAPSize2(t *testing.T) {
	const limit = 5000
	for _, row := range []struct {
		size  int
		size2 func(at int64) uint32 // 0 for none
		kind  Kind
		asked int
	}{
		{limit, func(int64) uint32 { return 0 }, 0, 5},
		{limit + 1, func(int64) uint32 { return 0 }, KindTooLarge, 5},
		{limit, func(int64) uint32 { return 1 }, 0, 5},
		{limit, func(at int64) uint32 { return uint32(at) }, 0, 5},
		{3000, func(int64) uint32 { return limit }, 0, 3},
		{3000, func(int64) uint32 { return limit + 1 }, KindTooLarge, 1},
		{limit + 1, func(int64) uint32 { return 1<<32 - 1 }, KindTooLarge, 1},
	} {
		b := random(row.size)
		var asked atomic.Int32
		at := goCoAP(t, false, func(w mux.ResponseWriter, r *mux.Message) {
			v, _ := r.Options().GetUint32(message.Block2)
			asked.Add(1)
			off := int64(v>>4) * 1024
			end := min(off+1024, int64(len(b)))
			v = v&^0xf | 6
			if end < int64(len(b)) {
				v |= 8
			}
			if err := w.SetResponse(codes.Content, message.AppOctets, bytes.NewReader(b[off:end])); err != nil {
				t.Error(err)
			}
			w.Message().SetOptionUint32(message.Block2, v)
			if n := row.size2(off); n > 0 {
				w.Message().SetOptionUint32(message.Size2, n)
			}
		})
		f, _ := newFetcher(t, FetcherOptions{Store: openStore(t, StoreOptions{MaxPackage: limit}), Now: ticking()})
		var told []Progress
		got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at + "/fw", Progress: func(p Progress) { told = append(told, p) }})
		if row.kind != 0 && KindOf(err) != row.kind || row.kind == 0 && (err != nil || got.Digest != sha256.Sum256(b)) || int(asked.Load()) != row.asked {
			t.Errorf("%d bytes: %+v, %v, asked %d times", row.size, got, err, asked.Load())
		}
		for i, p := range told {
			if p.Total != 0 && p.Bytes > p.Total || i > 0 && p.Bytes < told[i-1].Bytes || i > 0 && p.Rate == 0 {
				t.Errorf("%d bytes: told %+v", row.size, told)
			}
		}
		if row.kind == 0 && (len(told) != row.asked+1 || !cmp.Equal(told[row.asked], Progress{Bytes: int64(row.size), Total: int64(row.size), Rate: told[row.asked].Rate})) {
			t.Errorf("%d bytes: told %+v", row.size, told)
		}
	}
}

// TestCoAPWrongBlock: a server that answers with another block than was asked for
// is asked from the first byte, now and whenever it breaks.
func TestCoAPWrongBlock(t *testing.T) {
	b := random(5000)
	var firsts, n atomic.Int32
	at := goCoAP(t, false, func(w mux.ResponseWriter, r *mux.Message) {
		v, _ := r.Options().GetUint32(message.Block2)
		if v>>4 == 0 {
			firsts.Add(1)
		}
		turn := n.Add(1)
		if turn == 8 { // the fourth block, the second time
			_ = w.SetResponse(codes.ServiceUnavailable, message.TextPlain, nil)
			return
		}
		off := int64(v>>4) * 1024
		end := min(off+1024, int64(len(b)))
		if v = v&^0xf | 6; turn == 4 {
			v += 1 << 4
		}
		if end < int64(len(b)) {
			v |= 8
		}
		_ = w.SetResponse(codes.Content, message.AppOctets, bytes.NewReader(b[off:end]), message.Option{ID: message.ETag, Value: []byte("tag")})
		w.Message().SetOptionUint32(message.Block2, v)
	})
	f, slept := newFetcher(t, FetcherOptions{})
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at + "/fw"})
	if err != nil || got.Digest != sha256.Sum256(b) || firsts.Load() != 3 || len(*slept) != 2 {
		t.Errorf("%+v, %v; the first block %d times, slept %v", got, err, firsts.Load(), *slept)
	}
}

// TestCoAPSameETag: a server whose ETags are counted has another package under
// the same one after its restart. The size tells, where it is said.
func TestCoAPSameETag(t *testing.T) {
	old, new := random(5000), random(4000)
	s := &shelf{body: old, etag: "1"}
	s.mood = func(n int, _ int64) *coap.Response {
		if n == 2 {
			s.body = new
			return &coap.Response{Code: coap.ServiceUnavailable, Format: coap.NoFormat}
		}
		return nil
	}
	f, slept := newFetcher(t, FetcherOptions{})
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, s.serve)})
	if err != nil || got.Digest != sha256.Sum256(new) || len(*slept) != 2 {
		t.Errorf("%+v, %v, slept %v", got, err, *slept)
	}
}

// ticking is a clock that goes on by a second whenever it is looked at.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Unix(0, 0)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

// libcoapServer is the server of Debian's libcoap3-bin.
const libcoapServer = "coap-server-notls"

// TestCoAPFromLibcoap fetches from libcoap's server, over a line that breaks.
func TestCoAPFromLibcoap(t *testing.T) {
	if _, err := exec.LookPath(libcoapServer); err != nil {
		t.Skipf("%s is not there: apt-get install libcoap3-bin", libcoapServer)
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := c.LocalAddr().(*net.UDPAddr).AddrPort() // free a moment ago
	c.Close()
	cmd := exec.Command(libcoapServer, "-A", "127.0.0.1", "-p", strconv.Itoa(int(at.Port())), "-d", "4", "-v", "1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	own, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e := coap.New(own, coap.Options{Transmission: coap.Transmission{AckTimeout: 100 * time.Millisecond}})
	background(t, e.Run)
	b := random(50_001)
	resp, err := e.Do(t.Context(), at, coap.Request{Method: coap.PUT, Path: []string{"fw"}, Format: 42, Accept: coap.NoFormat, Payload: b})
	if err != nil || resp.Code.Class() != 2 {
		t.Fatalf("PUT to libcoap: %v, %v", resp.Code, err)
	}
	o := newOutage(t, at.String(), 12, 1)
	f, _ := newFetcher(t, FetcherOptions{sleep: o.mend, transmission: brief})
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at + "/fw"})
	if err != nil || got.Digest != sha256.Sum256(b) {
		t.Errorf("%+v, %v", got, err)
	}
	t.Logf("%d bytes in all", f.Counts().Bytes)
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at + "/none"}); KindOf(err) != KindRefused {
		t.Error(err)
	}
}

// TestCoAPMemory: a package of 64 MiB comes, by more sockets than one, in a heap
// that does not know of it.
func TestCoAPMemory(t *testing.T) {
	const size = 64 << 20
	sparse, err := os.Create(t.TempDir() + "/sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if err := sparse.Truncate(size); err != nil {
		t.Fatal(err)
	}
	at := serveCoAP(t, nil, func(_ context.Context, r *coap.Request) coap.Response {
		off, n := r.Wanted()
		block := make([]byte, n)
		if _, err := sparse.ReadAt(block, off); err != nil && err != io.EOF {
			t.Error(err)
		}
		return coap.Response{Code: coap.Content, Format: 42, ETag: []byte("1"), Payload: block, Part: &coap.Part{Offset: off, Total: size}}
	})
	f, _ := newFetcher(t, FetcherOptions{})
	base, stop := watchHeap()
	start := time.Now()
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + at})
	took, most := time.Since(start), stop()
	if err != nil || got.Size != size {
		t.Fatalf("%+v, %v", got, err)
	}
	mib := func(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
	t.Logf("%d MiB in %v: heap before %s, at most %s", size>>20, took, mib(base), mib(most))
	if most > base+maxHeap {
		t.Errorf("over %d bytes of heap", maxHeap)
	}
}
