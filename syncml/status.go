package syncml

import "strconv"

// Code is a status code, as it stands in Data of a Status.
type Code uint16

// The status codes of DM 1.2 (RepPro 1.2, 10; the rows tagged in
// docs of the representation protocol that DM does not list are understood
// when received).
const (
	StatusInProgress           Code = 101
	StatusOK                   Code = 200
	StatusAccepted             Code = 202
	StatusAuthenticated        Code = 212
	StatusChunkAccepted        Code = 213
	StatusCancelled            Code = 214
	StatusNotExecuted          Code = 215
	StatusRolledBack           Code = 216
	StatusNotModified          Code = 304
	StatusBadRequest           Code = 400
	StatusUnauthorized         Code = 401
	StatusForbidden            Code = 403
	StatusNotFound             Code = 404
	StatusNotAllowed           Code = 405
	StatusUnsupportedFeature   Code = 406
	StatusCredentialsMissing   Code = 407
	StatusRequestTimeout       Code = 408
	StatusSizeRequired         Code = 411
	StatusIncomplete           Code = 412
	StatusTooLarge             Code = 413
	StatusURITooLong           Code = 414
	StatusUnsupportedFormat    Code = 415
	StatusRetryLater           Code = 417
	StatusAlreadyExists        Code = 418
	StatusDeviceFull           Code = 420
	StatusSizeMismatch         Code = 424
	StatusPermissionDenied     Code = 425
	StatusCommandFailed        Code = 500
	StatusNotImplemented       Code = 501
	StatusUnavailable          Code = 503
	StatusGatewayTimeout       Code = 504
	StatusDTDUnsupported       Code = 505
	StatusAtomicFailed         Code = 507
	StatusDataStoreFailure     Code = 510
	StatusProtoUnsupported     Code = 513
	StatusRollbackFailed       Code = 516
	StatusAtomicResponseTooBig Code = 517
)

// Success says whether the code is of the 2xx class. Unknown codes are
// classified by their first digit; 0 and everything else is failure.
func (c Code) Success() bool { return c >= 200 && c < 300 }

// String is the decimal number, as it goes on the wire.
func (c Code) String() string { return strconv.Itoa(int(c)) }

// codeNames are the codes of the whole representation protocol: DM does not
// use all of them, but peers send them (oma-dm.md 3.2).
var codeNames = map[Code]string{
	StatusInProgress: "in progress", StatusOK: "ok", 201: "item added", StatusAccepted: "accepted",
	203: "non-authoritative response", 204: "no content", 205: "reset content", 206: "partial content",
	207: "conflict resolved with merge", 208: "conflict resolved, client won", 209: "conflict resolved with duplicate",
	210: "delete without archive", 211: "item not deleted", StatusAuthenticated: "authentication accepted",
	StatusChunkAccepted: "chunk accepted", StatusCancelled: "operation cancelled", StatusNotExecuted: "not executed",
	StatusRolledBack: "atomic roll back ok",
	300:              "multiple choices", 301: "moved permanently", 302: "found", 303: "see other",
	StatusNotModified: "not modified", 305: "use proxy",
	StatusBadRequest: "bad request", StatusUnauthorized: "invalid credentials", 402: "payment needed",
	StatusForbidden: "forbidden", StatusNotFound: "not found", StatusNotAllowed: "command not allowed",
	StatusUnsupportedFeature: "optional feature not supported", StatusCredentialsMissing: "missing credentials",
	StatusRequestTimeout: "request timeout", 409: "conflict", 410: "gone", StatusSizeRequired: "size required",
	StatusIncomplete: "incomplete command", StatusTooLarge: "request entity too large", StatusURITooLong: "uri too long",
	StatusUnsupportedFormat: "unsupported media type or format", 416: "requested size too big",
	StatusRetryLater: "retry later", StatusAlreadyExists: "already exists", 419: "conflict resolved with server data",
	StatusDeviceFull: "device full", 421: "unknown search grammar", 422: "bad cgi script", 423: "soft-delete conflict",
	StatusSizeMismatch: "size mismatch", StatusPermissionDenied: "permission denied", 426: "partial item not accepted",
	427: "item not empty", 428: "move failed",
	StatusCommandFailed: "command failed", StatusNotImplemented: "command not implemented", 502: "bad gateway",
	StatusUnavailable: "service unavailable", StatusGatewayTimeout: "gateway timeout",
	StatusDTDUnsupported: "dtd version not supported", 506: "processing error", StatusAtomicFailed: "atomic failed",
	508: "refresh required", StatusDataStoreFailure: "data store failure", 511: "server failure",
	512: "synchronization failed", StatusProtoUnsupported: "protocol version not supported", 514: "operation already cancelled",
	StatusRollbackFailed: "atomic roll back failed", StatusAtomicResponseTooBig: "atomic response too large to fit",
}

// codeClasses name the codes that have no name of their own, by first digit.
var codeClasses = [...]string{1: "informational", 2: "success", 3: "redirection", 4: "originator error", 5: "recipient error"}

// Name is the code in words; for a code that nobody defined, its class.
func (c Code) Name() string {
	if n, ok := codeNames[c]; ok {
		return n
	}
	if class := int(c / 100); class > 0 && class < len(codeClasses) {
		return codeClasses[class]
	}
	return "unknown status"
}

// AlertCode is the Data of an Alert.
type AlertCode uint16

// The alerts of DM 1.2 (RepPro 1.2, 10.5).
const (
	AlertDisplay         AlertCode = 1100
	AlertConfirm         AlertCode = 1101
	AlertInput           AlertCode = 1102
	AlertSingleChoice    AlertCode = 1103
	AlertMultipleChoice  AlertCode = 1104
	AlertServerInitiated AlertCode = 1200
	AlertClientInitiated AlertCode = 1201
	AlertNextMessage     AlertCode = 1222
	AlertSessionAbort    AlertCode = 1223
	AlertClientEvent     AlertCode = 1224
	AlertNoEndOfData     AlertCode = 1225
	AlertGeneric         AlertCode = 1226
)

// String is the decimal number, as it goes on the wire.
func (a AlertCode) String() string { return strconv.Itoa(int(a)) }

var alertNames = map[AlertCode]string{
	AlertDisplay:         "display",
	AlertConfirm:         "confirm or reject",
	AlertInput:           "text input",
	AlertSingleChoice:    "single choice",
	AlertMultipleChoice:  "multiple choice",
	AlertServerInitiated: "server-initiated session",
	AlertClientInitiated: "client-initiated session",
	AlertNextMessage:     "next message",
	AlertSessionAbort:    "session abort",
	AlertClientEvent:     "client event",
	AlertNoEndOfData:     "no end of data",
	AlertGeneric:         "generic alert",
}

// Name is the alert in words.
func (a AlertCode) Name() string {
	if n, ok := alertNames[a]; ok {
		return n
	}
	return "unknown alert"
}
