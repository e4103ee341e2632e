package dtls_test

import (
	"io"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestOpenSSLRefused: what openssl is told when it asks for what there is not,
// or proves nothing; and nobody is taken in.
func TestOpenSSLRefused(t *testing.T) {
	for _, x := range []struct {
		name string
		args []string
		want string
	}{
		{"wrong key", []string{"-cipher", "PSK-AES128-CCM8:@SECLEVEL=0", "-psk", "00" + pskHex, "-psk_identity", "urn:dev:1"}, "alert decrypt error"},
		{"unknown identity", []string{"-cipher", "PSK-AES128-CCM8:@SECLEVEL=0", "-psk", pskHex, "-psk_identity", "urn:dev:2"}, "alert decrypt error"},
		{"CBC only", []string{"-cipher", "PSK-AES128-CBC-SHA256:@SECLEVEL=0", "-psk", pskHex, "-psk_identity", "urn:dev:1"}, "handshake failure"},
		{"DTLS 1.0", []string{"-dtls1", "-cipher", "PSK-AES128-CBC-SHA:@SECLEVEL=0", "-psk", pskHex, "-psk_identity", "urn:dev:1"}, "alert protocol version"},
		{"no certificate", []string{"-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"}, "handshake failure"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel() // openssl repeats after a second
			p := newPKI(t)
			socket := udp(t)
			s, _ := serve(t, socket, dtls.Options{Keys: someKeys(), Certificate: p.server(), ClientCAs: p.pool()})
			args := append([]string{"s_client", "-connect", socket.LocalAddr().String()}, x.args...)
			if x.args[0] != "-dtls1" {
				args = append(args, "-dtls1_2")
			}
			_, lines := openssl(t, args...)
			until(t, lines, x.want)
			if st := s.Stats(); st.Completed != 0 || st.Associations != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestOpenSSLRenegotiates: a client that wants to renegotiate gets no answer and
// no second handshake; what it has goes on, and others are served.
func TestOpenSSLRenegotiates(t *testing.T) {
	socket := udp(t)
	s, sr := serve(t, socket, dtls.Options{Keys: someKeys()})
	args := []string{
		"s_client", "-dtls1_2", "-connect", socket.LocalAddr().String(), "-cipher", "PSK-AES128-GCM-SHA256",
		"-psk", pskHex, "-psk_identity", "urn:dev:1",
	}
	in, lines := openssl(t, args...)
	until(t, lines, "Secure Renegotiation IS supported")
	until(t, lines, "Verify return code")
	io.WriteString(in, "hello\n")
	first := sr.want(t, "hello\n")
	io.WriteString(in, "R\n")
	until(t, lines, "RENEGOTIATING")
	in, lines = openssl(t, args...)
	until(t, lines, "Verify return code")
	io.WriteString(in, "hello\n")
	sr.want(t, "hello\n")
	reply(t, s, first, "still there")
	// How many associations are left depends on how soon openssl gives up over
	// data in the middle of its handshake.
	if st := s.Stats(); st.Completed != 2 || st.Handshakes != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestOpenSSLFragments: a chain in many small parts.
func TestOpenSSLFragments(t *testing.T) {
	p := newPKI(t)
	socket := udp(t)
	_, sr := serve(t, socket, dtls.Options{Certificate: p.server(), ClientCAs: p.pool()})
	in, lines := openssl(t, append([]string{
		"s_client", "-dtls1_2", "-connect", socket.LocalAddr().String(), "-mtu", "256", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256",
	}, p.files(t, "urn:dev:1")...)...)
	until(t, lines, "Verify return code")
	io.WriteString(in, "hello\n")
	if id := sr.want(t, "hello\n").Identity(); id != "urn:dev:1" {
		t.Errorf("identity %q", id)
	}
}
