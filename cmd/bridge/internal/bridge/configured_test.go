package bridge

import (
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/syncml"
)

// TestAnswersLongerThanAnnounced: what DM servers are told is not where HTTP
// stops to read.
func TestAnswersLongerThanAnnounced(t *testing.T) {
	for told, want := range map[config.Size]int64{2 << 10: syncml.DefaultMaxMessage, 64 << 10: syncml.DefaultMaxMessage, 1 << 20: 1 << 20} {
		c := config.Default()
		c.DM.MaxMessage = told
		if got := Configured(c).DM.MaxBody; got != want {
			t.Errorf("told %d: %d bytes are read, want %d", told, got, want)
		}
	}
}
