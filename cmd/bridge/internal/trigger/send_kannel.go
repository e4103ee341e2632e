package trigger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// KannelSender hands triggers to an SMS gateway, one request an SMS.
type KannelSender struct {
	URL    string // of sendsms
	User   string
	Secret syncml.Secret
	From   string       // the sender's number; "" leaves it to the gateway
	Client *http.Client // nil is that of all gateways (GatewayTimeout); redirects are never followed
}

var _ Sender = (*KannelSender)(nil)

// Send implements [Sender]: to is a telephone number. When one of several SMS
// is refused, all are sent again by whoever repeats.
func (s *KannelSender) Send(ctx context.Context, to string, package0 []byte) error {
	var ref [1]byte
	_, _ = rand.Read(ref[:]) // never fails
	list, err := notify.Segment(notify.Push(package0), notify.Port, ref[0])
	if err != nil {
		return &SendError{ChannelKannel, false, err}
	}
	for _, sms := range list {
		if err := s.one(ctx, to, sms); err != nil {
			return err
		}
	}
	return nil
}

// one posts one SMS: in the body, so that no proxy logs the password.
func (s *KannelSender) one(ctx context.Context, to string, sms notify.SMS) error {
	q := url.Values{"to": {to}, "udh": {string(sms.UDH)}, "text": {string(sms.Data)}, "coding": {"1"}}
	if s.Secret != "" {
		q.Set("username", s.User)
		q.Set("password", string(s.Secret))
	}
	if s.From != "" {
		q.Set("from", s.From)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(q.Encode()))
	if err != nil {
		return &SendError{ChannelKannel, false, errors.New("the URL of the gateway is wrong")} // it may hold a password
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := noRedirects(s.Client).Do(r)
	if err != nil {
		return &SendError{ChannelKannel, true, withoutURL(err)}
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return statusError(ChannelKannel, answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return &SendError{ChannelKannel, true, err}
	}
	// 0 is accepted, 3 queued; anything else with a good status is not.
	if code, _, _ := strings.Cut(string(text), ":"); code != "0" && code != "3" {
		return &SendError{ChannelKannel, false, fmt.Errorf("the gateway says %q", shorten(string(text)))}
	}
	return nil
}

// withoutURL keeps the URL of a request out of its error.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
