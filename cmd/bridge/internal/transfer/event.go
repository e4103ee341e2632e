package transfer

import (
	"fmt"
	"time"
)

// Event is what is worth telling of a transfer: that it is over (Done), or that
// one that takes long has come a quarter further.
type Event struct {
	View
	Took time.Duration // from its first byte on
	// Quiet says that nobody need read it: nothing has moved, or another one of
	// the same kind was told in the last LineEvery.
	Quiet bool
}

const (
	// Long is from when on a transfer is worth an Event for each quarter.
	Long = time.Minute
	// LineEvery is the least time between two good or two bad ends of one key
	// that are not Quiet: a device that fetches again and again cannot fill its
	// time line.
	LineEvery = time.Minute
)

// Why a transfer ended early, where nobody said so.
const (
	begunAnew = "begun anew"
	stopped   = "it has stopped"
)

// told is when an end was told last.
type told struct{ good, bad time.Time }

// lately says whether an end of a kind was told lately; else it is told now.
func (t *told) lately(now time.Time, good bool) bool {
	last := &t.bad
	if good {
		last = &t.good
	}
	if !last.IsZero() && now.Sub(*last) < LineEvery {
		return true
	}
	*last = now
	return false
}

// quarters is how many quarters have come.
func (s *shown) quarters() int64 {
	if s.Total <= 0 {
		return 0
	}
	return s.Bytes / max(1, s.Total/4)
}

// passed says whether a long transfer has just come a quarter further.
func (s *shown) passed(now time.Time) bool {
	q := s.quarters()
	further := q > s.quarter
	s.quarter = q
	return further && q < 4 && now.Sub(s.Since) >= Long
}

// words are what is said of a way: under way, at a good end, at a bad one.
var words = map[Way]struct{ moves, done, rest, broke string }{
	Fetch: {"package on its way into the bridge", "package fetched", "rest of the package fetched", "fetch of the package broke"},
	HTTP: {"device fetches the package over HTTP", "device fetched the package over HTTP", "device fetched the rest of the package over HTTP",
		"device's download over HTTP broke"},
	CoAP: {"device fetches the package over CoAP", "device fetched the package over CoAP", "device fetched the rest of the package over CoAP",
		"device's download over CoAP broke"},
	Push: {"package is pushed", "package pushed", "rest of the package pushed", "push broke"},
}

// Text is the event as a line for people: "package fetched, 12.3 MB in 8.1s,
// 1.5 MB/s".
func (e Event) Text() string {
	w := words[e.Way]
	switch {
	case !e.Done:
		return fmt.Sprintf("%s: %s of %s%s", w.moves, Bytes(float64(e.Bytes)), Bytes(float64(e.Total)), e.rate())
	case e.Error != "" && e.Way == Fetch && e.Bytes == 0:
		return "package not fetched: " + e.Error
	case e.Error != "":
		of := ""
		if e.Total > 0 {
			of = " of " + Bytes(float64(e.Total))
		}
		return fmt.Sprintf("%s at %s%s: %s", w.broke, Bytes(float64(e.Bytes)), of, e.Error)
	case e.From > 0:
		return fmt.Sprintf("%s, %s of %s%s", w.rest, Bytes(float64(e.Bytes-e.From)), Bytes(float64(e.Total)), e.time())
	}
	return w.done + ", " + Bytes(float64(e.Bytes)) + e.time()
}

// time is how long it took, and the rate.
func (e Event) time() string {
	if e.Took < time.Millisecond {
		return ""
	}
	exact := 100 * time.Millisecond
	if e.Took < time.Second {
		exact = time.Millisecond
	}
	return " in " + e.Took.Round(exact).String() + e.rate()
}

func (e Event) rate() string {
	if e.Rate <= 0 {
		return ""
	}
	return ", " + Bytes(e.Rate) + "/s"
}

// Bytes is a number of bytes for people: "1.2 MB".
func Bytes(n float64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%.0f B", n)
	}
	unit := ""
	for _, unit = range units {
		if n /= 1000; n < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", n, unit)
}
