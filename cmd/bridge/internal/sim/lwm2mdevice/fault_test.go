package lwm2mdevice

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

func machine(s lwm2m9.UpdateState, r lwm2m9.UpdateResult) lwm2m9.Machine {
	return lwm2m9.Machine{State: s, Result: r, Activation: lwm2m9.Disabled}
}

// deliver writes a good URI and waits for DELIVERED.
func deliver(t *testing.T, s *lwm2mServer, e *events) {
	t.Helper()
	if a := s.writeURI(packages(t) + pkgserver.Path("ok", "radio", "2.0")); a.code != lwm2m9.CodeChanged {
		t.Fatalf("Write URI: %v", a)
	}
	e.step(Delivered)
}

func install(t *testing.T, s *lwm2mServer, e *events) {
	t.Helper()
	deliver(t, s, e)
	if a := s.exec("4"); a.code != lwm2m9.CodeChanged {
		t.Fatalf("Install: %v", a)
	}
	e.step(Installed)
}

func TestFailuresOfSteps(t *testing.T) {
	for _, tc := range []struct {
		fault, pair string
		act         func(*testing.T, *lwm2mServer, *events)
	}{
		{"download=out-of-memory", "0,51", func(t *testing.T, s *lwm2mServer, e *events) {
			s.writeURI(packages(t) + "/ok/a-1.pkg")
			e.shows(machine(lwm2m9.Initial, lwm2m9.ResultOutOfMemory))
		}},
		{"integrity", "0,53", func(t *testing.T, s *lwm2mServer, e *events) {
			s.writeURI(packages(t) + "/ok/a-1.pkg")
			e.shows(machine(lwm2m9.Initial, lwm2m9.ResultIntegrityFailure))
		}},
		{"install", "3,58", func(t *testing.T, s *lwm2mServer, e *events) {
			deliver(t, s, e)
			s.exec("4")
			e.shows(machine(lwm2m9.Delivered, lwm2m9.ResultInstallFailure))
		}},
		{"install=not-enough-storage*1", "4,2", func(t *testing.T, s *lwm2mServer, e *events) {
			deliver(t, s, e)
			s.exec("4")
			e.shows(machine(lwm2m9.Delivered, lwm2m9.ResultNotEnoughStorage))
			s.exec("4") // the fault strikes once
			e.step(Installed)
		}},
		{"uninstall", "4,59", func(t *testing.T, s *lwm2mServer, e *events) {
			install(t, s, e)
			if a := s.exec("6"); a.code != lwm2m9.CodeChanged {
				t.Errorf("Uninstall: %v", a)
			}
			e.shows(machine(lwm2m9.Installed, lwm2m9.ResultUninstallFailure))
		}},
		{"no-verified", "3,0", deliver},
		{"stale-result", "0,3", func(t *testing.T, s *lwm2mServer, e *events) {
			deliver(t, s, e)
			s.exec("6")
			e.step(Uninstalled)
		}},
		{"stuck@downloaded", "2,0", func(t *testing.T, s *lwm2mServer, e *events) {
			s.writeURI(packages(t) + "/ok/a-1.pkg")
			e.step(Downloaded)
		}},
		{"slow@installing=10ms", "4,2", install},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			s := newServer(t)
			_, e := s.device(Config{}, tc.fault)
			tc.act(t, s, e)
			if got := s.pair(); got != tc.pair {
				t.Errorf("pair %s, want %s", got, tc.pair)
			}
		})
	}
}

func TestSecondInstallIsRefused(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "stuck@installing")
	deliver(t, s, e)
	s.exec("4")
	if a := s.exec("4"); a.code != lwm2m9.CodeMethodNotAllowed {
		t.Errorf("second Install: %v, want 4.05", a)
	}
	if n := d.Counts().Done[OpInstall]; n != 1 {
		t.Errorf("%d Installs, want 1", n)
	}
}

