package delivery

import (
	"context"
	"crypto/sha256"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lossy"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// shelf is a CoAP server's one package, which changes under its readers.
type shelf struct {
	mu    sync.Mutex
	body  []byte
	etag  string  // "" for none
	asked []int64 // the offsets, in order
	last  netip.AddrPort
	// sockets counts the times that another one asked than before: a port of an
	// earlier one may come again.
	sockets int
	hosts   map[string]bool
	// mood, if set, is asked first, with the number of the request from 0 on;
	// nil for nothing special.
	mood func(n int, at int64) *coap.Response
}

func (s *shelf) serve(_ context.Context, r *coap.Request) coap.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, size := r.Wanted()
	n := len(s.asked)
	s.asked = append(s.asked, at)
	if r.Peer != s.last {
		s.sockets, s.last = s.sockets+1, r.Peer
	}
	if s.hosts == nil {
		s.hosts = map[string]bool{}
	}
	s.hosts[r.Host] = true
	if s.mood != nil {
		if resp := s.mood(n, at); resp != nil {
			return *resp
		}
	}
	if at > 0 && at >= int64(len(s.body)) {
		return coap.Response{Code: coap.BadRequest, Format: coap.NoFormat}
	}
	if s.etag != "" && string(r.ETag) == s.etag {
		return coap.Response{Code: coap.Valid, Format: coap.NoFormat, ETag: r.ETag}
	}
	return coap.Response{
		Code: coap.Content, Format: 42, ETag: []byte(s.etag), Payload: s.body[at:min(at+int64(size), int64(len(s.body)))],
		Part: &coap.Part{Offset: at, Total: int64(len(s.body))},
	}
}

// set changes the package.
func (s *shelf) set(body []byte, etag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body, s.etag = body, etag
}

func (s *shelf) setMood(mood func(n int, at int64) *coap.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

// times says how often an offset was asked for.
func (s *shelf) times(at int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, x := range s.asked {
		if x == at {
			n++
		}
	}
	return n
}

// saw is how many requests there were, from how many sockets one after the other,
// for which hosts; and the counts begin anew.
func (s *shelf) saw() (requests, sockets int, hosts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests, sockets, hosts = len(s.asked), s.sockets, slices.Collect(maps.Keys(s.hosts))
	s.asked, s.sockets, s.last, s.hosts = nil, 0, netip.AddrPort{}, nil
	return requests, sockets, hosts
}

// outage is a line to a server that breaks after so many datagrams, for all,
// and is mended while the fetcher sleeps.
type outage struct {
	at     string // of the line
	after  int64
	passed atomic.Int64
	breaks atomic.Int64 // still to come
}

func newOutage(t *testing.T, server string, after int64, breaks int64) *outage {
	t.Helper()
	o := &outage{after: after}
	o.breaks.Store(breaks)
	r, err := lossy.Listen(lossy.Config{Upstream: server, Up: lossy.Way{Drop: 1, Match: func([]byte) bool {
		return o.passed.Add(1) > o.after && o.breaks.Load() > 0
	}}})
	if err != nil {
		t.Fatal(err)
	}
	o.at = r.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(wg.Wait)
	t.Cleanup(cancel)
	return o
}

// mend is a sleep of the fetcher.
func (o *outage) mend(ctx context.Context, _ time.Duration) error {
	o.passed.Store(0)
	o.breaks.Add(-1)
	return ctx.Err()
}

// brief repeats datagrams a little less quickly than quickly: nothing is lost
// but what is meant to be.
var brief = coap.Transmission{AckTimeout: 150 * time.Millisecond, MaxRetransmit: 1}

// TestCoAPVanishes: the server is away in the middle, twice. With an ETag no
// block is fetched again; without one everything is.
func TestCoAPVanishes(t *testing.T) {
	for _, etag := range []string{"tag", ""} {
		s := &shelf{body: random(50_001), etag: etag}
		o := newOutage(t, serveCoAP(t, nil, s.serve), 12, 2)
		f, _ := newFetcher(t, FetcherOptions{sleep: o.mend, transmission: brief})
		var told []Progress
		got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at, Progress: func(p Progress) { told = append(told, p) }})
		if err != nil || got.Digest != sha256.Sum256(s.body) {
			t.Fatalf("ETag %q: %+v, %v", etag, got, err)
		}
		firsts, bytes := 1, uint64(50_001)
		if etag == "" {
			firsts, bytes = 3, 50_001+2*12*1024
		}
		if s.times(0) != firsts || f.Counts().Bytes != bytes || s.times(12*1024) != 1 {
			t.Errorf("ETag %q: the first block %d times, %d bytes in all", etag, s.times(0), f.Counts().Bytes)
		}
		if last := told[len(told)-1]; last.Bytes != 50_001 || last.Total != 50_001 {
			t.Errorf("ETag %q: told %+v", etag, told)
		}
	}
}

