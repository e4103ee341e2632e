//go:build !unix

package dtls

// ready does not wait where waiting without a buffer is not known.
func (s *socket) ready() error { return nil }
