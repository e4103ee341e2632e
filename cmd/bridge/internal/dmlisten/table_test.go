package dmlisten

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// newHandler knows the devices 0 to devices-1, without a network.
func newHandler(o Options, scheme session.Scheme, devices int) (*Handler, *Memory) {
	work := NewMemory()
	for n := range devices {
		work.Add(serverSide(account(n, scheme)))
	}
	if o.Work == nil {
		o.Work = work
	}
	return New(o), work
}

// basic are good credentials of device n.
func basic(n int, password string) *syncml.Cred {
	acc := account(n, session.SchemeBasic)
	if password == "" {
		password = string(acc.Client.Secret)
	}
	data := base64.StdEncoding.EncodeToString([]byte(acc.Client.User + ":" + password))
	return &syncml.Cred{Meta: syncml.Meta{Type: "syncml:auth-basic", Format: "b64"}, Data: syncml.Secret(data)}
}

func want(t *testing.T, what string, got, want syncml.Code) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v; want %v", what, got, want)
	}
}

// TestSessionsAreFound: by the token of the RespURI, or by device and SessionID,
// whatever the spelling of the device.
func TestSessionsAreFound(t *testing.T) {
	for _, follow := range []bool{true, false} {
		h, work := newHandler(Options{}, session.SchemeNone, 1)
		d := byHand(t, h, 0)
		work.Send(d.id, get("./DevInfo/Man"), get("./DevInfo/Mod"))
		m, code := d.say(d.open())
		want(t, "package 1", code, syncml.StatusAuthenticated)
		if follow {
			d.follow(m)
		}
		d.id = strings.ToLower(d.id)
		_, code = d.say(d.next("1", &syncml.Status{CmdID: "2", MsgRef: "1", CmdRef: "3", Cmd: syncml.CmdGet, Code: 404},
			&syncml.Status{CmdID: "3", MsgRef: "1", CmdRef: "4", Cmd: syncml.CmdGet, Code: 404}))
		if !code.Success() {
			t.Errorf("package 3: %v", code)
		}
		if c := h.Counts(); c.Begun != 1 || c.Sessions != 1 || len(work.Seen(d.id).Results) != 2 {
			t.Errorf("follow %v: %+v, %+v", follow, c, work.Seen(d.id))
		}
	}
}

// TestSameSessionIDAgain: there are devices that call every session 1, and such
// that begin the next one at the old URL.
func TestSameSessionIDAgain(t *testing.T) {
	h, work := newHandler(Options{}, session.SchemeNone, 1)
	d := byHand(t, h, 0)
	for n := 1; n <= 3; n++ {
		d.msg = 0
		work.Send(d.id, get(fmt.Sprint("./DevInfo/", n))) // it stays open: the device stops there
		m, code := d.say(append(d.open(), strings.Repeat(" ", n)...))
		if !code.Success() {
			t.Fatalf("session %d: %v", n, code)
		}
		if c := h.Counts(); c.Begun != uint64(n) || c.Sessions != 1 {
			t.Errorf("session %d: %+v", n, c)
		}
		// What the device left without an answer is asked again.
		if asked := len(m.Body) - 2; asked != n {
			t.Errorf("session %d asks for %d nodes; want %d", n, asked, n)
		}
	}
}

// TestURLOfAnOldSession: it leads to the device's next session when the old one
// has ended, and nowhere when it has expired, also before that was noticed.
func TestURLOfAnOldSession(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h, work := newHandler(Options{Idle: time.Minute, Now: func() time.Time { return now }}, session.SchemeNone, 1)
	d := byHand(t, h, 0)
	m, _ := d.say(d.open()) // nothing to say: it has ended
	d.follow(m)
	d.msg, d.session = 0, "2"
	work.Send(d.id, get("./DevInfo/Man"))
	m, code := d.say(d.open())
	want(t, "the next session at the old URL", code, syncml.StatusAuthenticated)
	if m.Header.SessionID != "2" || h.Counts().Begun != 2 {
		t.Errorf("answered in session %s; %+v", m.Header.SessionID, h.Counts())
	}
	d.follow(m)
	now = now.Add(time.Minute - 1)
	_, code = d.say(d.next("1"))
	if !code.Success() {
		t.Errorf("at the last moment: %v", code)
	}
	work.Send(d.id, get("./DevInfo/Man"))
	d.say(d.next("2"))
	now = now.Add(time.Minute)
	_, code = d.say(d.next("3"))
	want(t, "at the first moment after it", code, syncml.StatusRequestTimeout)
	if c := h.Counts(); c.Sessions != 0 {
		t.Errorf("%+v", c)
	}
}

