package store

import (
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// TestPackedNumberAsTime: CBOR may have a time as a number, also one that the
// text of a record cannot say: it is refused when it is read, and no later.
func TestPackedNumberAsTime(t *testing.T) {
	type line struct {
		Time time.Time `json:"time"`
	}
	for at, good := range map[int64]bool{1 << 30: true, 1 << 38: false} {
		b, err := cbor.Marshal(map[string]any{"time": at})
		if err != nil {
			t.Fatal(err)
		}
		var p Packed[line]
		if err := Unpack(b, &p); (err == nil) != good || good && p.Value().Time.Unix() != at {
			t.Errorf("%d: %v", at, err)
		}
	}
}
