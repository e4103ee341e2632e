package legacy

import (
	"errors"
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// told is what is durable of ends that are told.
func (w *world) told() (all []string) {
	w.t.Helper()
	for entry, err := range w.db.Scan("told/") {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(entry.Value))
	}
	return all
}

// TestReport: the end of an update is told in the batch that ends it: not when
// that is not stored, and once when the device says it again.
func TestReport(t *testing.T) {
	w := newWorld(t)
	w.packs.notify = "n"
	w.deliver()
	w.must(mapping.InstallAsked{Package: "p1", Correlator: "c1"})
	w.call(device).session(obliging(50))
	if got := w.told(); len(got) != 0 {
		t.Fatalf("told before the end: %q", got)
	}
	w.start() // the package's URI outlives the bridge
	w.db.fail = errors.New("disk full")
	if err := w.call(device).says(obliging(50), final("p1", "c1", "200")); !errors.Is(err, ErrStore) {
		t.Fatal(err)
	}
	if len(w.told()) != 0 || len(w.packs.told) != 0 {
		t.Fatalf("told, and not stored: %q, %q", w.told(), w.packs.told)
	}
	w.db.fail = nil
	for range 2 {
		w.call(device).session(obliging(100), final("p1", "c1", "200"))
	}
	want := "n 200 " + lwm2m9.ResultInstalled.String()
	if got := w.told(); !slices.Equal(got, []string{want}) || !slices.Equal(w.packs.told, []string{device + " " + want}) {
		t.Errorf("told %q, %q", got, w.packs.told)
	}
}

// TestReportFetch: so is the end of a package that does not come.
func TestReportFetch(t *testing.T) {
	w := newWorld(t)
	w.packs.fail = &PackageError{Result: lwm2m9.ResultIntegrityFailure, Reason: "size", Notify: "n"}
	w.must(mapping.WroteURI{URI: "http://h.example/dd"})
	want := []string{"n 0 " + lwm2m9.ResultIntegrityFailure.String()}
	if got := w.told(); !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	w.packs.fail.(*PackageError).Notify = "none" // nobody can be told
	w.must(mapping.WroteURI{URI: "http://h.example/dd"})
	if got := w.told(); !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}