// TestStrayMessages: what belongs to no session is answered with Statuses.
func TestStrayMessages(t *testing.T) {
	h, _ := newHandler(Options{}, session.SchemeNone, 1)
	for _, tc := range []struct {
		name string
		id   string
		body func(*hand) []byte
		code syncml.Code
		all  int // Statuses
	}{
		{"unknown device", "IMEI:none", func(d *hand) []byte { return d.open() }, syncml.StatusNotFound, 2},
		{"no session", "", func(d *hand) []byte { d.msg = 4; return d.next("3", get("./x")) }, syncml.StatusRequestTimeout, 2},
		{"longest name", strings.Repeat("x", MaxName), func(d *hand) []byte { return d.open() }, syncml.StatusNotFound, 2},
		{"too long a name", strings.Repeat("x", MaxName+1), func(d *hand) []byte { return d.open() }, syncml.StatusURITooLong, 2},
		{"nested commands", "IMEI:none", func(d *hand) []byte {
			return d.message(&syncml.Block{Cmd: syncml.CmdAtomic, CmdID: "1", Body: []syncml.Command{
				&syncml.Op{Cmd: syncml.CmdGet, CmdID: "2", Items: []syncml.Item{{Target: syncml.Location{URI: "./x"}}}}}})
		}, syncml.StatusNotFound, 3},
	} {
		d := byHand(t, h, 0)
		if tc.id != "" {
			d.id = tc.id
		}
		m, code := d.say(tc.body(d))
		want(t, tc.name, code, tc.code)
		all := statuses(m)
		for _, c := range all {
			want(t, tc.name, c, tc.code)
		}
		if len(all) != tc.all || !m.Final {
			t.Errorf("%s: %d Statuses; want %d", tc.name, len(all), tc.all)
		}
	}
	if c := h.Counts(); c.Refused != 5 || c.Begun != 0 || c.Devices != 0 {
		t.Errorf("%+v", c)
	}
}

// TestTwoSessionsOfOneDevice: a stranger in the device's name disturbs nothing;
// the device itself begins anew and takes over.
func TestTwoSessionsOfOneDevice(t *testing.T) {
	h, work := newHandler(Options{MaxPerDevice: 2}, session.SchemeBasic, 1)
	d := byHand(t, h, 0)
	d.session, d.cred = "A", basic(0, "")
	_, code := d.say(d.open())
	want(t, "the device", code, syncml.StatusAuthenticated)
	for n := range 5 {
		stranger := byHand(t, h, 0)
		stranger.session, stranger.cred = fmt.Sprint("S", n), nil
		_, code := stranger.say(stranger.open())
		want(t, "a stranger", code, syncml.StatusCredentialsMissing)
	}
	if c := h.Counts(); c.Sessions != 3 {
		t.Errorf("%d sessions; want the device's and two strangers'", c.Sessions)
	}
	work.Send(d.id, get("./DevInfo/Man"))
	_, code = d.say(d.next("1"))
	if !code.Success() {
		t.Errorf("the device after the strangers: %v", code)
	}
	again := byHand(t, h, 0)
	again.session, again.cred = "B", basic(0, "")
	m, code := again.say(again.open())
	want(t, "the device anew", code, syncml.StatusAuthenticated)
	if len(m.Body) != 3 { // two Statuses and the Get
		t.Errorf("what the first session left is not asked again: %d commands", len(m.Body))
	}
	_, code = d.say(d.next("2"))
	want(t, "the device's first session", code, syncml.StatusRequestTimeout)
	if seen := work.Seen(d.id); seen.Sessions != 2 {
		t.Errorf("%d sessions were heard", seen.Sessions)
	}
}

// TestNumberOfSessions: one over the limit a stranger makes room, and when there
// is none the newcomer is told so.
func TestNumberOfSessions(t *testing.T) {
	const most = 3
	h, _ := newHandler(Options{MaxSessions: most}, session.SchemeBasic, most+2)
	stranger := byHand(t, h, most+1)
	_, code := stranger.say(stranger.open())
	want(t, "a stranger", code, syncml.StatusCredentialsMissing)
	for n := range most + 1 {
		d := byHand(t, h, n)
		d.cred = basic(n, "")
		_, code := d.say(d.open())
		if n < most {
			want(t, fmt.Sprint("device ", n), code, syncml.StatusAuthenticated)
		} else {
			want(t, "one over", code, syncml.StatusUnavailable)
		}
	}
	if c := h.Counts(); c.Sessions != most || c.Devices != most {
		t.Errorf("%+v", c)
	}
}

