package dtls

import (
	"fmt"
	"strings"
)

// suite is one cipher suite. All use SHA-256 for the key derivation.
type suite struct {
	name string
	id   uint16 // IANA "TLS Cipher Suites"
	psk  bool   // else ECDHE with ECDSA certificates
	newAEAD
}

// suites is every suite there is, what LwM2M asks for first (OMA LwM2M 1.1
// Transport, 5.2.8 and 5.2.9).
var suites = []suite{
	{"TLS_PSK_WITH_AES_128_CCM_8", 0xc0a8, true, ccm(8)},
	{"TLS_PSK_WITH_AES_128_GCM_SHA256", 0x00a8, true, gcm},
	{"TLS_PSK_WITH_AES_128_CCM", 0xc0a4, true, ccm(16)},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xc0ae, false, ccm(8)},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b, false, gcm},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM", 0xc0ac, false, ccm(16)},
}

// CipherSuites are all suites that can be named, in the order in which they are
// preferred when none are named. There is no CBC among them.
func CipherSuites() []string {
	var names []string
	for _, s := range suites {
		names = append(names, s.name)
	}
	return names
}

// suitesNamed finds the suites of Options, in their order, leaving out those
// there are no credentials for.
func suitesNamed(names []string, psk, certificate bool) ([]*suite, error) {
	if names == nil {
		names = CipherSuites()
	}
	var found []*suite
	for _, name := range names {
		s := suiteNamed(name)
		if s == nil {
			return nil, fmt.Errorf("%w: unknown cipher suite %q; known are %s", ErrOptions, name, strings.Join(CipherSuites(), ", "))
		}
		if s.psk && psk || !s.psk && certificate {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: no cipher suite for the credentials", ErrOptions)
	}
	return found, nil
}

func suiteNamed(name string) *suite {
	for i := range suites {
		if suites[i].name == name {
			return &suites[i]
		}
	}
	return nil
}

func suiteByID(id uint16) *suite {
	for i := range suites {
		if suites[i].id == id {
			return &suites[i]
		}
	}
	return nil
}
