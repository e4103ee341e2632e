package mapping

import (
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// told checks what the last event has told.
func (s *legacyScript) told(want ...Report) {
	s.t.Helper()
	var got []Report
	for _, a := range s.out {
		if r, ok := a.(Report); ok {
			got = append(got, r)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("told %+v, want %+v", got, want)
	}
}

// described is deliver with a package that came by a descriptor.
func (s *legacyScript) described() {
	s.t.Helper()
	s.deliver()
	s.v.Slots[0].Package.Notify = "n"
}

var (
	givenUp = Report{Notify: "n", Code: fwupdate.CodeUserCancelled, Result: lwm2m9.ResultDeviceError}
	overdue = Report{Notify: "n", Result: lwm2m9.ResultDeviceError}
	wasDone = Report{Notify: "n", Code: fwupdate.CodeSuccess, Result: lwm2m9.ResultInstalled}
)

// TestReport: each end of a package is told, and once.
func TestReport(t *testing.T) {
	alert := func(c fwupdate.Code) Alerted { return Alerted{Package: "p1", Correlator: "c1", Code: c} }
	for _, row := range []struct {
		name string
		run  func(s *legacyScript)
	}{
		{"success", func(s *legacyScript) {
			s.handOver()
			s.told()
			s.on(alert(fwupdate.CodeSuccess))
			s.told(wasDone)
			s.on(alert(fwupdate.CodeSuccess))
			s.told()
			s.must(lwm2m9.CodeChanged, UninstallAsked{0})
			s.told()
		}},
		{"failure, and success with another campaign", func(s *legacyScript) {
			s.handOver()
			s.on(alert(fwupdate.CodeCorrupted))
			s.told(Report{"n", fwupdate.CodeCorrupted, lwm2m9.ResultIntegrityFailure})
			s.must(lwm2m9.CodeChanged, InstallAsked{0, "p2", "c2"})
			s.told()
			s.visit()
			s.on(Done{Seq: s.does(TaskExec).Seq, Status: 202, Added: 200})
			s.on(Alerted{Package: "p2", Correlator: "c2", Code: fwupdate.CodeSuccess})
			s.told(wasDone)
		}},
		{"State 80", func(s *legacyScript) {
			s.handOver()
			s.visit()
			s.on(Done{Seq: s.does(TaskState).Seq, Status: 200, State: fwupdate.StateUpdateFailed})
			s.told(Report{Notify: "n", Result: lwm2m9.ResultInstallFailure})
		}},
		{"deadline, then a failure", func(s *legacyScript) {
			s.handOver()
			s.now = s.v.Slots[0].Campaign.Ends
			s.on(Tick{})
			s.told(overdue)
			s.on(alert(fwupdate.CodeUpdateFailed))
			s.told()
		}},
		{"deadline, then a success", func(s *legacyScript) {
			s.handOver()
			s.now = s.v.Slots[0].Campaign.Ends
			s.on(Tick{})
			s.told(overdue)
			s.on(alert(fwupdate.CodeSuccess))
			s.told(wasDone)
		}},
		{"deadline, then taken back", func(s *legacyScript) {
			s.handOver()
			s.now = s.v.Slots[0].Campaign.Ends
			s.on(Tick{})
			s.must(lwm2m9.CodeChanged, UninstallAsked{0})
			s.told()
		}},
		{"taken back before Install", func(s *legacyScript) {
			s.must(lwm2m9.CodeChanged, UninstallAsked{0})
			s.told(givenUp)
		}},
		{"taken back while it waits for the device", func(s *legacyScript) {
			s.must(lwm2m9.CodeChanged, InstallAsked{0, "p1", "c1"})
			s.must(lwm2m9.CodeChanged, UninstallAsked{0})
			s.told(givenUp)
		}},
		{"deleted", func(s *legacyScript) {
			s.must(lwm2m9.CodeDeleted, DeleteAsked{0})
			s.told(givenUp)
		}},
		{"not taken back", func(s *legacyScript) {
			s.handOver()
			s.must(lwm2m9.CodeMethodNotAllowed, UninstallAsked{0})
			s.told()
			s.must(lwm2m9.CodeMethodNotAllowed, DeleteAsked{0})
			s.told()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newLegacyScript(t)
			s.described()
			row.run(s)
		})
	}
}

// TestReportFetch: a package that did not come, or was another one, is told; so
// is nobody who has not asked.
func TestReportFetch(t *testing.T) {
	for _, notify := range []string{"n", ""} {
		var want []Report
		if notify != "" {
			want = []Report{{Notify: "n", Result: lwm2m9.ResultIntegrityFailure}}
		}
		s := newLegacyScript(t)
		s.must(lwm2m9.CodeChanged, WroteURI{0, "https://h.example/dd"})
		s.on(FetchFailed{0, s.v.Slots[0].Fetch, lwm2m9.ResultIntegrityFailure, "size", notify})
		s.told(want...)
		s.must(lwm2m9.CodeChanged, WroteURI{0, "https://h.example/dd"})
		s.on(Received{0, s.v.Slots[0].Fetch, PackageInfo{Digest: "d", Notify: notify}})
		s.told()
		s.on(Verified{0, s.v.Slots[0].Fetch, false})
		s.told(want...)
		if s.v.Slots[0].Package != (PackageInfo{}) {
			t.Errorf("%+v", s.v.Slots[0].Package)
		}
	}
}
