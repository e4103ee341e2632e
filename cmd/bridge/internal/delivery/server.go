package delivery

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Limits of a Server where the options say nothing.
const (
	DefaultMaxTransfers = 1024             // at once; 503 beyond
	DefaultChunkTimeout = 10 * time.Minute // for a chunk, firstChunk at most where a device is slow
	// retryAfter is what 503 asks devices to wait, in seconds.
	retryAfter = "30"
)

// MinKey is the least length of the key of a Server, in bytes.
const MinKey = 32

// Bounds of a Grant's names, in bytes: a URL has to fit into 255 (Object 9,
// Package URI), with the base.
const (
	MaxDevice = 64
	MaxDrive  = 24
)

// Grant lets one device have one package, for a time.
type Grant struct {
	Device  string // up to MaxDevice bytes
	Drive   string // which drive or campaign of the device; up to MaxDrive bytes
	Digest  Digest
	Expires time.Time // to the second
}

// Transfer is an answer to a device as it goes out.
type Transfer struct {
	Grant Grant
	// Bytes of this answer so far, of Length; Size is that of the package, and
	// Offset where in it the answer begins, -1 for one of several ranges. A
	// device that asks for ranges makes a transfer of each.
	Bytes, Length, Size, Offset int64
	Rate                        float64 // bytes a second, of the last few seconds
	Done                        bool    // nothing more comes of this answer
	Err                         error   // with Done: why it ended early
}

// ServerOptions configure a [Server]. Store, Prefix and Key have no default.
type ServerOptions struct {
	Store *Store
	// Prefix is the path below which packages are, "/packages/": it begins
	// and ends with a slash.
	Prefix string
	// Key is a secret of at least MinKey bytes. The same key makes the same
	// URLs, so they survive a restart.
	Key []byte
	// Wanted, if set, says whether a grant still holds: 404 if not.
	Wanted func(Grant) bool
	// Missing, if set, is told when a device asks for a package that is not in
	// the store: fetch it again. The device gets 503 with Retry-After; without
	// Missing, 404. It must not wait.
	Missing func(Grant, error)
	// Progress, if set, is told of each answer at its beginning, about once a
	// second, and at its end. It must not wait.
	Progress     func(Transfer)
	MaxTransfers int
	ChunkTimeout time.Duration
	Now          func() time.Time // time.Now
	Logger       *slog.Logger     // nil logs nothing
}

// Server hands packages to devices over HTTP (fwupdate-csp.md, "Download"):
// HEAD and GET, one range or several, application/octet-stream, never a
// redirect. Whatever is odd is 404 with no body, so that nobody learns
// anything by trying.
type Server struct {
	o      ServerOptions
	seal   sealer
	slots  chan struct{}
	prefix string
	counts serveCounts
}

// NewServer makes a server. The error names every fault of the options.
func NewServer(o ServerOptions) (*Server, error) {
	o.MaxTransfers = cmp.Or(o.MaxTransfers, DefaultMaxTransfers)
	o.ChunkTimeout = cmp.Or(o.ChunkTimeout, DefaultChunkTimeout)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Store == nil {
		errs = append(errs, errors.New("no store"))
	}
	if n := len(o.Prefix); n == 0 || o.Prefix[0] != '/' || o.Prefix[n-1] != '/' {
		errs = append(errs, errors.New("the prefix does not begin and end with a slash"))
	}
	seal, err := newSealer(o.Key)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Server{o: o, seal: seal, slots: make(chan struct{}, o.MaxTransfers), prefix: o.Prefix}, nil
}

var _ http.Handler = (*Server)(nil)
