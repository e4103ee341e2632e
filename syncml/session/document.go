package session

import "github.com/fwbridge/fwbridge/syncml"

// dress gives a serialized sub-tree (TNDS) that a Get found the form in which
// it goes to the server: that of the Type in the Meta of the Get, if there is
// one, else that of our messages. The tree's own is XML.
//
// WBXML is binary, so it has the Format bin in a message in WBXML, and goes as
// base64 with b64 in one in XML (OMA DM Tree and Description 1.2, "Format").
func (c *Client) dress(asked syncml.Meta, item *syncml.Item) error {
	if enc, ok := syncml.ParseTNDS(item.Meta.Type); !ok || enc != syncml.XML {
		return nil
	}
	form, ok := syncml.ParseTNDS(asked.Type)
	if !ok {
		form = c.acc.Encoding
	}
	if form != syncml.WBXML {
		return nil
	}
	binary, err := syncml.EncodeTNDS(item.Data, syncml.Limits{Message: len(item.Data)})
	if err != nil {
		return &syncml.StatusError{Code: syncml.StatusCommandFailed, URI: item.Source.URI, Err: err}
	}
	item.Meta.Type, item.Meta.Format, item.Data = syncml.WBXML.TNDS(), "bin", binary
	if c.acc.Encoding == syncml.XML {
		item.Meta.Format, item.Data = "b64", b64.AppendEncode(nil, binary)
	}
	return nil
}
