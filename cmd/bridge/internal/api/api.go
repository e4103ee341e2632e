// Package api is the bridge's HTTP interface for scripts and tests: JSON under
// /api/v1, and /healthz. It shows what the engine shows, and decides nothing.
// It has no authentication of its own: it belongs on loopback or behind a
// proxy that has. It writes nothing, with one exception that is off unless
// configured: giving up a running update.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// Limits of a page of devices.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Engine is what is served; [*engine.Engine] is one.
type Engine interface {
	Health() engine.Health
	List(after string, limit int) (list []engine.Status, more bool, err error)
	Device(endpoint string) (engine.Detail, error)
}

// New returns the handler of the whole interface. A nil log logs nothing; with a
// nil Canceller there is no POST at all, with a nil Legacy no direction B, with a
// nil Moving devices have no packages on their way.
func New(e Engine, c Canceller, l Legacy, m Moving, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if m == nil {
		m = func(string, bool) []transfer.View { return nil }
	}
	a := api{engine: e, canceller: c, legacy: l, moving: m, log: log}
	r := mux.NewRouter().UseEncodedPath() // endpoint names may hold slashes
	r.HandleFunc("/healthz", a.health).Methods(http.MethodGet, http.MethodHead)
	// No subrouter: its routes would turn 405 into 404 (gorilla/mux 1.8.1).
	r.HandleFunc("/api/v1/devices", a.devices).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/api/v1/devices/{name}", a.device).Methods(http.MethodGet, http.MethodHead)
	if l != nil {
		r.HandleFunc("/api/v1/legacy", a.legacyDevices).Methods(http.MethodGet, http.MethodHead)
		r.HandleFunc("/api/v1/legacy/{name}", a.legacyDevice).Methods(http.MethodGet, http.MethodHead)
	}
	if c != nil {
		r.HandleFunc("/api/v1/devices/{name}/cancel", a.cancel)
	}
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, http.StatusNotFound, "no such resource; see /healthz, /api/v1/devices, /api/v1/devices/{name}, /api/v1/legacy")
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		a.fail(w, http.StatusMethodNotAllowed, "only GET and HEAD are allowed here")
	})
	return r
}

type api struct {
	engine    Engine
	canceller Canceller // nil: updates cannot be given up
	legacy    Legacy    // nil: direction B is off
	moving    Moving
	log       *slog.Logger
}

// page is a part of the list of devices. Next, when not empty, is the value of
// after for the part behind it.
type page struct {
	Devices []engine.Status `json:"devices"`
	Next    string          `json:"next,omitempty"`
}

// deviceBody is an LwM2M device with the packages that are on their way to it.
type deviceBody struct {
	engine.Detail
	Transfers []transfer.View `json:"transfers,omitempty"`
}

// failure is the body of every answer that is not 200, /healthz aside.
type failure struct {
	Error string `json:"error"`
}

// health answers 200 while everything is stored, else 503; the body says why.
func (a api) health(w http.ResponseWriter, _ *http.Request) {
	h := a.engine.Health()
	status := http.StatusOK
	if !h.OK {
		status = http.StatusServiceUnavailable
	}
	a.answer(w, status, h)
}

// devices answers a page: ?limit= (1 to MaxLimit) and ?after= (a name).
func (a api) devices(w http.ResponseWriter, r *http.Request) {
	limit, ok := a.limit(w, r)
	if !ok {
		return
	}
	list, more, err := a.engine.List(r.URL.Query().Get("after"), limit)
	if err != nil {
		a.internal(w, err)
		return
	}
	p := page{Devices: list}
	if more {
		p.Next = list[len(list)-1].Name
	}
	a.answer(w, http.StatusOK, p)
}

// limit is how long a page may be; without a good one the request is answered.
func (a api) limit(w http.ResponseWriter, r *http.Request) (int, bool) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return DefaultLimit, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxLimit {
		a.fail(w, http.StatusBadRequest, "limit: a number from 1 to "+strconv.Itoa(MaxLimit)+" is wanted")
		return 0, false
	}
	return n, true
}

func (a api) device(w http.ResponseWriter, r *http.Request) {
	name, ok := a.name(w, r)
	if !ok {
		return
	}
	d, err := a.engine.Device(name)
	if err != nil {
		a.refuse(w, name, err)
		return
	}
	a.answer(w, http.StatusOK, deviceBody{d, a.moving(name, false)})
}

// name is the device in the path; without one the request is answered.
func (a api) name(w http.ResponseWriter, r *http.Request) (string, bool) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		a.fail(w, http.StatusBadRequest, "the device's name is not escaped correctly")
	}
	return name, err == nil
}

// refuse answers with what the engine has against a device.
func (a api) refuse(w http.ResponseWriter, name string, err error) {
	switch {
	case errors.Is(err, engine.ErrUnknownDevice):
		a.fail(w, http.StatusNotFound, "no such device")
	case errors.Is(err, engine.ErrRecord):
		a.log.Error("record not read", "device", name, "err", err)
		a.fail(w, http.StatusInternalServerError, "the device's record cannot be read; it is left alone. The bridge's log says why")
	default:
		a.internal(w, err)
	}
}

// internal is for what is not the caller's business: the log has it.
func (a api) internal(w http.ResponseWriter, err error) {
	a.log.Error("request failed", "err", err)
	a.fail(w, http.StatusInternalServerError, "internal error; the bridge's log says which")
}

func (a api) fail(w http.ResponseWriter, status int, text string) {
	a.answer(w, status, failure{text})
}

func (a api) answer(w http.ResponseWriter, status int, body any) {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil { // a defect: every body here can be encoded
		a.log.Error("answer not encoded", "err", err)
		status, b = http.StatusInternalServerError, []byte(`{"error": "internal error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the caller has gone: nobody to tell
}