// TestMessagesThatWait: a device's messages wait for each other, up to a number.
func TestMessagesThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiting = 3
		work := &slowWork{Memory: NewMemory(), slow: account(0, 0).DeviceID, entered: make(chan struct{}), release: make(chan struct{})}
		work.Add(serverSide(account(0, session.SchemeNone)))
		h := New(Options{Work: work, MaxWaiting: waiting, MessageTimeout: time.Minute})
		codes := make(chan int, waiting+2)
		var wg sync.WaitGroup
		for n := range waiting + 1 {
			wg.Go(func() {
				d := byHand(t, h, 0)
				d.session = fmt.Sprint(n)
				codes <- d.send(d.open()).Code
			})
		}
		synctest.Wait()
		d := byHand(t, h, 0)
		_, code := d.say(d.open())
		want(t, "one over", code, syncml.StatusUnavailable)
		<-time.After(time.Minute) // those who wait give up; who works goes on
		synctest.Wait()
		if n := len(codes); n != waiting {
			t.Errorf("%d messages have given up; want %d", n, waiting)
		}
		close(work.release)
		wg.Wait()
		close(codes)
		count := map[int]int{}
		for c := range codes {
			count[c]++
		}
		if count[503] != waiting || count[200] != 1 {
			t.Errorf("answers: %v", count)
		}
		if c := h.Counts(); c.Sessions != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// TestSessionsExpire: a session whose device stops posting is over after Idle,
// one that has ended after Linger, and one that goes on for ever is aborted.
func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, work := newHandler(Options{Idle: time.Minute, Linger: 10 * time.Second, SessionTimeout: 5 * time.Minute}, session.SchemeNone, 2)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()

		d := byHand(t, h, 0)
		keys := work.Send(d.id, get("./DevInfo/Man"))
		m, _ := d.say(d.open())
		d.follow(m)
		<-time.After(time.Minute - time.Second)
		if c := h.Counts(); c.Sessions != 1 {
			t.Errorf("before its time: %+v", c)
		}
		<-time.After(8 * time.Second)
		if c := h.Counts(); c.Sessions != 0 || c.Devices != 0 {
			t.Errorf("after its time: %+v", c)
		}
		if seen := work.Seen(d.id); seen.Waiting != 1 || len(seen.Results) != 0 {
			t.Errorf("what was not answered: %+v; want %v to wait", seen, keys)
		}
		_, code := d.say(d.next("1"))
		want(t, "a message after that", code, syncml.StatusRequestTimeout)

		e := byHand(t, h, 1) // nothing to say: it ends at once
		m, _ = e.say(e.open())
		if !m.Final || h.Counts().Sessions != 1 {
			t.Errorf("an ended session: %+v", h.Counts())
		}
		<-time.After(16 * time.Second)
		if c := h.Counts(); c.Sessions != 0 {
			t.Errorf("an ended session lingers: %+v", c)
		}

		long := byHand(t, h, 0)
		long.session = "C"
		m, _ = long.say(long.open())
		begin, posts := time.Now(), 0
		for !aborts(m) && posts < 100 {
			posts++
			<-time.After(30 * time.Second)
			work.Send(long.id, get("./DevInfo/Man"))
			m, _ = long.say(long.next(m.Header.MsgID, get("./x")))
		}
		if took := time.Since(begin); took != 5*time.Minute {
			t.Errorf("aborted after %v; want 5m", took)
		}
		stop()
		if err := <-done; err != nil || h.Counts().Sessions != 0 {
			t.Errorf("in the end: %v, %+v", err, h.Counts())
		}
	})
}

func aborts(m *syncml.Message) bool {
	for _, cmd := range m.Body {
		if a, ok := cmd.(*syncml.Alert); ok && a.Code == syncml.AlertSessionAbort {
			return true
		}
	}
	return false
}

