package syncml

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
