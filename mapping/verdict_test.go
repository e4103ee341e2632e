package mapping

import (
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Section 4, written down a second time by hand.
func TestFromResult(t *testing.T) {
	for _, tt := range []struct {
		result           lwm2m9.UpdateResult
		state, installed fwupdate.State
		code, during     fwupdate.Code
	}{
		{lwm2m9.ResultInstalled, 100, 100, 200, 200},
		{lwm2m9.ResultNotEnoughStorage, 20, 80, 501, 502},
		{lwm2m9.ResultOutOfMemory, 20, 80, 501, 502},
		{lwm2m9.ResultConnectionLost, 20, 80, 503, 503},
		{lwm2m9.ResultIntegrityFailure, 80, 80, 402, 402},
		{lwm2m9.ResultUnsupportedType, 20, 80, 405, 405},
		{lwm2m9.ResultInvalidURI, 20, 80, 411, 411},
		{lwm2m9.ResultDeviceError, 20, 80, 409, 410},
		{lwm2m9.ResultInstallFailure, 80, 80, 410, 410},
	} {
		if v, ok := FromResult(tt.result, DownloadStage); !ok || v != (Verdict{tt.state, tt.code}) {
			t.Errorf("%v in download: %+v, want %d/%d", tt.result, v, tt.state, tt.code)
		}
		if v, ok := FromResult(tt.result, InstallStage); !ok || v != (Verdict{tt.installed, tt.during}) {
			t.Errorf("%v in install: %+v, want %d/%d", tt.result, v, tt.installed, tt.during)
		}
	}
}

// Every result either ends a drive in exactly one way, or ends nothing.
func TestResultsAreTotal(t *testing.T) {
	rows := map[lwm2m9.UpdateResult]int{}
	for _, row := range ResultRows() {
		rows[row.Result]++
	}
	for r := lwm2m9.ResultUnknown; r <= lwm2m9.ResultUninstallFailure; r++ {
		open := r == lwm2m9.ResultUnknown || r == lwm2m9.ResultInitial || r == lwm2m9.ResultDownloading || r == lwm2m9.ResultVerified
		for _, s := range []Stage{DownloadStage, InstallStage} {
			v, ok := FromResult(r, s)
			if ok == open {
				t.Errorf("%v in %v: ends %v", r, s, ok)
			}
			if ok && (v.Success() != (r == lwm2m9.ResultInstalled) || v.Success() != v.Code.Success() || !v.State.Final()) {
				t.Errorf("%v in %v: %+v", r, s, v)
			}
		}
		if want := map[bool]int{true: 0, false: 1}[open]; rows[r] != want {
			t.Errorf("%v stands in %d rows", r, rows[r])
		}
	}
}

// Every code, and every State, of the legacy side means exactly one thing.
func TestCodesAreTotal(t *testing.T) {
	for c := range 1 << 16 {
		code := fwupdate.Code(c)
		rows := 0
		for _, row := range CodeRows() {
			if code >= row.First && code <= row.Last {
				rows++
			}
		}
		r := FromCode(code)
		if rows > 1 || code.Success() != (r == lwm2m9.ResultInstalled) || !code.Success() && !r.Failed() {
			t.Fatalf("code %d: %v, in %d rows", c, r, rows)
		}
	}
	for s := range 256 {
		state := fwupdate.State(s)
		r, ok := FromState(state)
		if ok != state.Final() || ok && (r == lwm2m9.ResultInstalled) != (s >= 90) {
			t.Errorf("State %d: %v %v", s, r, ok)
		}
	}
}

// There and back keeps success or failure, and the phase.
func TestThereAndBack(t *testing.T) {
	stageOf := map[fwupdate.Code]Stage{
		406: DownloadStage, 407: DownloadStage, 411: DownloadStage, 412: DownloadStage, 500: DownloadStage, 501: DownloadStage, 503: DownloadStage,
		410: InstallStage, 502: InstallStage,
	}
	for c := fwupdate.Code(200); c < 600; c++ {
		for _, s := range []Stage{DownloadStage, InstallStage} {
			if only, ok := stageOf[c]; ok && only != s {
				continue
			}
			v, ok := FromResult(FromCode(c), s)
			if !ok || v.Success() != c.Success() {
				t.Errorf("%d in %v comes back as %+v", c, s, v)
			}
			if _, phased := stageOf[c]; phased && (v.State == fwupdate.StateUpdateFailed) != (s == InstallStage) {
				t.Errorf("%d of the %v phase comes back as State %d", c, s, v.State)
			}
		}
	}
	for _, row := range StateRows() {
		if r, ok := FromState(row.State); ok {
			if v, _ := FromResult(r, InstallStage); v.Success() != (row.CountsAs == fwupdate.StateUpdateSuccessful) {
				t.Errorf("State %d comes back as %+v", row.State, v)
			}
		}
	}
}

// Section 4, the rows in brackets, by hand.
func TestFromFault(t *testing.T) {
	for _, tt := range []struct {
		fault            Fault
		download, during Verdict
	}{
		{FaultPackageRefused, Verdict{20, 500}, Verdict{80, 500}},
		{FaultPackageAuth, Verdict{20, 406}, Verdict{80, 406}},
		{FaultPackageTimeout, Verdict{20, 407}, Verdict{80, 407}},
		{FaultPackageUnreachable, Verdict{20, 412}, Verdict{80, 412}},
		{FaultPackageServer, Verdict{20, 500}, Verdict{80, 500}},
		{FaultDigest, Verdict{80, 402}, Verdict{80, 402}},
		{FaultSignature, Verdict{80, 404}, Verdict{80, 404}},
		{FaultAbsent, Verdict{20, 503}, Verdict{80, 410}},
		{FaultNoInstance, Verdict{20, 408}, Verdict{80, 408}},
		{FaultCancelled, Verdict{20, 401}, Verdict{80, 401}},
	} {
		if got := FromFault(tt.fault, DownloadStage); got != tt.download {
			t.Errorf("fault %d in download: %+v, want %+v", tt.fault, got, tt.download)
		}
		if got := FromFault(tt.fault, InstallStage); got != tt.during {
			t.Errorf("fault %d in install: %+v, want %+v", tt.fault, got, tt.during)
		}
	}
	if n := len(FaultRows()); n != int(FaultCancelled) {
		t.Errorf("%d rows for %d faults", n, FaultCancelled)
	}
}
