package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// legacyScript drives a Virtual and keeps what it did.
type legacyScript struct {
	t   *testing.T
	v   Virtual
	now time.Time
	p   CampaignPolicy
	out []Action
}

func newLegacyScript(t *testing.T) *legacyScript {
	return &legacyScript{t: t, v: NewVirtual(), now: epoch, p: DefaultCampaignPolicy()}
}

// on steps and returns the code.
func (s *legacyScript) on(ev VirtualEvent) lwm2m9.ResponseCode {
	var code lwm2m9.ResponseCode
	s.v, code, s.out = s.v.Step(s.now, ev, s.p)
	return code
}

// must is on with the code that is wanted.
func (s *legacyScript) must(want lwm2m9.ResponseCode, ev VirtualEvent) {
	s.t.Helper()
	if got := s.on(ev); got != want {
		s.t.Fatalf("%T%+v: %v, want %v", ev, ev, got, want)
	}
}

// shows checks what instance 0 shows.
func (s *legacyScript) shows(st lwm2m9.UpdateState, r lwm2m9.UpdateResult) {
	s.t.Helper()
	if m := s.v.Slots[0].Machine; m.State != st || m.Result != r {
		s.t.Fatalf("instance 0 shows %v, %v; want %v, %v", m.State, m.Result, st, r)
	}
}

// does finds the task that the last event asked for.
func (s *legacyScript) does(want Task) Do {
	s.t.Helper()
	for _, a := range s.out {
		if d, ok := a.(Do); ok {
			if d.Task != want {
				s.t.Fatalf("asks for %v, want %v", d.Task, want)
			}
			return d
		}
	}
	if want != TaskNone {
		s.t.Fatalf("asks for nothing, want %v; %+v", want, s.out)
	}
	return Do{}
}

func (s *legacyScript) wakes() bool {
	for _, a := range s.out {
		if _, ok := a.(Wake); ok {
			return true
		}
	}
	return false
}

func (s *legacyScript) deliver() {
	s.t.Helper()
	s.must(lwm2m9.CodeChanged, WroteURI{0, "https://h.example/fw.bin"})
	seq := s.v.Slots[0].Fetch
	s.on(Received{0, seq, PackageInfo{Name: "fw", Size: 9, Digest: "d"}})
	s.shows(lwm2m9.Downloaded, lwm2m9.ResultInitial)
	s.on(Verified{0, seq, true})
	s.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
}

// handOver brings a delivered package to the device.
func (s *legacyScript) handOver() {
	s.t.Helper()
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p1", "c1"})
	if !s.wakes() {
		s.t.Fatal("the device is not woken")
	}
	s.visit()
	s.spoken(Done{Seq: s.does(TaskExec).Seq, Status: 202, Added: 200})
	s.on(Closed{})
}

// visit opens a session, in which the device is to be answered.
func (s *legacyScript) visit() {
	s.on(Opened{})
	s.on(Spoken{})
}

// spoken is an outcome, after which the device is to be answered.
func (s *legacyScript) spoken(d Done) {
	s.on(d)
	s.on(Spoken{})
}

func TestCampaignToSuccess(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	s.handOver()
	s.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
	s.visit()
	d := s.does(TaskState)
	s.spoken(Done{Seq: d.Seq, Status: 200, State: fwupdate.StateDownloading})
	if got := s.v.Slots[0].Reason; !strings.Contains(got, "State 30") {
		t.Errorf("Status Reason %q", got)
	}
	s.does(TaskNone)
	s.on(Closed{})
	s.on(Alerted{Package: "p1", Correlator: "c1", Code: 200})
	s.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	if len(s.v.Needs()) != 0 {
		t.Error("the package is still needed")
	}
	s.visit()
	if d := s.does(TaskDelete); d.Package != "p1" {
		t.Errorf("deletes %q", d.Package)
	}
	s.on(Done{Seq: s.v.TaskSeq, Status: 200})
	s.on(Closed{})
	s.must(lwm2m9.CodeChanged, ActivateAsked{0})
	if s.v.Slots[0].Machine.Activation != lwm2m9.Enabled {
		t.Error("not active")
	}
	s.must(lwm2m9.CodeMethodNotAllowed, DeactivateAsked{0})
	s.p.RecordDeactivate = true
	s.must(lwm2m9.CodeChanged, DeactivateAsked{0})
	s.must(lwm2m9.CodeChanged, UninstallAsked{0})
	s.shows(lwm2m9.Initial, lwm2m9.ResultInitial)
	if s.v.Due() {
		t.Error("something is left to say to the device")
	}
}

