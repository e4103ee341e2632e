package legacy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
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

// TestNoteWritesNothing: a turn that changes nothing else is not stored for a
// note, which waits on; the turn after it takes it, before its own lines.
func TestNoteWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	before := w.writes()
	w.e.Note(device, "note 1")
	w.e.tick(device)
	w.e.event(device, mapping.Closed{})
	if got := w.noted(); w.writes() != before || len(got) != 1 {
		t.Errorf("%d writes, want %d; %q", w.writes(), before, got)
	}
	w.must(mapping.InstallAsked{Package: "p", Correlator: "c"})
	lines := w.stored().lines()
	at := slices.IndexFunc(lines, func(en Entry) bool { return en.Note == "note 1" })
	if at < 0 || at == len(lines)-1 || w.writes() == before {
		t.Errorf("the note is line %d of %+v", at, lines)
	}
}

// TestNoteMeanwhile: a note that comes while the one before it is being stored
// waits on, although the clock stands still or is set back.
func TestNoteMeanwhile(t *testing.T) {
	for _, back := range []time.Duration{0, time.Hour} {
		w := newWorld(t)
		w.deliver()
		w.e.Note(device, "note 1")
		w.db.during = func() {
			w.db.during = nil
			w.e.notes.add(Entry{Device: device, Time: w.now.Add(-back), Note: "note 2"})
		}
		w.must(mapping.InstallAsked{})
		if got := w.noted(); len(got) != 2 {
			t.Errorf("%v back: %q", back, got)
		}
	}
}

// TestNoteDoesNotWait: a turn of the device that is being stored holds up nobody
// who has something to tell.
func TestNoteDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.db.during = func() {
		w.db.during = nil
		w.e.Note(device, "note 1") // in the goroutine that has the lane locked
	}
	w.must(mapping.InstallAsked{})
	if got := w.noted(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestNotesTrimmed: notes take the places of the oldest lines, not of new ones.
func TestNotesTrimmed(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	for i := range maxNotes {
		w.e.Note(device, fmt.Sprintf("note %d", i))
	}
	err := w.e.turn(device, false, func(t *turn) error { t.line("own"); return nil })
	lines := w.stored().lines()
	if err != nil || len(lines) != 8 || lines[7].Note != "own" || lines[0].Note != "note 1" {
		t.Errorf("%+v, %v", lines, err)
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

// TestTimelineKeepsTheNewest: of what was there, of notes and of the turn's own
// lines, in this order.
func TestTimelineKeepsTheNewest(t *testing.T) {
	for have := range 5 {
		for more := range 8 {
			var all []Entry
			for n := range have + more {
				all = append(all, Entry{Device: device, Note: strconv.Itoa(n)})
			}
			was := newRecord(device, time.Time{})
			was.Timeline = make([]store.Packed[Entry], have, have+1) // the turn must leave it as it is
			for i := range was.Timeline {
				was.Timeline[i] = store.Pack(&all[i])
			}
			tr := &turn{e: New(Options{Timeline: 4}), rec: was.clone(), lines: all[have:]}
			tr.keep()
			if got, want := tr.rec.lines(), all[max(0, have+more-4):]; !slices.Equal(got, want) {
				t.Errorf("%d and %d lines: %v, want %v", have, more, got, want)
			}
			if got := was.Timeline[:have+1][have]; got != (store.Packed[Entry]{}) {
				t.Errorf("%d and %d lines: %v is in the record before the turn", have, more, got.Value())
			}
		}
	}
}
