package mapping

import (
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// CodeRow is one row of the way back, mapping.md section 4: FUMO result codes
// First to Last mean Result to an LwM2M server.
type CodeRow struct {
	First, Last fwupdate.Code
	Result      lwm2m9.UpdateResult
}

var codeRows = []CodeRow{
	{200, 200, lwm2m9.ResultInstalled},
	{250, 299, lwm2m9.ResultInstalled},
	{400, 400, lwm2m9.ResultDeviceError},
	{401, 401, lwm2m9.ResultDeviceError},
	{402, 402, lwm2m9.ResultIntegrityFailure},
	{403, 403, lwm2m9.ResultUnsupportedType},
	{404, 404, lwm2m9.ResultIntegrityFailure},
	{405, 405, lwm2m9.ResultUnsupportedType},
	{406, 407, lwm2m9.ResultConnectionLost},
	{408, 409, lwm2m9.ResultDeviceError},
	{410, 410, lwm2m9.ResultInstallFailure},
	{411, 411, lwm2m9.ResultInvalidURI},
	{412, 412, lwm2m9.ResultConnectionLost},
	{450, 499, lwm2m9.ResultDeviceError},
	{500, 500, lwm2m9.ResultConnectionLost},
	{501, 501, lwm2m9.ResultNotEnoughStorage},
	{502, 502, lwm2m9.ResultOutOfMemory},
	{503, 503, lwm2m9.ResultConnectionLost},
	{550, 599, lwm2m9.ResultDeviceError},
}

// CodeRows returns the table of FUMO result codes in ascending order; codes
// in no row are a device defined update error.
func CodeRows() []CodeRow { return append([]CodeRow(nil), codeRows...) }

// FromCode translates the result code of a legacy device's final alert. It is
// total: what no row names is a device defined update error, never a success.
func FromCode(c fwupdate.Code) lwm2m9.UpdateResult {
	for _, row := range codeRows {
		if c >= row.First && c <= row.Last {
			return row.Result
		}
	}
	return lwm2m9.ResultDeviceError
}

// StateRow is one row of mapping.md section 3: a State and the situation in
// Object 9 that it stands for.
type StateRow struct {
	State     fwupdate.State
	Situation string
	// CountsAs is the State of the CSP that a FUMO State is taken for; equal
	// to State for those of the CSP.
	CountsAs fwupdate.State
	// Result is what a legacy device in this State has to report when its
	// alert was lost (direction B); ResultUnknown when it is still at work.
	Result lwm2m9.UpdateResult
}

var stateRows = []StateRow{
	{fwupdate.StateIdle, "INITIAL, result initial; no drive running", fwupdate.StateIdle, lwm2m9.ResultUnknown},
	{fwupdate.StateDownloadFailed, "the drive ended in INITIAL with a download error", fwupdate.StateDownloadFailed, lwm2m9.ResultConnectionLost},
	{fwupdate.StateDownloading, "DOWNLOAD STARTED, or the URI was accepted and no newer state is known", fwupdate.StateDownloading, lwm2m9.ResultUnknown},
	{fwupdate.StateDownloadComplete, "DOWNLOADED, or DELIVERED before Install is sent", fwupdate.StateDownloadComplete, lwm2m9.ResultUnknown},
	{fwupdate.StateStartingUpdate, "Install sent and accepted, still DELIVERED", fwupdate.StateStartingUpdate, lwm2m9.ResultUnknown},
	{fwupdate.StateUpdateProgressing, "FUMO only: counts as 50", fwupdate.StateStartingUpdate, lwm2m9.ResultUnknown},
	{fwupdate.StateFailedHaveData, "FUMO only: counts as 80", fwupdate.StateUpdateFailed, lwm2m9.ResultInstallFailure},
	{fwupdate.StateUpdateFailed, "the install or the integrity check failed; the package has been removed", fwupdate.StateUpdateFailed, lwm2m9.ResultInstallFailure},
	{fwupdate.StateSuccessHaveData, "FUMO only: counts as 100", fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
	{fwupdate.StateUpdateSuccessful, "INSTALLED (and, when the policy says so, ACTIVE)", fwupdate.StateUpdateSuccessful, lwm2m9.ResultInstalled},
}

// StateRows returns the table of States in ascending order.
func StateRows() []StateRow { return append([]StateRow(nil), stateRows...) }

// FromState translates the State of a legacy device whose alert never came.
// It returns false for a State that is not final, and for numbers that no
// table knows: those are never mapped by guess.
func FromState(s fwupdate.State) (lwm2m9.UpdateResult, bool) {
	for _, row := range stateRows {
		if row.State == s {
			return row.Result, row.Result != lwm2m9.ResultUnknown
		}
	}
	return lwm2m9.ResultUnknown, false
}

// fetchRows is what a fault of the package server means to an LwM2M server
// that wrote its URI (direction B).
var fetchRows = map[Fault]lwm2m9.UpdateResult{
	FaultPackageRefused:     lwm2m9.ResultInvalidURI,
	FaultPackageAuth:        lwm2m9.ResultDeviceError,
	FaultPackageTimeout:     lwm2m9.ResultConnectionLost,
	FaultPackageUnreachable: lwm2m9.ResultConnectionLost,
	FaultPackageServer:      lwm2m9.ResultConnectionLost,
	FaultDigest:             lwm2m9.ResultIntegrityFailure,
	FaultSignature:          lwm2m9.ResultIntegrityFailure,
}

// FromFetch translates a fault of a fetch; what no row names is a device
// defined update error.
func FromFetch(f Fault) lwm2m9.UpdateResult {
	if r, ok := fetchRows[f]; ok {
		return r
	}
	return lwm2m9.ResultDeviceError
}