// TestCoAPNeverComesBack: attempts without progress are counted, those with are
// not.
func TestCoAPNeverComesBack(t *testing.T) {
	s := &shelf{body: random(50_000), etag: "tag"}
	o := newOutage(t, serveCoAP(t, nil, s.serve), 12, 1<<30)
	pauses := 0
	f, _ := newFetcher(t, FetcherOptions{MaxAttempts: 2, transmission: brief, sleep: func(ctx context.Context, _ time.Duration) error {
		if pauses++; pauses == 1 {
			o.passed.Store(0) // for another 12
		}
		return ctx.Err()
	}})
	_, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at})
	if KindOf(err) != KindTimeout || pauses != 2 || s.times(20*1024) != 1 { // after 12 blocks, and 12 more; then in vain
		t.Errorf("%v after %d pauses", err, pauses)
	}
}

// TestCoAPChanges: what a server may do to its package while it is fetched, and
// what is in the store then.
func TestCoAPChanges(t *testing.T) {
	old, new, short := random(50_000), random(40_000), random(3000)
	answer := func(c coap.Code, maxAge uint32) *coap.Response {
		return &coap.Response{Code: c, Format: coap.NoFormat, MaxAge: maxAge}
	}
	for _, row := range []struct {
		name   string
		mood   func(s *shelf, n int, at int64) *coap.Response
		want   []byte // nil for a fault
		kind   Kind
		slept  []time.Duration
		firsts int // how often the first block is asked for
	}{
		{"in the middle", func(s *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				s.body, s.etag = new, "new"
			}
			return nil
		}, new, 0, []time.Duration{2 * time.Second}, 2},
		{"to a shorter one, without ETag", func(s *shelf, n int, _ int64) *coap.Response {
			if s.etag = ""; n == 20 {
				s.body = short
			}
			return nil
		}, short, 0, []time.Duration{2 * time.Second}, 2},
		{"blocks unknown without those before", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				return answer(coap.Incomplete, 0)
			}
			return nil
		}, old, 0, []time.Duration{2 * time.Second}, 2},
		{"every time", func(s *shelf, n int, _ int64) *coap.Response {
			s.etag = string(rune('a' + n))
			return nil
		}, nil, KindServer, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, 4},
		{"5.03 at first", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 0 {
				return answer(coap.ServiceUnavailable, 30)
			}
			return nil
		}, old, 0, []time.Duration{30 * time.Second}, 2},
		{"5.03 in the middle", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				return answer(coap.ServiceUnavailable, 7)
			}
			return nil
		}, old, 0, []time.Duration{7 * time.Second}, 1},
		{"5.03 with a year", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				return answer(coap.ServiceUnavailable, 1<<32-1)
			}
			return nil
		}, old, 0, []time.Duration{DefaultMaxBackoff}, 1},
		{"5.03 without a time", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 || n == 21 {
				return answer(coap.ServiceUnavailable, 0)
			}
			return nil
		}, old, 0, []time.Duration{2 * time.Second, 4 * time.Second}, 1},
		{"4.29 in the middle", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				return answer(coap.TooManyRequests, 9)
			}
			return nil
		}, old, 0, []time.Duration{9 * time.Second}, 1},
		{"4.04 in the middle", func(_ *shelf, n int, _ int64) *coap.Response {
			if n == 20 {
				return answer(coap.NotFound, 0)
			}
			return nil
		}, nil, KindRefused, nil, 1},
		{"2.03 unasked", func(*shelf, int, int64) *coap.Response { return answer(coap.Valid, 0) }, nil, KindServer, nil, 1},
		{"4.02 for later blocks", func(_ *shelf, _ int, at int64) *coap.Response {
			if at > 0 {
				return answer(coap.BadOption, 0)
			}
			return nil
		}, nil, KindServer, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &shelf{body: old, etag: "old"}
			s.mood = func(n int, at int64) *coap.Response { return row.mood(s, n, at) }
			f, slept := newFetcher(t, FetcherOptions{})
			got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, s.serve)})
			if row.want == nil && (err == nil || KindOf(err) != row.kind) || row.want != nil && (err != nil || got.Digest != sha256.Sum256(row.want)) {
				t.Errorf("%+v, %v", got, err)
			}
			if !slices.Equal(*slept, row.slept) || s.times(0) != row.firsts {
				t.Errorf("slept %v, the first block %d times", *slept, s.times(0))
			}
			if row.want == nil && f.o.Store.Usage().Packages != 0 {
				t.Error("something is in the store")
			}
		})
	}
}

