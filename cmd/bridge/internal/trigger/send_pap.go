package trigger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// PAPSender hands triggers to a push proxy gateway.
type PAPSender struct {
	URL     string
	User    string
	Secret  syncml.Secret // "" sends no credentials
	Gateway string        // the name behind @ in addresses; "" is "ppg"
	Client  *http.Client  // nil is that of all gateways (GatewayTimeout); redirects are never followed
}

var _ Sender = (*PAPSender)(nil)

// Send implements [Sender]: to is a telephone number, such as +4917….
func (s *PAPSender) Send(ctx context.Context, to string, package0 []byte) error {
	body, contentType, err := s.message(to, package0)
	if err != nil {
		return &SendError{ChannelPAP, false, err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return &SendError{ChannelPAP, false, errors.New("the URL of the gateway is wrong")} // it may hold a password
	}
	r.Header.Set("Content-Type", contentType)
	if s.Secret != "" {
		r.SetBasicAuth(s.User, string(s.Secret))
	}
	answer, err := noRedirects(s.Client).Do(r)
	if err != nil {
		return &SendError{ChannelPAP, true, withoutURL(err)}
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return statusError(ChannelPAP, answer.StatusCode)
	}
	return papVerdict(io.LimitReader(answer.Body, maxAnswer))
}

// message is the multipart body of a push.
func (s *PAPSender) message(to string, package0 []byte) (body []byte, contentType string, err error) {
	gateway := s.Gateway
	if gateway == "" {
		gateway = "ppg"
	}
	m := &papMessage{ID: rand.Text() + "@fwbridge", Quality: &papQuality{"unconfirmed"}}
	m.Addresses = append(m.Addresses, struct {
		Value string `xml:"address-value,attr"`
	}{"WAPPUSH=" + to + "/TYPE=PLMN@" + gateway})
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range []struct {
		header textproto.MIMEHeader
		body   []byte
	}{
		{textproto.MIMEHeader{"Content-Type": {"application/xml"}}, marshalPAP(papControl{Message: m})},
		{textproto.MIMEHeader{"Content-Type": {notify.ContentType}, "X-Wap-Application-Id": {notify.ApplicationID},
			"Content-Transfer-Encoding": {"binary"}}, package0},
	} {
		p, err := w.CreatePart(part.header)
		if err == nil {
			_, err = p.Write(part.body)
		}
		if err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), fmt.Sprintf("multipart/related; boundary=%s; type=%q", w.Boundary(), "application/xml"), nil
}

// papVerdict reads the gateway's answer: 1000 to 1999 is success, 3000 to 4999
// is the gateway's own trouble (WAP-247, 9.13).
func papVerdict(r io.Reader) error {
	c, err := parsePAP(r)
	if err != nil {
		return &SendError{ChannelPAP, false, errors.New("the gateway's answer is no PAP document")}
	}
	var result papResult
	switch {
	case c.Response != nil:
		result = c.Response.Result
	case c.Bad != nil:
		result = *c.Bad
	}
	class := result.Code / 1000
	if class == 1 {
		return nil
	}
	return &SendError{ChannelPAP, result.Code == 3000 || class == 4, fmt.Errorf("PAP status %d %q", result.Code, shorten(result.Desc))}
}

// shorten keeps what a gateway says from flooding a log.
func shorten(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
