//go:build unix

package fleet

import "syscall"

// nofile is this process's limit of open files.
type nofile struct{}

func (nofile) get() (soft, hard uint64, err error) {
	var l syscall.Rlimit
	err = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return uint64(l.Cur), uint64(l.Max), err
}

func (nofile) set(soft, hard uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil { // for the types of the fields
		return err
	}
	setLimit(&l.Cur, soft)
	setLimit(&l.Max, hard)
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}

// setLimit hides that the type of a limit is not the same everywhere.
func setLimit[T ~int64 | ~uint64](field *T, v uint64) { *field = T(v) }
