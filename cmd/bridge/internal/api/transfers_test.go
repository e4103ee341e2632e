package api

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// TestTransfers: what is on its way is shown by itself and with its device, of
// the right direction.
func TestTransfers(t *testing.T) {
	b := transfer.New(nil)
	b.Moved(transfer.Key{Device: "d1", Way: transfer.Push}, 0, 10, 100)
	b.Moved(transfer.Key{Device: "d1", Legacy: true, Way: transfer.HTTP}, 0, 20, 100)
	b.Moved(transfer.Key{Device: "a", Legacy: true, Way: transfer.Fetch}, 0, 30, 100)
	h := New(&fake{n: 3}, nil, fakeLegacy{}, b.Of, nil)
	for _, test := range []struct {
		path string
		want []int64 // bytes
	}{
		{"/api/v1/transfers", []int64{30, 20, 10}},
		{"/api/v1/transfers?device=d1", []int64{10, 20}},
		{"/api/v1/transfers?device=nobody", nil},
		{"/api/v1/devices/d1", []int64{10}},
		{"/api/v1/devices/d2", nil},
		{"/api/v1/legacy/d1", []int64{20}},
		{"/api/v1/legacy/a", []int64{30}},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", test.path, nil)
		if r.URL.Path == TransfersPath {
			Transfers(b).ServeHTTP(w, r)
		} else {
			h.ServeHTTP(w, r)
		}
		var body struct{ Transfers []transfer.View }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s: %v", test.path, w.Code, w.Body, err)
		}
		var got []int64
		for _, v := range body.Transfers {
			got = append(got, v.Bytes)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.path, diff)
		}
	}
	w := httptest.NewRecorder()
	Transfers(b).ServeHTTP(w, httptest.NewRequest("POST", TransfersPath, nil))
	if w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}
