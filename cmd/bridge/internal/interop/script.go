package interop

import (
	_ "embed"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

//go:embed java/LeshanScript.java
var scriptSource []byte

// Script is a running LwM2M server on Leshan's library, newer than the demo
// server: it leads every device that registers through one script of
// requests on Objects 1, 3 and 9, which java/LeshanScript.java holds.
type Script struct {
	CoAP  netip.AddrPort // without security
	CoAPS netip.AddrPort // DTLS 1.2 with Connection IDs (RFC 9146)

	jvm *jvm
}

// StartScript starts a server that knows one device's pre-shared key, and
// returns when it is ready. The test is skipped when there is no Java or a jar
// is missing; see the package comment. The server ends with the test.
func StartScript(t testing.TB, endpoint string, psk PSK) *Script {
	t.Helper()
	for try := 1; ; try++ {
		s := &Script{CoAP: freePort(t, "udp"), CoAPS: freePort(t, "udp")}
		s.jvm = startSource(t, serverJars, "LeshanScript.java", scriptSource,
			port(s.CoAP), port(s.CoAPS), psk.Identity, hex.EncodeToString(psk.Key), endpoint)
		err := s.Await("ready")
		if err == nil {
			return s
		}
		log := s.Log()
		s.jvm.end()
		if try == startTries || !strings.Contains(log, "already in use") {
			t.Fatalf("Leshan's script does not start: %v\n%s", err, log)
		}
	}
}

// Await waits for a step: "<endpoint> install", "<endpoint> done".
func (s *Script) Await(step string) error {
	return s.jvm.await("step "+step, func() bool { return strings.Contains(s.Log(), "SCRIPT "+step) })
}

// Log is what the server has logged so far.
func (s *Script) Log() string { return s.jvm.read() }

// Complaints are the warnings and errors that the server has logged, with their
// stack traces: also those of the script, for an answer that it did not want.
func (s *Script) Complaints() []string { return complaints(s.Log()) }
