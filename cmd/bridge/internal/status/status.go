// Package status asks a running bridge how it is and draws the answer for a
// terminal: both directions, both vocabularies side by side, packages on their
// way. It changes nothing, and knows of a bridge only what its API shows.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// MaxAnswer bounds an answer of a bridge, in bytes.
const MaxAnswer = 64 << 20

// ErrUnknown means that the bridge knows no such device.
var ErrUnknown = errors.New("the bridge knows no such device")

// Legacy is a legacy device as the API shows it.
type Legacy struct {
	legacy.View
	Servers []legacy.Shown `json:"servers"`
	Error   string         `json:"error,omitempty"`
}

// Overview is a bridge at one moment.
type Overview struct {
	Time      time.Time         `json:"time"`
	Health    engine.Health     `json:"health"`
	Devices   []engine.Status   `json:"devices"`
	Legacy    []Legacy          `json:"legacy"`
	More      bool              `json:"more,omitempty"` // there are more devices than were asked for
	Strangers []legacy.Stranger `json:"strangers,omitempty"`
	Transfers []transfer.View   `json:"transfers"`
}

// Device is one device, of either direction.
type Device struct {
	Time      time.Time       `json:"time"`
	Device    *engine.Detail  `json:"device,omitempty"`
	Legacy    *Legacy         `json:"legacy,omitempty"`
	Transfers []transfer.View `json:"transfers"`
}

// Client asks one bridge. Base is the beginning of its URLs, "http://host:port".
type Client struct {
	HTTP *http.Client
	Base string
	Now  func() time.Time // nil is time.Now
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Overview asks for up to limit devices of each direction.
func (c *Client) Overview(ctx context.Context, limit int) (Overview, error) {
	o := Overview{Time: c.now(), Devices: []engine.Status{}, Legacy: []Legacy{}}
	if err := c.get(ctx, "/healthz", &o.Health, http.StatusServiceUnavailable); err != nil {
		return o, err
	}
	var moving struct{ Transfers []transfer.View }
	if err := c.get(ctx, "/api/v1/transfers", &moving); err != nil {
		return o, err
	}
	o.Transfers = moving.Transfers
	err := c.pages(ctx, "/api/v1/devices", limit, func(page []byte) (int, string, error) {
		var p struct {
			Devices []engine.Status
			Next    string
		}
		err := json.Unmarshal(page, &p)
		o.Devices = append(o.Devices, p.Devices...)
		return len(p.Devices), p.Next, err
	}, &o.More)
	if err != nil {
		return o, err
	}
	err = c.pages(ctx, "/api/v1/legacy", limit, func(page []byte) (int, string, error) {
		var p struct {
			Devices   []Legacy
			Next      string
			Strangers []legacy.Stranger
		}
		err := json.Unmarshal(page, &p)
		o.Legacy, o.Strangers = append(o.Legacy, p.Devices...), append(o.Strangers, p.Strangers...)
		return len(p.Devices), p.Next, err
	}, &o.More)
	if errors.Is(err, ErrUnknown) { // direction B is off
		err = nil
	}
	return o, err
}

// pageSize is how many devices are asked for at once.
const pageSize = 1000

// pages reads a list to its end or to the limit.
func (c *Client) pages(ctx context.Context, path string, limit int, take func([]byte) (n int, next string, err error), more *bool) error {
	for after := ""; limit > 0; {
		var page json.RawMessage
		q := url.Values{"limit": {strconv.Itoa(min(limit, pageSize))}}
		if after != "" {
			q.Set("after", after)
		}
		if err := c.get(ctx, path+"?"+q.Encode(), &page); err != nil {
			return err
		}
		n, next, err := take(page)
		if err != nil {
			return fmt.Errorf("the bridge's answer cannot be read: %w", err)
		}
		if next == "" || n == 0 {
			return nil
		}
		limit, after = limit-n, next
	}
	*more = true
	return nil
}

// Device asks for one device: first among the LwM2M devices, then among the
// legacy ones. ErrUnknown when it is in neither.
func (c *Client) Device(ctx context.Context, name string) (Device, error) {
	d := Device{Time: c.now()}
	err := c.get(ctx, "/api/v1/devices/"+url.PathEscape(name), &d.Device)
	if errors.Is(err, ErrUnknown) {
		d.Device = nil
		err = c.get(ctx, "/api/v1/legacy/"+url.PathEscape(name), &d.Legacy)
	}
	if err != nil {
		return Device{}, err
	}
	var moving struct{ Transfers []transfer.View }
	err = c.get(ctx, "/api/v1/transfers?device="+url.QueryEscape(name), &moving)
	d.Transfers = moving.Transfers
	return d, err
}

// get reads an answer of status 200, or of one that is good too.
func (c *Client) get(ctx context.Context, path string, to any, good ...int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	if err != nil {
		return err
	}
	ok := resp.StatusCode == http.StatusOK
	for _, g := range good {
		ok = ok || resp.StatusCode == g
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return ErrUnknown
	case !ok:
		var why struct{ Error string }
		_ = json.Unmarshal(body, &why) // then there is no reason given
		return fmt.Errorf("the bridge answered %s: %s", resp.Status, why.Error)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("this is no bridge, or one of another version: its answer to %s cannot be read", path)
	}
	return nil
}
