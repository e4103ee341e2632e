package delivery

import "time"

// Progress is how far bytes have come.
type Progress struct {
	Bytes int64   // so far
	Total int64   // 0 when it is not known
	Rate  float64 // bytes a second, of the last few seconds
	// Pause, when not empty, says why nothing moves just now, and how long it
	// will be before the server is asked again.
	Pause string
}

// progressEvery is the least time between two reports of one transfer, besides
// the last one.
const progressEvery = time.Second

// meter says when to report, and the rate: a mean of the last reports, each of
// half the weight of the next.
type meter struct {
	now   func() time.Time
	at    time.Time // of the last report
	bytes int64     // then
	rate  float64
}

func newMeter(now func() time.Time, bytes int64) meter {
	return meter{now: now, at: now(), bytes: bytes}
}

// due says whether it is time for a report of so many bytes, or the last one,
// and makes the rate for it.
func (m *meter) due(bytes int64, last bool) bool {
	now := m.now()
	dt := now.Sub(m.at)
	if dt < progressEvery && !last {
		return false
	}
	if dt > 0 {
		rate := max(0, float64(bytes-m.bytes)) / dt.Seconds()
		switch {
		case m.rate == 0:
			m.rate = rate
		case dt >= progressEvery:
			m.rate = (m.rate + rate) / 2
		}
	}
	m.at, m.bytes = now, bytes
	return true
}
