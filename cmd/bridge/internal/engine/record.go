package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// recordVersion is the version of records written. It grows when a field
// changes its meaning or a field is added: an older bridge must not drop what
// it does not know. Version 2 added the triggers and the other version,
// version 3 the identity of a registration and the detector's doubt, version 4
// the real address of a secured registration, version 5 what was lent; older
// ones are read as records without any.
const recordVersion = 5

// keyPrefix is where the records of devices are in the store.
const keyPrefix = "d/"

// keyOf is the key of a device's record.
func keyOf(endpoint string) string { return keyPrefix + url.PathEscape(endpoint) }

// endpointOf is the device of a key.
func endpointOf(key string) (string, error) {
	return url.PathUnescape(strings.TrimPrefix(key, keyPrefix))
}

// record is all that is durable about one device.
type record struct {
	V        int    `json:"v"`
	Endpoint string `json:"endpoint"`

	Registration server.Registration `json:"registration"`
	Present      bool                `json:"present,omitempty"` // registered now
	Who          identity            `json:"who"`
	Identified   uint64              `json:"identified,omitempty"` // epoch of the registration in which Who was read
	Detector     lwm2m9.Detector     `json:"detector"`
	Object       []lwm2m9.Instance   `json:"object,omitempty"` // as last read
	Read         time.Time           `json:"read,omitzero"`

	Tree    *fwupdate.Tree `json:"tree"`
	Drive   *mapping.Drive `json:"drive,omitempty"`  // kept until the next one, for display
	Drives  uint64         `json:"drives,omitempty"` // begun so far: names the drive of an answer
	Install *install       `json:"install,omitempty"`
	Lent    loan           `json:"lent,omitzero"`

	DM       dmState  `json:"dm"`
	Triggers triggers `json:"triggers,omitzero"`
	Letters  uint64   `json:"letters,omitempty"` // final notifications so far: names them
	Outbox   []letter `json:"outbox,omitempty"`
	Timeline []Entry  `json:"timeline,omitempty"`
}

// install is the one request that must not be begun twice: its exchange is
// durable before it goes out.
type install struct {
	Drive    uint64          `json:"drive"`
	Seq      uint32          `json:"seq"`
	Exchange server.Exchange `json:"exchange"`
}

// dmState is the device's side of its account at the DM server.
type dmState struct {
	Nonces    session.Nonces `json:"nonces"`
	Sessions  uint64         `json:"sessions,omitempty"` // begun so far; the session id comes from it
	Due       time.Time      `json:"due,omitzero"`       // next session on schedule
	Failures  int            `json:"failures,omitempty"` // in a row
	NotBefore time.Time      `json:"notBefore,omitzero"` // back-off after failures
	Last      dmResult       `json:"last"`
	// OtherVersion says that the server refused the account's version: it is
	// spoken to in the other one.
	OtherVersion bool `json:"otherVersion,omitempty"`
}

// dmResult is how the last session ended.
type dmResult struct {
	At   time.Time   `json:"at,omitzero"`
	End  session.End `json:"end,omitempty"`  // EndNot when HTTP failed
	Text string      `json:"text,omitempty"` // for people; no secret
}

// letter is a final notification on its way.
type letter struct {
	Note      session.Notification `json:"note"`
	Package   string               `json:"package"`
	Since     time.Time            `json:"since"`
	Tries     int                  `json:"tries,omitempty"`    // sessions that carried it in vain
	Refusals  int                  `json:"refusals,omitempty"` // answers other than 2xx
	Code      syncml.Code          `json:"code,omitempty"`     // the last of those
	NotBefore time.Time            `json:"notBefore,omitzero"`
	Parked    bool                 `json:"parked,omitempty"` // given up; an operator has to look
}

func newRecord(endpoint string) *record {
	return &record{V: recordVersion, Endpoint: endpoint, Tree: fwupdate.NewTree(fwupdate.Identity{})}
}

// running says whether a drive is under way.
func (r *record) running() bool { return r.Drive != nil && !r.Drive.Over() }

// encode is the record as it is stored.
func (r *record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("engine: record of %q: %w", r.Endpoint, err)
	}
	return b, nil
}

// decodeRecord reads a record as strictly as it is written: what is not
// understood must not be overwritten. The error names the key and wraps
// ErrRecord.
func decodeRecord(e store.Entry) (*record, error) {
	fail := func(why error) (*record, error) { return nil, broken(e.Key, why) }
	d := json.NewDecoder(bytes.NewReader(e.Value))
	d.DisallowUnknownFields()
	r := &record{}
	err := d.Decode(r)
	if err == nil && 1 <= r.V && r.V <= recordVersion {
		return whole(d, r, e.Key)
	}
	// Another version is the better reason than what a decoder stumbles on.
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(e.Value, &head); err != nil {
		return fail(err)
	}
	if head.V < 1 || head.V > recordVersion {
		return fail(fmt.Errorf("version %d; this bridge knows versions 1 to %d", head.V, recordVersion))
	}
	return fail(err)
}

// whole checks what a decoder cannot: that there is one record, and whose it is.
func whole(d *json.Decoder, r *record, key string) (*record, error) {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, broken(key, errors.New("more after top-level value"))
	}
	if keyOf(r.Endpoint) != key || r.Tree == nil {
		return nil, broken(key, errors.New("it is the record of another device, or has no tree"))
	}
	r.V = recordVersion
	return r, nil
}

func broken(key string, why error) error { return fmt.Errorf("%w: key %q: %w", ErrRecord, key, why) }
