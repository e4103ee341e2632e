package trigger

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// maxQuery bounds the parameters of a sendsms request, in bytes: one SMS with
// every byte escaped, and room for what is ignored.
const maxQuery = 8 << 10

// What a sendsms request is answered, as Kannel words it.
const (
	kannelAccepted  = "0: Accepted for delivery"
	kannelForbidden = "Authorization failed for sendsms"
	kannelBusy      = "Temporal failure, try again later."
)

// Kannel is the handler of an SMS gateway's sendsms: GET, or POST of a form,
// with username, password, to, udh and text.
type Kannel struct {
	door door

	mu    sync.Mutex
	parts notify.Assembler // guarded by mu
}

// NewKannel makes the handler.
func NewKannel(inbox *Inbox, g Gate) *Kannel {
	return &Kannel{door: newDoor(ChannelKannel, inbox, g)}
}

// ServeHTTP implements [http.Handler].
func (k *Kannel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	say := func(status int, text string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the caller has gone: nobody to tell
	}
	a, v := k.door.enter(r)
	switch v {
	case Taken:
		defer k.door.leave()
	case NotAllowed:
		say(http.StatusForbidden, kannelForbidden)
		return
	default:
		say(http.StatusServiceUnavailable, kannelBusy)
		return
	}
	q, status, err := kannelQuery(w, r)
	if err != nil {
		k.door.inbox.count(a, "", Malformed, err)
		say(status, err.Error())
		return
	}
	if !k.door.gate.opens(first(q, "username", "user"), first(q, "password", "pass")) {
		k.door.inbox.count(a, "", NotAllowed, errors.New("wrong credentials"))
		say(http.StatusForbidden, kannelForbidden)
		return
	}
	say(k.send(r.Context(), a, q))
}

// kannelQuery reads the parameters; status is for the error.
func kannelQuery(w http.ResponseWriter, r *http.Request) (q url.Values, status int, err error) {
	text := r.URL.RawQuery
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
		if err != nil {
			return nil, http.StatusRequestEntityTooLarge, errors.New("the request is too long")
		}
		if len(body) > 0 {
			text += "&" + string(body)
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, http.StatusMethodNotAllowed, errors.New("GET or POST")
	}
	if len(text) > maxQuery {
		return nil, http.StatusRequestEntityTooLarge, errors.New("the request is too long")
	}
	if q, err = url.ParseQuery(text); err != nil {
		return nil, http.StatusBadRequest, errors.New("the parameters cannot be read")
	}
	return q, 0, nil
}

func first(q url.Values, names ...string) string {
	for _, n := range names {
		if v := q.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// send takes the SMS of a request.
func (k *Kannel) send(ctx context.Context, a Arrival, q url.Values) (status int, text string) {
	a.Number = q.Get("to")
	switch {
	case a.Number == "":
		k.door.inbox.count(a, "", Malformed, errors.New("no receiver"))
		return http.StatusBadRequest, "Missing receiver number, rejected"
	case q.Get("text") == "":
		k.door.inbox.count(a, "", Malformed, errors.New("no text"))
		return http.StatusBadRequest, "Missing text, rejected"
	}
	body := []byte(q.Get("text"))
	if udh := q.Get("udh"); udh != "" {
		k.mu.Lock()
		push, err := k.parts.Add(time.Now(), a.Peer.String(), a.Number, notify.SMS{UDH: []byte(udh), Data: body})
		k.mu.Unlock()
		if err != nil {
			k.door.inbox.count(a, "", Malformed, err)
			return http.StatusBadRequest, "The message is no trigger, rejected"
		}
		if push == nil {
			return http.StatusAccepted, kannelAccepted // the rest is to come
		}
		body = push
	}
	switch k.door.inbox.take(ctx, a, body) {
	case Malformed:
		return http.StatusBadRequest, "The message is no trigger, rejected"
	case UnknownDevice:
		return http.StatusBadRequest, "Receiver unknown, rejected"
	case TooMany, Failed:
		return http.StatusServiceUnavailable, kannelBusy
	}
	return http.StatusAccepted, kannelAccepted
}
