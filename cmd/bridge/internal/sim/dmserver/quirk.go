package dmserver

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/syncml"
)

// QuirkKind is what the server does wrong.
type QuirkKind uint8

// The quirks. The comment after each is its text form and what it does.
const (
	DropAnswer    QuirkKind = iota // drop-answer[@PLACE]: the message is processed, its HTTP answer is lost
	LateAnswer                     // late[@PLACE][=DURATION]: the answer comes late
	HTTPError                      // http[@PLACE]=STATUS: the message is not looked at, HTTP 500 or so
	Malformed                      // malformed[@PLACE]: the body of the answer is cut off
	BadServerAuth                  // bad-server-auth: wrong server credentials
	StaleNonce                     // stale-nonce: right credentials are refused 401, with a new nonce
	UnknownDevice                  // unknown-device: 404 for SyncHdr and every command
	RefuseAlert                    // refuse-alert=CODE: the final alert is answered with that Status
	LoseAlert                      // lose-alert: the message with the final alert is lost on its way
	SecondExec                     // second-exec: another Exec while the update runs
	DeleteRunning                  // delete-running: Delete of x while the update runs
	EmptySession                   // empty-session: a session without any command
	Abort                          // abort: Alert 1223 instead of commands
)

var quirkWords = []string{
	DropAnswer: "drop-answer", LateAnswer: "late", HTTPError: "http", Malformed: "malformed",
	BadServerAuth: "bad-server-auth", StaleNonce: "stale-nonce", UnknownDevice: "unknown-device",
	RefuseAlert: "refuse-alert", LoseAlert: "lose-alert", SecondExec: "second-exec",
	DeleteRunning: "delete-running", EmptySession: "empty-session", Abort: "abort",
}

// Place is a message at which a quirk strikes.
type Place uint8

// The places.
const (
	AnyMessage   Place = iota // any
	FirstMessage              // the client's first message of a session
	ExecMessage               // the message that the Exec goes out in answer to
	AlertMessage              // the message that brings the final alert
)

var placeWords = []string{AnyMessage: "any", FirstMessage: "first", ExecMessage: "exec", AlertMessage: "alert"}

// Quirk is one thing that the server does wrong. Kind decides which other
// fields count.
type Quirk struct {
	Kind     QuirkKind
	Place    Place         // DropAnswer, LateAnswer, HTTPError, Malformed
	Code     syncml.Code   // RefuseAlert
	HTTP     int           // HTTPError
	Duration time.Duration // LateAnswer
	// Times is how often it strikes, over all devices. [ParseQuirk] gives 1
	// when the text says nothing; 0 is always.
	Times int
}

// QuirkWords lists the kinds that [ParseQuirk] knows.
func QuirkWords() []string { return append([]string(nil), quirkWords...) }

// ParseQuirk reads the text form kind[@place][=value][*times]:
// "drop-answer@exec", "http=503*2", "refuse-alert=500".
func ParseQuirk(s string) (Quirk, error) {
	w, err := word.Parse(s)
	if err != nil {
		return Quirk{}, fmt.Errorf("quirk %w", err)
	}
	kind, err := word.Index("quirk", w.Kind, quirkWords)
	if err != nil {
		return Quirk{}, err
	}
	q := Quirk{Kind: QuirkKind(kind), Times: max(w.Times, 1)}
	if err := q.parts(w); err != nil {
		return Quirk{}, fmt.Errorf("quirk %q: %w", s, err)
	}
	return q, nil
}

func (q *Quirk) placed() bool { return q.Kind <= Malformed }

func (q *Quirk) parts(w word.Word) error {
	if w.At != "" {
		if !q.placed() {
			return fmt.Errorf("%s takes no place after @", q.Kind)
		}
		i, err := word.Index("place", w.At, placeWords)
		if err != nil {
			return err
		}
		q.Place = Place(i)
		if q.Kind == HTTPError && q.Place == ExecMessage {
			return errors.New("the message is not looked at, so nobody knows what it will be answered; use first, alert or any")
		}
	}
	switch q.Kind {
	case LateAnswer:
		q.Duration = lateDefault
		if w.Value == "" {
			return nil
		}
		d, err := time.ParseDuration(w.Value)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 200ms", w.Value)
		}
		q.Duration = d
	case HTTPError, RefuseAlert:
		n, err := strconv.Atoi(w.Value)
		if err != nil || n < 300 || n > 599 {
			return fmt.Errorf("%q is not a status from 300 to 599", w.Value)
		}
		if q.Kind == HTTPError {
			q.HTTP = n
		} else {
			q.Code = syncml.Code(n)
		}
	default:
		if w.Value != "" {
			return fmt.Errorf("%s takes no value after =", q.Kind)
		}
	}
	return nil
}

// String is the word of the text form.
func (k QuirkKind) String() string {
	if int(k) < len(quirkWords) {
		return quirkWords[k]
	}
	return "?"
}

// String is the form that [ParseQuirk] reads.
func (q Quirk) String() string {
	w := word.Word{Kind: q.Kind.String(), Times: q.Times}
	if q.placed() && q.Place != AnyMessage {
		w.At = placeWords[q.Place]
	}
	switch q.Kind {
	case LateAnswer:
		w.Value = q.Duration.String()
	case HTTPError:
		w.Value = strconv.Itoa(q.HTTP)
	case RefuseAlert:
		w.Value = q.Code.String()
	}
	return w.String()
}

// UnmarshalText reads the form of [ParseQuirk].
func (q *Quirk) UnmarshalText(b []byte) (err error) { *q, err = ParseQuirk(string(b)); return err }

// MarshalText writes the form of [ParseQuirk].
func (q Quirk) MarshalText() ([]byte, error) { return []byte(q.String()), nil }