// TestDeviceSays is every way in which a device tells how it ended.
func TestDeviceSays(t *testing.T) {
	type end struct {
		state  lwm2m9.UpdateState
		result lwm2m9.UpdateResult
	}
	for _, row := range codeRows {
		want := end{lwm2m9.Delivered, row.Result}
		if row.Result == lwm2m9.ResultInstalled {
			want.state = lwm2m9.Installed
		}
		for _, c := range []fwupdate.Code{row.First, row.Last} {
			s := newLegacyScript(t)
			s.deliver()
			s.handOver()
			s.on(Alerted{Package: "p1", Correlator: "c1", Code: c})
			s.shows(want.state, want.result)
		}
	}
	for _, row := range stateRows {
		s := newLegacyScript(t)
		s.deliver()
		s.handOver()
		s.visit()
		s.on(Done{Seq: s.does(TaskState).Seq, Status: 200, State: row.State})
		switch row.Result {
		case lwm2m9.ResultUnknown:
			s.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
		case lwm2m9.ResultInstalled:
			s.shows(lwm2m9.Installed, row.Result)
		default:
			s.shows(lwm2m9.Delivered, row.Result)
		}
	}
}

// TestDeviceRefuses is every judgement of the offer and of Exec.
func TestDeviceRefuses(t *testing.T) {
	for _, test := range []struct {
		task   Task
		status int
		exec   int                 // after an Add with this status
		result lwm2m9.UpdateResult // ResultVerified: it is tried again, or runs
	}{
		{TaskOffer, 418, 202, lwm2m9.ResultVerified},
		{TaskOffer, 418, 404, lwm2m9.ResultUnsupportedType},
		{TaskOffer, 404, 404, lwm2m9.ResultUnsupportedType},
		{TaskOffer, 405, 404, lwm2m9.ResultUnsupportedType},
		{TaskOffer, 406, 404, lwm2m9.ResultUnsupportedType},
		{TaskOffer, 420, 404, lwm2m9.ResultNotEnoughStorage},
		{TaskOffer, 425, 404, lwm2m9.ResultDeviceError},
		{TaskOffer, 500, 404, lwm2m9.ResultVerified},
		{TaskOffer, 0, 404, lwm2m9.ResultVerified},
		{TaskOffer, 404, 202, lwm2m9.ResultVerified}, // it does without that node
		{TaskExec, 200, 0, lwm2m9.ResultVerified},
		{TaskExec, 404, 0, lwm2m9.ResultUnsupportedType},
		{TaskExec, 417, 0, lwm2m9.ResultVerified},
		{TaskExec, 425, 0, lwm2m9.ResultDeviceError},
		{TaskExec, 407, 0, lwm2m9.ResultVerified},
		{TaskExec, 511, 0, lwm2m9.ResultVerified},
	} {
		s := newLegacyScript(t)
		s.deliver()
		s.on(InstallAsked{0, "p1", "c1"})
		s.visit()
		d := Done{Seq: s.does(TaskExec).Seq, Added: 200, Status: test.status}
		if test.task == TaskOffer {
			d.Added, d.Status = test.status, test.exec
		}
		s.on(d)
		if got := s.v.Slots[0].Machine.Result; got != test.result {
			t.Errorf("%v answered %d: %v, want %v", test.task, test.status, got, test.result)
		}
		if handed := s.v.Slots[0].Campaign.handed(); handed != (d.Status == 200 || d.Status == 202) {
			t.Errorf("%v answered %d: handed over %v", test.task, test.status, handed)
		}
	}
}

// TestLater is N sessions that say "later", and one more.
func TestLater(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	s.on(InstallAsked{0, "p1", "c1"})
	for n := range s.p.Tries {
		s.visit()
		s.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
		s.spoken(Done{Seq: s.does(TaskExec).Seq, Status: 503, Added: 418})
		if n < s.p.Tries-1 {
			s.does(TaskNone) // not again in this session
		}
		s.on(Closed{})
	}
	s.shows(lwm2m9.Delivered, lwm2m9.ResultDeviceError)
}

