package fwupdate

import "strconv"

// State is the value of ./FwUpdate/x/State. The zero value is no state.
type State uint8

// The State codes. The CSP defines 10, 20, 30, 40, 50, 80 and 100; 60, 70 and
// 90 come from FUMO 1.0 servers and devices and are only understood, never
// produced (mapping.md, 3).
const (
	StateIdle              State = 10
	StateDownloadFailed    State = 20
	StateDownloading       State = 30
	StateDownloadComplete  State = 40
	StateStartingUpdate    State = 50
	StateUpdateProgressing State = 60
	StateFailedHaveData    State = 70
	StateUpdateFailed      State = 80
	StateSuccessHaveData   State = 90
	StateUpdateSuccessful  State = 100
)

var stateNames = map[State]string{
	StateIdle:              "Idle",
	StateDownloadFailed:    "Download failed",
	StateDownloading:       "Download progressing",
	StateDownloadComplete:  "Download complete",
	StateStartingUpdate:    "Starting update",
	StateUpdateProgressing: "Update progressing",
	StateFailedHaveData:    "Update failed, have data",
	StateUpdateFailed:      "Update failed",
	StateSuccessHaveData:   "Update successful, have data",
	StateUpdateSuccessful:  "Update successful",
}

// String is the decimal number, as it stands in the node.
func (s State) String() string { return strconv.Itoa(int(s)) }

// Name is the state in words.
func (s State) Name() string {
	if n, ok := stateNames[s]; ok {
		return n
	}
	return "State " + s.String()
}

// Final says that nothing changes before the next Exec or Delete.
func (s State) Final() bool {
	switch s {
	case StateDownloadFailed, StateFailedHaveData, StateUpdateFailed, StateSuccessHaveData, StateUpdateSuccessful:
		return true
	}
	return false
}

// Code is a FUMO result code, the Data of the final Generic Alert (FUMO 1.0,
// 5.2; fwupdate-csp.md). The zero value is no code.
type Code uint16

// The FUMO result codes. 250 to 299 are vendor successes, 450 to 499 and 550
// to 599 vendor errors.
const (
	CodeSuccess             Code = 200
	CodeClientError         Code = 400
	CodeUserCancelled       Code = 401
	CodeCorrupted           Code = 402
	CodeDeviceMismatch      Code = 403
	CodeValidationFailed    Code = 404
	CodeNotAcceptable       Code = 405
	CodeAuthFailure         Code = 406
	CodeRequestTimeout      Code = 407
	CodeNotImplemented      Code = 408
	CodeUndefined           Code = 409
	CodeUpdateFailed        Code = 410
	CodeBadURL              Code = 411
	CodeServerUnavailable   Code = 412
	CodeServerError         Code = 500
	CodeDownloadOutOfMemory Code = 501
	CodeUpdateOutOfMemory   Code = 502
	CodeNetwork             Code = 503
)

var codeNames = map[Code]string{
	CodeSuccess:             "success",
	CodeClientError:         "management client error",
	CodeUserCancelled:       "user cancelled",
	CodeCorrupted:           "corrupted package",
	CodeDeviceMismatch:      "device mismatch",
	CodeValidationFailed:    "failed validation",
	CodeNotAcceptable:       "package not acceptable",
	CodeAuthFailure:         "download authentication failure",
	CodeRequestTimeout:      "download request timed out",
	CodeNotImplemented:      "not implemented",
	CodeUndefined:           "undefined error",
	CodeUpdateFailed:        "firmware update failed",
	CodeBadURL:              "malformed or bad URL",
	CodeServerUnavailable:   "download server unavailable",
	CodeServerError:         "download server error",
	CodeDownloadOutOfMemory: "download: insufficient memory",
	CodeUpdateOutOfMemory:   "update: insufficient memory",
	CodeNetwork:             "download: network issues",
}

// Success says whether the code reports an update that is in effect.
func (c Code) Success() bool { return c == CodeSuccess || c >= 250 && c <= 299 }

// String is the decimal number, as it goes on the wire.
func (c Code) String() string { return strconv.Itoa(int(c)) }

// Name is the code in words.
func (c Code) Name() string {
	if n, ok := codeNames[c]; ok {
		return n
	}
	switch {
	case c >= 250 && c <= 299:
		return "success, vendor"
	case c >= 450 && c <= 499:
		return "client error, vendor"
	case c >= 550 && c <= 599:
		return "server error, vendor"
	}
	return "code " + c.String()
}
