package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
)

// Canceller gives up the update that runs on a device; [*engine.Engine] is one.
type Canceller interface {
	Cancel(ctx context.Context, endpoint string) error
}

// started is the body of the answer to an order that was taken.
type started struct {
	Cancelled string `json:"cancelled"` // the device
}

// cancel answers 202 once the order is durable: what the update has left on the
// device is removed after that, and the DM server is told as always. A browser
// is refused: any page that the operator looks at could send him here, and
// only browsers name where a POST comes from.
func (a api) cancel(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		a.fail(w, http.StatusMethodNotAllowed, "only POST is allowed here")
		return
	}
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		a.fail(w, http.StatusForbidden, "this is for scripts, not for browsers")
		return
	}
	name, ok := a.name(w, r)
	if !ok {
		return
	}
	err := a.canceller.Cancel(r.Context(), name)
	switch {
	case err == nil:
		a.log.Info("update given up by the operator", "device", name)
		a.answer(w, http.StatusAccepted, started{name})
	case errors.Is(err, engine.ErrNoDrive):
		a.fail(w, http.StatusConflict, "no update is running on the device")
	case errors.Is(err, engine.ErrStore), errors.Is(err, engine.ErrBusy), errors.Is(err, engine.ErrStopped):
		a.log.Warn("update not given up", "device", name, "err", err)
		a.fail(w, http.StatusServiceUnavailable, "not now: nothing was done; try again")
	default:
		a.refuse(w, name, err)
	}
}
