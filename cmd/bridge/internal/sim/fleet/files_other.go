//go:build !unix

package fleet

import "errors"

// nofile is no limit: there is none to read here.
type nofile struct{}

func (nofile) get() (soft, hard uint64, err error) { return 0, 0, errors.ErrUnsupported }
func (nofile) set(soft, hard uint64) error         { return errors.ErrUnsupported }
