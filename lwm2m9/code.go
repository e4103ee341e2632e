package lwm2m9

import "fmt"

// ResponseCode is a CoAP response code as LwM2M uses it, class and detail in
// one byte (RFC 7252, 12.1.2), so that layers above need no CoAP types.
type ResponseCode uint8

// The codes of the LwM2M interfaces (LwM2M 1.1 Transport, 6.4).
const (
	CodeCreated            ResponseCode = 2<<5 | 1
	CodeDeleted            ResponseCode = 2<<5 | 2
	CodeChanged            ResponseCode = 2<<5 | 4
	CodeContent            ResponseCode = 2<<5 | 5
	CodeContinue           ResponseCode = 2<<5 | 31
	CodeBadRequest         ResponseCode = 4 << 5
	CodeUnauthorized       ResponseCode = 4<<5 | 1
	CodeBadOption          ResponseCode = 4<<5 | 2
	CodeForbidden          ResponseCode = 4<<5 | 3
	CodeNotFound           ResponseCode = 4<<5 | 4
	CodeMethodNotAllowed   ResponseCode = 4<<5 | 5
	CodeNotAcceptable      ResponseCode = 4<<5 | 6
	CodeIncomplete         ResponseCode = 4<<5 | 8
	CodePreconditionFailed ResponseCode = 4<<5 | 12
	CodeTooLarge           ResponseCode = 4<<5 | 13
	CodeUnsupportedFormat  ResponseCode = 4<<5 | 15
	CodeInternal           ResponseCode = 5 << 5
	CodeNotImplemented     ResponseCode = 5<<5 | 1
	CodeUnavailable        ResponseCode = 5<<5 | 3
)

// Success says whether the code is of class 2.
func (c ResponseCode) Success() bool { return c>>5 == 2 }

// String is the dotted form, "4.05".
func (c ResponseCode) String() string { return fmt.Sprintf("%d.%02d", c>>5, c&0x1f) }
