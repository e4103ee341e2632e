package replay

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// har is what is needed of an HTTP archive (HAR 1.2).
type har struct {
	Log *struct {
		Entries []struct {
			Request struct {
				Method   string      `json:"method"`
				URL      string      `json:"url"`
				Headers  []harHeader `json:"headers"`
				PostData *harContent `json:"postData"`
			} `json:"request"`
			Response struct {
				Status  int         `json:"status"`
				Headers []harHeader `json:"headers"`
				Content harContent  `json:"content"`
			} `json:"response"`
		} `json:"entries"`
	} `json:"log"`
}

type harHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// harContent is a body. HAR 1.2 has encoding for answers only; tools write it
// for requests too.
type harContent struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
	Encoding string `json:"encoding"`
}

// ParseHAR reads sessions from an HTTP archive. Entries that are no POST of a
// SyncML message are left out. Bodies of WBXML must be base64: as text they
// are not what was on the wire.
func ParseHAR(data []byte) ([]Session, error) {
	var h har
	if err := json.Unmarshal(data, &h); err != nil {
		if at, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("no JSON at byte %d", at.Offset)
		}
		return nil, errors.New("not an HTTP archive (HAR 1.2)")
	}
	if h.Log == nil {
		return nil, errors.New("not an HTTP archive: it has no log")
	}
	var split splitter
	messages := 0
	for i, e := range h.Log.Entries {
		if e.Request.Method != http.MethodPost || e.Request.PostData == nil {
			continue
		}
		if messages += 2; messages > MaxMessages {
			return nil, fmt.Errorf("more than %d messages", MaxMessages)
		}
		x := Exchange{
			Request:  Message{Name: fmt.Sprintf("entry %d request", i+1), URL: e.Request.URL, Header: harHeaders(e.Request.Headers)},
			Response: Message{Name: fmt.Sprintf("entry %d response", i+1), Status: e.Response.Status, Header: harHeaders(e.Response.Headers)},
		}
		if _, ok := syncml.ParseMIME(cmpOr(e.Request.PostData.MimeType, x.Request.Header.Get("Content-Type"))); !ok {
			continue
		}
		var err error
		if x.Request.Body, err = e.Request.PostData.body(x.Request.Header); err != nil {
			return nil, fmt.Errorf("%s: %w", x.Request.Name, err)
		}
		if x.Response.Body, err = e.Response.Content.body(x.Response.Header); err != nil {
			return nil, fmt.Errorf("%s: %w", x.Response.Name, err)
		}
		if e.Response.Status <= 0 { // what browsers write for no answer
			x.Response = Message{}
		}
		split.add(x)
	}
	return split.sessions, nil
}

func harHeaders(list []harHeader) http.Header {
	h := make(http.Header)
	for _, f := range list {
		if !strings.HasPrefix(f.Name, ":") { // pseudo header fields of HTTP/2
			h.Add(f.Name, f.Value)
		}
	}
	return h
}

// body is the bytes that were on the wire.
func (c *harContent) body(h http.Header) ([]byte, error) {
	switch {
	case c.Encoding == "base64":
		b, err := base64.StdEncoding.DecodeString(c.Text)
		if err != nil {
			return nil, errors.New("a body that is not base64")
		}
		return b, nil
	case c.Encoding != "":
		return nil, errors.New("a body with an unknown encoding")
	}
	enc, ok := syncml.ParseMIME(cmpOr(c.MimeType, h.Get("Content-Type")))
	if !ok || enc == syncml.XML {
		return []byte(c.Text), nil
	}
	// Requests have no encoding in HAR 1.2; tools write base64 all the same.
	if b, err := base64.StdEncoding.DecodeString(c.Text); err == nil {
		return b, nil
	}
	return nil, errors.New("a WBXML body as text, which is not what was on the wire; record it as base64")
}