func TestActivateFails(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{}, "activate*1")
	install(t, s, e)
	if a := s.exec("10"); a.code != lwm2m9.CodeChanged {
		t.Fatalf("Activate: %v", a)
	}
	e.step(Activating)
	for s.exec("10").code != lwm2m9.CodeChanged { // refused while the first one runs
	}
	e.step(Enabled)
	s.exec("11")
	e.shows(machine(lwm2m9.Installed, lwm2m9.ResultInstalled))
}

func TestRefuse(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{}, "refuse@any=5.03*2", "refuse@observe-resource=4.05", "refuse@create=4.00")
	want := []lwm2m9.ResponseCode{lwm2m9.CodeUnavailable, lwm2m9.CodeUnavailable, lwm2m9.CodeContent}
	var got []lwm2m9.ResponseCode
	for range want {
		got = append(got, s.must(codes.GET, "/9/0/7").code)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	observe := func(m *pool.Message) { m.SetObserve(0) }
	if a := s.must(codes.GET, "/9/0/7", observe); a.code != lwm2m9.CodeMethodNotAllowed {
		t.Errorf("Observe of a resource: %v, want 4.05", a)
	}
	s.observe("/9/0")
	if a := s.must(codes.POST, "/9"); a.code != lwm2m9.CodeBadRequest {
		t.Errorf("Create: %v, want 4.00", a)
	}
	c := d.Counts()
	if diff := cmp.Diff(map[Op]int{OpRead: 2, OpObserveValue: 1, OpCreate: 1}, c.Refused); diff != "" {
		t.Errorf("refused (-want +got)\n%s", diff)
	}
}

func TestLostAnswer(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "lose-answer@install*1")
	deliver(t, s, e)
	// The repetitions of the same message within this time are not answered
	// either, and Install is carried out once.
	if a, err := s.do(300*time.Millisecond, codes.POST, "/9/0/4"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Install: %v, %v; want no answer", a, err)
	}
	e.step(Installed)
	if a := s.exec("4"); a.code != lwm2m9.CodeMethodNotAllowed {
		t.Errorf("second Install: %v, want 4.05", a)
	}
	if c := d.Counts(); c.Done[OpInstall] != 1 || c.Datagrams < 2 {
		t.Errorf("counts %+v, want one Install", c)
	}
}

func TestReboot(t *testing.T) {
	for _, tc := range []struct {
		fault string
		pair  string // after the reboot and what follows from it
		then  Step
		named bool // the registration names the instance
	}{
		{"reboot@downloading", "3,3", Delivered, true},
		{"reboot@downloaded=keep", "3,3", Delivered, true},
		{"reboot@delivered", "3,3", AnyStep, true},
		{"reboot@delivered=lose", "0,0", AnyStep, true},
		{"reboot@delivered=hide", "3,3", AnyStep, false},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			s := newServer(t)
			d, e := s.device(Config{}, tc.fault)
			s.observe("/9/0/7")
			if a := s.writeURI(packages(t) + "/ok/a-1.pkg"); a.code != lwm2m9.CodeChanged {
				t.Fatalf("Write URI: %v", a)
			}
			e.kind(EventRebooting)
			port := e.kind(EventBooted).Text
			if tc.then != AnyStep {
				e.step(tc.then)
			}
			s.wait("register")
			s.wait("register")
			if got := s.pair(); got != tc.pair {
				t.Errorf("pair %s, want %s", got, tc.pair)
			}
			s.mu.Lock()
			regs := s.regs
			s.mu.Unlock()
			if named := strings.Contains(regs[1], "</9/0>"); len(regs) != 2 || named != tc.named {
				t.Errorf("registrations %q", regs)
			}
			if strings.HasSuffix(port, ":0") || d.Counts().Boots != 2 {
				t.Errorf("port %s, %d boots", port, d.Counts().Boots)
			}
		})
	}
}

