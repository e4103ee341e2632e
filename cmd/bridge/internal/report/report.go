package report

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// Limits.
const (
	Life       = 24 * time.Hour // from the end of an update until its report is dropped
	MaxWaiting = 50_000         // reports; a further one is dropped
	MaxURI     = delivery.MaxNotify
	MaxPosts   = 4                // under way at once
	PostTime   = 2 * time.Minute  // of one POST with its repetitions
	FirstPause = 30 * time.Second // after a host has failed; doubles
	MaxPause   = 30 * time.Minute
)

// prefix is where reports are in the store. What follows grows with time.
const prefix = "w/n/"

// report is what is stored of one end that is still to be told.
type report struct {
	Device string                 `json:"device"` // for people
	URI    string                 `json:"uri"`
	Status delivery.InstallStatus `json:"status"`
	Since  time.Time              `json:"since"`
}

// LogValue leaves the URI out: it may hold secrets.
func (r report) LogValue() slog.Value {
	return slog.GroupValue(slog.String("device", r.Device), slog.String("status", r.Status.String()), slog.String("host", r.host()))
}

// host is whom the report goes to; "" for a URI that has none.
func (r report) host() string {
	u, err := url.Parse(r.URI)
	if err != nil {
		return ""
	}
	return u.Host
}

// waiting is a report in the queue.
type waiting struct {
	report
	key    string
	tried  bool // in this life
	settle bool // it was told, or refused: only the key has to go
}

// read gets what an earlier life has left. A value that cannot be read is left
// alone.
func (q *Queue) read() error {
	for entry, err := range q.o.Store.Scan(prefix) {
		if err != nil {
			return fmt.Errorf("report: reading what is still to be told: %w", err)
		}
		w := waiting{key: entry.Key}
		if err := json.Unmarshal(entry.Value, &w.report); err != nil || w.host() == "" {
			q.o.Log.Error("install report left alone: it cannot be read", "key", entry.Key)
			continue
		}
		q.add(w)
	}
	return nil
}

// drop is the change that settles a report.
func drop(key string) store.Change { return store.Change{Key: key, Expect: store.AnyRevision} }