// TestExpiryLeavesWhatIsUnderWay: a session is not taken away under a message.
func TestExpiryLeavesWhatIsUnderWay(t *testing.T) {
	h, _ := newHandler(Options{}, session.SchemeNone, 1)
	d := byHand(t, h, 0)
	d.say(d.open())
	dev, err := h.table.enter(t.Context(), d.id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	h.Expire(later)
	if n, _ := h.table.size(); n != 1 {
		t.Error("a session with a message under way was removed")
	}
	h.table.leave(dev)
	h.Expire(later)
	if n, devices := h.table.size(); n != 0 || devices != 0 {
		t.Errorf("%d sessions of %d devices are left", n, devices)
	}
}

// TestLockout: wrong passwords are counted over sessions; then the guesser
// waits, an operator hears of it once, and a session of the device itself goes
// on.
func TestLockout(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var alarms []session.Alarm
	h, _ := newHandler(Options{Lockout: session.Lockout{FreeTries: 3, FirstWait: time.Minute}, Idle: 24 * time.Hour, SessionTimeout: 24 * time.Hour,
		Now: func() time.Time { return now }, Alarm: func(a session.Alarm) { alarms = append(alarms, a) }}, session.SchemeBasic, 1)
	owner := byHand(t, h, 0)
	owner.session, owner.cred = "owner", basic(0, "")
	_, code := owner.say(owner.open())
	want(t, "the owner", code, syncml.StatusAuthenticated)
	guess := func(n int, password string) syncml.Code {
		g := byHand(t, h, 0)
		g.session, g.cred = fmt.Sprint("g", n), basic(0, password)
		_, code := g.say(g.open())
		return code
	}
	for n := range 4 {
		want(t, fmt.Sprint("guess ", n+1), guess(n, "wrong"), syncml.StatusUnauthorized)
	}
	if len(alarms) != 2 || alarms[0].Wrong != 4 || alarms[0].Wait != time.Minute {
		t.Errorf("alarms %+v; want one for the device and one for the peer", alarms)
	}
	want(t, "a guess too many", guess(10, "wrong"), syncml.StatusRetryLater)
	want(t, "the right password while locked out", guess(11, ""), syncml.StatusRetryLater)
	if c := h.Counts(); c.Begun != 5 {
		t.Errorf("%d sessions; want the owner's and four of the guesser", c.Begun)
	}
	if _, code := owner.say(owner.next("1")); !code.Success() {
		t.Errorf("the owner meanwhile: %v", code)
	}
	now = now.Add(time.Minute)
	want(t, "the wait is over", guess(12, "wrong"), syncml.StatusUnauthorized)
	now = now.Add(time.Minute)
	want(t, "half of the next wait", guess(13, ""), syncml.StatusRetryLater)
	now = now.Add(time.Minute)
	want(t, "the right password at last", guess(14, ""), syncml.StatusAuthenticated)
	if c := h.Counts(); c.Wrong != 5 || c.Alarms != 2 {
		t.Errorf("%+v", c)
	}
}

// TestLockoutForgets: a device that proves who it is begins to count anew,
// wherever the wrong passwords came from.
func TestLockoutForgets(t *testing.T) {
	h, _ := newHandler(Options{Lockout: session.Lockout{FreeTries: 3, FirstWait: time.Hour}, Proxies: testProxies}, session.SchemeBasic, 1)
	for n := range 12 {
		d := byHand(t, h, 0)
		d.session, d.cred, d.behind = fmt.Sprint(n), basic(0, "wrong"), fmt.Sprint("198.51.100.", n)
		expect := syncml.StatusUnauthorized
		if n%4 == 3 {
			d.cred, expect = basic(0, ""), syncml.StatusAuthenticated
		}
		_, code := d.say(d.open())
		want(t, fmt.Sprint("try ", n+1), code, expect)
	}
}

// testProxies holds the address that httptest's requests come from.
var testProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}

// TestLockoutBehindAProxy: one who guesses is locked out, and not all who come
// by the same proxy; unless nobody has told us that it is one.
func TestLockoutBehindAProxy(t *testing.T) {
	for name, tt := range map[string]struct {
		proxies []netip.Prefix
		want    syncml.Code
	}{
		"known":   {testProxies, syncml.StatusAuthenticated},
		"unknown": {nil, syncml.StatusRetryLater},
	} {
		h, _ := newHandler(Options{Lockout: session.Lockout{FreeTries: 3, FirstWait: time.Hour}, Proxies: tt.proxies}, session.SchemeBasic, 10)
		for n := range 4 {
			guesser := byHand(t, h, n)
			guesser.cred, guesser.behind = basic(n, "wrong"), "198.51.100.1"
			_, code := guesser.say(guesser.open())
			want(t, fmt.Sprint(name, ": guess ", n+1), code, syncml.StatusUnauthorized)
		}
		other := byHand(t, h, 9)
		other.cred, other.behind = basic(9, ""), "198.51.100.2"
		_, code := other.say(other.open())
		want(t, name+": another device", code, tt.want)
	}
}
