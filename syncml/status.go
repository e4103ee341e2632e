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
