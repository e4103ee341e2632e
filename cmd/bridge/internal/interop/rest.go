package interop

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// deviceTimeout is how long Leshan waits for a device's answer before its REST
// API says 504.
const deviceTimeout = 20 * time.Second

// maxAnswer bounds an answer of the REST API, in bytes.
const maxAnswer = 4 << 20

// HTTPError is an answer of the REST API that is not 2xx: 400 for what Leshan
// does not send or for an endpoint it does not know, 504 when the device did
// not answer, 500 with "Invalid Response" when it cannot read the answer.
type HTTPError struct {
	Status int
	Body   string
}

func (e *HTTPError) Error() string { return fmt.Sprintf("leshan: %d %s", e.Status, e.Body) }

// Client is a device as Leshan knows it.
type Client struct {
	Endpoint       string `json:"endpoint"`
	RegistrationID string `json:"registrationId"`
	Address        string `json:"address"`
	Version        string `json:"lwM2mVersion"`
	Lifetime       int    `json:"lifetime"` // seconds
	Binding        string `json:"bindingMode"`
	Root           string `json:"rootPath"`
	Links          []struct {
		URL        string         `json:"url"`
		Attributes map[string]any `json:"attributes"`
	} `json:"objectLinks"`
	Secure     bool              `json:"secure"`
	Additional map[string]string `json:"additionalRegistrationAttributes"`
	QueueMode  bool              `json:"queuemode"`
	Sleeping   bool              `json:"sleeping"`
}

// Paths are the targets of the links, in Leshan's order.
func (c Client) Paths() []string {
	var paths []string
	for _, l := range c.Links {
		paths = append(paths, l.URL)
	}
	return paths
}

// Node is an object, an instance or a resource with its values. Value and
// Values are what JSON makes of them: string, float64, bool; bytes as hex.
type Node struct {
	ID        int            `json:"id"`
	Value     any            `json:"value,omitempty"`
	Values    map[string]any `json:"values,omitempty"`
	Resources []Node         `json:"resources,omitempty"`
	Instances []Node         `json:"instances,omitempty"`
}

// Resource is the value of a resource of an instance, nil when it has none.
func (n Node) Resource(id int) any {
	for _, r := range n.Resources {
		if r.ID == id && r.Values != nil {
			return r.Values
		} else if r.ID == id {
			return r.Value
		}
	}
	return nil
}

// Answer is what a device answered, in Leshan's words.
type Answer struct {
	// Status is Leshan's name of the response code with the number in
	// brackets: "CONTENT(205)", "METHOD_NOT_ALLOWED(405)".
	Status   string `json:"status"`
	Success  bool   `json:"success"`
	Content  *Node  `json:"content"`      // of Read and Observe
	Location string `json:"location"`     // of Create, "9/1"
	Message  string `json:"errormessage"` // diagnostic payload of a refusal
	Links    []struct {
		URL        string         `json:"url"`
		Attributes map[string]any `json:"attributes"`
	} `json:"objectLinks"` // of Discover
}

// Code is the number of Status, 205 for 2.05.
func (a Answer) Code() int {
	_, rest, _ := strings.Cut(a.Status, "(")
	n, _ := strconv.Atoi(strings.TrimSuffix(rest, ")")) // 0 for a form that is not known
	return n
}

// Clients lists the registered devices.
func (l *Leshan) Clients(ctx context.Context) ([]Client, error) {
	var clients []Client
	err := l.call(ctx, http.MethodGet, "/api/clients", nil, &clients)
	return clients, err
}

// Client is one registered device; a *HTTPError of 400 when there is none.
func (l *Leshan) Client(ctx context.Context, endpoint string) (Client, error) {
	var c Client
	err := l.call(ctx, http.MethodGet, "/api/clients/"+url.PathEscape(endpoint), nil, &c)
	return c, err
}

// Format names a content format for Leshan.
type Format string

// The formats that Leshan knows. DefaultFormat leaves the choice to Leshan:
// TLV for devices of LwM2M 1.0 and SenML JSON for 1.1, unless the registration
// says with ct= what the device speaks.
const (
	DefaultFormat Format = ""
	Text          Format = "TEXT"
	TLV           Format = "TLV"
	JSON          Format = "JSON"
	Opaque        Format = "OPAQUE"
	SenMLJSON     Format = "SENML_JSON"
)

