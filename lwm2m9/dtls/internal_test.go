package dtls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/prf"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// peer is the other end of fuzzedOn's association.
func peer(t testing.TB) *link {
	t.Helper()
	p, err := suiteByID(0xc0a8).protect(make([]byte, masterSize), make([]byte, 32), make([]byte, 32), true)
	if err != nil {
		t.Fatal(err)
	}
	return &link{keys: p}
}

// TestAlerts: which alerts end an association, what is answered, and what can
// still be resumed.
func TestAlerts(t *testing.T) {
	for _, x := range []struct {
		name           string
		body           []byte
		lives, resumes bool
		answers        int
	}{
		{"close_notify", alertCloseNotify.body(), false, true, 1},
		{"fatal", alertInternalError.body(), false, false, 0},
		{"close_notify as fatal", []byte{fatal, 0}, false, true, 1},
		{"warning", []byte{warning, 100}, true, true, 0},
		{"short", []byte{fatal}, true, true, 0},
		{"empty", nil, true, true, 0},
	} {
		n := coaptest.New()
		c, a := fuzzedOn(t, n)
		d, err := peer(t).seal(nil, typeAlert, x.body)
		if err != nil {
			t.Fatal(err)
		}
		c.take(d, a.Remote())
		if lives := c.byID[a.id] != nil; lives != x.lives {
			t.Errorf("%s: lives %v", x.name, lives)
		}
		if _, ok := c.sessions.find(a.session[:], time.Now()); ok != x.resumes {
			t.Errorf("%s: resumes %v", x.name, ok)
		}
		if got := len(n.Sent()); got != x.answers {
			t.Errorf("%s: %d answers", x.name, got)
		}
	}
}

// TestSeveralRecords: all that a datagram carries is read, one after the other,
// and what is no record at its end does no harm.
func TestSeveralRecords(t *testing.T) {
	n := coaptest.New()
	c, a := fuzzedOn(t, n)
	l := peer(t)
	var d []byte
	want := []string{"one", "two", "", "three"}
	for _, s := range want {
		d, _ = l.seal(d, typeApplicationData, []byte(s))
	}
	n.Inject(a.Remote(), netip.MustParseAddrPort("192.0.2.1:5684"), append(d, "rubbish"...))
	for _, s := range want {
		var b [100]byte
		if got, from, err := c.ReadFrom(b[:]); err != nil || from != a.Addr || string(b[:got]) != s {
			t.Errorf("%q, %v, want %q", b[:got], err, s)
		}
	}
}

// TestWindow: numbers once each, and none older than 64.
func TestWindow(t *testing.T) {
	var w window
	for _, x := range []struct {
		seq    uint64
		fresh  bool
		newest bool
	}{
		{0, true, true}, {0, false, false}, {3, true, true}, {1, true, false}, {1, false, false}, {3, false, false},
		{66, true, true}, {3, false, false}, {2, false, false}, {4, true, false}, {5, true, false}, {65, true, false},
		{1000, true, true}, {937, true, false}, {936, false, false}, {maxRecordNumber, true, true}, {1000, false, false},
	} {
		if got := w.fresh(x.seq); got != x.fresh {
			t.Errorf("%d: fresh %v", x.seq, got)
		}
		if x.fresh {
			if got := w.saw(x.seq); got != x.newest {
				t.Errorf("%d: newest %v", x.seq, got)
			}
		}
	}
}

// TestNumbersEnd: the last record number can be used, and none after it.
func TestNumbersEnd(t *testing.T) {
	c, a := fuzzed(t)
	a.sent = maxRecordNumber
	if _, err := c.WriteTo(nil, a.Addr); err != nil {
		t.Errorf("the last: %v", err)
	}
	if _, err := c.WriteTo(nil, a.Addr); !errors.Is(err, ErrNoAssociation) {
		t.Errorf("one more: %v", err)
	}
	if len(c.byID) != 0 {
		t.Error("the association lives on")
	}
}

