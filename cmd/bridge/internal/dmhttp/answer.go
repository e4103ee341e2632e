package dmhttp

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// TooLargeError says that an answer was longer than the limit.
type TooLargeError struct {
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("dmhttp: the answer is over %d bytes", e.Limit)
}

// ContentTypeError says that an answer was no SyncML message, such as the
// login page of a proxy.
type ContentTypeError struct {
	Got string // the media type
}

func (e *ContentTypeError) Error() string {
	return fmt.Sprintf("dmhttp: the answer has Content-Type %q, no SyncML message", e.Got)
}

// CodingError says that an answer came compressed although only "identity"
// was accepted.
type CodingError struct {
	Got string // the Content-Encoding
}

func (e *CodingError) Error() string {
	return fmt.Sprintf("dmhttp: the answer has Content-Encoding %q, which was not asked for", e.Got)
}

// read takes the answer's body, up to the limit. An answer of no bytes needs no
// Content-Type.
func (c *Client) read(resp *http.Response) (Response, error) {
	out := Response{Status: resp.StatusCode}
	b, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return out, fmt.Errorf("dmhttp: the answer broke off: %w", err)
	}
	if int64(len(b)) > c.maxBody {
		return out, &TooLargeError{Limit: c.maxBody}
	}
	if len(b) == 0 {
		return out, nil
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return out, &CodingError{Got: coding}
	}
	contentType := resp.Header.Get("Content-Type")
	enc, ok := syncml.ParseMIME(contentType)
	if !ok {
		media, _, _ := mime.ParseMediaType(contentType)
		return out, &ContentTypeError{Got: media}
	}
	out.Encoding, out.HMAC, out.Body = enc, resp.Header.Get(hmacHeader), b
	return out, nil
}
