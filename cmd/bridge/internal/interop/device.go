package interop

import (
	_ "embed"
	"encoding/hex"
	"net/netip"
	"testing"
)

//go:embed java/LeshanDevice.java
var deviceSource []byte

// Device is a running LwM2M client on Leshan's library. Its endpoint
// has Objects 1, 3 and 9; what they do is said in java/LeshanDevice.java.
type Device struct{ jvm *jvm }

// PSK is a pre-shared key of a device. The zero value is none.
type PSK struct {
	Identity string
	Key      []byte
}

// StartDevice starts a device that registers at server, over DTLS when it has
// a key. It does not wait for the registration. The test is skipped when there
// is no Java or a jar is missing; see the package comment. The device ends with
// the test, without de-registering.
func StartDevice(t testing.TB, server netip.AddrPort, endpoint string, psk PSK) *Device {
	t.Helper()
	args := []string{"coap://" + server.String(), endpoint}
	if psk.Identity != "" {
		args = []string{"coaps://" + server.String(), endpoint, psk.Identity, hex.EncodeToString(psk.Key)}
	}
	return &Device{startSource(t, clientJars, "LeshanDevice.java", deviceSource, args...)}
}

// Log is what the device has logged so far.
func (d *Device) Log() string { return d.jvm.read() }

// Complaints are the warnings and errors that the device has logged, with their
// stack traces.
func (d *Device) Complaints() []string { return complaints(d.Log()) }
