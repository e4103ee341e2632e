package bridge

import (
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/mapping"
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

// TestConfiguredPushes: the limits of pushes are the operator's.
func TestConfiguredPushes(t *testing.T) {
	c := config.Default()
	c.Packages.Way, c.Packages.PushRate, c.Packages.MaxPushes = mapping.WayPush, 2<<10, 3
	p, ways := ConfiguredPackages(c)
	if ways == nil || p.MaxPushes != 3 || p.PushRate("x") != 2<<10 {
		t.Errorf("%+v", p)
	}
	if ps := newPushes(p.MaxPushes, p.PushRate, nobodySleeps, newWatch()); cap(ps.places) != 3 || cap(newPushes(0, nil, nobodySleeps, newWatch()).places) != DefaultMaxPushes {
		t.Errorf("%d places", cap(ps.places))
	}
}
