package dtls_test

import (
	"runtime"
	"strings"
	"testing"
)

// TestIdleReaders: devices that wait in ReadFrom hold no buffer meanwhile; that
// of a datagram has 64 KiB.
func TestIdleReaders(t *testing.T) {
	const devices = 200
	server := ponging(t)
	shaken(t, -1, udp(t), server.LocalAddr()).Close() // what is made once
	before := memory()
	for i := range devices {
		waiting(t, shaken(t, i, udp(t), server.LocalAddr()))
	}
	for stacks := make([]byte, 8<<20); ; { // all are there
		if strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "dtls.(*Client).ReadFrom") >= devices {
			break
		}
		runtime.Gosched()
	}
	if per := (memory() - before) / devices / 1024; per > maxIdle {
		t.Errorf("a device that waits costs %.1f KiB with the server's share; want %d at most", per, maxIdle)
	}
}