func TestRebootWhileInstalling(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "reboot@installing")
	deliver(t, s, e)
	if a := s.exec("4"); a.code != lwm2m9.CodeChanged {
		t.Fatalf("Install: %v", a) // the answer still goes out
	}
	e.kind(EventBooted)
	e.step(Installed) // the install goes on
	if n := d.Counts().Done[OpInstall]; n != 1 {
		t.Errorf("%d Installs, want 1", n)
	}
}

func TestRebindKeepsTheRegistration(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "rebind@delivered")
	deliver(t, s, e)
	s.wait("register")
	s.wait("update")
	if got := s.pair(); got != "3,3" { // over the new port
		t.Errorf("pair %s, want 3,3", got)
	}
	if c := d.Counts(); c.Registers != 1 || c.Boots != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestMalformedDatagramIsSurvived(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{})
	s.wait("register")
	s.mu.Lock()
	to, from := s.conn.RemoteAddr(), s.conn.NetConn().(*net.UDPConn)
	s.mu.Unlock()
	if _, err := from.WriteTo([]byte{0xff}, to); err != nil {
		t.Fatal(err)
	}
	e.kind(EventUpdated)
	s.wait("update")
	if got := s.pair(); got != "0,0" {
		t.Errorf("pair %s", got)
	}
}

// TestStrangersAreNotHeard: what does not come from the server's port does
// nothing, not even as much as go-coap does when it makes no sense.
func TestStrangersAreNotHeard(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{})
	s.wait("register")
	s.mu.Lock()
	to := s.conn.RemoteAddr().String()
	s.mu.Unlock()
	c, err := net.Dial("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte{0xff})
	c.Write([]byte("\x40\x03\x00\x01\xb1\x39\x01\x30\x01\x33\xff\x31")) // PUT /9/0/3
	if got := s.pair(); got != "0,0" {
		t.Errorf("pair %s", got)
	}
	if n := d.Counts(); n.Boots != 1 || n.Updates != 0 || len(n.Refused) != 0 || n.Done[OpWriteURI] != 0 {
		t.Errorf("a stranger was heard: %+v", n)
	}
}

func TestSilent(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{}, "silent@installing")
	deliver(t, s, e)
	s.exec("4") // answered
	e.step(Installed)
	if a, err := s.do(300*time.Millisecond, codes.GET, "/9/0/7"); err == nil {
		t.Errorf("a silent device answered %v", a)
	}
}

func TestCoalesce(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{}, "coalesce", "quiet")
	o := s.observe("/9/0/7")
	deliver(t, s, e)
	o.until("3")
	if diff := cmp.Diff([]string{"3"}, e.notified("/9/0/7", "3")); diff != "" {
		t.Errorf("states (-want +got)\n%s", diff)
	}
}

func TestTornPairs(t *testing.T) {
	s := newServer(t)
	_, e := s.device(Config{}, "torn=1ms", "download=connection-lost")
	s.writeURI(packages(t) + "/ok/a-1.pkg")
	e.shows(machine(lwm2m9.DownloadStarted, lwm2m9.ResultInitial))
	// The download may be lost before the first pair was whole; then the result
	// that lags behind is the one before it.
	e.until("INITIAL before its result", func(ev Event) bool {
		return ev.Kind == EventChanged && ev.Instance.State == lwm2m9.Initial && ev.Instance.Result != lwm2m9.ResultConnectionLost
	})
	e.shows(machine(lwm2m9.Initial, lwm2m9.ResultConnectionLost))
}

func TestQuiet(t *testing.T) {
	for _, tc := range []struct {
		faults []string
		want   []string
	}{
		{nil, []string{"3", "4"}},
		{[]string{"quiet"}, []string{"4"}},
	} {
		s := newServer(t)
		_, e := s.device(Config{}, append(tc.faults, "install*1")...)
		deliver(t, s, e)
		s.observe("/9/0/7")
		s.exec("4")
		e.shows(machine(lwm2m9.Delivered, lwm2m9.ResultInstallFailure)) // the state is 3 as before
		s.exec("4")
		if diff := cmp.Diff(tc.want, e.notified("/9/0/7", "4")); diff != "" {
			t.Errorf("%v: states (-want +got)\n%s", tc.faults, diff)
		}
	}
}

