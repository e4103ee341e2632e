package legacy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// recordVersion is the version of records written; see the engine of direction
// A for its rules.
const recordVersion = 1

// keyPrefix is where the records of legacy devices are in the store.
const keyPrefix = "l/"

func keyOf(id string) string { return keyPrefix + url.PathEscape(id) }

func idOf(key string) (string, error) {
	return url.PathUnescape(strings.TrimPrefix(key, keyPrefix))
}

// record is all that is durable about one legacy device.
type record struct {
	V       int               `json:"v"`
	Device  string            `json:"device"`
	Since   time.Time         `json:"since"`
	Seen    time.Time         `json:"seen,omitzero"` // last session in which it proved who it is
	Adopted bool              `json:"adopted,omitempty"`
	Nonces  session.Nonces    `json:"nonces,omitzero"`
	Trigger uint16            `json:"trigger,omitempty"` // session id of the last trigger
	Info    map[string]string `json:"info,omitempty"`    // URI to value, of ./DevInfo and ./DevDetail
	// Detailed says that ./DevDetail is up to date.
	Detailed bool            `json:"detailed,omitempty"`
	Virtual  mapping.Virtual `json:"virtual"`
	// Portrait is the LwM2M client's own, by LwM2M server.
	Portrait map[string]json.RawMessage `json:"portrait,omitempty"`
	Timeline []Entry                    `json:"timeline,omitempty"`
}

func newRecord(id string, now time.Time) *record {
	return &record{V: recordVersion, Device: id, Since: now, Virtual: mapping.NewVirtual()}
}

// clone is a copy that can be changed while the other one is still in use.
func (r *record) clone() *record {
	c := *r
	c.Info = maps.Clone(r.Info)
	c.Portrait = maps.Clone(r.Portrait)
	c.Timeline = slices.Clone(r.Timeline)
	return &c // Virtual is never changed in place
}

func (r *record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("legacy: record of %q: %w", r.Device, err)
	}
	return b, nil
}

// decodeRecord reads a record as strictly as it is written: what is not
// understood must not be overwritten. The error wraps ErrRecord.
func decodeRecord(e store.Entry) (*record, error) {
	fail := func(why error) (*record, error) {
		return nil, fmt.Errorf("%w: key %q: %w", ErrRecord, e.Key, why)
	}
	d := json.NewDecoder(bytes.NewReader(e.Value))
	d.DisallowUnknownFields()
	r := &record{}
	if err := d.Decode(r); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(errors.New("more after the record"))
	}
	switch {
	case r.V != recordVersion:
		return fail(fmt.Errorf("version %d; this bridge knows version %d", r.V, recordVersion))
	case keyOf(r.Device) != e.Key || len(r.Virtual.Slots) == 0:
		return fail(errors.New("it is the record of another device, or has no Object 9"))
	}
	return r, nil
}
