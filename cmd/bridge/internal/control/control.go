// Package control is how a command speaks to the bridge that has the store
// open: HTTP over a Unix socket beside the data. Who may open that socket could
// open the store too, so it asks for no further proof: the file system is the
// proof, as it is when no bridge runs. It only handles the credentials of
// devices.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Devices is what is controlled: a [*Local] in the process that has the store,
// a [*Remote] elsewhere. The errors are those of package credentials.
type Devices interface {
	Add(ctx context.Context, d credentials.Device, replace bool) error
	Remove(ctx context.Context, endpoint string) error
	List(ctx context.Context) ([]credentials.Device, error)
}

// Local changes a book. End, when set, is told of each identity that is good no
// more, so that what it has open can be ended.
type Local struct {
	Book *credentials.Book
	End  func(identity string)
}

// Add implements [Devices].
func (l *Local) Add(_ context.Context, d credentials.Device, replace bool) error {
	return l.ended(l.Book.Add(d, replace))
}

// Remove implements [Devices].
func (l *Local) Remove(_ context.Context, endpoint string) error {
	return l.ended(l.Book.Remove(endpoint))
}

// List implements [Devices].
func (l *Local) List(context.Context) ([]credentials.Device, error) { return l.Book.List() }

func (l *Local) ended(identity string, err error) error {
	if err == nil && identity != "" && l.End != nil {
		l.End(identity)
	}
	return err
}

// The socket: in a directory that only its owner may enter, since a socket
// file has other rights until they are changed.
const (
	socketDir  = "control"
	socketName = "socket"
)

// Listen opens the socket of the store in dir. The caller has that store open,
// so what is there of an earlier process is of no use and removed.
func Listen(dir string) (net.Listener, error) {
	at := filepath.Join(dir, socketDir)
	if err := os.Mkdir(at, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := os.Chmod(at, 0o700); err != nil { // it may be older than this rule
		return nil, err
	}
	path := filepath.Join(at, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// maxRequest bounds a request's body, in bytes.
const maxRequest = 16 << 10

// deviceBody is a device on the socket.
type deviceBody struct {
	Endpoint string `json:"endpoint"`
	Identity string `json:"identity"`
	PSK      bool   `json:"psk"`
	Key      []byte `json:"key,omitempty"`
	Replace  bool   `json:"replace,omitempty"`
}

// kinds are the errors that both sides know, by their status.
var kinds = []struct {
	err    error
	status int
}{
	{credentials.ErrUnknown, http.StatusNotFound},
	{credentials.ErrExists, http.StatusConflict},
	{credentials.ErrTaken, http.StatusLocked},
	{credentials.ErrInvalid, http.StatusBadRequest},
}

// Handler serves the devices.
func Handler(d Devices, log *slog.Logger) http.Handler {
	h := handler{d, log}
	m := http.NewServeMux()
	m.HandleFunc("GET /devices", h.list)
	m.HandleFunc("POST /devices", h.add)
	m.HandleFunc("DELETE /devices/{name}", h.remove)
	return m
}

type handler struct {
	devices Devices
	log     *slog.Logger
}

func (h handler) list(w http.ResponseWriter, r *http.Request) {
	list, err := h.devices.List(r.Context())
	if err != nil {
		h.fail(w, err)
		return
	}
	bodies := []deviceBody{}
	for _, d := range list {
		bodies = append(bodies, deviceBody{Endpoint: d.Endpoint, Identity: d.Identity, PSK: d.PSK})
	}
	_ = json.NewEncoder(w).Encode(bodies) // the command has gone: nobody to tell
}

func (h handler) add(w http.ResponseWriter, r *http.Request) {
	var b deviceBody
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&b); err != nil {
		h.fail(w, fmt.Errorf("%w: the request cannot be read", credentials.ErrInvalid)) // its cause may show the key
		return
	}
	d := credentials.Device{Endpoint: b.Endpoint, Identity: b.Identity, Key: dtls.Key(b.Key), PSK: b.PSK}
	if err := h.devices.Add(r.Context(), d, b.Replace); err != nil {
		h.fail(w, err)
		return
	}
	h.log.Info("credentials added", "device", b.Endpoint, "identity", b.Identity)
	w.WriteHeader(http.StatusNoContent)
}

func (h handler) remove(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := h.devices.Remove(r.Context(), name); err != nil {
		h.fail(w, err)
		return
	}
	h.log.Info("credentials removed", "device", name)
	w.WriteHeader(http.StatusNoContent)
}

func (h handler) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			status = k.status
		}
	}
	if status == http.StatusInternalServerError {
		h.log.Error("credentials not changed", "err", err)
	}
	http.Error(w, err.Error(), status)
}
