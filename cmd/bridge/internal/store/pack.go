package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// unpacking reads what a [Packer] writes, and no more.
var unpacking = must(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	UTF8: cbor.UTF8DecodeInvalid, // devices tell names in any bytes
}.DecMode())

func must[M any](m M, err error) M {
	if err != nil {
		panic(err) // an option that is not in the library
	}
	return m
}

// Unpack reads what a [Packer] has written, or JSON, as bridges wrote before
// there was CBOR. It is strict: a field that v does not have, or bytes after the value,
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