// Read reads an object, an instance or a resource, "/3/0".
func (l *Leshan) Read(ctx context.Context, endpoint, path string, f Format) (Answer, error) {
	return l.ask(ctx, http.MethodGet, endpoint, path, f, nil)
}

// Discover asks for the links under a path.
func (l *Leshan) Discover(ctx context.Context, endpoint, path string) (Answer, error) {
	return l.ask(ctx, http.MethodGet, endpoint, path+"/discover", DefaultFormat, nil)
}

// Write replaces a resource or an instance: value is a string, number or bool
// for a resource, which Leshan makes the type of its model of, or a [Node].
func (l *Leshan) Write(ctx context.Context, endpoint, path string, f Format, value any) (Answer, error) {
	n, ok := value.(Node)
	if !ok {
		id, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
		if err != nil {
			return Answer{}, fmt.Errorf("write %s: %w", path, err)
		}
		n = Node{ID: id, Value: value}
	}
	return l.ask(ctx, http.MethodPut, endpoint, path, f, n)
}

// WriteAttributes sets attributes of notification, "pmin=1&pmax=10".
func (l *Leshan) WriteAttributes(ctx context.Context, endpoint, path, attributes string) (Answer, error) {
	var a Answer
	err := l.call(ctx, http.MethodPut, target(endpoint, path)+"/attributes?"+attributes, nil, &a)
	return a, err
}

// Execute runs a resource. Arguments are those of LwM2M, or empty.
func (l *Leshan) Execute(ctx context.Context, endpoint, path, arguments string) (Answer, error) {
	var body any
	if arguments != "" {
		body = plain(arguments)
	}
	return l.ask(ctx, http.MethodPost, endpoint, path, DefaultFormat, body)
}

// Observe starts an observation; its notifications come as events.
func (l *Leshan) Observe(ctx context.Context, endpoint, path string, f Format) (Answer, error) {
	return l.ask(ctx, http.MethodPost, endpoint, path+"/observe", f, nil)
}

// CancelObserve forgets an observation: Leshan answers the next notification
// with Reset.
func (l *Leshan) CancelObserve(ctx context.Context, endpoint, path string) error {
	return l.call(ctx, http.MethodDelete, target(endpoint, path)+"/observe", nil, nil)
}

// Create makes an instance of an object, "/9", with the given resources. A
// nil id leaves its number to the device.
func (l *Leshan) Create(ctx context.Context, endpoint, object string, f Format, id *int, resources ...Node) (Answer, error) {
	if resources == nil {
		resources = []Node{}
	}
	body := struct {
		ID        *int   `json:"id,omitempty"`
		Resources []Node `json:"resources"`
	}{id, resources}
	return l.ask(ctx, http.MethodPost, endpoint, object, f, body)
}

// Delete removes an instance.
func (l *Leshan) Delete(ctx context.Context, endpoint, path string) (Answer, error) {
	return l.ask(ctx, http.MethodDelete, endpoint, path, DefaultFormat, nil)
}

// AddPSK tells the server a device's pre-shared key for DTLS.
func (l *Leshan) AddPSK(ctx context.Context, endpoint, identity string, key []byte) error {
	body := map[string]any{"endpoint": endpoint, "psk": map[string]string{"identity": identity, "key": hex.EncodeToString(key)}}
	return l.call(ctx, http.MethodPut, "/api/security/clients/", body, nil)
}

func target(endpoint, path string) string { return "/api/clients/" + url.PathEscape(endpoint) + path }

func (l *Leshan) ask(ctx context.Context, method, endpoint, path string, f Format, body any) (Answer, error) {
	q := url.Values{"timeout": {strconv.Itoa(int(deviceTimeout / time.Second))}}
	if f != DefaultFormat {
		q.Set("format", string(f))
	}
	var a Answer
	err := l.call(ctx, method, target(endpoint, path)+"?"+q.Encode(), body, &a)
	return a, err
}

// plain is a request body that goes out as text.
type plain string

// call makes one request of the REST API; answer may be nil.
func (l *Leshan) call(ctx context.Context, method, path string, body, answer any) error {
	var data []byte
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case plain:
		data, contentType = []byte(b), "text/plain"
	default:
		var err error
		if data, err = json.Marshal(b); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, l.URL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &HTTPError{resp.StatusCode, string(got)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}
