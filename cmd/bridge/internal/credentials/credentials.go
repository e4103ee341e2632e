// Package credentials keeps which LwM2M devices have credentials: under which
// identity each proves itself, and with which pre-shared key, in the store of
// the bridge, beside the devices' records. It answers the two questions of a
// secure listener: which key belongs to an identity, and whether an identity
// may register under a name. What it answers is as the store is now: a change
// holds from the next handshake or registration on.
//
// Keys are stored readable, as PSK needs them on both sides: the store's
// directory is for the bridge's user alone. They are never printed.
package credentials

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

var (
	// ErrExists means that the device has credentials already.
	ErrExists = errors.New("the device has credentials already")
	// ErrTaken means that the identity belongs to another device.
	ErrTaken = errors.New("the identity belongs to another device")
	// ErrUnknown means that the device has no credentials.
	ErrUnknown = errors.New("the device has no credentials")
	// ErrInvalid wraps what is wrong with a device to be added.
	ErrInvalid = errors.New("bad credentials")
	// ErrRecord means that what is stored cannot be read; it is left alone.
	ErrRecord = errors.New("credentials: the stored credentials cannot be read")
)

// Device is a device with its credentials.
type Device struct {
	Endpoint string
	// Identity is what the device proves: its PSK identity, or the name in its
	// certificate (see [dtls.Addr.Identity]).
	Identity string
	// Key is its pre-shared key; empty for a device with a certificate, and in
	// every list.
	Key dtls.Key
	// PSK says whether it has a key.
	PSK bool
}

// check holds a device to be added against the limits. Names and identities
// are shown to people and written to logs: they have to be printable.
func (d Device) check() error {
	switch {
	case !printable(d.Endpoint) || len(d.Endpoint) > server.MaxEndpointName || len(deviceKey(d.Endpoint)) > store.MaxKey:
		return fmt.Errorf("%w: an endpoint name has 1 to %d bytes, printable and without white space", ErrInvalid, server.MaxEndpointName)
	case !printable(d.Identity) || len(d.Identity) > dtls.MaxIdentity:
		return fmt.Errorf("%w: an identity has 1 to %d bytes, printable and without white space", ErrInvalid, dtls.MaxIdentity)
	case d.PSK != (len(d.Key) > 0) || len(d.Key) > dtls.MaxKey:
		return fmt.Errorf("%w: a key has 1 to %d bytes", ErrInvalid, dtls.MaxKey)
	}
	return nil
}

func printable(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.IsGraphic(c) || unicode.IsSpace(c)
	})
}

// The keys in the store. An identity may be longer than a key can be.
const (
	devicePrefix   = "c/"
	identityPrefix = "i/"
)

func deviceKey(endpoint string) string { return devicePrefix + url.PathEscape(endpoint) }

func identityKey(identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return identityPrefix + hex.EncodeToString(sum[:])
}

// stored is a device in the store.
type stored struct {
	V        int    `json:"v"`
	Endpoint string `json:"endpoint"`
	Identity string `json:"identity"`
	Key      []byte `json:"key,omitempty"`
}

// storedVersion grows when a field is added or changes its meaning.
const storedVersion = 1

// Book is the credentials in a store. Its methods may be called from any
// goroutine; of several processes only one has the store open.
type Book struct{ store store.Store }

var _ dtls.Keys = (*Book)(nil)

// New makes the book of a store, which stays the caller's.
func New(s store.Store) *Book { return &Book{s} }

// get reads a device: ErrUnknown, ErrRecord, or the store's error.
func (b *Book) get(endpoint string) (stored, uint64, error) {
	entry, err := b.store.Get(deviceKey(endpoint))
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid): // a name too long for a key has none
		return stored{}, 0, ErrUnknown
	case err != nil:
		return stored{}, 0, err
	}
	d, err := decode(entry)
	return d, entry.Revision, err
}

func decode(entry store.Entry) (stored, error) {
	var d stored
	if err := json.Unmarshal(entry.Value, &d); err != nil || d.V != storedVersion || deviceKey(d.Endpoint) != entry.Key {
		return d, fmt.Errorf("%w: key %q", ErrRecord, entry.Key) // the cause could show a part of the key
	}
	return d, nil
}

