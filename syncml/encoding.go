package syncml

import "strings"

// Encoding is one of the two encodings of a message.
type Encoding uint8

// The encodings.
const (
	XML Encoding = iota
	WBXML
)

// String is "xml" or "wbxml".
func (e Encoding) String() string {
	if e == WBXML {
		return "wbxml"
	}
	return "xml"
}

// MIME is the content type of a DM message in this encoding (OMA DM RepPro
// 1.2, 4.1).
func (e Encoding) MIME() string { return "application/vnd.syncml.dm+" + e.String() }

// ParseMIME reads a content type. It takes the types of DM and those of plain
// SyncML, which real clients send (legacy-clients.md), in any case and with any
// parameters: a charset is left to the decoder, which takes UTF-8 only. It
// reports false for every other type, dmddf and notification included.
func ParseMIME(contentType string) (Encoding, bool) {
	base, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(base)) {
	case "application/vnd.syncml.dm+xml", "application/vnd.syncml+xml":
		return XML, true
	case "application/vnd.syncml.dm+wbxml", "application/vnd.syncml+wbxml":
		return WBXML, true
	}
	return XML, false
}

// TNDS is the media type of a serialized sub-tree in this encoding (TNDS 1.2,
// appendix "MIME types").
func (e Encoding) TNDS() string { return "application/vnd.syncml.dmtnds+" + e.String() }

// ParseTNDS reads the media type of a serialized sub-tree, in any case and
// with any parameters. It reports false for every other type.
func ParseTNDS(contentType string) (Encoding, bool) {
	base, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(base)) {
	case XML.TNDS():
		return XML, true
	case WBXML.TNDS():
		return WBXML, true
	}
	return XML, false
}
