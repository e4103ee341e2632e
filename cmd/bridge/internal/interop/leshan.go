package interop

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startTries is how often other ports are tried: another process may take a
// port between our look and Leshan's.
const startTries = 3

// Leshan is a running demo server. Its REST client methods are in rest.go and
// events.go.
type Leshan struct {
	CoAP  netip.AddrPort // without security
	CoAPS netip.AddrPort // DTLS 1.2
	URL   string         // of the web server, without a slash at the end

	http *http.Client
	args []string // of Java
	jvm  *jvm
}

// StartServer starts the demo server on free ports of 127.0.0.1 and returns
// when its REST API answers. The test is skipped when there is no Java or no
// jar; see the package comment. The server ends with the test.
func StartServer(t testing.TB) *Leshan {
	t.Helper()
	jar := ready(t, demoJar)[0]
	for try := 1; ; try++ {
		web := freePort(t, "tcp")
		l := &Leshan{
			CoAP:  freePort(t, "udp"),
			CoAPS: freePort(t, "udp"),
			URL:   "http://" + web.String(),
			// Longer than the longest wait that Leshan is asked for.
			http: &http.Client{Timeout: deviceTimeout + 20*time.Second, Transport: &http.Transport{}},
			// Its Gson looks into Java's own maps, which Java 17 must be told to allow.
			args: []string{"--add-opens=java.base/java.util=ALL-UNNAMED", "-jar", jar, "-wh", "127.0.0.1", "-wp", port(web)},
		}
		l.args = append(l.args, "-lh", "127.0.0.1", "-lp", port(l.CoAP), "-slh", "127.0.0.1", "-slp", port(l.CoAPS))
		err := l.launch(t)
		if err == nil {
			t.Cleanup(l.http.CloseIdleConnections)
			return l
		}
		log := l.jvm.read()
		l.jvm.end()
		if try == startTries || !strings.Contains(log, "already in use") {
			t.Fatalf("Leshan does not start: %v\n%s", err, log)
		}
	}
}

// launch runs the program and waits until it answers.
func (l *Leshan) launch(t testing.TB) error {
	l.jvm = startJVM(t, l.args...)
	return l.jvm.await("answer of the REST API", func() bool {
		_, err := l.Clients(t.Context())
		return err == nil
	})
}

// Restart kills the server and starts it again on the same ports, without
// registrations, keys, DTLS sessions and log. Event streams end.
func (l *Leshan) Restart(t testing.TB) {
	t.Helper()
	l.jvm.end()
	l.http.CloseIdleConnections()
	if err := l.launch(t); err != nil {
		t.Fatalf("Leshan does not start again: %v", err)
	}
}

// Log is what the server has logged so far.
func (l *Leshan) Log() string { return l.jvm.read() }

// Complaints are the warnings and errors that the server has logged, with
// their stack traces: what it found wrong with the devices, or with the
// requests to its REST API.
func (l *Leshan) Complaints() []string { return complaints(l.Log()) }

// freePort is a port of 127.0.0.1 that nobody has at the moment.
func freePort(t testing.TB, network string) netip.AddrPort {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket(network, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return netip.MustParseAddrPort(c.LocalAddr().String())
	}
	c, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return netip.MustParseAddrPort(c.Addr().String())
}

func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }
