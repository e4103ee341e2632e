package delivery

import "time"

// Progress is how far bytes have come.
type Progress struct {
	Bytes int64   // so far
	Total int64   // 0 when it is not known
	Rate  float64 // bytes a second, of the last few seconds
}

// progressEvery is the least time between two reports of one transfer, besides
// the last one.
const progressEvery = time.Second
