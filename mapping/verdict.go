package mapping

import (
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Verdict is an end in the legacy vocabulary: the State that stays in the
// tree and the FUMO result code of the final notification.
type Verdict struct {
	State fwupdate.State `json:"state,omitempty"`
	Code  fwupdate.Code  `json:"code,omitempty"`
}

// Success says whether the update is in effect.
func (v Verdict) Success() bool { return v.State == fwupdate.StateUpdateSuccessful }

// Stage is the half of an update in which something went wrong: it decides
// between State 20 and State 80.
type Stage uint8

// The stages. InstallStage begins when Install is sent.
const (
	DownloadStage Stage = iota
	InstallStage
)

// String is "download" or "install".
func (s Stage) String() string {
	if s == InstallStage {
		return "install"
	}
	return "download"
}

// ResultRow is one row of mapping.md section 4: what an Update Result means
// to a legacy server, by stage.
type ResultRow struct {
	Result   lwm2m9.UpdateResult
	Download Verdict
	Install  Verdict
}

var (
	success = Verdict{fwupdate.StateUpdateSuccessful, fwupdate.CodeSuccess}
	failed  = fwupdate.StateDownloadFailed
	removed = fwupdate.StateUpdateFailed
)

// resultRows has a row for every final result. Where section 4 names no code
// of its own for the install stage, the code stays and the State says 80,
// because after Install "no data was received" would be untrue.
var resultRows = []ResultRow{
	{lwm2m9.ResultInstalled, success, success},
	{lwm2m9.ResultNotEnoughStorage, Verdict{failed, fwupdate.CodeDownloadOutOfMemory}, Verdict{removed, fwupdate.CodeUpdateOutOfMemory}},
	{lwm2m9.ResultOutOfMemory, Verdict{failed, fwupdate.CodeDownloadOutOfMemory}, Verdict{removed, fwupdate.CodeUpdateOutOfMemory}},
	{lwm2m9.ResultConnectionLost, Verdict{failed, fwupdate.CodeNetwork}, Verdict{removed, fwupdate.CodeNetwork}},
	{lwm2m9.ResultIntegrityFailure, Verdict{removed, fwupdate.CodeCorrupted}, Verdict{removed, fwupdate.CodeCorrupted}},
	{lwm2m9.ResultUnsupportedType, Verdict{failed, fwupdate.CodeNotAcceptable}, Verdict{removed, fwupdate.CodeNotAcceptable}},
	{lwm2m9.ResultInvalidURI, Verdict{failed, fwupdate.CodeBadURL}, Verdict{removed, fwupdate.CodeBadURL}},
	{lwm2m9.ResultDeviceError, Verdict{failed, fwupdate.CodeUndefined}, Verdict{removed, fwupdate.CodeUpdateFailed}},
	{lwm2m9.ResultInstallFailure, Verdict{removed, fwupdate.CodeUpdateFailed}, Verdict{removed, fwupdate.CodeUpdateFailed}},
	{lwm2m9.ResultUninstallFailure, Verdict{failed, fwupdate.CodeUndefined}, Verdict{removed, fwupdate.CodeUpdateFailed}},
}

// ResultRows returns the table of Update Results, in the order of section 4.
func ResultRows() []ResultRow { return append([]ResultRow(nil), resultRows...) }

// FromResult translates a final Update Result. It returns false for the
// results that end nothing: initial, downloading, verified, unknown.
func FromResult(r lwm2m9.UpdateResult, s Stage) (Verdict, bool) {
	for _, row := range resultRows {
		if row.Result != r {
			continue
		}
		if s == InstallStage {
			return row.Install, true
		}
		return row.Download, true
	}
	return Verdict{}, false
}

// Fault is an end that no Update Result tells of: the bridge or an operator
// found it out.
type Fault uint8

// The faults of mapping.md section 4, in brackets there. A wrong signature is not
// there: FUMO has a code of its own for what could not be validated.
const (
	FaultPackageRefused     Fault = iota + 1 // package server: 404, 410, other 4xx
	FaultPackageAuth                         // package server: 401, 403
	FaultPackageTimeout                      // package server did not answer in time
	FaultPackageUnreachable                  // package server cannot be reached
	FaultPackageServer                       // package server: 5xx
	FaultDigest                              // the package is not the one announced
	FaultSignature                           // its signature is missing or wrong
	FaultAbsent                              // the device never came back
	FaultNoInstance                          // no Object 9, or no free instance and Create refused
	FaultCancelled                           // an operator or the legacy server gave up
)

// FaultRow is one bracketed row of mapping.md section 4.
type FaultRow struct {
	Fault    Fault
	Meaning  string
	Download Verdict
	Install  Verdict
}

var faultRows = []FaultRow{
	{FaultPackageRefused, "package server refused (404, 410, other 4xx)", Verdict{failed, fwupdate.CodeServerError}, Verdict{removed, fwupdate.CodeServerError}},
	{FaultPackageAuth, "authentication at the package server failed (401, 403)", Verdict{failed, fwupdate.CodeAuthFailure}, Verdict{removed, fwupdate.CodeAuthFailure}},
	{FaultPackageTimeout, "package server timed out", Verdict{failed, fwupdate.CodeRequestTimeout}, Verdict{removed, fwupdate.CodeRequestTimeout}},
	{FaultPackageUnreachable, "package server unreachable", Verdict{failed, fwupdate.CodeServerUnavailable}, Verdict{removed, fwupdate.CodeServerUnavailable}},
	{FaultPackageServer, "package server failed (5xx)", Verdict{failed, fwupdate.CodeServerError}, Verdict{removed, fwupdate.CodeServerError}},
	{FaultDigest, "digest does not match what was announced", Verdict{removed, fwupdate.CodeCorrupted}, Verdict{removed, fwupdate.CodeCorrupted}},
	{FaultSignature, "signature is missing or wrong", Verdict{removed, fwupdate.CodeValidationFailed}, Verdict{removed, fwupdate.CodeValidationFailed}},
	{FaultAbsent, "device never came back before the deadline", Verdict{failed, fwupdate.CodeNetwork}, Verdict{removed, fwupdate.CodeUpdateFailed}},
	{FaultNoInstance, "no Object 9, or no free instance and Create refused", Verdict{failed, fwupdate.CodeNotImplemented}, Verdict{removed, fwupdate.CodeNotImplemented}},
	{FaultCancelled, "cancelled", Verdict{failed, fwupdate.CodeUserCancelled}, Verdict{removed, fwupdate.CodeUserCancelled}},
}

// FaultRows returns the table of faults, in the order of section 4.
func FaultRows() []FaultRow { return append([]FaultRow(nil), faultRows...) }

// FromFault translates a fault. It panics for a Fault that does not exist:
// faults are constants of this program.
func FromFault(f Fault, s Stage) Verdict {
	row := faultRows[f-1]
	if s == InstallStage {
		return row.Install
	}
	return row.Download
}
