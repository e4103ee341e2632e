package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// packageKinds are the errors that both sides know, by their name on the socket
// and their status.
var packageKinds = []struct {
	name   string
	kind   error
	status int
}{
	{"no-store", ErrNoStore, http.StatusNotImplemented},
	{"no-package", ErrNoPackage, http.StatusNotFound},
	{"held", ErrHeld, http.StatusConflict},
	{"wrong-use", ErrWrongUse, http.StatusBadRequest},
	{"device", ErrDevice, http.StatusConflict},
}

// line is what an answer has: a whole one, or the lines of one that takes long,
// the last of which has Package, List, Error or Done.
type line struct {
	Step    *Step             `json:"step,omitempty"`
	Package *delivery.Package `json:"package,omitempty"`
	List    *PackageList      `json:"list,omitempty"`
	Error   string            `json:"error,omitempty"`
	Kind    string            `json:"kind,omitempty"`
	Done    bool              `json:"done,omitempty"`
}

// fetchBody asks for a fetch.
type fetchBody struct {
	URL string `json:"url"`
}

// HandlePackages adds the packages to the handler of a control socket. A nil p
// answers that there is no store.
func HandlePackages(next http.Handler, p Packages, log *slog.Logger) http.Handler {
	m := http.NewServeMux()
	m.Handle("/", next)
	m.HandleFunc("/packages", func(w http.ResponseWriter, _ *http.Request) { fail(w, log, refuse(ErrNoStore, "%v", ErrNoStore)) })
	m.HandleFunc("/packages/", func(w http.ResponseWriter, _ *http.Request) { fail(w, log, refuse(ErrNoStore, "%v", ErrNoStore)) })
	if p == nil {
		return m
	}
	h := packageHandler{p, log}
	m.HandleFunc("GET /packages", h.list)
	m.HandleFunc("POST /packages", h.add)
	m.HandleFunc("POST /packages/fetch", h.fetch)
	m.HandleFunc("POST /packages/push", h.push)
	m.HandleFunc("DELETE /packages/{digest}", h.remove)
	return m
}

type packageHandler struct {
	packages Packages
	log      *slog.Logger
}

func (h packageHandler) list(w http.ResponseWriter, r *http.Request) {
	list, err := h.packages.ListPackages(r.Context())
	if err != nil {
		fail(w, h.log, err)
		return
	}
	send(w, line{List: &list})
}

// add takes a body of a known length.
func (h packageHandler) add(w http.ResponseWriter, r *http.Request) {
	patient(w)
	p, err := h.packages.AddPackage(r.Context(), r.Body, r.ContentLength, nil)
	if err != nil {
		fail(w, h.log, err)
		return
	}
	h.log.Info("package added", "digest", p.Digest, "size", p.Size)
	send(w, line{Package: &p})
}

func (h packageHandler) fetch(w http.ResponseWriter, r *http.Request) {
	var b fetchBody
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&b) != nil {
		fail(w, h.log, refuse(ErrWrongUse, "the request cannot be read"))
		return
	}
	stream(w, r, h.log, func(ctx context.Context, progress func(Step)) (line, error) {
		p, err := h.packages.FetchPackage(ctx, b.URL, progress)
		return line{Package: &p}, err
	})
}

func (h packageHandler) push(w http.ResponseWriter, r *http.Request) {
	var b PushRequest
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&b) != nil {
		fail(w, h.log, refuse(ErrWrongUse, "the request cannot be read"))
		return
	}
	h.log.Info("package pushed by hand", "device", b.Endpoint, "digest", b.Digest)
	stream(w, r, h.log, func(ctx context.Context, progress func(Step)) (line, error) {
		return line{Done: true}, h.packages.PushPackage(ctx, b, progress)
	})
}

func (h packageHandler) remove(w http.ResponseWriter, r *http.Request) {
	p, err := h.packages.RemovePackage(r.Context(), r.PathValue("digest"), r.URL.Query().Has("force"))
	if err != nil {
		fail(w, h.log, err)
		return
	}
	h.log.Info("package removed", "digest", p.Digest)
	send(w, line{Package: &p})
}

// patient takes the server's deadlines off: a package takes as long as it takes.
func patient(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})) // a writer without has none
}

// maxSteps is how many steps wait for a command that reads slowly; what is more
// is lost to it, so that it holds up nobody who waits for the same fetch.
const maxSteps = 256

// stream does what takes long, and tells of each step at once.
func stream(w http.ResponseWriter, r *http.Request, log *slog.Logger, do func(context.Context, func(Step)) (line, error)) {
	patient(w)
	c, e := http.NewResponseController(w), json.NewEncoder(w)
	steps := make(chan Step, maxSteps)
	done := make(chan line, 1)
	go func() {
		last, err := do(r.Context(), func(s Step) {
			if s.Note == "" && len(steps) > 0 {
				return // the next one says more
			}
			select {
			case steps <- s:
			default:
			}
		})
		if err != nil {
			last = failed(log, err)
		}
		done <- last
	}()
	tell := func(s Step) {
		_ = e.Encode(line{Step: &s}) // on an error the command has gone: nobody to tell
		_ = c.Flush()
	}
	for {
		select {
		case s := <-steps:
			tell(s)
		case last := <-done:
			for len(steps) > 0 {
				tell(<-steps)
			}
			_ = e.Encode(last)
			return
		}
	}
}

// failed is an error as a line.
func failed(log *slog.Logger, err error) line {
	l := line{Error: err.Error()}
	if _, ok := errors.AsType[*PackageError](err); !ok {
		log.Error("package not handled", "err", err)
		l.Error = "internal error; the bridge's log says which"
	}
	for _, k := range packageKinds {
		if errors.Is(err, k.kind) {
			l.Kind = k.name
		}
	}
	return l
}

func fail(w http.ResponseWriter, log *slog.Logger, err error) {
	l, status := failed(log, err), http.StatusUnprocessableEntity
	for _, k := range packageKinds {
		if k.name == l.Kind {
			status = k.status
		}
	}
	w.WriteHeader(status)
	send(w, l)
}

func send(w http.ResponseWriter, l line) { _ = json.NewEncoder(w).Encode(l) } // the command has gone: nobody to tell

// Shown says whether a path on the socket is one of the API, which shows and
// changes nothing.
func Shown(path string) bool {
	return path == "/healthz" || path == "/metrics" || strings.HasPrefix(path, "/api/")
}
