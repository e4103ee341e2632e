package trigger

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"time"
)

// papCode is a status of PAP (WAP-247, 9.13).
type papCode int

const (
	papAccepted        papCode = 1001
	papBadRequest      papCode = 2000
	papAddressError    papCode = 2002
	papAddressNotFound papCode = 2003
	papNotImplemented  papCode = 3001
	papManyAddresses   papCode = 3005
	papServiceDown     papCode = 4001
)

// papCodes is what a gateway says of each verdict.
var papCodes = [verdicts]papCode{
	Taken: papAccepted, Replayed: papAccepted, Refused: papAccepted, UnknownServer: papAccepted, // a device says nothing either
	Malformed: papBadRequest, UnknownDevice: papAddressNotFound, TooMany: papServiceDown, Failed: papServiceDown,
}

var papTexts = map[papCode]string{
	papAccepted: "Accepted for processing", papBadRequest: "Bad request", papAddressError: "Address error", papAddressNotFound: "Address not found",
	papNotImplemented: "Not implemented", papManyAddresses: "Multiple addresses not supported", papServiceDown: "Service unavailable",
}

// papDocType stands before every message.
const papDocType = `<?xml version="1.0"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd">
`

// papControl is the root of a control entity, as far as it is read or written.
type papControl struct {
	XMLName  xml.Name     `xml:"pap"`
	Message  *papMessage  `xml:"push-message"`
	Response *papResponse `xml:"push-response"`
	Bad      *papResult   `xml:"badmessage-response"`
}

type papMessage struct {
	ID        string `xml:"push-id,attr"`
	Addresses []struct {
		Value string `xml:"address-value,attr"`
	} `xml:"address"`
	Quality *papQuality `xml:"quality-of-service"`
}

type papQuality struct {
	Method string `xml:"delivery-method,attr"`
}

type papResponse struct {
	ID     string    `xml:"push-id,attr"`
	Time   string    `xml:"reply-time,attr,omitempty"`
	Result papResult `xml:"response-result"`
}

type papResult struct {
	Code papCode `xml:"code,attr"`
	Desc string  `xml:"desc,attr,omitempty"`
}

// parsePAP reads a control entity. The decoder of the standard library knows no
// entities but the five of XML, so none can expand.
func parsePAP(r io.Reader) (*papControl, error) {
	d := xml.NewDecoder(r)
	c := &papControl{}
	if err := d.Decode(c); err != nil {
		return nil, errors.New("the control entity is no PAP document")
	}
	return c, nil
}

// papAnswer is push-response, or badmessage-response without a push id.
func papAnswer(id string, code papCode, text string, now time.Time) []byte {
	if text == "" {
		text = papTexts[code]
	}
	result := papResult{code, text}
	c := papControl{Bad: &result}
	if id != "" {
		c = papControl{Response: &papResponse{ID: id, Time: now.UTC().Format("2006-01-02T15:04:05Z"), Result: result}}
	}
	return marshalPAP(c)
}

func marshalPAP(c papControl) []byte {
	b, err := xml.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("trigger: %T cannot be marshalled: %v", c, err)) // its fields are text and numbers
	}
	return append([]byte(papDocType), b...)
}

// readControl reads who the push is for.
func (in *push) readControl(part *multipart.Part) error {
	text, err := io.ReadAll(io.LimitReader(part, maxControl+1))
	if err != nil {
		return broken(err, "the control entity cannot be read")
	}
	if len(text) > maxControl {
		return &papError{code: papBadRequest, text: "the control entity is too long"}
	}
	c, err := parsePAP(bytes.NewReader(text))
	switch {
	case err != nil:
		return &papError{code: papBadRequest, text: err.Error()}
	case c.Message == nil:
		return &papError{code: papNotImplemented, text: "only push-message is supported"}
	case c.Message.ID == "":
		return &papError{code: papBadRequest, text: "push-id is missing"}
	}
	in.id = c.Message.ID
	if n := len(c.Message.Addresses); n != 1 {
		code := papManyAddresses
		if n == 0 {
			code = papAddressError
		}
		return &papError{code, fmt.Sprintf("%d addresses; one is supported", n), in.id}
	}
	if in.address, err = parsePAPAddress(c.Message.Addresses[0].Value); err != nil {
		return &papError{papAddressError, err.Error(), in.id}
	}
	return nil
}

// papAddress is an address of a client: one of the two is set.
type papAddress struct{ number, user string }

// parsePAPAddress reads WAPPUSH=+4917…/TYPE=PLMN@gateway, or TYPE=USER with
// the endpoint name of the device (WAP-249, 7.1).
func parsePAPAddress(text string) (papAddress, error) {
	const prefix = "WAPPUSH="
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return papAddress{}, errors.New("want an address WAPPUSH=…/TYPE=PLMN@gateway")
	}
	text = text[len(prefix):]
	slash := strings.LastIndex(strings.ToUpper(text), "/TYPE=")
	if slash < 1 {
		return papAddress{}, errors.New("the address has no value or no type")
	}
	value := text[:slash]
	kind, _, _ := strings.Cut(text[slash+len("/TYPE="):], "@")
	switch strings.ToUpper(kind) {
	case "PLMN":
		return papAddress{number: value}, nil
	case "USER":
		return papAddress{user: value}, nil
	}
	return papAddress{}, errors.New("the type of the address is not supported; PLMN and USER are")
}