// TestFinished: a Finished that does not fit the messages is refused, and one
// that does is not; nobody without a key gets that far, but if he did.
func TestFinished(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(h *handshake, m *message)
		want   error
	}{
		{"right", func(*handshake, *message) {}, nil},
		{"wrong", func(_ *handshake, m *message) { m.body[3]++ }, alertDecryptError},
		{"short", func(_ *handshake, m *message) { m.body = m.body[:11] }, alertDecryptError},
		{"empty", func(_ *handshake, m *message) { m.body = nil }, alertDecryptError},
		{"another transcript", func(h *handshake, _ *message) { h.transcript[0]++ }, alertDecryptError},
		{"unknown identity", func(h *handshake, _ *message) { h.known = false }, alertDecryptError},
	} {
		c, a := fuzzed(t)
		s := suiteByID(0xc0a8)
		h := &handshake{
			c: c, remote: a.Remote(), suite: s, id: 8, began: time.Now(), link: link{keys: a.keys},
			step: wantFinished, known: true, transcript: []byte("hello"),
		}
		h.next.identity = "b"
		c.handshakes[h.remote] = h
		body, err := prf.VerifyDataClient(h.next.master[:], h.transcript, sha256.New)
		if err != nil {
			t.Fatal(err)
		}
		m := &message{typ: msgFinished, length: 12, body: body}
		x.change(h, m)
		if err := h.message(context.Background(), m); err != x.want {
			t.Errorf("%s: %v", x.name, err)
		}
		if made := c.byID[8] != nil; made != (x.want == nil) {
			t.Errorf("%s: an association: %v", x.name, made)
		}
	}
}

// TestFinishedInTheClear: a Finished counts only protected, and nothing else
// does then.
func TestFinishedInTheClear(t *testing.T) {
	c, a := fuzzed(t)
	h := &handshake{c: c, remote: a.Remote(), suite: suiteByID(0xc0a8), id: 8, link: link{keys: a.keys}, step: wantFinished, known: true}
	h.in.max = maxBytesNoCerts
	h.next.identity = "b"
	c.handshakes[h.remote] = h
	body, err := prf.VerifyDataClient(h.next.master[:], nil, sha256.New)
	if err != nil {
		t.Fatal(err)
	}
	raw := (&message{typ: msgFinished, length: 12, body: body}).append(nil)
	other := (&message{typ: msgClientKeyExchange}).append(nil)
	for _, x := range []struct {
		raw       []byte
		protected bool
		made      bool
	}{{raw, false, false}, {other, true, false}, {raw, true, true}} {
		if err := h.messages(context.Background(), x.raw, x.protected); err != nil || (c.byID[8] != nil) != x.made {
			t.Errorf("message %d, protected %v: %v, made %v", x.raw[0], x.protected, err, c.byID[8] != nil)
		}
	}
}

// TestEndForgets: between the end of an identity's associations and that of its
// sessions no handshake begins: it would resume one of a certificate.
func TestEndForgets(t *testing.T) {
	c, _ := fuzzed(t)
	c.sessions.mu.Lock()
	ended := make(chan int)
	go func() { ended <- c.End("a") }()
	for held := 0; held < 1000; held++ { // End waits for the sessions then
		if c.mu.TryLock() {
			held = 0
			if c.ending > 0 {
				t.Error("a handshake could begin")
				held = 1000
			}
			c.mu.Unlock()
		}
		runtime.Gosched()
	}
	c.sessions.mu.Unlock()
	if n := <-ended; n != 1 || c.sessions.len() != 0 {
		t.Errorf("%d ended, %d sessions", n, c.sessions.len())
	}
}

// TestEmptyKey: a store that has an empty key has none.
func TestEmptyKey(t *testing.T) {
	c, _ := fuzzed(t)
	c.o.Keys = KeyFunc(func(context.Context, string) (Key, bool) { return Key{}, true })
	h := &handshake{c: c}
	if key := h.psk(context.Background(), "a"); h.known || len(key) != keySize {
		t.Errorf("known %v, %d bytes", h.known, len(key))
	}
}

// TestUnexpected: every message that is not due is refused.
func TestUnexpected(t *testing.T) {
	due := map[step]messageType{
		wantCertificate: msgCertificate, wantKeyExchange: msgClientKeyExchange,
		wantVerify: msgCertificateVerify, wantFinished: msgFinished,
	}
	c, _ := fuzzed(t)
	for s, typ := range due {
		for m := range 256 {
			h := &handshake{c: c, step: s, suite: suiteByID(0xc0a8)}
			if messageType(m) == typ {
				continue
			}
			if err := h.message(context.Background(), &message{typ: messageType(m)}); err != alertUnexpectedMessage {
				t.Errorf("step %d, message %d: %v", s, m, err)
			}
		}
	}
}

