package bridge

import (
	"context"
	"net/http"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
)

// controlled is the control socket's handler with the store of packages and
// what the API shows; giving up updates is left to http.cancel.
func (b *Bridge) controlled(ctx context.Context, next http.Handler) http.Handler {
	var packages control.Packages
	if b.packs != nil {
		packages = &control.LocalPackages{Store: b.packs.store, Fetcher: b.packs.fetcher, Push: b.push}
	}
	orders, shown := control.HandlePackages(next, packages, b.o.Log), b.apiWith(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What takes long ends with the bridge, not seconds later.
		orderly, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		r = r.WithContext(orderly)
		if control.Shown(r.URL.Path) {
			shown.ServeHTTP(w, r)
			return
		}
		orders.ServeHTTP(w, r)
	})
}