func TestIgnoredWrite(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{}, "ignore-unformatted")
	if a := s.must(codes.PUT, "/9/0/3", content(noFormat, packages(t)+"/ok/a-1.pkg")); a.code != lwm2m9.CodeChanged {
		t.Errorf("Write: %v, want 2.04", a)
	}
	if got := s.pair(); got != "0,0" || d.Counts().Downloads != 0 {
		t.Errorf("pair %s, %d downloads; want nothing to happen", got, d.Counts().Downloads)
	}
}

func TestWrongStateCode(t *testing.T) {
	s := newServer(t)
	s.device(Config{}, "wrong-state=5.00")
	if a := s.exec("4"); a.code != lwm2m9.CodeInternal {
		t.Errorf("Install: %v, want 5.00", a)
	}
}

func TestNonsense(t *testing.T) {
	for _, tc := range []struct{ fault, pair, instance string }{
		{"nonsense=text", "abc,abc", "c000c001c307616263c309616263c10c00"},
		{"nonsense=state", "9,0", "c000c001c10709c10900c10c00"},
		{"nonsense=result", "0,99", "c000c001c10700c10963c10c00"},
		{"nonsense=tlv", "abc,abc", "c000c001c10700c10900c10c"},
	} {
		s := newServer(t)
		s.device(Config{}, tc.fault)
		if got := s.pair(); got != tc.pair {
			t.Errorf("%s: pair %s, want %s", tc.fault, got, tc.pair)
		}
		if got := hexBody(s.must(codes.GET, "/9/0", accept(tlv))); got != tc.instance {
			t.Errorf("%s: instance %s, want %s", tc.fault, got, tc.instance)
		}
	}
}

func TestNoObserve(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{}, "no-observe")
	s.observe("/9/0/7").until("0")
	deliver(t, s, e)
	if n := d.Counts().Notifications; n != 0 {
		t.Errorf("%d notifications, want none", n)
	}
}

func TestLostAndRepeatedDatagrams(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{Seed: 4, Timing: Timing{Ack: 20 * time.Millisecond}}, "drop=0.2", "repeat=0.3", "delay=1ms")
	o := s.observe("/9/0/7")
	install(t, s, e)
	o.until("4")
	if c := d.Counts(); c.Done[OpInstall] != 1 || c.Done[OpWriteURI] != 1 || c.Lost == 0 || c.Repeated == 0 {
		t.Errorf("counts %+v: every request must be carried out once, for all that gets lost", c)
	}
}

func TestQueueMode(t *testing.T) {
	s := newServer(t)
	d, e := s.device(Config{QueueMode: true, AwakeFor: 20 * time.Millisecond, UpdateEvery: 400 * time.Millisecond})
	e.kind(EventSlept)
	before := d.Counts().Datagrams
	if a, err := s.do(50*time.Millisecond, codes.GET, "/9/0/7"); err == nil {
		t.Errorf("a sleeping device answered %v", a)
	}
	if n := d.Counts().Datagrams; n != before {
		t.Errorf("%d datagrams heard while asleep", n-before)
	}
	e.kind(EventWoke)
	s.wait("update")
	if a := s.must(codes.GET, "/9/0/7"); a.body != "0" {
		t.Errorf("awake: %v", a)
	}
}

func TestStartsWithSoftware(t *testing.T) {
	s := newServer(t)
	d, _ := s.device(Config{Dialect: lwm2m9.Draft, Instances: []Software{
		{ID: 0, Name: "old", Version: "1", State: lwm2m9.Installed, Activation: lwm2m9.Enabled}, {ID: 4},
	}})
	if got := s.pair(); got != "5,2" {
		t.Errorf("pair %s, want 5,2", got)
	}
	if got := d.Instances(); len(got) != 2 || got[0].Name != "old" || got[1].RawState != 1 {
		t.Errorf("instances %+v", got)
	}
}
