package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
)

// Remote speaks to the bridge that has the store in a directory open.
type Remote struct{ client *http.Client }

// ErrNoBridge means that nobody answers at the socket.
var ErrNoBridge = errors.New("control: the bridge does not answer")

// Dial makes a client; it connects when it is used.
func Dial(dir string) *Remote {
	path := filepath.Join(dir, socketDir, socketName)
	return &Remote{&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// Add implements [Devices].
func (r *Remote) Add(ctx context.Context, d credentials.Device, replace bool) error {
	body, err := json.Marshal(deviceBody{d.Endpoint, d.Identity, d.PSK, d.Key, replace})
	if err != nil {
		return err
	}
	_, err = r.do(ctx, http.MethodPost, "/devices", body)
	return err
}

// Remove implements [Devices].
func (r *Remote) Remove(ctx context.Context, endpoint string) error {
	_, err := r.do(ctx, http.MethodDelete, "/devices/"+url.PathEscape(endpoint), nil)
	return err
}

// List implements [Devices].
func (r *Remote) List(ctx context.Context) ([]credentials.Device, error) {
	body, err := r.do(ctx, http.MethodGet, "/devices", nil)
	if err != nil {
		return nil, err
	}
	var bodies []deviceBody
	if err := json.Unmarshal(body, &bodies); err != nil {
		return nil, fmt.Errorf("%w: its answer cannot be read", ErrNoBridge)
	}
	list := []credentials.Device{}
	for _, b := range bodies {
		list = append(list, credentials.Device{Endpoint: b.Endpoint, Identity: b.Identity, PSK: b.PSK})
	}
	return list, nil
}

// do makes one request. An answer that is none of success is an error of
// package credentials where there is one for it.
func (r *Remote) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://bridge"+path, newReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBridge, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBridge, err)
	}
	if resp.StatusCode < 300 {
		return answer, nil
	}
	for _, k := range kinds {
		if k.status == resp.StatusCode {
			return nil, &remoteError{string(answer), k.err}
		}
	}
	return nil, fmt.Errorf("the bridge could not do it: %s; its log says more", http.StatusText(resp.StatusCode))
}

// remoteError is an error of the other side, in its words.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return strings.TrimSpace(e.text) }
func (e *remoteError) Unwrap() error { return e.kind }

// newReader is a body; nil has none.
func newReader(b []byte) io.Reader {
	if b == nil {
		return http.NoBody
	}
	return bytes.NewReader(b)
}
