package dtls_test

import (
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestSuites: every suite there and back, with and without Connection ID.
func TestSuites(t *testing.T) {
	for _, name := range dtls.CipherSuites() {
		for _, cid := range []string{"with cid", "without cid"} {
			t.Run(name+" "+cid, func(t *testing.T) {
				bubble(t, func(t *testing.T, n *coaptest.Net) {
					p := newPKI(t)
					so := dtls.Options{Keys: someKeys(), Certificate: p.server(), ClientCAs: p.pool(), CipherSuites: []string{name}}
					co := device()
					if name[4:7] != "PSK" {
						co = p.withCert(p.device("urn:dev:1"))
					}
					co.NoConnectionID = cid != "with cid"
					s, sr := serve(t, n.Listen(serverAddr), so)
					c, cr := dial(t, n.Listen(deviceAddr), co)
					from := talk(t, s, sr, c, cr)
					if from.Identity() != "urn:dev:1" || from.Remote() != deviceAt || !dtls.IsAssociation(from.AddrPort()) {
						t.Errorf("address %v of %q at %v", from.AddrPort(), from.Identity(), from.Remote())
					}
					if talk(t, s, sr, c, cr) != from {
						t.Error("another address for the second datagram")
					}
					records := 0
					for _, p := range n.Sent() {
						if p.Data[0] == 25 {
							records++
						}
					}
					if (records > 0) == co.NoConnectionID {
						t.Errorf("%d records with a Connection ID", records)
					}
				})
			})
		}
	}
}
