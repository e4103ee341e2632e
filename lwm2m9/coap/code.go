package coap

import (
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message"
)

// Code is a request method or a response code: class in the upper three bits,
// detail in the lower five (RFC 7252, 3).
type Code uint8

// The methods (RFC 7252, 12.1.1; RFC 8132, 8.1).
const (
	Empty  Code = 0
	GET    Code = 1
	POST   Code = 2
	PUT    Code = 3
	DELETE Code = 4
	FETCH  Code = 5
	PATCH  Code = 6
	IPATCH Code = 7
)

// The response codes (RFC 7252, 12.1.2; RFC 7959, 6).
const (
	Created             Code = 2<<5 | 1
	Deleted             Code = 2<<5 | 2
	Valid               Code = 2<<5 | 3
	Changed             Code = 2<<5 | 4
	Content             Code = 2<<5 | 5
	Continue            Code = 2<<5 | 31
	BadRequest          Code = 4 << 5
	Unauthorized        Code = 4<<5 | 1
	BadOption           Code = 4<<5 | 2
	Forbidden           Code = 4<<5 | 3
	NotFound            Code = 4<<5 | 4
	MethodNotAllowed    Code = 4<<5 | 5
	NotAcceptable       Code = 4<<5 | 6
	Incomplete          Code = 4<<5 | 8
	PreconditionFailed  Code = 4<<5 | 12
	TooLarge            Code = 4<<5 | 13
	UnsupportedFormat   Code = 4<<5 | 15
	TooManyRequests     Code = 4<<5 | 29 // RFC 8516
	InternalServerError Code = 5 << 5
	NotImplemented      Code = 5<<5 | 1
	BadGateway          Code = 5<<5 | 2
	ServiceUnavailable  Code = 5<<5 | 3
	GatewayTimeout      Code = 5<<5 | 4
	ProxyNotSupported   Code = 5<<5 | 5
)

// Class is the class of the code: 0 request, 2 success, 4 client error, 5
// server error.
func (c Code) Class() int { return int(c >> 5) }

// String is the dotted form, "4.05".
func (c Code) String() string { return fmt.Sprintf("%d.%02d", c>>5, c&0x1f) }

// isRequest says whether the code is a method; unknown ones are for the
// handler to refuse.
func (c Code) isRequest() bool { return c.Class() == 0 && c != Empty }

// isResponse says whether the code is of a class that responses have.
func (c Code) isResponse() bool { return c.Class() == 2 || c.Class() == 4 || c.Class() == 5 }

// safe says whether a method can be carried out again without harm (RFC 7252,
// 5.1; RFC 8132, 2).
func (c Code) safe() bool { return c == GET || c == FETCH }

// msgType is the type of a message (RFC 7252, 3), numbered as on the wire.
type msgType uint8

const (
	typeCON msgType = iota
	typeNON
	typeACK
	typeRST
)

// Format is a Content-Format number (RFC 7252, 12.3).
type Format int32

// NoFormat stands for an absent Content-Format or Accept option.
const NoFormat Format = -1

// knownCritical are the critical options that a request may carry here; the
// others are answered 4.02 (RFC 7252, 5.4.1).
var knownCritical = map[message.OptionID]bool{
	message.URIHost:  true,
	message.URIPort:  true, // read and not looked at
	message.URIPath:  true,
	message.URIQuery: true,
	message.Accept:   true,
	message.Block1:   true,
	message.Block2:   true,
}