// TestResumable: what a session must have in common with a Hello.
func TestResumable(t *testing.T) {
	base := session{id: [32]byte{1}, suite: suiteByID(0xc0a8), identity: "a", key: sha256.Sum256([]byte("key"))}
	for _, x := range []struct {
		name   string
		change func(s *session, h *hello)
		ok     bool
		err    error
	}{
		{"all", func(*session, *hello) {}, true, nil},
		{"another id", func(_ *session, h *hello) { h.session = make([]byte, 32) }, false, nil},
		{"a shorter id", func(_ *session, h *hello) { h.session = h.session[:31] }, false, nil},
		{"none", func(_ *session, h *hello) { h.session = nil }, false, nil},
		{"another suite", func(_ *session, h *hello) { h.suites = []uint16{0xc0a4} }, false, nil},
		{"no extended master secret now", func(_ *session, h *hello) { h.extendedMaster = false }, false, alertHandshakeFailure},
		{"another key", func(s *session, _ *hello) { s.key[0]++ }, false, nil},
		{"over", func(s *session, _ *hello) { s.ends = time.Now() }, false, nil},
	} {
		c, _ := fuzzed(t)
		s := base
		h := hello{session: base.id[:], suites: []uint16{0xc0a8}, extendedMaster: true}
		x.change(&s, &h)
		c.sessions.add(s, time.Now(), s.ends)
		if _, ok, err := c.resumable(context.Background(), &h, time.Now()); ok != x.ok || err != x.err {
			t.Errorf("%s: %v, %v", x.name, ok, err)
		}
	}
}

// TestSessions: the oldest go first, and what is over goes with them.
func TestSessions(t *testing.T) {
	s := newSessions(3, 3, time.Hour)
	now := time.Now()
	add := func(id byte, ends time.Time) { s.add(session{id: [32]byte{id}}, now, ends) }
	has := func(want string) {
		t.Helper()
		var got []byte
		for id := byte('a'); id <= 'z'; id++ {
			b := [32]byte{id}
			if _, ok := s.find(b[:], now); ok {
				got = append(got, id)
			}
		}
		if string(got) != want || s.len() < len(want) {
			t.Errorf("%q, want %q; %d held", got, want, s.len())
		}
	}
	for id := byte('a'); id <= 'c'; id++ {
		add(id, time.Time{})
	}
	has("abc")
	add('d', now.Add(time.Minute))
	has("bcd")
	s.drop([32]byte{'c'})
	has("bd")
	now = now.Add(time.Minute)
	has("b")
	now = now.Add(time.Hour)
	add('e', time.Time{})
	has("e")
	if s.len() != 1 {
		t.Errorf("%d held", s.len())
	}
}

// TestAssemblyLimits: each limit at it and one over.
func TestAssemblyLimits(t *testing.T) {
	whole := func(seq uint16, n int) message {
		return message{typ: msgCertificate, seq: seq, length: n, body: make([]byte, n)}
	}
	a := assembly{next: 5, max: 100}
	a.add(whole(4, 1))
	a.add(whole(5+maxAhead+1, 1))
	if a.held != 0 {
		t.Error("holds an old message, or one too far ahead")
	}
	a.add(whole(5+maxAhead, 1))
	a.add(whole(6, 99))
	if a.held != 100 {
		t.Errorf("holds %d bytes", a.held)
	}
	a.add(whole(7, 1))
	if a.held != 100 || len(a.parts) != 2 {
		t.Errorf("holds %d bytes in %d messages", a.held, len(a.parts))
	}
	for _, pieces := range []int{maxPieces - 1, maxPieces} {
		a := assembly{max: 1000}
		n := 2*pieces - 1
		for i := range pieces { // every second byte
			a.add(message{typ: msgCertificate, length: n, offset: 2 * i, body: []byte{1}})
		}
		a.add(whole(0, n))
		_, ok := a.take()
		if fits := pieces < maxPieces; ok != fits {
			t.Errorf("%d pieces and the whole: %v", pieces, ok)
		}
	}
}

// TestInbox: what waits for one handshake is bounded.
func TestInbox(t *testing.T) {
	c, _ := fuzzed(t)
	h := &handshake{c: c, running: true}
	for range 2 * maxInbox {
		c.hand(h, []byte("x"))
	}
	if len(h.inbox) != maxInbox {
		t.Errorf("%d wait", len(h.inbox))
	}
	for range c.o.MaxHandshakes + 1 {
		h = &handshake{c: c}
		c.hand(h, []byte("x"))
	}
	if len(c.jobs) != c.o.MaxHandshakes || h.running || h.inbox != nil {
		t.Errorf("%d jobs wait; the last one runs: %v", len(c.jobs), h.running)
	}
}

