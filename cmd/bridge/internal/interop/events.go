package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// EventName is the kind of an event.
type EventName string

// The events of Leshan.
const (
	Registration   EventName = "REGISTRATION"
	Updated        EventName = "UPDATED"
	Deregistration EventName = "DEREGISTRATION"
	Notification   EventName = "NOTIFICATION"
	Sleeping       EventName = "SLEEPING"
	Awake          EventName = "AWAKE"
	CoAPLog        EventName = "COAPLOG" // every CoAP message, see [CoAPMessage]
)

// maxWaiting is how many events may wait for the test; a further one makes
// the reader wait.
const maxWaiting = 4096

// Event is one event of the server.
type Event struct {
	Name EventName
	Data json.RawMessage
}

// Note is the data of a [Notification].
type Note struct {
	Endpoint string `json:"ep"`
	Path     string `json:"res"`
	Value    Node   `json:"val"`
}

// CoAPMessage is the data of a [CoAPLog], in Leshan's words.
type CoAPMessage struct {
	Incoming bool   `json:"incoming"`
	Type     string `json:"type"` // CON, NON, ACK, RST
	Code     string `json:"code"`
	MID      int    `json:"mId"`
	Token    string `json:"token"`
	Options  string `json:"options"`
	Payload  string `json:"payload"`
}

// Events is a stream of events.
type Events struct {
	t    testing.TB
	ch   <-chan Event
	seen []Event // that were not waited for, oldest first
}

// Events opens a stream of events, of all devices for "", else of one with its
// CoAP messages too; those are there only when the device is registered already. It
// ends with the test.
func (l *Leshan) Events(t testing.TB, endpoint string) *Events {
	t.Helper()
	address := l.URL + "/api/event"
	if endpoint != "" {
		address += "?ep=" + url.QueryEscape(endpoint)
	}
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")       // 405 without
	stream := &http.Client{Transport: l.http.Transport} // without a time-out
	resp, err := stream.Do(req)
	if err != nil {
		cancel()
		t.Fatalf("event stream: %v", err)
	}
	if resp.StatusCode != http.StatusOK {
		cancel()
		resp.Body.Close()
		t.Fatalf("event stream: %s", resp.Status)
	}
	ch, ended := make(chan Event, maxWaiting), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(ch)
		defer resp.Body.Close()
		readEvents(bufio.NewScanner(resp.Body), func(e Event) bool {
			select {
			case ch <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return &Events{t: t, ch: ch}
}

// readEvents parses a stream of server-sent events until it ends or take says
// no.
func readEvents(lines *bufio.Scanner, take func(Event) bool) {
	lines.Buffer(nil, maxAnswer)
	var e Event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if e.Data != nil && !take(e) {
				return
			}
			e = Event{}
		case field == "event":
			e.Name = EventName(value)
		case field == "data":
			if e.Data != nil {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, value...)
		}
	}
}

// Wait returns the first event that match accepts, of those that nobody has
// waited for yet or that are still to come. The test ends when ctx does.
func (e *Events) Wait(ctx context.Context, what string, match func(Event) bool) Event {
	e.t.Helper()
	for i, got := range e.seen {
		if match(got) {
			e.seen = append(e.seen[:i:i], e.seen[i+1:]...)
			return got
		}
	}
	for {
		select {
		case got, ok := <-e.ch:
			if !ok {
				e.t.Fatalf("the events ended before %s", what)
			}
			if match(got) {
				return got
			}
			e.seen = append(e.seen, got)
		case <-ctx.Done():
			e.t.Fatalf("no %s; events: %s", what, e.names())
		}
	}
}

// WaitFor waits for an event of a device by its name.
func (e *Events) WaitFor(ctx context.Context, name EventName, endpoint string) Event {
	e.t.Helper()
	return e.Wait(ctx, string(name)+" of "+endpoint, func(got Event) bool {
		var d struct {
			Endpoint     string `json:"endpoint"`
			EP           string `json:"ep"`
			Registration struct {
				Endpoint string `json:"endpoint"`
			} `json:"registration"` // of an update
		}
		return got.Name == name && json.Unmarshal(got.Data, &d) == nil &&
			(d.Endpoint == endpoint || d.EP == endpoint || d.Registration.Endpoint == endpoint)
	})
}

// WaitNote waits for a notification of a resource that has the value, which is
// compared as JSON: 3 is float64(3).
func (e *Events) WaitNote(ctx context.Context, endpoint, path string, value any) Note {
	e.t.Helper()
	var n Note
	e.Wait(ctx, "notification of "+endpoint+path, func(got Event) bool {
		n = Note{}
		return got.Name == Notification && json.Unmarshal(got.Data, &n) == nil &&
			n.Endpoint == endpoint && n.Path == path && n.Value.Value == value
	})
	return n
}

// names lists the events that nobody waited for, with their data.
func (e *Events) names() string {
	var b strings.Builder
	for _, s := range e.seen {
		b.WriteString("\n" + string(s.Name) + " " + string(s.Data))
	}
	return b.String()
}
