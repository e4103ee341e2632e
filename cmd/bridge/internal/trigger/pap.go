package trigger

import (
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// Limits of a PAP request.
const (
	maxControl = 16 << 10 // bytes of the control entity
	maxParts   = 3        // control, content, capabilities
)

// PAP is the handler of a push proxy gateway: POST of multipart/related, with
// the control entity first and the trigger second (WAP-247, 8 and 9).
type PAP struct {
	door door
	log  *slog.Logger
}

// NewPAP makes the handler.
func NewPAP(inbox *Inbox, g Gate) *PAP {
	return &PAP{door: newDoor(ChannelPAP, inbox, g), log: inbox.log}
}

// push is what a request asks for.
type push struct {
	id      string
	address papAddress
	body    []byte
}

// papError is a request that gets an answer of its own.
type papError struct {
	code papCode
	text string
	id   string // push id; "" is a message that could not be read
}

func (e *papError) Error() string { return e.text }

// ServeHTTP implements [http.Handler].
func (p *PAP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, v := p.door.enter(r)
	switch v {
	case Taken:
		defer p.door.leave()
	case NotAllowed:
		http.Error(w, "this peer may not push", http.StatusForbidden)
		return
	default:
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many pushes", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "PAP messages are posted", http.StatusMethodNotAllowed)
		return
	}
	user, secret, _ := r.BasicAuth()
	if !p.door.gate.opens(user, secret) {
		p.door.inbox.count(a, "", NotAllowed, errors.New("wrong credentials"))
		w.Header().Set("WWW-Authenticate", `Basic realm="push"`)
		http.Error(w, "user and password, please", http.StatusUnauthorized)
		return
	}
	in, err := readPush(http.MaxBytesReader(w, r.Body, maxBody), r.Header.Get("Content-Type"))
	if err != nil {
		p.refuse(w, a, err)
		return
	}
	a.Number, a.Endpoint = in.address.number, in.address.user
	p.answer(w, in.id, papCodes[p.door.inbox.take(r.Context(), a, in.body)], "")
}

// refuse answers what could not be read.
func (p *PAP) refuse(w http.ResponseWriter, a Arrival, err error) {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		p.door.inbox.count(a, "", Malformed, big)
		http.Error(w, "the push is too long", http.StatusRequestEntityTooLarge)
		return
	}
	p.door.inbox.count(a, "", Malformed, err)
	if pe, ok := errors.AsType[*papError](err); ok {
		p.answer(w, pe.id, pe.code, pe.text)
		return
	}
	p.answer(w, "", papBadRequest, "the message cannot be read")
}

// answer sends push-response, or badmessage-response when there is no push id.
func (p *PAP) answer(w http.ResponseWriter, id string, code papCode, text string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusAccepted) // PAP answers in the body (WAP-247, 12)
	if _, err := w.Write(papAnswer(id, code, text, time.Now())); err != nil {
		p.log.Debug("PAP answer not sent", "err", err)
	}
}

// readPush reads the parts of a message.
func readPush(body io.Reader, contentType string) (push, error) {
	var in push
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/related" || params["boundary"] == "" {
		return in, &papError{code: papBadRequest, text: "want multipart/related with a boundary"}
	}
	parts := multipart.NewReader(body, params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF) && n >= 2:
			return in, nil
		case err != nil:
			return in, broken(err, "the parts cannot be read")
		case n == maxParts:
			return in, &papError{papBadRequest, "too many parts", in.id}
		}
		switch n {
		case 0:
			err = in.readControl(part)
		case 1:
			err = in.readContent(part)
		default:
			_, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			return in, err
		}
	}
}

// broken keeps the error of a body that is too long.
func broken(err error, text string) error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return big
	}
	return &papError{code: papBadRequest, text: text}
}

// readContent reads the trigger: plain, or in base64.
func (in *push) readContent(part *multipart.Part) error {
	media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil || media != notify.ContentType {
		return &papError{papBadRequest, "want " + notify.ContentType, in.id}
	}
	if app := part.Header.Get("X-Wap-Application-Id"); app != "" && !notify.IsApplicationID(app) {
		return &papError{papBadRequest, "the push is for another application", in.id}
	}
	var r io.Reader = part
	if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
		r = base64.NewDecoder(base64.StdEncoding, part)
	}
	in.body, err = io.ReadAll(io.LimitReader(r, maxDatagram+1))
	if err != nil {
		return broken(err, "the content cannot be read")
	}
	if len(in.body) > maxDatagram {
		return &papError{papBadRequest, "the content is too long for a trigger", in.id}
	}
	return nil
}