// holder is the device that an identity belongs to: ErrUnknown for nobody's.
func (b *Book) holder(identity string) (endpoint string, revision uint64, err error) {
	entry, err := b.store.Get(identityKey(identity))
	if errors.Is(err, store.ErrNotFound) {
		return "", 0, ErrUnknown
	}
	return string(entry.Value), entry.Revision, err
}

// Add gives a device credentials, in place of those that it has if replace
// says so: ErrExists, ErrTaken, ErrInvalid, and the store's errors. It returns
// the identity that is good no more, if there is one.
func (b *Book) Add(d Device, replace bool) (ended string, err error) {
	if err := d.check(); err != nil {
		return "", err
	}
	old, revision, err := b.get(d.Endpoint)
	switch {
	case err == nil && !replace:
		return "", ErrExists
	case err != nil && !errors.Is(err, ErrUnknown):
		return "", err
	}
	holder, held, err := b.holder(d.Identity)
	switch {
	case err == nil && holder != d.Endpoint:
		return "", fmt.Errorf("%w: %s", ErrTaken, holder)
	case err != nil && !errors.Is(err, ErrUnknown):
		return "", err
	}
	value, err := json.Marshal(stored{storedVersion, d.Endpoint, d.Identity, d.Key})
	if err != nil {
		return "", err
	}
	changes := []store.Change{
		{Key: deviceKey(d.Endpoint), Value: value, Expect: revision},
		{Key: identityKey(d.Identity), Value: []byte(d.Endpoint), Expect: held},
	}
	if old.Identity != "" && old.Identity != d.Identity {
		changes = append(changes, store.Change{Key: identityKey(old.Identity), Expect: store.AnyRevision})
	}
	_, err = b.store.Write(changes...)
	return old.Identity, err
}

// Remove takes a device's credentials away and returns the identity that is
// good no more: ErrUnknown, and the store's errors.
func (b *Book) Remove(endpoint string) (ended string, err error) {
	old, revision, err := b.get(endpoint)
	if err != nil {
		return "", err
	}
	_, err = b.store.Write(
		store.Change{Key: deviceKey(endpoint), Expect: revision},
		store.Change{Key: identityKey(old.Identity), Expect: store.AnyRevision})
	return old.Identity, err
}

// List is all devices with credentials, by name, without their keys.
func (b *Book) List() ([]Device, error) {
	list := []Device{}
	for entry, err := range b.store.Scan(devicePrefix) {
		if err != nil {
			return nil, err
		}
		d, err := decode(entry)
		if err != nil {
			return nil, err
		}
		list = append(list, Device{Endpoint: d.Endpoint, Identity: d.Identity, PSK: len(d.Key) > 0})
	}
	slices.SortFunc(list, func(x, y Device) int { return strings.Compare(x.Endpoint, y.Endpoint) })
	return list, nil
}

// PSK implements [dtls.Keys]. What cannot be read counts as unknown.
func (b *Book) PSK(_ context.Context, identity string) (dtls.Key, bool) {
	endpoint, _, err := b.holder(identity)
	if err != nil {
		return nil, false
	}
	d, _, err := b.get(endpoint)
	if err != nil || d.Identity != identity || len(d.Key) == 0 {
		return nil, false
	}
	return d.Key, true
}

// Authorize is for [server.Options]: a device with credentials registers with
// its identity and no other; an identity that is listed registers its device
// and no other. One that is not listed, which only a certificate can prove,
// registers under its own name. Without security a name is free that has no
// credentials.
func (b *Book) Authorize(ctx context.Context, identity, endpoint string) error {
	d, _, err := b.get(endpoint)
	switch {
	case err == nil && d.Identity == identity:
		return nil
	case err == nil:
		return server.ErrIdentity
	case !errors.Is(err, ErrUnknown):
		return err
	case identity == "":
		return nil
	}
	_, _, err = b.holder(identity)
	switch {
	case err == nil:
		return server.ErrIdentity // it is another's
	case !errors.Is(err, ErrUnknown):
		return err
	}
	return server.OwnName(ctx, identity, endpoint)
}
