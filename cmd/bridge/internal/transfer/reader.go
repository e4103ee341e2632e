package transfer

import "io"

// Reader tells of what is read of a package: how far the furthest byte is that
// was asked for. read, if set, is told each number of bytes.
type Reader struct {
	io.ReaderAt
	Key   Key
	Total int64
	Board *Board
	Read  func(n int)
}

// ReadAt implements [io.ReaderAt].
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	if n > 0 {
		r.Board.Moved(r.Key, off, int64(n), r.Total)
		if r.Read != nil {
			r.Read(n)
		}
	}
	return n, err
}