// TestCoAPChangesWhileAway: what has come is of another package then.
func TestCoAPChangesWhileAway(t *testing.T) {
	s, after := &shelf{body: random(50_000), etag: "old"}, random(60_000)
	o := newOutage(t, serveCoAP(t, nil, s.serve), 12, 1)
	f, _ := newFetcher(t, FetcherOptions{transmission: brief, sleep: func(ctx context.Context, d time.Duration) error {
		s.set(after, "new")
		return o.mend(ctx, d)
	}})
	if got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + o.at}); err != nil || got.Digest != sha256.Sum256(after) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestCoAPSession: the server has lost its DTLS sessions when it comes back, at
// the same port.
func TestCoAPSession(t *testing.T) {
	s, key := &shelf{body: random(50_000), etag: "tag"}, dtls.Key("0123456789abcdef")
	psk := dtls.KeyFunc(func(_ context.Context, id string) (dtls.Key, bool) { return key, id == "bridge" })
	start := func(at string) (addr string, stop func()) {
		udp, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		secure, err := dtls.Listen(udp, dtls.Options{Keys: psk})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { _ = secure.Run(ctx) })
		wg.Go(func() { _ = coap.New(secure, coap.Options{Handler: s.serve}).Run(ctx) })
		return udp.LocalAddr().String(), func() { cancel(); wg.Wait() }
	}
	at, stop := start("127.0.0.1:0")
	defer func() { stop() }()
	o := newOutage(t, at, 20, 1)
	lives := 1
	f, _ := newFetcher(t, FetcherOptions{Hosts: []Host{{Pattern: "*", Identity: "bridge", Key: key}}, transmission: brief,
		sleep: func(ctx context.Context, d time.Duration) error {
			stop()
			_, stop = start(at)
			lives++
			return o.mend(ctx, d)
		}})
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coaps://" + o.at})
	if err != nil || got.Digest != sha256.Sum256(s.body) || lives != 2 || s.times(0) != 1 || f.Counts().Bytes != 50_000 {
		t.Errorf("%+v, %v; %d lives, the first block %d times, %d bytes", got, err, lives, s.times(0), f.Counts().Bytes)
	}
}

// TestCoAPStalls: a server that answers at last, but brings next to nothing.
func TestCoAPStalls(t *testing.T) {
	s := &shelf{body: random(50_000), etag: "tag"}
	hangs := func(ctx context.Context, r *coap.Request) coap.Response {
		if at, _ := r.Wanted(); at == 10*1024 {
			<-ctx.Done()
		}
		return s.serve(ctx, r)
	}
	f, slept := newFetcher(t, FetcherOptions{StallTimeout: 300 * time.Millisecond, MaxAttempts: 2})
	_, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, hangs)})
	if KindOf(err) != KindTimeout || !strings.Contains(err.Error(), errStalled.Reason) || len(*slept) != 1 || s.times(0) != 1 {
		t.Errorf("%v, slept %v, the first block %d times", err, *slept, s.times(0))
	}
	f, _ = newFetcher(t, FetcherOptions{TotalTimeout: 100 * time.Millisecond})
	if _, err = f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, hangs)}); KindOf(err) != KindTimeout || !strings.Contains(err.Error(), errTotal.Reason) {
		t.Errorf("in all: %v", err)
	}
}

// TestCoAPNextSocket: message ids are not used twice: another socket goes on,
// also without an ETag, and no byte is taken twice.
func TestCoAPNextSocket(t *testing.T) {
	for _, etag := range []string{"tag", ""} {
		for n, peers := range map[int]int{48: 2, 49: 1, 12: 5, 1: 49} { // 49 blocks
			s := &shelf{body: random(50_000), etag: etag}
			f, slept := newFetcher(t, FetcherOptions{ids: messageIDs{n, time.Hour}})
			got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, s.serve)})
			_, sockets, _ := s.saw()
			if err != nil || got.Digest != sha256.Sum256(s.body) || sockets != peers || f.Counts().Bytes != 50_000 || len(*slept) != 0 {
				t.Errorf("%d blocks a socket: %+v, %v; %d sockets, %d bytes", n, got, err, sockets, f.Counts().Bytes)
			}
		}
	}
}