// TestIdentityLength: the longest identity, and one byte more.
func TestIdentityLength(t *testing.T) {
	for n, want := range map[int]error{MaxIdentity: nil, MaxIdentity + 1: alertDecodeError} {
		c, _ := fuzzed(t)
		h := &handshake{c: c, suite: suiteByID(0xc0a8), step: wantKeyExchange}
		body := append([]byte{byte(n >> 8), byte(n)}, strings.Repeat("i", n)...)
		if err := h.message(context.Background(), &message{typ: msgClientKeyExchange, length: len(body), body: body}); err != want {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestHello: what is no Hello, and what one says.
func TestHello(t *testing.T) {
	_, m, _ := helloOf(recorded(t))
	h, ok := parseHello(m.body)
	if !ok || !h.offersCID || len(h.cid) != 0 || !h.extendedMaster || !h.renegotiation || len(h.cookie) != cookieSize ||
		!slices.Equal(h.suites, []uint16{0xc0a8, 0x00a8, 0xc0a4}) {
		t.Errorf("%+v, %v", h, ok)
	}
	for i := range m.body {
		if _, ok := parseHello(m.body[:i]); ok && i != len(m.body)-len(h.afterCookie)+10 {
			t.Errorf("%d of %d bytes are a Hello", i, len(m.body))
		}
	}
	if _, ok := parseHello(append(bytes.Clone(m.body), 0)); ok {
		t.Error("a byte more is a Hello")
	}
	const empty = "fefd" + "00000000000000000000000000000000" + "00000000000000000000000000000000"
	for name, x := range map[string]struct {
		body string
		ok   bool
	}{
		"smallest":           {empty + "00" + "00" + "0000" + "0100", true},
		"no null":            {empty + "00" + "00" + "0000" + "0101", false},
		"odd suites":         {empty + "00" + "00" + "000100" + "0100", false},
		"session too long":   {empty + "21" + strings.Repeat("00", 33) + "00" + "0000" + "0100", false},
		"longest session":    {empty + "20" + strings.Repeat("00", 32) + "00" + "0000" + "0100", true},
		"odd groups":         {empty + "00" + "00" + "0000" + "0100" + "0007" + "000a" + "0003" + "000100", false},
		"unknown extension":  {empty + "00" + "00" + "0000" + "0100" + "0005" + "7777" + "0001" + "00", true},
		"cid cut off":        {empty + "00" + "00" + "0000" + "0100" + "0005" + "0036" + "0001" + "05", false},
		"extensions cut off": {empty + "00" + "00" + "0000" + "0100" + "0006" + "7777" + "0001" + "00", false},
	} {
		body, err := hex.DecodeString(x.body)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, ok := parseHello(body); ok != x.ok {
			t.Errorf("%s: %v", name, ok)
		}
		if n := len(verifyRequest(&record{}, &message{}, [cookieSize]byte{})); x.ok && n > headerSize+messageHeader+len(body) {
			t.Errorf("%s: %d bytes answer it", name, n)
		}
	}
}

// TestCanSign: a suite with certificates needs a signature and a group that
// both have.
func TestCanSign(t *testing.T) {
	c := &Conn{signer: &signer{scheme: 0x0403}}
	for _, x := range []struct {
		schemes, groups []uint16
		group           uint16
		ok              bool
	}{
		{[]uint16{0x0401, 0x0403}, []uint16{99, 24, 23}, 24, true},
		{[]uint16{0x0403}, nil, 23, true},
		{[]uint16{0x0503}, nil, 23, false},
		{nil, nil, 23, false},
		{[]uint16{0x0403}, []uint16{99}, 0, false},
		{[]uint16{0x0403}, []uint16{}, 0, false},
	} {
		h := &hello{schemes: x.schemes, groups: x.groups}
		if got := c.canSign(h); got != x.ok || group(h) != x.group {
			t.Errorf("%x, %d: %v, %d", x.schemes, x.groups, got, group(h))
		}
	}
	if (&Conn{}).canSign(&hello{schemes: []uint16{0x0403}}) {
		t.Error("signs without a certificate")
	}
}

// TestVersions: a client that has no DTLS 1.2 is told so.
func TestVersions(t *testing.T) {
	c, _ := fuzzed(t)
	for v, want := range map[version]error{dtls12: nil, dtls10: alertProtocolVersion, {254, 252}: nil, {3, 3}: alertProtocolVersion} {
		h := &handshake{c: c, remote: netip.MustParseAddrPort("192.0.2.7:1"), hello: hello{version: v, suites: []uint16{0xc0a8}}}
		if err := h.start(context.Background()); err != want {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// TestDeadlineRace: a deadline that passes while it is set again closes nothing
// twice, and the later one counts.
func TestDeadlineRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d deadline
		for range 100 {
			d.set(time.Now().Add(time.Nanosecond))
			time.Sleep(time.Nanosecond)
			d.set(time.Unix(1, 0))
			<-d.passed()
			d.set(time.Time{})
			select {
			case <-d.passed():
				t.Fatal("passed without one")
			default:
			}
		}
	})
}
