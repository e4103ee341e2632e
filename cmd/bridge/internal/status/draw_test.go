package status

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// TestEndsHaveNoTimeLeft: only what goes on takes longer.
func TestEndsHaveNoTimeLeft(t *testing.T) {
	v := transfer.View{Device: "d", Way: transfer.Push, Bytes: 500, Total: 1000, Rate: 100}
	for _, row := range []struct {
		done       bool
		err, pause string
		want       string
	}{
		{false, "", "", "100 B/s  5s left"},
		{false, "", "no connection", "5s left  no connection"},
		{true, "given up", "", "100 B/s  broken: given up"},
	} {
		v.Done, v.Error, v.Pause = row.done, row.err, row.pause
		var b bytes.Buffer
		if err := (Overview{Transfers: []transfer.View{v}}).Draw(&b); err != nil || !strings.Contains(b.String(), row.want) {
			t.Errorf("done %v: %v\n%s", row.done, err, &b)
		}
	}
}

// TestReasonsKeepTheColumns: what stands below an instance does not shift the
// next one.
func TestReasonsKeepTheColumns(t *testing.T) {
	d := Device{Legacy: &Legacy{View: legacy.View{Device: "d", Instances: []legacy.InstanceView{
		{ID: 0, State: "DELIVERED", Result: "downloaded and integrity verified", URI: "http://a.test/x", Reason: "waiting for the device"},
		{ID: 1, State: "INITIAL", Result: "initial", URI: "http://b.test/x"},
	}}}}
	var b bytes.Buffer
	if err := d.Draw(&b); err != nil {
		t.Fatal(err)
	}
	at := map[int]bool{}
	for line := range strings.Lines(b.String()) {
		for _, text := range []string{"http://a.test/x", "http://b.test/x", "waiting for the device"} {
			if i := strings.Index(line, text); i >= 0 {
				at[i] = true
			}
		}
	}
	if len(at) != 1 {
		t.Errorf("columns %v:\n%s", at, &b)
	}
}