// TestCoAPOneSocket: where ETags are of the socket, the package comes from the
// first byte over one, with time enough for its message ids, which is no stall; and ids that have
// had their time are used again.
func TestCoAPOneSocket(t *testing.T) {
	s := &shelf{body: random(20_000)} // 20 blocks
	h := func(ctx context.Context, r *coap.Request) coap.Response {
		resp := s.serve(ctx, r)
		resp.ETag = []byte(strconv.Itoa(int(r.Peer.Port())))
		return resp
	}
	f, slept := newFetcher(t, FetcherOptions{ids: messageIDs{12, 600 * time.Millisecond}, StallTimeout: 300 * time.Millisecond})
	start := time.Now()
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://" + serveCoAP(t, nil, h)})
	firsts := s.times(0)
	if _, sockets, _ := s.saw(); err != nil || got.Digest != sha256.Sum256(s.body) || sockets != 3 || len(*slept) != 1 || firsts != 2 {
		t.Errorf("%+v, %v; %d sockets, slept %v, the first block %d times", got, err, sockets, *slept, firsts)
	}
	if took := time.Since(start); took < time.Second { // 20 times 50 ms
		t.Errorf("it took %v", took)
	}
	synctest.Test(t, func(t *testing.T) {
		u := usedIDs{messageIDs: messageIDs{3, time.Minute}, start: time.Now()}
		for i, row := range []struct {
			wait time.Duration // before
			want error
		}{{0, nil}, {0, nil}, {time.Minute - 1, nil}, {0, errNextSocket}, {1, nil}, {0, nil}, {0, nil}, {0, errNextSocket}} {
			time.Sleep(row.wait)
			if err := u.next(t.Context()); err != row.want {
				t.Errorf("block %d: %v", i, err)
			}
		}
	})
}

// TestCoAPKnown: a server that says that its package is the same does not send
// it again, unless it has been lost here.
func TestCoAPKnown(t *testing.T) {
	s := &shelf{body: random(50_000), etag: "tag"}
	f, _ := newFetcher(t, FetcherOptions{})
	ask := FetchRequest{URL: "coap://" + serveCoAP(t, nil, s.serve)}
	first, err := f.Fetch(t.Context(), ask)
	if n, _, _ := s.saw(); err != nil || first.Reused || n != 49 {
		t.Fatalf("%+v, %v, asked %d times", first, err, n)
	}
	again, err := f.Fetch(t.Context(), ask)
	if n, _, _ := s.saw(); err != nil || !again.Reused || again.Digest != first.Digest || n != 1 {
		t.Errorf("%+v, %v, asked %d times", again, err, n)
	}
	s.setMood(func(n int, _ int64) *coap.Response {
		if n == 0 {
			f.o.Store.Remove(first.Digest)
		}
		return nil
	})
	again, err = f.Fetch(t.Context(), ask)
	if n, _, _ := s.saw(); err != nil || again.Reused || again.Digest != first.Digest || n != 50 {
		t.Errorf("lost meanwhile: %+v, %v, asked %d times", again, err, n)
	}
	s.setMood(nil)
	s.set(random(3000), "new")
	if again, err = f.Fetch(t.Context(), ask); err != nil || again.Size != 3000 {
		t.Errorf("changed: %+v, %v", again, err)
	}
}

// TestCoAPAnnounced: what is announced elsewhere is compared with what comes, and
// more than that is not waited for.
func TestCoAPAnnounced(t *testing.T) {
	s := &shelf{body: random(50_000), etag: "tag"}
	at := serveCoAP(t, nil, s.serve)
	for _, row := range []struct {
		ask   FetchRequest
		kind  Kind
		asked int
	}{
		{FetchRequest{Size: 50_000, Digest: sha256.Sum256(s.body)}, 0, 49},
		{FetchRequest{Size: 49_999}, KindIntegrity, 49},
		{FetchRequest{Size: 3000}, KindIntegrity, 3},
		{FetchRequest{Size: 50_001}, KindIntegrity, 49},
		{FetchRequest{Digest: sha256.Sum256(nil)}, KindIntegrity, 49},
	} {
		f, _ := newFetcher(t, FetcherOptions{})
		row.ask.URL = "coap://" + at
		_, err := f.Fetch(t.Context(), row.ask)
		if n, _, _ := s.saw(); (err != nil) != (row.kind != 0) || err != nil && KindOf(err) != row.kind || n != row.asked {
			t.Errorf("%d bytes: %v, asked %d times", row.ask.Size, err, n)
		}
	}
}
