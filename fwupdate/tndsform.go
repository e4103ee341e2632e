package fwupdate

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// isTNDS recognizes a whole sub-tree in one object.
func isTNDS(m syncml.Meta) bool {
	_, ok := syncml.ParseTNDS(m.Type)
	return ok && m.Format != formatNode
}

// tndsFormats are the Formats in which documents come. WBXML is binary, so bin
// is right in a message in WBXML and b64 in one in XML (TND 1.2, "Format");
// libwbxml leaves xml standing where it translates a document (oma-dm.md 8.6).
var tndsFormats = map[syncml.Encoding][]string{
	syncml.XML:   {"", formatXML, formatChr},
	syncml.WBXML: {"", formatBin, formatB64, formatXML, formatChr},
}

// maxSpread is how many bytes of XML a document in WBXML may become before it
// is called malformed. A node with all of its properties becomes three to four
// times as long.
const maxSpread = 8 * tree.MaxTNDS

// documentText is the XML of a document that came as XML or WBXML: 412 without
// data, 413, 415.
func documentText(uri string, item syncml.Item) ([]byte, error) {
	enc, _ := syncml.ParseTNDS(item.Meta.Type)
	switch {
	case !slices.Contains(tndsFormats[enc], item.Meta.Format):
		return nil, refuse(syncml.StatusUnsupportedFormat, uri, errors.New("a document in another format"))
	case item.Data == nil:
		return nil, refuse(syncml.StatusIncomplete, uri, errors.New("no data"))
	case enc == syncml.XML:
		return item.Data, within(uri, item.Data)
	}
	binary, err := unwrapped(item.Data)
	if err != nil {
		return nil, refuse(syncml.StatusUnsupportedFormat, uri, err)
	}
	if err := within(uri, binary); err != nil {
		return nil, err
	}
	text, err := syncml.DecodeTNDS(binary, syncml.Limits{Message: maxSpread, Depth: tree.MaxTNDSDepth})
	if err != nil {
		return nil, refuse(syncml.StatusUnsupportedFormat, uri, err)
	}
	return text, within(uri, text)
}

func within(uri string, document []byte) error {
	if n := len(document); n > tree.MaxTNDS {
		return refuse(syncml.StatusTooLarge, uri, fmt.Errorf("a document of %d bytes, at most %d", n, tree.MaxTNDS))
	}
	return nil
}

// unwrapped takes the base64 off that binary data wears in XML. Format does not
// say for sure that it is there, but the first byte does: WBXML begins with its
// version, a byte that no text begins with.
func unwrapped(data []byte) ([]byte, error) {
	if len(data) > 0 && data[0] < '\t' {
		return data, nil
	}
	return base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(data), nil))
}
