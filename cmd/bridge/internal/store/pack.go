package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// What Pack writes: CBOR with the names of JSON tags, so that a record has one
// form in the code; the same value always gives the same bytes.
var (
	packing   = must(cbor.EncOptions{Sort: cbor.SortLengthFirst, Time: cbor.TimeRFC3339Nano}.EncMode())
	unpacking = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		UTF8: cbor.UTF8DecodeInvalid, // devices tell names in any bytes
	}.DecMode())
)

func must[M any](m M, err error) M {
	if err != nil {
		panic(err) // an option that is not in the library
	}
	return m
}

// Pack is the bytes of a value, for a [Change]: a struct, by its json tags. It
// costs a quarter of what encoding/json does, and takes no notice of
// MarshalJSON and MarshalText: what has unexported fields does not belong in v.
func Pack(v any) ([]byte, error) {
	b, err := packing.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("store: packing: %w", err)
	}
	return b, nil
}

// Unpack reads what [Pack] has written, or JSON, as bridges wrote before there
// was Pack. It is strict: a field that v does not have, or bytes after the value,
// are an error.
func Unpack(b []byte, v any) error {
	if len(b) > 0 && b[0] == '{' { // no map of CBOR begins so: 0xa0 to 0xbf
		return unpackJSON(b, v)
	}
	if err := unpacking.Unmarshal(b, v); err != nil {
		return fmt.Errorf("store: unpacking: %w", err)
	}
	return nil
}

func unpackJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more after the value")
	}
	return nil
}
