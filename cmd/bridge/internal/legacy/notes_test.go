package legacy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// noted are the lines of the device's time line that a test wrote.
func (w *world) noted() (all []string) {
	w.t.Helper()
	v, err := w.e.View(device)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, en := range v.Timeline {
		if strings.HasPrefix(en.Note, "note ") {
			all = append(all, en.Note+", "+en.Object9)
		}
	}
	return all
}

// TestNote: a note is shown at once and costs no write; it is durable with the
// device's next turn, once.
func TestNote(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	revision := func() uint64 {
		entry, err := w.db.Get(keyOf(device))
		if err != nil {
			t.Fatal(err)
		}
		return entry.Revision
	}
	before := revision()
	w.e.Note(device, "note 1")
	w.e.Note("IMEI:nobody", "note of nobody")
	want := []string{"note 1, 0 DELIVERED"}
	if got := w.noted(); !slices.Equal(got, want) || revision() != before || len(w.e.notes.of) != 1 {
		t.Errorf("%q, revision %d after %d, %v", got, revision(), before, w.e.notes.of)
	}
	w.noted() // to look makes nothing of it
	w.db.fail = errors.New("full")
	if err := w.e.operate(device, mapping.InstallAsked{}, nil); !errors.Is(err, ErrStore) {
		t.Fatal(err)
	}
	w.db.fail = nil
	if got := w.noted(); !slices.Equal(got, want) {
		t.Errorf("after a turn that was not stored: %q", got)
	}
	w.now = w.now.Add(time.Second)
	w.must(mapping.InstallAsked{})
	w.shows(lwm2m9.Delivered, lwm2m9.ResultVerified)
	if got := w.noted(); !slices.Equal(got, want) || revision() == before || len(w.e.notes.of) != 0 {
		t.Errorf("after its turn: %q, %v", got, w.e.notes.of)
	}
	w.start()
	if got := w.noted(); !slices.Equal(got, want) {
		t.Errorf("after a restart: %q", got)
	}
}

func TestNotesAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range maxNotes + 1 {
		w.e.Note(device, fmt.Sprintf("note %d", i))
	}
	if got := w.noted(); len(got) != maxNotes || !strings.HasPrefix(got[0], "note 1,") {
		t.Errorf("%q", got)
	}
}