// TestLostExec is an Exec whose Status is lost: it is not sent again, and the
// State decides.
func TestLostExec(t *testing.T) {
	lost := func() *legacyScript {
		s := newLegacyScript(t)
		s.deliver()
		s.on(InstallAsked{0, "p1", "c1"})
		s.visit()
		s.does(TaskExec)
		s.on(Closed{})
		s.visit()
		return s
	}
	state := func(s *legacyScript, status int, st fwupdate.State) {
		t.Helper()
		s.on(Done{Seq: s.does(TaskState).Seq, Status: status, State: st})
		s.on(Closed{})
	}
	s := lost()
	state(s, 200, fwupdate.StateUpdateSuccessful)
	s.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)

	s = lost()
	state(s, 200, fwupdate.StateDownloading)
	if got := s.v.Slots[0].Campaign.Ends; !got.Equal(epoch.Add(s.p.Final)) {
		t.Errorf("a device at work is given up at %v", got)
	}

	for _, status := range []int{200, 404} {
		s = lost()
		state(s, status, fwupdate.StateIdle)
		s.now = epoch.Add(s.p.Doubt - time.Second)
		s.on(Tick{})
		s.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
		s.now = epoch.Add(s.p.Doubt)
		s.on(Tick{})
		s.shows(lwm2m9.Delivered, lwm2m9.ResultDeviceError)
		s.on(Alerted{Package: "p1", Code: 200}) // it was at work after all
		s.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
		s.on(Alerted{Package: "p1", Code: 410}) // once
		s.shows(lwm2m9.Installed, lwm2m9.ResultInstalled)
	}
}

// TestWrongState is what a server may not do, in each state.
func TestWrongState(t *testing.T) {
	none := lwm2m9.CodeMethodNotAllowed
	s := newLegacyScript(t)
	for _, ev := range []VirtualEvent{InstallAsked{Instance: 0}, UninstallAsked{0}, ActivateAsked{0}, DeactivateAsked{0}, DeleteAsked{0}} {
		s.must(none, ev)
	}
	s.must(lwm2m9.CodeNotFound, WroteURI{7, "http://h/p"})
	s.must(lwm2m9.CodeBadRequest, WroteURI{0, ""})
	s.must(lwm2m9.CodeBadRequest, WroteURI{0, "http://h/" + strings.Repeat("p", lwm2m9.MaxURI-8)})
	s.must(lwm2m9.CodeBadRequest, CreateAsked{true, 0})
	s.must(lwm2m9.CodeChanged, WroteURI{0, "ftp://h/p"})
	s.shows(lwm2m9.Initial, lwm2m9.ResultInvalidURI)
	s.must(lwm2m9.CodeChanged, WroteURI{0, "http://h/" + strings.Repeat("p", lwm2m9.MaxURI-9)})
	s.must(none, WroteURI{0, "http://h/p"})
	s.must(none, PushBegun{0})
	s.on(FetchFailed{0, s.v.Slots[0].Fetch, lwm2m9.ResultInstalled, "odd", ""}) // no error of a download
	s.shows(lwm2m9.Initial, lwm2m9.ResultDeviceError)
	s.deliver()
	s.must(none, WroteURI{0, "http://h/p"})
	s.must(none, PushBegun{0})
	s.handOver()
	s.must(none, UninstallAsked{0})
	s.must(none, DeleteAsked{0})
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p2", "c2"})
	if got := s.v.Slots[0].Campaign.Package; got != "p1" {
		t.Errorf("a second campaign %q", got)
	}
}

// TestInstances keeps one in INITIAL, up to the limit.
func TestInstances(t *testing.T) {
	s := newLegacyScript(t)
	s.p.MaxInstances = 3
	s.deliver()
	if len(s.v.Slots) != 2 || s.v.Slots[1].Machine.State != lwm2m9.Initial {
		t.Fatalf("%+v", s.v.Slots)
	}
	s.must(lwm2m9.CodeCreated, CreateAsked{true, 9})
	s.must(lwm2m9.CodeMethodNotAllowed, CreateAsked{})
	s.must(lwm2m9.CodeDeleted, DeleteAsked{1})
	s.must(lwm2m9.CodeMethodNotAllowed, DeleteAsked{9})
	s.must(lwm2m9.CodeDeleted, DeleteAsked{0})
	s.must(lwm2m9.CodeCreated, CreateAsked{})
	if s.v.Slots[0].ID != 0 {
		t.Errorf("%+v", s.v.Slots)
	}
}

// TestAttempts limits the campaigns of one package.
func TestAttempts(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	for range s.p.MaxCampaigns {
		s.handOver()
		s.on(Alerted{Package: "p1", Correlator: "c1", Code: 410})
		s.shows(lwm2m9.Delivered, lwm2m9.ResultInstallFailure)
	}
	s.must(lwm2m9.CodeMethodNotAllowed, InstallAsked{0, "p1", "c1"})
	if s.v.Slots[0].Reason == "" {
		t.Error("no reason")
	}
	s.must(lwm2m9.CodeChanged, UninstallAsked{0})
	s.deliver()
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p1", "c1"})
}

