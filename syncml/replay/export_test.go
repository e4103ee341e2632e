package replay

// SetMaxOpen makes the limit of a recorder small enough for a test.
func (r *Recorder) SetMaxOpen(n int) { r.most = n }
