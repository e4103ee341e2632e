//go:build unix

package dtls

import "syscall"

// ready waits until there is a datagram to read, or an error, and holds no
// buffer meanwhile. The datagram stays where it is. Of what is no UDP socket
// nothing is known: it returns at once.
func (s *socket) ready() error {
	if s.udp == nil {
		return nil
	}
	raw, err := s.udp.SyscallConn()
	if err != nil {
		return err
	}
	var one [1]byte
	return raw.Read(func(fd uintptr) bool {
		for {
			_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
			if err != syscall.EINTR {
				return err != syscall.EAGAIN // another error is for who reads
			}
		}
	})
}
