package legacy

import (
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
)

// afterCampaign is the record of a device that has had one campaign, with all
// that a device and an LwM2M client leave there.
func afterCampaign(t testing.TB) *record {
	w := newWorld(t)
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	w.call(device).session(obliging(10))
	w.call(device).session(obliging(100), final("p1", "c1", "200"))
	w.must(mapping.ActivateAsked{})
	r := w.stored()
	info := r.Info.Value()
	for _, leaf := range []string{"DevInfo/DevId", "DevInfo/DmV", "DevInfo/Lang", "DevDetail/SwV", "DevDetail/HwV", "DevDetail/DevTyp"} {
		info["./"+leaf] = "something 1.0"
	}
	r.learned(info)
	r.Portrait = portraitOf(`{"location":"/rd/` + strings.Repeat("x", 200) + `"}`)
	return r
}

func BenchmarkEncode(b *testing.B) {
	r := afterCampaign(b)
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		room = r.encode(room[:0])
	}
}

// BenchmarkTurn is a turn of a device with nothing around it: half of them
// change the record, which is stored in memory.
func BenchmarkTurn(b *testing.B) {
	w := newWorld(b)
	if _, err := w.db.Write(change(keyOf(device), afterCampaign(b).encode(nil))); err != nil {
		b.Fatal(err)
	}
	w.start()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		err := w.e.turn(device, false, func(t *turn) error {
			t.rec.Trigger = uint16(n / 2)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		w.changes = w.changes[:0]
	}
}

// BenchmarkEncodeLong is BenchmarkEncode of a device that is known well and has
// had many campaigns.
func BenchmarkEncodeLong(b *testing.B) {
	r := afterCampaign(b)
	for len(r.Timeline) < 20 {
		r.Timeline = append(r.Timeline, r.Timeline[0])
	}
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		room = r.encode(room[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	entry := store.Entry{Key: keyOf(device), Value: afterCampaign(b).encode(nil)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRecord(entry); err != nil {
			b.Fatal(err)
		}
	}
}
