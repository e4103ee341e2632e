package api

import (
	"encoding/json"
	"net/http"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// Moving says what is on its way to a device, or for it into the bridge, as
// [transfer.Board.Of] does. It must be fast.
type Moving func(device string, legacy bool) []transfer.View

// TransfersPath is where [Transfers] belongs.
const TransfersPath = "/api/v1/transfers"

// transfers is the body of the answer.
type transfers struct {
	Transfers []transfer.View `json:"transfers"`
}

// Transfers answers with the packages on their way, into the bridge and to
// devices of both directions; with ?device= those of one device.
func Transfers(b *transfer.Board) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		var body any
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			body = failure{"only GET and HEAD are allowed here"}
		} else if device := r.URL.Query().Get("device"); device != "" {
			body = transfers{append(b.Of(device, false), b.Of(device, true)...)}
		} else {
			body = transfers{b.List()}
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(body) // the caller has gone: nobody to tell
	})
}
