package legacy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
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
	V       int            `json:"v"`
	Device  string         `json:"device"`
	Since   time.Time      `json:"since"`
	Seen    time.Time      `json:"seen,omitzero"` // last session in which it proved who it is
	Adopted bool           `json:"adopted,omitempty"`
	Nonces  session.Nonces `json:"nonces,omitzero"`
	Trigger uint16         `json:"trigger,omitempty"` // session id of the last trigger
	// Info is URI to value, of ./DevInfo and ./DevDetail, and Known is Info once
	// that was asked for: see known and learned.
	Info  store.Packed[map[string]string] `json:"info,omitzero"`
	Known map[string]string               `json:"-"`
	// Detailed says that ./DevDetail is up to date.
	Detailed bool            `json:"detailed,omitempty"`
	Virtual  mapping.Virtual `json:"virtual"`
	// Portrait is the LwM2M client's own, by LwM2M server.
	Portrait store.Packed[map[string]json.RawMessage] `json:"portrait,omitzero"`
	Timeline []store.Packed[Entry]                    `json:"timeline,omitempty"`
}

func newRecord(id string, now time.Time) *record {
	return &record{V: recordVersion, Device: id, Since: now, Virtual: mapping.NewVirtual()}
}

// clone is a copy that can be changed while the other one is still in use. Its
// Known, Timeline and Virtual are still the other's, and not changed in place.
func (r *record) clone() *record {
	c := *r
	return &c
}

// known is what is known of the device itself, not to be changed. The caller has
// the record to itself, or its lane locked: it is unpacked when first asked for.
func (r *record) known() map[string]string {
	if r.Known == nil {
		r.Known = r.Info.Value()
	}
	return r.Known
}

// learned is all that is known from now on.
func (r *record) learned(all map[string]string) {
	r.Info, r.Known = store.Pack(&all), all
}

// with is a copy of m in which k is v.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	c := make(map[K]V, len(m)+1)
	maps.Copy(c, m)
	c[k] = v
	return c
}

// packer writes records.
var packer = store.NewPacker[record]()

// encode appends what is stored (see storedOpen). The record is the caller's
// alone: it is changed for as long as that takes.
func (r *record) encode(b []byte) []byte {
	open := r.Virtual.Open
	r.Virtual.Open = storedOpen(r.Virtual)
	b = packer.Append(b, r)
	r.Virtual.Open = open
	return b
}

// decodeRecord reads a record as strictly as it is written: what is not
// understood must not be overwritten. The error wraps ErrRecord.
func decodeRecord(e store.Entry) (*record, error) {
	fail := func(why error) (*record, error) {
		return nil, fmt.Errorf("%w: key %q: %w", ErrRecord, e.Key, why)
	}
	r := &record{}
	if err := store.Unpack(e.Value, r); err != nil {
		return fail(err)
	}
	switch {
	case r.V != recordVersion:
		return fail(fmt.Errorf("version %d; this bridge knows version %d", r.V, recordVersion))
	case keyOf(r.Device) != e.Key || len(r.Virtual.Slots) == 0:
		return fail(errors.New("it is the record of another device, or has no Object 9"))
	}
	return r, nil
}