// TestLeftovers bounds what is to be deleted.
func TestLeftovers(t *testing.T) {
	s := newLegacyScript(t)
	n := 0
	for range maxLeftovers + 1 {
		s.deliver()
		n++
		s.on(InstallAsked{0, pkgName(n), "c"})
		s.on(UninstallAsked{0})
	}
	if got := len(s.v.Leftovers); got != maxLeftovers || s.v.Leftovers[0].Package != pkgName(2) {
		t.Errorf("%d leftovers", got)
	}
	for range s.p.Tries {
		s.visit()
		for s.v.Task != TaskNone {
			s.spoken(Done{Seq: s.v.TaskSeq, Status: 500})
		}
		s.on(Closed{})
	}
	if got := len(s.v.Leftovers); got != 0 {
		t.Errorf("%d leftovers after %d refusals", got, s.p.Tries)
	}
}

// TestRestart asks again for what was under way, and gives up a push.
func TestRestart(t *testing.T) {
	s := newLegacyScript(t)
	s.on(WroteURI{0, "http://h/p"})
	seq := s.v.Slots[0].Fetch
	s.must(lwm2m9.CodeChanged, PushBegun{1})
	s.on(Resumed{})
	if len(s.out) == 0 || s.out[0] != (Fetch{Instance: 0, Seq: seq, URI: "http://h/p"}) {
		t.Errorf("%+v", s.out)
	}
	if m := s.v.Slots[1].Machine; m.State != lwm2m9.Initial || m.Result != lwm2m9.ResultConnectionLost {
		t.Errorf("a push that was cut off: %+v", m)
	}
	s.on(Received{0, seq, PackageInfo{Digest: "d"}})
	s.on(Resumed{})
	if len(s.out) == 0 || s.out[0] != (Verify{Instance: 0, Seq: seq, Digest: "d"}) {
		t.Errorf("%+v", s.out)
	}
	s.on(Verified{0, seq, false})
	s.shows(lwm2m9.Initial, lwm2m9.ResultIntegrityFailure)
}

// TestJudgeIsTotal: every code has one judgement, and only codes of class 2,
// and those that say "it is so already", are done.
func TestJudgeIsTotal(t *testing.T) {
	already := map[Task][]int{TaskOffer: {418}, TaskDelete: {404, 410}}
	for task := TaskOffer; task <= TaskDelete; task++ {
		for status := range 1000 {
			j := task.Judge(status)
			fine := status/100 == 2
			for _, c := range already[task] {
				fine = fine || status == c
			}
			if j == JudgedDone && !fine {
				t.Errorf("%v answered %d is done", task, status)
			}
			if _, ok := judged[j]; !ok && j != JudgedDone {
				t.Errorf("%v has no result", j)
			}
		}
	}
}

// TestInstallInSession: the device is in a session in which nothing was to be
// said when Install comes. It is told in this session, or woken after it.
func TestInstallInSession(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	s.visit()
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p1", "c1"})
	s.does(TaskNone) // it is not the time to say it
	if s.wakes() {
		t.Error("a device that is here is woken")
	}
	s.now = epoch.Add(time.Second)
	if s.on(Closed{}); !s.wakes() {
		t.Error("it is not woken after the session")
	}

	s.visit()
	s.does(TaskExec)
	s.on(Spoken{})
	s.does(TaskNone) // an Exec is not said again
	s.on(Done{Seq: s.v.TaskSeq, Status: 202, Added: 200})
	s.on(Spoken{})
	s.does(TaskNone)
}

// TestInstallBetweenMessages: a device that is in a session is told in it.
func TestInstallBetweenMessages(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	s.visit()
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p1", "c1"})
	s.on(Spoken{})
	s.does(TaskExec)
}

// TestWithdrawnWhileDeleting: what is being deleted is still deleted when
// another package is taken back meanwhile.
func TestWithdrawnWhileDeleting(t *testing.T) {
	s := newLegacyScript(t)
	s.deliver()
	s.handOver()
	s.on(Alerted{Package: "p1", Correlator: "c1", Code: 410})
	s.visit()
	d := s.does(TaskDelete)
	s.must(lwm2m9.CodeChanged, InstallAsked{0, "p2", "c2"})
	s.must(lwm2m9.CodeChanged, UninstallAsked{0})
	s.spoken(Done{Seq: d.Seq, Status: 200})
	if d := s.does(TaskDelete); d.Package != "p2" || len(s.v.Leftovers) != 1 {
		t.Errorf("deletes %q next, want p2; %d are left over, want 1", d.Package, len(s.v.Leftovers))
	}
}
