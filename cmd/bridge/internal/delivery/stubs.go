package delivery

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

var errSoon = errors.New("delivery: not there yet")

type entry struct{}
type flightKey struct{}
type flight struct{}
type known struct{}

func (f *Fetcher) transport() http.RoundTripper { return http.DefaultTransport }

// OpenStore opens or makes the store: it removes what was being written when
// the last process ended, and what is no package. It hashes nothing yet.
func OpenStore(o StoreOptions) (*Store, error) { return nil, errSoon }

// Close ends the store. Open files stay readable.
func (s *Store) Close() error { return errSoon }

// Writer takes a package into the store, for a push or a fetch. It is for one
// goroutine; Commit or Abort ends it.
type Writer struct{}

// Begin makes a Writer. size is what is announced, 0 for nothing: room for it
// is made at once. Errors are [*Error] of KindTooLarge and KindStorage.
func (s *Store) Begin(size int64) (*Writer, error) { return nil, errSoon }

// Write appends. KindTooLarge and KindStorage end the Writer for good.
func (w *Writer) Write(p []byte) (int, error) { return 0, errSoon }

// Size is how many bytes have been written.
func (w *Writer) Size() int64 { return 0 }

// Reset drops what has been written, to begin again.
func (w *Writer) Reset() error { return errSoon }

// Commit makes what was written a package, synced, and lets owner hold it ("" for nobody).
func (w *Writer) Commit(owner string) (Package, error) { return Package{}, errSoon }

// Abort drops what was written. After Commit it does nothing, so it may be deferred.
func (w *Writer) Abort() {}

// Hold keeps a package from being dropped, for owner, also one that is not
// there (yet). Holding twice is holding once.
func (s *Store) Hold(owner string, d Digest) {}

// Release undoes Hold.
func (s *Store) Release(owner string, d Digest) {}

// Retain makes what owner holds exactly these packages.
func (s *Store) Retain(owner string, ds ...Digest) {}

// Stat is what is known of a package, without looking at its bytes.
func (s *Store) Stat(d Digest) (Package, bool) { return Package{}, false }

// List is all packages, most recently used first.
func (s *Store) List() []Package { return nil }

// Usage is how full the store is.
func (s *Store) Usage() Usage { return Usage{} }

// Open opens a package for reading, after it was checked if its file changed:
// ErrMissing, ErrAltered, or an error of the disk.
func (s *Store) Open(ctx context.Context, d Digest) (*os.File, error) { return nil, errSoon }

// Verify reads the whole package and compares its digest: nil, ErrMissing,
// ErrAltered, or an error of the disk. Use it for [mapping.Verify].
func (s *Store) Verify(ctx context.Context, d Digest) error { return errSoon }

// Remove drops a package, whoever holds it. false when it was not there.
func (s *Store) Remove(d Digest) bool { return false }

// Fetch gets a package into the store, or finds it there. All who want the same
// URL at the same time share one fetch.
func (f *Fetcher) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) {
	return Fetched{}, errSoon
}

// Probed is what a server says of a package without sending it.
type Probed struct {
	URL  string // where the package is: of the descriptor's object, if there was one
	Size int64  // 0 when it does not say
	Type string
	// Name, Version, Digest and Notify as in Fetched.
	Name, Version string
	Digest        Digest
	Notify        string
}

// Probe asks what there is at a URL and stores nothing: for pass-through,
// where the device fetches it itself.
func (f *Fetcher) Probe(ctx context.Context, url string) (Probed, error) { return Probed{}, errSoon }

// InstallStatus is a status of OMA Download 1.0 (5.4, "Installation status").
type InstallStatus int

// InstallStatusOf is how an end is told to an installNotifyURI.
func InstallStatusOf(r lwm2m9.UpdateResult) InstallStatus { return 0 }

// Notify posts the status of an installation to a descriptor's
// installNotifyURI. The same limits hold as for packages.
func (f *Fetcher) Notify(ctx context.Context, uri string, s InstallStatus) error { return errSoon }

// ServeHTTP answers a device.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
