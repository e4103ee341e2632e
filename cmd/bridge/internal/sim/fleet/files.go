package fleet

import (
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
)

// spare is how many files a process has open besides the sockets of devices:
// standard streams, the runtime's, and packages that are being downloaded.
const spare = 64

// Files is how many files such a fleet has open at once.
func Files(count int, faults []lwm2mdevice.Fault) uint64 {
	return uint64(count)*uint64(lwm2mdevice.Sockets(faults)) + spare
}

// CheckFiles raises the limit of open files (RLIMIT_NOFILE) as far as needed
// and allowed. The error says what to do when that is not far enough.
func CheckFiles(need uint64) error { return raise(need, nofile{}) }

// limits is a soft and a hard limit that can be read and set.
type limits interface {
	get() (soft, hard uint64, err error)
	set(soft, hard uint64) error
}

func raise(need uint64, l limits) error {
	soft, hard, err := l.get()
	switch {
	case err != nil:
		return nil // there is no such limit here: the sockets will tell
	case soft >= need:
		return nil
	case hard >= need:
		if err := l.set(hard, hard); err != nil {
			return fmt.Errorf("%d files must be open at once and the limit of %d cannot be raised: %w", need, soft, err)
		}
		return nil
	}
	return fmt.Errorf("%d files must be open at once, and this process may have %d: use fewer devices, or raise the hard limit "+
		"(as root: prlimit --pid $$ --nofile=%d in the shell; LimitNOFILE= in a systemd unit)", need, hard, need)
}
